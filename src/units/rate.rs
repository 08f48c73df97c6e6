//! Rates of packets and of frame bits, as exact fractions.

use std::fmt;

use super::parse::{self, Kind, QuantityError};
use super::{SimDuration, to_f64};

/// Picoseconds in a second.
const PS_PER_S: u128 = 1_000_000_000_000;

/// A rate of packets: `packets` every `per_ps` picoseconds, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketRate {
    packets: u64,
    per_ps: u64,
}

/// A rate of bits: `bits` every `per_ps` picoseconds, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitRate {
    bits: u64,
    per_ps: u64,
}

/// A rate as a scenario states it: packets, or frame bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// Packets per second.
    Packets(PacketRate),
    /// Bits of frames (without FCS) per second.
    FrameBits(BitRate),
}

const PACKETS: Kind = Kind {
    name: "rate",
    example: "3 Mpps",
    smallest: "packets per second",
    largest: "1000 Gpps",
    units: &[
        ("pps", 1),
        ("kpps", 1_000),
        ("Mpps", 1_000_000),
        ("Gpps", 1_000_000_000),
        ("bit/s", 1),
        ("kbit/s", 1_000),
        ("Mbit/s", 1_000_000),
        ("Gbit/s", 1_000_000_000),
        ("Tbit/s", 1_000_000_000_000),
    ],
};

const BITS: Kind = Kind { name: "bit rate", example: "100 Gbit/s", units: BIT_UNITS, ..PACKETS };

const BIT_UNITS: &[(&str, u128)] = &[
    ("bit/s", 1),
    ("kbit/s", 1_000),
    ("Mbit/s", 1_000_000),
    ("Gbit/s", 1_000_000_000),
    ("Tbit/s", 1_000_000_000_000),
];

impl PacketRate {
    /// No packets at all.
    pub const ZERO: Self = Self { packets: 0, per_ps: 1 };

    /// `packets` in every `per_ps` picoseconds; `None` when it cannot be held.
    #[must_use]
    pub fn new(packets: u128, per_ps: u128) -> Option<Self> {
        let (packets, per_ps) = reduce(packets, per_ps)?;
        Some(Self { packets, per_ps })
    }

    /// The rate times `numerator / denominator`; `None` when it cannot be held.
    ///
    /// # Panics
    /// When `denominator` is zero.
    #[must_use]
    pub fn times(self, numerator: u32, denominator: u32) -> Option<Self> {
        assert!(denominator > 0, "a fraction of nothing");
        let packets = u128::from(self.packets) * u128::from(numerator);
        Self::new(packets, u128::from(self.per_ps) * u128::from(denominator))
    }

    /// Whether no packet ever comes.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.packets == 0
    }

    /// Packets per second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        to_f64(self.packets) * 1e12 / to_f64(self.per_ps)
    }

    /// Mean gap between packets in picoseconds; infinite for a rate of zero.
    #[must_use]
    pub fn mean_gap_ps(self) -> f64 {
        to_f64(self.per_ps) / to_f64(self.packets)
    }

    /// Time of `count` packets at this rate, rounded down: `floor(count / rate)`.
    ///
    /// `None` when the rate is zero or the time is past the end of time.
    #[must_use]
    pub fn time_of_floor(self, count: u64) -> Option<SimDuration> {
        if self.packets == 0 {
            return None;
        }
        let ps = u128::from(count) * u128::from(self.per_ps) / u128::from(self.packets);
        u64::try_from(ps).ok().map(SimDuration::from_ps)
    }

    /// The least `count` whose [`time_of_floor`](Self::time_of_floor) is at or after `span`.
    #[must_use]
    pub fn count_reaching(self, span: SimDuration) -> u64 {
        let scaled = u128::from(span.as_ps()) * u128::from(self.packets);
        u64::try_from(scaled.div_ceil(u128::from(self.per_ps))).unwrap_or(u64::MAX)
    }
}

impl BitRate {
    /// Reads a rate such as `"100 Gbit/s"`.
    ///
    /// # Errors
    /// When the text is no number with a unit of bits per second.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let exact = parse::parse(text, &BITS)?;
        Self::new(exact.numerator, exact.denominator.saturating_mul(PS_PER_S))
            .ok_or_else(|| out_of_range(text))
    }

    fn new(bits: u128, per_ps: u128) -> Option<Self> {
        let (bits, per_ps) = reduce(bits, per_ps)?;
        Some(Self { bits, per_ps })
    }

    /// Whether nothing ever passes.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.bits == 0
    }

    /// Bits per second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        to_f64(self.bits) * 1e12 / to_f64(self.per_ps)
    }

    /// Bits moved in `per_ps` picoseconds, as the fraction `(bits, per_ps)`.
    #[must_use]
    pub const fn fraction(self) -> (u64, u64) {
        (self.bits, self.per_ps)
    }

    /// How long `bytes` take, rounded up to a whole picosecond; the end of time where they take
    /// longer, or at rate zero.
    #[must_use]
    pub fn time_of(self, bytes: u64) -> SimDuration {
        let scaled = u128::from(bytes) * 8 * u128::from(self.per_ps);
        let ps = scaled.checked_div(u128::from(self.bits)).unwrap_or(u128::MAX);
        let ps = if ps * u128::from(self.bits) < scaled { ps + 1 } else { ps };
        SimDuration::from_ps(u64::try_from(ps).unwrap_or(u64::MAX))
    }
}

impl Rate {
    /// Reads a rate such as `"3 Mpps"` or `"10 Gbit/s"`.
    ///
    /// # Errors
    /// When the text is no number with a unit of packets or bits per second.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let exact = parse::parse(text, &PACKETS)?;
        let per_ps = exact.denominator.saturating_mul(PS_PER_S);
        let rate = if text.contains("bit/s") {
            BitRate::new(exact.numerator, per_ps).map(Self::FrameBits)
        } else {
            PacketRate::new(exact.numerator, per_ps).map(Self::Packets)
        };
        rate.ok_or_else(|| out_of_range(text))
    }

    /// The rate in packets, where frames have `mean_bytes` bytes on average (without FCS).
    ///
    /// The mean is taken to 2^-20 of a byte. `None` when the rate cannot be held.
    #[must_use]
    pub fn in_packets(self, mean_bytes: f64) -> Option<PacketRate> {
        const SCALE: u64 = 1 << 20;
        match self {
            Self::Packets(rate) => Some(rate),
            Self::FrameBits(rate) => {
                let scaled = u128::from(super::round_to_u64(mean_bytes * to_f64(SCALE)));
                let bits_per_packet = scaled.checked_mul(8)?;
                PacketRate::new(
                    u128::from(rate.bits).checked_mul(u128::from(SCALE))?,
                    u128::from(rate.per_ps).checked_mul(bits_per_packet)?,
                )
            }
        }
    }
}

impl fmt::Display for PacketRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pps = self.per_second();
        let (factor, unit) = match pps {
            v if v >= 1e9 => (1e9, "Gpps"),
            v if v >= 1e6 => (1e6, "Mpps"),
            v if v >= 1e3 => (1e3, "kpps"),
            _ => (1.0, "pps"),
        };
        write!(f, "{:.4} {unit}", pps / factor)
    }
}

/// A bit rate for people: `25 Gbit/s`.
#[must_use]
pub fn format_bit_rate(bits_per_second: u64) -> String {
    let units = BIT_UNITS.iter().rev();
    let whole = |factor: u128| u128::from(bits_per_second).is_multiple_of(factor);
    match units.clone().find(|(_, factor)| whole(*factor) && bits_per_second > 0) {
        Some((unit, factor)) => format!("{} {unit}", u128::from(bits_per_second) / factor),
        None => format!("{bits_per_second} bit/s"),
    }
}

/// Lowest terms as 64-bit numbers; a fraction that does not fit loses low bits of both parts,
/// a relative error below 2^-60.
fn reduce(numerator: u128, denominator: u128) -> Option<(u64, u64)> {
    if denominator == 0 {
        return None;
    }
    let divisor = gcd(numerator, denominator);
    let (mut n, mut d) = (numerator / divisor, denominator / divisor);
    while n > u128::from(u64::MAX) || d > u128::from(u64::MAX) {
        n >>= 1;
        d >>= 1;
    }
    let (n, d) = (u64::try_from(n).ok()?, u64::try_from(d).ok()?);
    (d > 0 && (n > 0 || numerator == 0)).then_some((n, d))
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// Rates that cannot be held are far below any that matters, or far above.
fn out_of_range(text: &str) -> QuantityError {
    let (text, kind) = (text.to_owned(), PACKETS.name);
    if text.trim_start().starts_with('0') {
        QuantityError::TooSmall { text, kind }
    } else {
        QuantityError::TooLarge { text, kind, largest: PACKETS.largest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_times_are_floors_of_exact_fractions() {
        let Rate::Packets(rate) = Rate::parse("3 Mpps").unwrap() else { panic!("packets") };
        assert_eq!(rate.time_of_floor(1).unwrap().as_ps(), 333_333);
        assert_eq!(rate.time_of_floor(3).unwrap().as_ps(), 1_000_000);
        assert_eq!(rate.count_reaching(SimDuration::from_ps(1_000_000)), 3);
        assert_eq!(rate.count_reaching(SimDuration::from_ps(1_000_001)), 4);
    }

    #[test]
    fn frame_bits_become_packets_by_the_mean_size() {
        let rate = Rate::parse("12 Gbit/s").unwrap().in_packets(1500.0).unwrap();
        assert_eq!(rate, PacketRate::new(1_000_000, 1_000_000_000_000).unwrap());
    }

    #[test]
    fn bytes_per_second_are_refused() {
        let message = Rate::parse("3 Gbps").unwrap_err().to_string();
        assert!(message.contains("did you mean Gbit/s?"), "{message}");
        assert!(Rate::parse("3 GB/s").is_err());
    }
}
