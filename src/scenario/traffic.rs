//! Reading `[[traffic]]`.

use std::collections::BTreeSet;

use super::distribution::{read, read_positive_times};
use super::error::ScenarioError;
use super::keys::{Of, RSS, SPACINGS, TRAFFIC};
use super::quantity::{Field, Fields};
use super::transfers;
use super::warning::Warning;
use crate::id::QueueId;
use crate::input::pcap::{FrameRef, for_each_frame};
use crate::input::trace::read_packets;
use crate::model::distribution::Distribution;
use crate::model::steering::{MICROSOFT_KEY, Rss};
use crate::model::traffic::{
    BatchSpec, OnOffSpec, RecordedPacket, Spacing, TrafficKind, TrafficSpec,
};
use crate::units::{PacketRate, SimDuration, SimTime, round_to_u64, to_f64};

type Result<T> = std::result::Result<T, ScenarioError>;

/// The frame length where a scenario names none, in bytes without FCS.
const DEFAULT_SIZE: u64 = 1500;

/// Least mean of an ON or OFF period, in picoseconds: less than a frame takes on any wire.
const PERIOD_MIN_PS: f64 = 1e3;

/// Reads one table of traffic for a NIC with `queues` queues.
pub(super) fn read_table(
    field: &Field<'_>,
    queues: usize,
    warnings: &mut Vec<Warning>,
) -> Result<TrafficSpec> {
    let (_, fields) = field.variant(&TRAFFIC)?;
    let kind = field.member(TRAFFIC.tag).expect("the variant was chosen by it");
    let ids = match fields.get("queues") {
        None => all(queues),
        Some(field) => queue_list(&field, queues, true)?,
    };
    let spec = match kind.text()? {
        "trace" => {
            let packets = trace(&fields.require("file")?, &ids, queues)?;
            recorded(ids, packets)
        }
        "pcap" => {
            let packets = pcap(&fields, &ids, warnings)?;
            recorded(ids, packets)
        }
        "transfers" => transfers::read_table(&fields, ids)?,
        name => {
            let size = fields.or("size", Distribution::Constant(DEFAULT_SIZE), |field| {
                let size = read(field, Of::Sizes)?;
                let fits = size.mean().is_finite() && size.mean() > 0.0;
                if fits { Ok(size) } else { Err(field.error("needs a finite mean above zero")) }
            })?;
            let mean_size = size.mean();
            let kind = match name {
                "poisson" => TrafficKind::Poisson { rate: positive_rate(&fields, mean_size)? },
                "constant" => TrafficKind::Constant { rate: positive_rate(&fields, mean_size)? },
                "on-off" => TrafficKind::OnOff(on_off(&fields, mean_size, ids.len())?),
                _ => TrafficKind::Batch(batch(&fields, ids.len())?),
            };
            TrafficSpec { queues: ids, size, kind }
        }
    };
    fields.finish();
    Ok(spec)
}

fn recorded(queues: Vec<QueueId>, packets: Vec<RecordedPacket>) -> TrafficSpec {
    let size = Distribution::Constant(DEFAULT_SIZE);
    TrafficSpec { queues, size, kind: TrafficKind::Recorded(packets.into()) }
}

fn all(queues: usize) -> Vec<QueueId> {
    (0..).map(QueueId::new).take(queues).collect()
}

/// `"all"` or a list of queue ids; `distinct`: each once.
fn queue_list(field: &Field<'_>, queues: usize, distinct: bool) -> Result<Vec<QueueId>> {
    const RIGHT: &str = "write \"all\" or a list of queue ids such as [0, 1]";
    if field.is_text() {
        return match field.text()? {
            "all" => Ok(all(queues)),
            text => Err(field.error(&format!("is \"{text}\"; {RIGHT}"))),
        };
    }
    let items = field.items().filter(|items| !items.is_empty());
    let items = items.ok_or_else(|| field.error(&format!("names no queue; {RIGHT}")))?;
    let last = u64::try_from(queues).expect("queues are counted in 32 bits") - 1;
    let mut seen = BTreeSet::new();
    items
        .iter()
        .map(|item| {
            let id = item.count(0, last).map_err(|_| {
                item.error(&format!(
                    "{} is not a queue; nic.queues is {queues}, so ids go from 0 to {last}",
                    item.value().kind()
                ))
            })?;
            if distinct && !seen.insert(id) {
                return Err(item.error(&format!("queue {id} is named twice; name each once")));
            }
            Ok(QueueId::new(u32::try_from(id).expect("below the number of queues")))
        })
        .collect()
}

fn rate(field: &Field<'_>, mean_size: f64) -> Result<PacketRate> {
    field.rate()?.in_packets(mean_size).ok_or_else(|| field.error("cannot be held exactly"))
}

fn positive_rate(fields: &Fields<'_>, mean_size: f64) -> Result<PacketRate> {
    let field = fields.require("rate")?;
    match rate(&field, mean_size)? {
        rate if rate.is_zero() => Err(field.error("is zero; no packet would ever come")),
        rate => Ok(rate),
    }
}

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

fn on_off(fields: &Fields<'_>, mean_size: f64, queues: usize) -> Result<OnOffSpec> {
    let period = |name| {
        let field = fields.require(name)?;
        let lengths = read_positive_times(&field)?;
        if lengths.mean() < PERIOD_MIN_PS {
            return Err(field.error("has a mean below 1 ns, less than a frame takes on any wire"));
        }
        Ok(lengths)
    };
    let (on, off) = (period("on")?, period("off")?);
    let spec = OnOffSpec {
        rate: positive_rate(fields, mean_size)?,
        rate_off: fields.or("rate_off", PacketRate::ZERO, |field| rate(field, mean_size))?,
        on,
        off,
        spacing: match fields.or("spacing", 0, |field| field.choice(SPACINGS))? {
            0 => Spacing::Poisson,
            _ => Spacing::Constant,
        },
        in_phase: in_phase(fields, queues)?,
    };
    Ok(spec)
}

fn batch(fields: &Fields<'_>, queues: usize) -> Result<BatchSpec> {
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

fn trace(field: &Field<'_>, ids: &[QueueId], queues: usize) -> Result<Vec<RecordedPacket>> {
    let file = field.file()?;
    let mut packets = Vec::new();
    for (number, record) in field.read(read_packets)?.into_iter().enumerate() {
        if record.queue as usize >= queues {
            return Err(field.error(&format!(
                "packet {} of {} is for queue {}, but nic.queues is {queues}; queues count from 0",
                number + 1,
                file.display(),
                record.queue
            )));
        }
        let queue = QueueId::new(record.queue);
        if ids.contains(&queue) {
            let time = SimTime::from_ps(record.t_ps);
            packets.push(RecordedPacket { time, queue, len: record.len });
        }
    }
    if packets.is_empty() {
        return Err(field.error("has no packet for the queues of this table"));
    }
    Ok(packets)
}

fn pcap(
    fields: &Fields<'_>,
    ids: &[QueueId],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<RecordedPacket>> {
    let field = fields.require("file")?;
    let rss = rss(fields.get("rss"), ids)?;
    let speed = fields.or("speed", 1.0, |f| f.number("a number above 0", |speed| speed > 0.0))?;
    let repeat = fields.or("repeat", 1, |f| f.count(1, 1_000_000))?;
    let file = field.file()?;
    let mut once = Vec::new();
    let mut keep = |frame: FrameRef<'_>| {
        let queue = QueueId::new(rss.queue_of_frame(frame.link_type, frame.data).queue);
        let time = SimTime::from_ps(round_to_u64(to_f64(frame.t_ps) / speed));
        once.push(RecordedPacket { time, queue, len: frame.len.max(1) });
    };
    let summary = field.read(|path| for_each_frame(path, &mut keep))?;
    if summary.reordered > 0 {
        let file = file.display().to_string();
        warnings.push(Warning::Reordered { file, frames: summary.reordered });
    }
    repeated(once, repeat).ok_or_else(|| {
        field.error(&format!(
            "repeated so often, or replayed so slowly, has more than {PACKETS_MAX} packets or \
             lasts longer than simulated time can (213 days)"
        ))
    })
}

/// Most packets of a repeated capture: they are held in memory, 16 bytes each.
const PACKETS_MAX: usize = 200_000_000;

/// The capture `times` times over, each a mean gap after the one before.
fn repeated(once: Vec<RecordedPacket>, times: u64) -> Option<Vec<RecordedPacket>> {
    let last = once.last().filter(|packet| packet.time != SimTime::MAX)?.time.as_ps();
    if times == 1 {
        return Some(once);
    }
    let gaps = (once.len() as u64).saturating_sub(1).max(1);
    let period = last.checked_add(last / gaps)?;
    let count = once.len().checked_mul(usize::try_from(times).ok()?)?;
    period.checked_mul(times).filter(|_| count <= PACKETS_MAX)?;
    let turns = (0..times).map(|turn| SimDuration::from_ps(period * turn));
    let shifted = |offset| {
        once.iter().map(move |packet| RecordedPacket { time: packet.time + offset, ..*packet })
    };
    Some(turns.flat_map(shifted).collect())
}

/// `rss`: absent, `"toeplitz"` or `true` spread the queues evenly over 128 entries; a table names
/// key and indirection.
fn rss(field: Option<Field<'_>>, ids: &[QueueId]) -> Result<Rss> {
    const TABLE_LEN: u32 = 128;
    let queues: Vec<u32> = ids.iter().map(|id| id.get()).collect();
    let even = |len: u32| Rss::equal(&queues, len as usize);
    let Some(field) = field else {
        return Ok(even(TABLE_LEN).expect("a table of queues that exist is not empty"));
    };
    let table = if field.truth() == Some(true) {
        even(TABLE_LEN)
    } else if field.is_text() {
        field.choice(&["toeplitz"])?;
        even(TABLE_LEN)
    } else {
        let fields = field.fields(RSS)?;
        let key = fields.or("key", MICROSOFT_KEY.to_vec(), hash_key)?;
        let len = fields.or("table_len", TABLE_LEN, |f| f.count_u32(1, 65_536))?;
        let table = match fields.get("indirection") {
            None => (0..len as usize).map(|entry| queues[entry % queues.len()]).collect(),
            Some(list) => {
                let all = ids.iter().map(|id| id.index()).max().unwrap_or(0) + 1;
                queue_list(&list, all, false)?.iter().map(|id| id.get()).collect()
            }
        };
        fields.finish();
        Rss::new(&key, table)
    };
    table.map_err(|error| field.error(&error.to_string()))
}

/// Forty bytes in hexadecimal, with or without colons.
fn hash_key(field: &Field<'_>) -> Result<Vec<u8>> {
    let wrong = || field.error("is no key; write 40 bytes in hexadecimal, as `ethtool -x` prints");
    let digits: String =
        field.text()?.chars().filter(|c| *c != ':' && !c.is_whitespace()).collect();
    if digits.len() != 80 || !digits.is_ascii() {
        return Err(wrong());
    }
    (0..40)
        .map(|byte| u8::from_str_radix(&digits[2 * byte..2 * byte + 2], 16).map_err(|_| wrong()))
        .collect()
}
