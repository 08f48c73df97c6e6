//! Reading recorded traffic: traces and captures.

use super::super::quantity::{Field, Fields};
use super::super::warning::Warning;
use super::Result;
use super::rss::rss;
use crate::id::QueueId;
use crate::input::pcap::{FrameRef, for_each_frame};
use crate::input::trace::read_packets;
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
