//! Reading recorded traffic: traces, captures and samples.

use super::super::error::ScenarioError;
use super::super::keys::IN_SAMPLE;
use super::super::quantity::{Field, Fields};
use super::super::warning::Warning;
use super::Result;
use super::rss::rss;
use crate::id::QueueId;
use crate::input::InputError;
use crate::model::traffic::RecordedPacket;
use crate::recording::{Form, InSample, Queues, Recording, RecordingError, Replay};
use crate::units::SimDuration;

/// Packets of a CSV trace.
pub(super) fn trace(
    fields: &Fields<'_>,
    ids: &[QueueId],
    queues: usize,
) -> Result<Vec<RecordedPacket>> {
    let form = Form::Trace(wanted(ids, queues));
    hold(fields, form, "has no packet for the queues of this table", &mut Vec::new())
}

/// Packets of a capture, steered to `ids`.
pub(super) fn pcap(
    fields: &Fields<'_>,
    ids: &[QueueId],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<RecordedPacket>> {
    let form = Form::Capture(rss(fields.get("rss"), ids)?);
    hold(fields, form, "has no packets", warnings)
}

/// Packets that make up the counts of samples.
pub(super) fn samples(
    fields: &Fields<'_>,
    ids: &[QueueId],
    queues: usize,
) -> Result<Vec<RecordedPacket>> {
    let form = Form::Samples { queues: wanted(ids, queues), place: in_sample(fields)? };
    hold(fields, form, "has no packet for the queues of this table", &mut Vec::new())
}

/// Packets that make up the bytes of Millisampler's samples; host k is the k-th of `ids`, and so on
/// in turn.
pub(super) fn millisampler(
    fields: &Fields<'_>,
    ids: &[QueueId],
    warnings: &mut Vec<Warning>,
) -> Result<Vec<RecordedPacket>> {
    let interval = fields.or("interval", SimDuration::from_ms(1), Field::positive_time)?;
    let place = in_sample(fields)?;
    let len = fields.or("len", 1500, |f| {
        let len = u32::try_from(f.positive_size()?);
        len.map_err(|_| f.error("is more than 4 GiB; a frame is far shorter"))
    })?;
    let form = Form::Millisampler { queues: ids.to_vec(), interval, len, place };
    hold(fields, form, "has no sample with the bytes of a packet", warnings)
}

/// The queues of a table, of all there are.
fn wanted(ids: &[QueueId], queues: usize) -> Queues {
    let mut wanted = vec![false; queues];
    ids.iter().for_each(|id| wanted[id.index()] = true);
    Queues::Of(wanted)
}

fn in_sample(fields: &Fields<'_>) -> Result<InSample> {
    let places = [InSample::Even, InSample::Burst, InSample::Poisson];
    fields.or("packets", InSample::Even, |field| Ok(places[field.choice(IN_SAMPLE)?]))
}

fn replay(fields: &Fields<'_>) -> Result<Replay> {
    let speed = |f: &Field<'_>| f.number("a number above 0", |speed| speed > 0.0).map(Some);
    Ok(Replay {
        speed: fields.or("speed", None, speed)?,
        repeat: fields.or("repeat", 1, |f| f.count(1, 1_000_000))?,
        offset: fields.or("offset", SimDuration::ZERO, Field::time)?,
    })
}

/// All packets of a recording; `empty` says what is wrong with one that has none.
fn hold(
    fields: &Fields<'_>,
    form: Form,
    empty: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<RecordedPacket>> {
    let field = fields.require("file")?;
    let recording = Recording { path: field.file()?, form, replay: replay(fields)? };
    let refused = |error| refused(&field, error);
    let mut packets = Vec::new();
    let mut reader = recording.open().map_err(refused)?;
    while let Some(packet) = reader.next().map_err(refused)? {
        if packets.len() >= PACKETS_MAX {
            return Err(field.error(&format!("has more than {PACKETS_MAX} packets")));
        }
        packets.push(packet);
    }
    if packets.is_empty() {
        return Err(field.error(empty));
    }
    let (notes, file) = (reader.notes(), || recording.path.display().to_string());
    if notes.reordered > 0 {
        warnings.push(Warning::Reordered { file: file(), frames: notes.reordered });
    }
    if notes.skipped > 0 {
        warnings.push(Warning::SkippedRecords { file: file(), records: notes.skipped });
    }
    Ok(packets)
}

/// The error of a recording, at the key that names it where the file itself cannot say the place.
fn refused(field: &Field<'_>, error: RecordingError) -> ScenarioError {
    match error {
        RecordingError::Input(error @ InputError::Open { .. }) => field.unopened(&error),
        RecordingError::Input(error) => error.into(),
        other => field.error(&other.to_string()),
    }
}

/// Most packets of a recording: they are held in memory, 16 bytes each.
const PACKETS_MAX: usize = 200_000_000;
