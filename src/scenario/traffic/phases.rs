//! Reading traffic that has phases: on-off, Markov-modulated, self-similar and batches.

use super::super::distribution::{read, read_positive_times};
use super::super::keys::{Of, SPACINGS};
use super::super::quantity::{Field, Fields};
use super::{Result, positive_rate, rate};
use crate::model::distribution::Distribution;
use crate::model::traffic::{BatchSpec, MmppError, MmppSpec, OnOffSpec, Spacing};
use crate::units::{PacketRate, SimDuration, to_f64};

/// Least mean of an ON or OFF period, in picoseconds: less than a frame takes on any wire.
const PERIOD_MIN_PS: f64 = 1e3;

/// Most states of a chain: its table is their square.
const STATES_MAX: usize = 256;

fn in_phase(fields: &Fields<'_>, queues: usize) -> Result<usize> {
    let field = fields.get("in_phase");
    field.map_or(Ok(0), |field| {
        let max = u32::try_from(queues).expect("queues are counted in 32 bits");
        field.count_u32(0, max).map(|count| count as usize).map_err(|_| {
            field.error(&format!(
                "is {}; write a whole number from 0 to {max}, the queues of this table",
                field.value().kind()
            ))
        })
    })
}

pub(super) fn on_off(fields: &Fields<'_>, mean_size: f64, queues: usize) -> Result<OnOffSpec> {
    let period = |name| {
        let field = fields.require(name)?;
        let lengths = read_positive_times(&field)?;
        if lengths.mean() < PERIOD_MIN_PS {
            return Err(field.error("has a mean below 1 ns, less than a frame takes on any wire"));
        }
        Ok(lengths)
    };
    let (on, off) = (period("on")?, period("off")?);
    let (in_phase, correlation) = step(fields, &off, queues)?;
    let spec = OnOffSpec {
        rate: positive_rate(fields, mean_size)?,
        rate_off: fields.or("rate_off", PacketRate::ZERO, |field| rate(field, mean_size))?,
        on,
        off,
        spacing: match fields.or("spacing", 0, |field| field.choice(SPACINGS))? {
            0 => Spacing::Poisson,
            _ => Spacing::Constant,
        },
        in_phase,
        correlation,
    };
    Ok(spec)
}

/// `in_phase` and `correlation`, of which the second is 0 where the first can say it.
fn step(fields: &Fields<'_>, off: &Distribution, queues: usize) -> Result<(usize, f64)> {
    let in_phase = in_phase(fields, queues)?;
    let Some(field) = fields.get("correlation") else { return Ok((in_phase, 0.0)) };
    let correlation = field.number("a number from 0 to 1", |c| (0.0..=1.0).contains(&c))?;
    if correlation <= 0.0 {
        return Ok((in_phase, 0.0));
    }
    if in_phase > 1 {
        return Err(field.error("cannot be given with in_phase; give one of the two"));
    }
    if correlation >= 1.0 {
        return Ok((queues, 0.0));
    }
    if !matches!(off, Distribution::Exponential { .. }) {
        return Err(field.error(
            "between 0 and 1 needs exponential OFF periods, whose ends queues can share without \
             a change of their lengths; write off = { dist = \"exponential\", mean = ... }",
        ));
    }
    Ok((in_phase, correlation))
}

pub(super) fn batch(fields: &Fields<'_>, queues: usize) -> Result<BatchSpec> {
    let count_field = fields.require("count")?;
    let count = read(&count_field, Of::Counts)?;
    if !(count.mean().is_finite() && count.mean() > 0.0) {
        return Err(count_field.error("needs a finite mean above zero"));
    }
    Ok(BatchSpec {
        every: read_positive_times(&fields.require("every")?)?,
        count,
        spacing: fields.or("spacing", SimDuration::ZERO, Field::time)?,
        in_phase: in_phase(fields, queues)?,
    })
}

/// `rates`, and `transition`: the mean time of every change of state.
pub(super) fn mmpp(fields: &Fields<'_>, mean_size: f64, queues: usize) -> Result<MmppSpec> {
    let rates_field = fields.require("rates")?;
    let items = rates_field.items().filter(|items| (2..=STATES_MAX).contains(&items.len()));
    let items = items.ok_or_else(|| {
        rates_field.error(&format!(
            "is no list of 2 to {STATES_MAX} rates; write one for each state, such as \
             [\"1 Mpps\", \"8 Mpps\"]"
        ))
    })?;
    let rates: Vec<PacketRate> =
        items.iter().map(|item| rate(item, mean_size)).collect::<Result<_>>()?;
    if rates.iter().all(|rate| rate.is_zero()) {
        return Err(rates_field.error("are all zero; no packet would ever come"));
    }
    let transition = fields.require("transition")?;
    let changes = changes(&transition, rates.len())?;
    MmppSpec::new(rates, &changes, in_phase(fields, queues)?).map_err(|error| {
        transition.error(&match error {
            MmppError::NoWayOut(state) => {
                format!("has no way out of state {state}; write a time in row {state}, from 0")
            }
            MmppError::NoWay(from, to) => format!(
                "has no way from state {from} to state {to}; every state must be reached from \
                 every other"
            ),
        })
    })
}

/// Changes a picosecond from each state to each: a square of mean times, or "never".
fn changes(field: &Field<'_>, states: usize) -> Result<Vec<Vec<f64>>> {
    let rows = row_of(field, states)?;
    let row = |(from, row): (usize, &Field<'_>)| {
        let items = row_of(row, states)?;
        items.iter().enumerate().map(|(to, item)| change(item, from == to)).collect()
    };
    rows.iter().enumerate().map(row).collect()
}

/// The items of a list as long as there are states.
fn row_of<'a>(field: &Field<'a>, states: usize) -> Result<Vec<Field<'a>>> {
    field.items().filter(|items| items.len() == states).ok_or_else(|| {
        field.error(&format!(
            "is no list of {states}; write a row for each state with the mean time to each other \
             state, such as [[\"never\", \"100 us\"], [\"400 us\", \"never\"]]"
        ))
    })
}

/// Changes a picosecond from a state to another one, or to itself.
fn change(field: &Field<'_>, to_itself: bool) -> Result<f64> {
    if field.is_text() && field.text()? == "never" {
        return Ok(0.0);
    }
    if to_itself {
        return Err(field.error("is on the diagonal, where nothing changes; write \"never\""));
    }
    Ok(1.0 / to_f64(period(field)?))
}

/// Counts that are self-similar between two scales of time.
pub(super) fn self_similar(fields: &Fields<'_>, mean_size: f64, queues: usize) -> Result<MmppSpec> {
    let hurst = fields
        .require("hurst")?
        .number("a number above 0.5 and below 1", |h| h > 0.5 && h < 1.0)?;
    let shortest = period(&fields.require("shortest")?)?;
    let longest_field = fields.require("longest")?;
    let longest = longest_field.time()?.as_ps();
    if longest <= shortest {
        return Err(longest_field.error("is not above shortest; write the longer time here"));
    }
    let rate = positive_rate(fields, mean_size)?;
    Ok(MmppSpec::self_similar(rate, hurst, shortest, longest, in_phase(fields, queues)?))
}

/// A mean time between changes, in picoseconds.
fn period(field: &Field<'_>) -> Result<u64> {
    let period = field.time()?.as_ps();
    if to_f64(period) < PERIOD_MIN_PS {
        return Err(field.error("is below 1 ns, less than a frame takes on any wire"));
    }
    Ok(period)
}
