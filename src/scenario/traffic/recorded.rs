//! Reading recorded traffic: traces and captures.

use super::super::keys::RSS;
use super::super::quantity::{Field, Fields};
use super::super::warning::Warning;
use super::{Result, queue_list};
use crate::id::QueueId;
use crate::input::pcap::{FrameRef, for_each_frame};
use crate::input::trace::read_packets;
use crate::model::steering::{MICROSOFT_KEY, Rss};
use crate::model::traffic::RecordedPacket;
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

pub(super) fn trace(
    field: &Field<'_>,
    ids: &[QueueId],
    queues: usize,
) -> Result<Vec<RecordedPacket>> {
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

pub(super) fn pcap(
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
