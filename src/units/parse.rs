//! Reading a decimal number with a unit, exactly.

/// Why a text is not a quantity of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// There is no number at the start.
    #[error("'{text}' is not a number with a unit; write for example \"{example}\"")]
    NotANumber {
        /// What was written.
        text: String,
        /// A text that would be right.
        example: &'static str,
    },
    /// The number has no unit behind it.
    #[error("'{text}' has no unit; write for example \"{example}\"")]
    NoUnit {
        /// What was written.
        text: String,
        /// A text that would be right.
        example: &'static str,
    },
    /// The unit is not one of this kind of quantity.
    #[error("'{unit}' is not a unit of {kind}; use one of {units}{hint}")]
    WrongUnit {
        /// The unit written.
        unit: String,
        /// The kind of quantity.
        kind: &'static str,
        /// All units that would be right.
        units: String,
        /// What the author may have meant, or nothing.
        hint: String,
    },
    /// The number is below zero.
    #[error("'{text}' is negative; {kind} cannot be below zero")]
    Negative {
        /// What was written.
        text: String,
        /// The kind of quantity.
        kind: &'static str,
    },
    /// The value is no whole number of the smallest unit.
    #[error("'{text}' is not a whole number of {smallest}, and literals are never rounded")]
    NotWhole {
        /// What was written.
        text: String,
        /// The smallest unit.
        smallest: &'static str,
    },
    /// The value is smaller than can be held, but not zero.
    #[error("'{text}' is too small to be held exactly; write 0 or a larger {kind}")]
    TooSmall {
        /// What was written.
        text: String,
        /// The kind of quantity.
        kind: &'static str,
    },
    /// The value is larger than can be held.
    #[error("'{text}' is too large; the largest {kind} is {largest}")]
    TooLarge {
        /// What was written.
        text: String,
        /// The kind of quantity.
        kind: &'static str,
        /// The largest value.
        largest: &'static str,
    },
}

/// A kind of quantity: its name, its units with their factors, and texts for messages.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) example: &'static str,
    pub(super) smallest: &'static str,
    pub(super) largest: &'static str,
    /// Unit text and its factor in the smallest unit.
    pub(super) units: &'static [(&'static str, u128)],
}

/// An exact non-negative fraction: `numerator / 10^decimals`, already in the smallest unit.
pub(super) struct Exact {
    pub(super) numerator: u128,
    pub(super) denominator: u128,
}

/// Most digits before and after the point that are read; more cannot be held exactly anyway.
const DIGITS_MAX: usize = 24;

/// Reads `text` as a non-negative decimal with one of the kind's units.
pub(super) fn parse(text: &str, kind: &Kind) -> Result<Exact, QuantityError> {
    let trimmed = text.trim();
    let (sign, unsigned) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed),
    };
    let split = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')
        .unwrap_or(unsigned.len());
    let (number, unit) = (&unsigned[..split], unsigned[split..].trim());
    let (digits, decimals) = read_decimal(number).ok_or_else(|| QuantityError::NotANumber {
        text: text.to_owned(),
        example: kind.example,
    })?;
    if sign {
        return Err(QuantityError::Negative { text: text.to_owned(), kind: kind.name });
    }
    if unit.is_empty() {
        return Err(QuantityError::NoUnit { text: text.to_owned(), example: kind.example });
    }
    let Some(&(_, factor)) = kind.units.iter().find(|(name, _)| *name == unit) else {
        return Err(wrong_unit(unit, kind));
    };
    let numerator = digits.checked_mul(factor).ok_or_else(|| too_large(text, kind))?;
    Ok(Exact { numerator, denominator: 10_u128.pow(decimals) })
}

/// Reads `text` as a whole number of the kind's smallest unit.
pub(super) fn parse_whole(text: &str, kind: &Kind) -> Result<u64, QuantityError> {
    let exact = parse(text, kind)?;
    if exact.numerator % exact.denominator != 0 {
        return Err(QuantityError::NotWhole { text: text.to_owned(), smallest: kind.smallest });
    }
    u64::try_from(exact.numerator / exact.denominator).map_err(|_| too_large(text, kind))
}

fn read_decimal(number: &str) -> Option<(u128, u32)> {
    let plain = number.replace('_', "");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > DIGITS_MAX || fraction.contains('.') {
        return None;
    }
    let decimals = u32::try_from(fraction.len()).ok()?;
    Some((digits.parse().ok()?, decimals))
}

fn too_large(text: &str, kind: &Kind) -> QuantityError {
    QuantityError::TooLarge { text: text.to_owned(), kind: kind.name, largest: kind.largest }
}

fn wrong_unit(unit: &str, kind: &Kind) -> QuantityError {
    let near = |candidate: &str| {
        candidate.eq_ignore_ascii_case(unit)
            || candidate.replace("bit/s", "bps").eq_ignore_ascii_case(unit)
    };
    let hint = kind
        .units
        .iter()
        .find(|(name, _)| near(name))
        .map_or_else(String::new, |(name, _)| format!(" (did you mean {name}?)"));
    let units = kind.units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    QuantityError::WrongUnit { unit: unit.to_owned(), kind: kind.name, units, hint }
}
