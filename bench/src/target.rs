//! What supercargo has to reach, and whether it did.

use serde::Serialize;

use crate::statistics::ratio;

/// A figure of a contender, the median of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Figure {
    /// Time from start to end.
    Wall,
    /// Time of the processors.
    Cpu,
    /// The largest peak of all runs.
    Peak,
}

/// What a figure must not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// This many times the figure of the best peer.
    TimesBest(f64),
    /// As before, but only peers that carried everything count.
    TimesBestWhole(f64),
    /// Microseconds or bytes.
    Absolute(u64),
}

/// A figure and its limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Target {
    pub figure: Figure,
    pub limit: Limit,
}

/// Most memory of supercargo at any time, whatever it copies.
const PEAK_BYTES: u64 = 24 << 20;

/// Memory is bounded in every scenario.
pub const PEAK: Target = Target { figure: Figure::Peak, limit: Limit::Absolute(PEAK_BYTES) };

/// Returns the target that the time be at most so many times that of the best peer.
pub const fn wall(times: f64) -> Target {
    Target { figure: Figure::Wall, limit: Limit::TimesBest(times) }
}

/// As [`wall`], among the peers that carry everything.
pub const fn wall_of_whole(times: f64) -> Target {
    Target { figure: Figure::Wall, limit: Limit::TimesBestWhole(times) }
}

/// Returns the target that the processors' time be at most so many times that of the best peer.
pub const fn cpu(times: f64) -> Target {
    Target { figure: Figure::Cpu, limit: Limit::TimesBest(times) }
}

/// Returns the target that the time be at most so many microseconds.
pub const fn wall_at_most(microseconds: u64) -> Target {
    Target { figure: Figure::Wall, limit: Limit::Absolute(microseconds) }
}

/// What a contender has reached.
#[derive(Clone, Debug)]
pub struct Standing {
    pub name: String,
    pub wall: u64,
    pub cpu: u64,
    pub peak: u64,
    /// Everything that was to be copied is there.
    pub whole: bool,
}

impl Standing {
    const fn figure(&self, figure: Figure) -> u64 {
        match figure {
            Figure::Wall => self.wall,
            Figure::Cpu => self.cpu,
            Figure::Peak => self.peak,
        }
    }
}

/// How supercargo stands to a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub target: Target,
    pub ours: u64,
    /// The best peer and its figure, where the target is about peers.
    pub best: Option<(String, u64)>,
    /// Our figure divided by the best peer's, or by the absolute limit.
    pub ratio: f64,
    pub met: bool,
}

impl Target {
    /// Judges; `None` when no peer is there to compare with.
    pub fn judge(self, ours: &Standing, peers: &[Standing]) -> Option<Verdict> {
        let figure = ours.figure(self.figure);
        let (best, unit, times) = match self.limit {
            Limit::Absolute(limit) => (None, limit, 1.0),
            Limit::TimesBest(times) => {
                let best = peers.iter().min_by_key(|peer| peer.figure(self.figure))?;
                (Some(best), best.figure(self.figure), times)
            }
            Limit::TimesBestWhole(times) => {
                let whole = peers.iter().filter(|peer| peer.whole);
                let best = whole.min_by_key(|peer| peer.figure(self.figure))?;
                (Some(best), best.figure(self.figure), times)
            }
        };
        let ratio = ratio(figure, unit);
        let best = best.map(|peer| (peer.name.clone(), unit));
        Some(Verdict { target: self, ours: figure, best, ratio, met: ratio <= times })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(name: &str, wall: u64, whole: bool) -> Standing {
        Standing { name: name.to_owned(), wall, cpu: 0, peak: 0, whole }
    }

    #[test]
    fn we_are_held_against_the_best_and_not_against_those_that_lose_something_unless_asked() {
        let ours = standing("ours", 10, true);
        let peers = [standing("slow", 40, true), standing("lossy", 8, false)];
        let verdict = wall(1.0).judge(&ours, &peers).unwrap();
        assert_eq!((verdict.best, verdict.met), (Some(("lossy".into(), 8)), false));
        let verdict = wall_of_whole(0.25).judge(&ours, &peers).unwrap();
        assert_eq!((verdict.best, verdict.met), (Some(("slow".into(), 40)), true));
    }

    #[test]
    fn an_absolute_limit_needs_no_peer() {
        assert!(wall_at_most(10).judge(&standing("ours", 10, true), &[]).unwrap().met);
        assert_eq!(wall(1.0).judge(&standing("ours", 10, true), &[]), None);
    }
}
