//! Reading recorded traffic: traces, captures and samples.

use super::super::error::ScenarioError;
use super::super::keys::IN_SAMPLE;
use super::super::quantity::{Field, Fields};
use super::super::warning::Warning;
use super::Result;
use super::rss::rss;
use crate::id::QueueId;
use crate::input::millisampler::read_hosts;
use crate::input::pcap::{FrameRef, for_each_frame};
use crate::input::trace::read_packets;
use crate::model::distribution::uniform_between;
use crate::model::traffic::RecordedPacket;
use crate::random::Streams;
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

/// Packets of a CSV trace.
pub(super) fn trace(
    fields: &Fields<'_>,
    ids: &[QueueId],
    queues: usize,
) -> Result<Vec<RecordedPacket>> {
    let field = fields.require("file")?;
    let replay = Replay::read(fields)?;
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
    replay.of(packets, &field)
}

/// Packets of a capture, steered to `ids`.
pub(super) fn pcap(
    fields: &Fields<'_>,
    ids: &[QueueId],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<RecordedPacket>> {
    let field = fields.require("file")?;
    let rss = rss(fields.get("rss"), ids)?;
    let replay = Replay::read(fields)?;
    let file = field.file()?;
    let mut packets = Vec::new();
    let mut keep = |frame: FrameRef<'_>| {
        let queue = QueueId::new(rss.queue_of_frame(frame.link_type, frame.data).queue);
        let time = SimTime::from_ps(frame.t_ps);
        packets.push(RecordedPacket { time, queue, len: frame.len.max(1) });
    };
    let summary = field.read(|path| for_each_frame(path, &mut keep))?;
    if summary.reordered > 0 {
        let file = file.display().to_string();
        warnings.push(Warning::Reordered { file, frames: summary.reordered });
    }
    replay.of(packets, &field)
}

/// Packets that make up the bytes of Millisampler's samples; host k is the k-th of `ids`, and so on
/// in turn.
///
/// A sample of b bytes has as many packets as bring the packets so far to the bytes so far, rounded
/// down. Where they lie at random, they do so at the same places at any seed.
pub(super) fn millisampler(
    fields: &Fields<'_>,
    ids: &[QueueId],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<RecordedPacket>> {
    let field = fields.require("file")?;
    let replay = Replay::read(fields)?;
    let interval = fields.or("interval", SimDuration::from_ms(1), Field::positive_time)?.as_ps();
    let placement = fields.or("packets", 0, |f| f.choice(IN_SAMPLE))?;
    let len = fields.or("len", 1500, |f| {
        let len = u32::try_from(f.positive_size()?);
        len.map_err(|_| f.error("is more than 4 GiB; a frame is far shorter"))
    })?;
    let recording = field.read(read_hosts)?;
    if recording.skipped > 0 {
        let file = field.file()?.display().to_string();
        warnings.push(Warning::SkippedRecords { file, records: recording.skipped });
    }
    let mut packets = Vec::new();
    for (host, samples) in recording.hosts.iter().enumerate() {
        let queue = ids[host % ids.len()];
        let mut generator = Streams::new(0, 0).stream(&format!("millisampler host {host}"));
        let (mut bytes, mut sent) = (0_u128, 0_u128);
        for (number, sample) in (0..).zip(samples) {
            bytes += u128::from(*sample);
            let due = bytes / u128::from(len);
            let count =
                usize::try_from(due - sent).ok().filter(|n| packets.len() + n <= PACKETS_MAX);
            let begin = interval.checked_mul(number);
            let (Some(count), Some(begin)) = (count, begin) else { return Err(too_much(&field)) };
            sent = due;
            let mut places: Vec<u64> = match placement {
                0 => (0..count as u64).map(|k| k * interval / (count as u64)).collect(),
                1 => vec![0; count],
                _ => (0..count).map(|_| uniform_between(&mut generator, 0, interval - 1)).collect(),
            };
            places.sort_unstable();
            let at = |place| SimTime::from_ps(begin) + SimDuration::from_ps(place);
            packets.extend(places.into_iter().map(|p| RecordedPacket { time: at(p), queue, len }));
        }
    }
    if packets.is_empty() {
        return Err(field.error("has no sample with the bytes of a packet"));
    }
    // Hosts in order at one instant.
    packets.sort_by_key(|packet| packet.time);
    replay.of(packets, &field)
}

/// How a recording is played.
#[derive(Debug)]
struct Replay {
    /// So many times faster; `None`: as recorded.
    speed: Option<f64>,
    repeat: u64,
    offset: SimDuration,
}

impl Replay {
    fn read(fields: &Fields<'_>) -> Result<Self> {
        let speed = |f: &Field<'_>| f.number("a number above 0", |speed| speed > 0.0).map(Some);
        Ok(Self {
            speed: fields.or("speed", None, speed)?,
            repeat: fields.or("repeat", 1, |f| f.count(1, 1_000_000))?,
            offset: fields.or("offset", SimDuration::ZERO, Field::time)?,
        })
    }

    /// Plays the packets of the file that `field` names.
    fn of(
        &self,
        mut packets: Vec<RecordedPacket>,
        field: &Field<'_>,
    ) -> Result<Vec<RecordedPacket>> {
        if let Some(speed) = self.speed {
            for packet in &mut packets {
                let ps = round_to_u64(to_f64(packet.time.as_ps()) / speed);
                packet.time = SimTime::from_ps(ps);
            }
        }
        let mut packets = repeated(packets, self.repeat).ok_or_else(|| too_much(field))?;
        let last = packets.last().map_or(0, |packet| packet.time.as_ps());
        if last.checked_add(self.offset.as_ps()).is_none() {
            return Err(too_much(field));
        }
        packets.iter_mut().for_each(|packet| packet.time += self.offset);
        Ok(packets)
    }
}

fn too_much(field: &Field<'_>) -> ScenarioError {
    field.error(&format!(
        "repeated so often, or replayed so slowly, has more than {PACKETS_MAX} packets or lasts \
         longer than simulated time can (213 days)"
    ))
}

/// Most packets of a recording that is repeated or made of samples: they are held in memory, 16
/// bytes each.
const PACKETS_MAX: usize = 200_000_000;

/// The recording `times` times over, each a mean gap after the one before.
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
