//! The text format of Prometheus, version 0.0.4.

use std::fmt::Write as _;

use super::count::{BOUNDS, Histogram};
use super::family::Family;

/// The media type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics as text. The numbers of a family are written one after the other.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
    family: &'static str,
}

impl Exposition {
    /// Writes a number that has labels, in the order in which the family names them.
    pub(crate) fn labelled(&mut self, family: &Family, values: &[&str], number: impl Into<Number>) {
        self.head(family);
        self.sample(family, "", values, None, number.into());
    }

    /// Writes a number without labels.
    pub(crate) fn number(&mut self, family: &Family, number: impl Into<Number>) {
        self.labelled(family, &[], number);
    }

    /// Writes a histogram. One in which nothing is yet is left out.
    pub(crate) fn histogram(&mut self, family: &Family, values: &[&str], histogram: &Histogram) {
        self.head(family);
        let observed = histogram.observed();
        if observed.all == 0 {
            return;
        }
        for (bound, count) in BOUNDS.iter().zip(observed.up_to) {
            self.sample(family, "_bucket", values, Some(&seconds(*bound)), count.into());
        }
        self.sample(family, "_bucket", values, Some("+Inf"), observed.all.into());
        self.sample(family, "_sum", values, None, observed.seconds.into());
        self.sample(family, "_count", values, None, observed.all.into());
    }

    /// Writes what a family is, once, also when it has no numbers yet.
    pub(crate) fn head(&mut self, family: &Family) {
        if self.family != family.name {
            self.family = family.name;
            let Family { name, kind, help, .. } = family;
            // Writing to a string never fails.
            let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {}\n", kind.word());
        }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn sample(&mut self, family: &Family, suffix: &str, values: &[&str], bound: Option<&str>, number: Number) {
        debug_assert_eq!(family.labels.len(), values.len(), "{}", family.name);
        self.text.push_str(family.name);
        self.text.push_str(suffix);
        let labels = family.labels.iter().copied().zip(values.iter().copied());
        let mut before = '{';
        for (name, value) in labels.chain(bound.map(|bound| ("le", bound))) {
            // Values are words of this program: none has a quote, a backslash or a line end in it.
            let _ = write!(self.text, "{before}{name}=\"{value}\"");
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        let _ = match number {
            Number::Whole(number) => writeln!(self.text, " {number}"),
            Number::Signed(number) => writeln!(self.text, " {number}"),
            Number::Real(number) => writeln!(self.text, " {number}"),
        };
    }
}

/// A number of a metric.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Whole(u64),
    Signed(i64),
    Real(f64),
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self::Signed(number)
    }
}

impl From<f64> for Number {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Number {
    fn from(value: bool) -> Self {
        Self::Whole(u64::from(value))
    }
}

/// Returns a bound in seconds.
fn seconds(microseconds: u64) -> String {
    let (whole, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
    let text = format!("{whole}.{rest:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observe::family;

    #[test]
    fn a_family_has_one_head_and_a_histogram_its_sums() {
        let mut exposition = Exposition::default();
        exposition.labelled(&family::CACHE_REQUESTS, &["blobs", "hit"], 2_u64);
        exposition.labelled(&family::CACHE_REQUESTS, &["blobs", "miss"], 0_u64);
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(1500));
        exposition.histogram(&family::BLOB_DURATION, &["open"], &histogram);
        let text = exposition.into_text();
        assert_eq!(text.matches("# TYPE ").count(), 2, "{text}");
        for line in [
            "supercargo_cache_requests_total{cache=\"blobs\",result=\"hit\"} 2\n",
            "supercargo_blob_operation_duration_seconds_bucket{operation=\"open\",le=\"1\"} 0\n",
            "supercargo_blob_operation_duration_seconds_bucket{operation=\"open\",le=\"2.5\"} 1\n",
            "supercargo_blob_operation_duration_seconds_bucket{operation=\"open\",le=\"+Inf\"} 1\n",
            "supercargo_blob_operation_duration_seconds_sum{operation=\"open\"} 1.5\n",
            "supercargo_blob_operation_duration_seconds_count{operation=\"open\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert_eq!(seconds(250), "0.00025");
        assert_eq!(seconds(60_000_000), "60");
    }
}
