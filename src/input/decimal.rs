//! Decimal numbers of nanoseconds, exact to the picosecond.

/// Why a text is not a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TimeFault {
    /// Not digits, or digits with a point and more digits.
    NotDecimal,
    /// More than three decimals.
    TooFine,
    /// Above [`u64::MAX`] picoseconds.
    TooLarge,
}

/// The picoseconds in `text`, a non-negative decimal number of nanoseconds such as `5200` or
/// `5200.125`. A point needs a digit on both sides; signs and exponents are refused.
pub(super) fn picoseconds(text: &[u8]) -> Result<u64, TimeFault> {
    let (whole, decimals) = match text.iter().position(|&byte| byte == b'.') {
        Some(point) => (&text[..point], Some(&text[point + 1..])),
        None => (text, None),
    };
    if !is_digits(whole) || !decimals.is_none_or(is_digits) {
        return Err(TimeFault::NotDecimal);
    }
    let decimals = decimals.unwrap_or_default();
    if decimals.len() > DECIMALS {
        return Err(TimeFault::TooFine);
    }
    let zeros = DECIMALS - decimals.len();
    let digits = whole.iter().chain(decimals).chain(&[b'0'; DECIMALS][..zeros]);
    natural(digits).ok_or(TimeFault::TooLarge)
}

/// `time_ps` as a decimal number of nanoseconds, the inverse of [`picoseconds`].
pub(super) fn nanoseconds(time_ps: u64) -> String {
    let (whole, rest) = (time_ps / 1000, time_ps % 1000);
    if rest == 0 {
        return whole.to_string();
    }
    let text = format!("{whole}.{rest:03}");
    text.trim_end_matches('0').to_owned()
}

/// Whether `text` is one decimal digit or more.
pub(super) fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// The number that decimal `digits` write, if it fits.
pub(super) fn natural<'a>(digits: impl IntoIterator<Item = &'a u8>) -> Option<u64> {
    digits.into_iter().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// Decimals of a nanosecond that a picosecond has.
const DECIMALS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_read_exactly_to_the_picosecond() {
        for (text, time_ps) in [
            ("0", 0),
            ("12", 12_000),
            ("12.5", 12_500),
            ("12.05", 12_050),
            ("12.125", 12_125),
            ("0012.100", 12_100),
            ("18446744073709551.615", u64::MAX),
        ] {
            assert_eq!(picoseconds(text.as_bytes()), Ok(time_ps), "{text}");
        }
    }

    #[test]
    fn anything_but_a_plain_decimal_is_refused() {
        for text in ["", ".", "5.", ".5", "-5", "+5", "1e3", "0x5", "1.2.3", "1_000", "1 0", "nan"]
        {
            assert_eq!(picoseconds(text.as_bytes()), Err(TimeFault::NotDecimal), "{text}");
        }
    }

    #[test]
    fn a_fourth_decimal_is_refused_even_when_it_is_zero() {
        assert_eq!(picoseconds(b"1.2345"), Err(TimeFault::TooFine));
        assert_eq!(picoseconds(b"1.0000"), Err(TimeFault::TooFine));
    }

    #[test]
    fn a_time_beyond_the_range_is_refused() {
        assert_eq!(picoseconds(b"18446744073709551.616"), Err(TimeFault::TooLarge));
        assert_eq!(picoseconds(b"99999999999999999999999"), Err(TimeFault::TooLarge));
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in ["0", "5200", "5200.5", "5200.025", "18446744073709551.615"] {
            assert_eq!(nanoseconds(picoseconds(text.as_bytes()).unwrap()), text);
        }
    }
}
