//! Figures of many runs in three numbers.

use serde::Serialize;

/// The smallest, the middle and the largest of some figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    pub min: u64,
    pub median: u64,
    pub max: u64,
}

impl Spread {
    /// Returns the spread of figures, or `None` when there are none. The median of an even number of figures is the lower
    /// of the two in the middle: a figure that was measured.
    pub fn of(figures: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut sorted: Vec<u64> = figures.into_iter().collect();
        sorted.sort_unstable();
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        Some(Self { min, median: sorted[(sorted.len() - 1) / 2], max })
    }
}

/// Returns the smallest of some sorted figures that so many hundredths of them do not exceed; 0 when there are none.
pub fn percentile(sorted: &[u64], hundredths: usize) -> u64 {
    let rank = (sorted.len() * hundredths).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// Returns `a / b`.
#[expect(clippy::cast_precision_loss, reason = "figures far below 2^52")]
pub fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::{Spread, percentile};

    #[test]
    fn the_middle_is_one_of_the_figures() {
        assert_eq!(Spread::of([5, 1, 3]), Some(Spread { min: 1, median: 3, max: 5 }));
        assert_eq!(Spread::of([4, 1, 3, 2]), Some(Spread { min: 1, median: 2, max: 4 }));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_percentile_is_a_figure_that_so_many_do_not_exceed() {
        let figures: Vec<u64> = (1..=200).collect();
        assert_eq!([50, 99, 100].map(|hundredths| percentile(&figures, hundredths)), [100, 198, 200]);
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99), percentile(&[], 99)), (7, 7, 0));
    }
}
