//! Time stamps of captures.

/// How an interface counts time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Stamp {
    /// `if_tsresol` of pcapng: units of 10^-n s, or of 2^-n s if the highest bit is set.
    pub(super) resolution: u8,
    /// `if_tsoffset` of pcapng: added to every stamp (s).
    pub(super) offset_s: i64,
}

impl Stamp {
    /// The time since the epoch (ps) of a stamp of `units`, rounded down.
    pub(super) fn picoseconds(self, units: u64) -> i128 {
        let units = u128::from(units);
        let exponent = u32::from(self.resolution & !BINARY);
        let since_ps = if self.resolution & BINARY != 0 {
            // 64 bits of units and 40 of picoseconds leave the product far from 128.
            (units * PS_PER_S) >> exponent
        } else if exponent <= PS_EXPONENT {
            units * 10_u128.pow(PS_EXPONENT - exponent)
        } else {
            10_u128.checked_pow(exponent - PS_EXPONENT).map_or(0, |divisor| units / divisor)
        };
        let since_ps = i128::try_from(since_ps).expect("at most 2^64 seconds of picoseconds");
        since_ps + i128::from(self.offset_s) * PS_PER_S_SIGNED
    }
}

impl Default for Stamp {
    /// Microseconds since the epoch, what pcapng takes where a file does not say.
    fn default() -> Self {
        Self { resolution: 6, offset_s: 0 }
    }
}

/// The bit of a resolution that says that it is a power of two.
const BINARY: u8 = 0x80;

/// A picosecond is 10^-12 s.
const PS_EXPONENT: u32 = 12;
const PS_PER_S: u128 = 1_000_000_000_000;
const PS_PER_S_SIGNED: i128 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn picoseconds(resolution: u8, units: u64) -> i128 {
        Stamp { resolution, offset_s: 0 }.picoseconds(units)
    }

    #[test]
    fn decimal_resolutions_are_powers_of_ten() {
        assert_eq!(picoseconds(0, 3), 3_000_000_000_000);
        assert_eq!(picoseconds(6, 3), 3_000_000);
        assert_eq!(picoseconds(9, 3), 3_000);
        assert_eq!(picoseconds(12, 3), 3);
        assert_eq!(picoseconds(15, 3_999), 3);
        assert_eq!(picoseconds(127, u64::MAX), 0);
        assert_eq!(picoseconds(0, u64::MAX), i128::from(u64::MAX) * PS_PER_S_SIGNED);
    }

    #[test]
    fn binary_resolutions_are_powers_of_two() {
        assert_eq!(picoseconds(0x80, 3), 3_000_000_000_000);
        assert_eq!(picoseconds(0x80 | 10, 1024), 1_000_000_000_000);
        assert_eq!(picoseconds(0x80 | 32, 1 << 31), 500_000_000_000);
        assert_eq!(picoseconds(0x80 | 20, 1), 953_674);
        assert_eq!(picoseconds(0xff, u64::MAX), 0);
    }

    #[test]
    fn the_offset_is_in_seconds_and_may_be_negative() {
        let stamp = Stamp { resolution: 9, offset_s: -1 };
        assert_eq!(stamp.picoseconds(5), 5_000 - PS_PER_S_SIGNED);
        let stamp = Stamp { resolution: 0, offset_s: i64::MAX };
        let expected = (i128::from(i64::MAX) + i128::from(u64::MAX)) * PS_PER_S_SIGNED;
        assert_eq!(stamp.picoseconds(u64::MAX), expected);
    }
}
