//! Quantities: instants, spans, sizes and rates, each its own type, all integers or exact
//! fractions.
//!
//! Text forms carry their unit (`"20 us"`, `"8 KiB"`, `"1.5 Mpps"`); a literal that cannot be held
//! exactly is an error, never rounded. KiB is not kB, and a bit is not a byte.

mod parse;
mod rate;
mod size;
mod time;

pub use parse::QuantityError;
pub use rate::{BitRate, PacketRate, Rate, format_bit_rate};
pub use size::{Bytes, format_bytes};
pub use time::{SimDuration, SimTime};

/// Rounds a non-negative float to the nearest integer, saturating at the ends.
///
/// The one place where a sampled value becomes a count of picoseconds, bytes or packets.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturation is meant")]
pub fn round_to_u64(value: f64) -> u64 {
    (value + 0.5) as u64
}

/// Converts an integer to the nearest float; exact below 2^53.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "statistics need no more than 53 bits")]
pub fn to_f64(value: u64) -> f64 {
    value as f64
}

/// Converts a sum of many 64-bit numbers to the nearest float.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "statistics need no more than 53 bits")]
pub fn sum_to_f64(value: u128) -> f64 {
    value as f64
}

/// Converts a wide integer to the nearest float.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "statistics need no more than 53 bits")]
pub fn wide_to_f64(value: i128) -> f64 {
    value as f64
}
