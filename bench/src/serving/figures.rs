//! What is measured, and in which unit.

use std::time::Duration;

use serde::Serialize;

use super::Measured;
use crate::statistics::ratio;

/// A figure of a registry under a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Operations in a second.
    Rate,
    /// kB of bodies in a second.
    Throughput,
    /// What half of the operations did not exceed, in microseconds.
    P50,
    /// What ninety-nine of a hundred did not exceed, in microseconds.
    P99,
    /// The slowest, in microseconds.
    Slowest,
    /// Time of the server's processors for an operation, in nanoseconds.
    CpuPerOperation,
    /// Time of the server's processors for 10^9 bytes of bodies, in microseconds.
    CpuPerGigabyte,
    /// Most memory at any time, in bytes.
    Peak,
    /// Memory of a server that does nothing, in bytes.
    Idle,
    /// Time until something is done, in microseconds.
    Wall,
}

/// What one run has shown.
pub type Sample = Vec<(Metric, u64)>;

/// A load that brings fewer bytes of bodies than this for an operation is not about them.
const BODY_BYTES: u64 = 100_000;

/// The kernel counts the time of processes in steps of 10 ms: less than this, in microseconds, is no figure.
const CPU_KNOWN: u64 = 100_000;

/// Returns the figures of a load; `cpu` is what it took of the server's processors, in microseconds.
pub fn of(measured: &Measured, cpu: u64) -> Sample {
    let Measured { operations, received, elapsed, p50, p99, max } = *measured;
    let scaled = |part: u64, whole: u64| part / whole.max(1);
    let mut sample = vec![
        (Metric::Rate, scaled(operations * 1_000_000, elapsed)),
        (Metric::P50, p50),
        (Metric::P99, p99),
        (Metric::Slowest, max),
    ];
    let about_bodies = received >= operations * BODY_BYTES;
    if about_bodies {
        sample.push((Metric::Throughput, scaled(received * 1000, elapsed)));
    }
    if cpu >= CPU_KNOWN {
        sample.push((Metric::CpuPerOperation, scaled(cpu * 1000, operations)));
    }
    if cpu >= CPU_KNOWN && about_bodies {
        sample.push((Metric::CpuPerGigabyte, scaled(cpu * 1_000_000, received / 1000)));
    }
    sample
}

/// Returns a time in microseconds.
pub fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Metric {
    /// Tells whether more is better.
    pub const fn wants_more(self) -> bool {
        matches!(self, Self::Rate | Self::Throughput)
    }

    /// Returns its name with the unit in which [`Metric::shown`] shows it.
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Rate => "rate /s",
            Self::Throughput => "MB/s",
            Self::P50 => "p50 ms",
            Self::P99 => "p99 ms",
            Self::Slowest => "max ms",
            Self::CpuPerOperation => "cpu us each",
            Self::CpuPerGigabyte => "cpu ms/GB",
            Self::Peak => "peak MiB",
            Self::Idle => "idle MiB",
            Self::Wall => "wall ms",
        }
    }

    /// Returns a figure as text.
    pub fn shown(self, figure: u64) -> String {
        match self {
            Self::Rate => figure.to_string(),
            Self::CpuPerOperation | Self::CpuPerGigabyte | Self::Throughput => format!("{:.0}", ratio(figure, 1000)),
            Self::P50 | Self::P99 | Self::Slowest | Self::Wall => format!("{:.2}", ratio(figure, 1000)),
            Self::Peak | Self::Idle => format!("{:.1}", ratio(figure, 1 << 20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_the_units_they_say() {
        let measured = Measured { operations: 1000, received: 2_000_000_000, elapsed: 500_000, p50: 1, p99: 2, max: 3 };
        let sample = of(&measured, 400_000);
        let figure = |metric| sample.iter().find(|(found, _)| *found == metric).map(|(_, figure)| *figure);
        assert_eq!(figure(Metric::Rate), Some(2000));
        assert_eq!(figure(Metric::Throughput), Some(4_000_000));
        assert_eq!(figure(Metric::CpuPerOperation), Some(400_000));
        assert_eq!(figure(Metric::CpuPerGigabyte), Some(200_000));
        assert_eq!(Metric::Throughput.shown(4_000_000), "4000");
        let small = of(&Measured { received: 500_000, ..measured }, 10_000);
        assert!(small.iter().all(|(metric, _)| !matches!(metric, Metric::Throughput | Metric::CpuPerOperation)));
    }
}
