//! Reading recorded traffic: traces, captures and samples.

use super::super::error::ScenarioError;
use super::super::keys::IN_SAMPLE;
use super::super::quantity::{Field, Fields};
use super::super::warning::Warning;
use super::Result;
use super::rss::rss;
use crate::id::QueueId;
use crate::input::InputError;
use crate::model::traffic::Recorded;
use crate::recording::{Form, InSample, Queues, Recording, RecordingError, Replay};
use crate::units::SimDuration;

/// Packets of a CSV trace.
pub(super) fn trace(fields: &Fields<'_>, ids: &[QueueId], queues: usize) -> Result<Recorded> {
    let form = Form::Trace(wanted(ids, queues));
    record(fields, form, "has no packet for the queues of this table", &mut Vec::new())
}

/// Packets of a capture, steered to `ids`.
pub(super) fn pcap(
    fields: &Fields<'_>,
    ids: &[QueueId],
    warnings: &mut Vec<Warning>,
) -> Result<Recorded> {
    let form = Form::Capture(rss(fields.get("rss"), ids)?);
    record(fields, form, "has no packets", warnings)
}

/// Packets that make up the counts of samples.
pub(super) fn samples(fields: &Fields<'_>, ids: &[QueueId], queues: usize) -> Result<Recorded> {
    let form = Form::Samples { queues: wanted(ids, queues), place: in_sample(fields)? };
    record(fields, form, "has no packet for the queues of this table", &mut Vec::new())
}

/// Packets that make up the bytes of Millisampler's samples; host k is the k-th of `ids`, and so on
/// in turn.
pub(super) fn millisampler(
    fields: &Fields<'_>,
    ids: &[QueueId],
    warnings: &mut Vec<Warning>,
) -> Result<Recorded> {
    let interval = fields.or("interval", SimDuration::from_ms(1), Field::positive_time)?;
    let place = in_sample(fields)?;
    let len = fields.or("len", 1500, |f| {
        let len = u32::try_from(f.positive_size()?);
        len.map_err(|_| f.error("is more than 4 GiB; a frame is far shorter"))
    })?;
    let form = Form::Millisampler { queues: ids.to_vec(), interval, len, place };
    record(fields, form, "has no sample with the bytes of a packet", warnings)
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

/// A recording; `empty` says what is wrong with one that has no packets.
fn record(
    fields: &Fields<'_>,
    form: Form,
    empty: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Recorded> {
    let field = fields.require("file")?;
    let recording = Recording { path: field.file()?, form, replay: replay(fields)? };
    let file = recording.path.display().to_string();
    let (recorded, notes) = recording.record().map_err(|error| refused(&field, error))?;
    if recorded.count() == 0 {
        return Err(field.error(empty));
    }
    if notes.reordered > 0 {
        warnings.push(Warning::Reordered { file: file.clone(), frames: notes.reordered });
    }
    if notes.skipped > 0 {
        warnings.push(Warning::SkippedRecords { file, records: notes.skipped });
    }
    Ok(recorded)
}

/// The error of a recording, at the key that names it where the file itself cannot say the place.
fn refused(field: &Field<'_>, error: RecordingError) -> ScenarioError {
    match error {
        RecordingError::Input(error @ InputError::Open { .. }) => field.unopened(&error),
        RecordingError::Input(error) => error.into(),
        other => field.error(&other.to_string()),
    }
}
