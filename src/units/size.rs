//! Sizes in bytes.

use std::fmt;

use super::parse::{self, Kind, QuantityError};

/// A size in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Bytes(u64);

const KIND: Kind = Kind {
    name: "size",
    example: "8 KiB",
    smallest: "bytes",
    largest: "16 EiB",
    units: &[
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ],
};

impl Bytes {
    /// A size of `bytes` bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads a size such as `"8 KiB"`.
    ///
    /// # Errors
    /// When the text is no number with a unit of size, or no whole number of bytes.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        parse::parse_whole(text, &KIND).map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format_bytes(self.0))
    }
}

/// A size for people: binary units, at most four significant digits.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = super::to_f64(bytes);
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = match value {
        v if v.fract() < 0.005 || v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        _ => 2,
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_and_decimal_units_differ() {
        assert_eq!(Bytes::parse("8 KiB").unwrap().get(), 8192);
        assert_eq!(Bytes::parse("8 kB").unwrap().get(), 8000);
        assert_eq!(Bytes::parse("1.5KiB").unwrap().get(), 1536);
        assert!(matches!(Bytes::parse("0.5 B"), Err(QuantityError::NotWhole { .. })));
        assert!(Bytes::parse("8 Kib").unwrap_err().to_string().contains("did you mean KiB?"));
    }

    #[test]
    fn sizes_print_in_binary_units() {
        assert_eq!(format_bytes(1 << 30), "1 GiB");
        assert_eq!(format_bytes(167_772_160), "160 MiB");
        assert_eq!(format_bytes(1536), "1.50 KiB");
        assert_eq!(format_bytes(17), "17 B");
    }
}
