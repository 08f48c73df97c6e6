//! Instants and spans of simulated time, in whole picoseconds.
//!
//! A minimum frame takes 6.72 ns on a 100 Gbit/s wire, so nanoseconds would be a 4 % rate error;
//! 2^64 ps is 213 days.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Sub};

use super::parse::{self, Kind, QuantityError};

/// An instant: picoseconds since the start of the simulated run.
///
/// Sums past the end of time (213 days) stay there: what is due then never happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SimTime(u64);

/// A span of simulated time in picoseconds; sums and products stay at the longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SimDuration(u64);

const KIND: Kind = Kind {
    name: "time",
    example: "20 us",
    smallest: "picoseconds",
    largest: "213 days",
    units: &[
        ("ps", 1),
        ("ns", 1_000),
        ("us", 1_000_000),
        ("ms", 1_000_000_000),
        ("s", 1_000_000_000_000),
    ],
};

impl SimTime {
    /// The start of every run.
    pub const ZERO: Self = Self(0);
    /// Later than anything that happens.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `ps` picoseconds after the start.
    #[must_use]
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// Picoseconds since the start.
    #[must_use]
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// Nanoseconds as text, with as many decimals as the picoseconds need.
    #[must_use]
    pub fn to_ns_text(self) -> String {
        match self.0 % 1_000 {
            0 => (self.0 / 1_000).to_string(),
            ps => format!("{}.{ps:03}", self.0 / 1_000).trim_end_matches('0').to_owned(),
        }
    }
}

impl SimDuration {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// A span of `ps` picoseconds.
    #[must_use]
    pub const fn from_ps(ps: u64) -> Self {
        Self(ps)
    }

    /// A span of `us` microseconds.
    #[must_use]
    pub const fn from_us(us: u64) -> Self {
        Self(us * 1_000_000)
    }

    /// A span of `ms` milliseconds.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000_000_000)
    }

    /// The span in picoseconds.
    #[must_use]
    pub const fn as_ps(self) -> u64 {
        self.0
    }

    /// The span in seconds.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        super::to_f64(self.0) / 1e12
    }

    /// Reads a span such as `"20 us"`.
    ///
    /// # Errors
    /// When the text is no number with a unit of time, or no whole number of picoseconds.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        parse::parse_whole(text, &KIND).map(Self)
    }

    /// Whether the span is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    fn add(self, span: SimDuration) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, span: SimDuration) {
        *self = *self + span;
    }
}

impl Sub for SimTime {
    type Output = SimDuration;
    fn sub(self, earlier: Self) -> SimDuration {
        SimDuration(self.0 - earlier.0)
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Mul<u64> for SimDuration {
    type Output = Self;
    fn mul(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SimDuration(self.0).fmt(f)
    }
}

impl fmt::Display for SimDuration {
    /// The span in the largest unit that keeps it at or above one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (factor, unit) = match self.0 {
            0..1_000 => (1, "ps"),
            1_000..1_000_000 => (1_000, "ns"),
            1_000_000..1_000_000_000 => (1_000_000, "us"),
            1_000_000_000..1_000_000_000_000 => (1_000_000_000, "ms"),
            _ => (1_000_000_000_000, "s"),
        };
        write!(f, "{} {unit}", super::to_f64(self.0) / super::to_f64(factor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_parse_exactly_or_not_at_all() {
        assert_eq!(SimDuration::parse("20 us").unwrap(), SimDuration::from_us(20));
        assert_eq!(SimDuration::parse("6.72ns").unwrap(), SimDuration::from_ps(6_720));
        assert_eq!(SimDuration::parse("0 ns").unwrap(), SimDuration::ZERO);
        assert!(matches!(SimDuration::parse("0.5 ps"), Err(QuantityError::NotWhole { .. })));
        assert!(matches!(SimDuration::parse("-1 us"), Err(QuantityError::Negative { .. })));
        assert!(matches!(SimDuration::parse("20"), Err(QuantityError::NoUnit { .. })));
        assert!(matches!(SimDuration::parse("us"), Err(QuantityError::NotANumber { .. })));
        assert!(matches!(SimDuration::parse("1.2.3 us"), Err(QuantityError::NotANumber { .. })));
        assert!(matches!(SimDuration::parse("214000000 s"), Err(QuantityError::TooLarge { .. })));
    }

    #[test]
    fn a_unit_of_the_wrong_case_is_named() {
        let message = SimDuration::parse("20 US").unwrap_err().to_string();
        assert!(message.contains("did you mean us?"), "{message}");
    }

    #[test]
    fn nanosecond_text_keeps_the_picoseconds() {
        assert_eq!(SimTime::from_ps(1_500).to_ns_text(), "1.5");
        assert_eq!(SimTime::from_ps(2_000_001).to_ns_text(), "2000.001");
        assert_eq!(SimTime::from_ps(7_000).to_ns_text(), "7");
    }
}
