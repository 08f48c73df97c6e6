//! Reading `[host]` and its stalls.

use super::distribution::{read_positive_times, read_times};
use super::error::ScenarioError;
use super::keys::{HOST, SCOPES, STALL};
use super::quantity::{Field, Fields};
use super::{NicSpec, napi};
use crate::id::QueueId;
use crate::input::trace::{read_returns, read_stalls};
use crate::model::distribution::Distribution;
use crate::model::host::{BusyPollSpec, HostSpec, RecordedReturn};
use crate::model::stall::{RecordedStall, Scope, StallPattern, StallSpec};
use crate::units::{SimDuration, SimTime};

type Result<T> = std::result::Result<T, ScenarioError>;

/// Reads the host of a NIC with these rings.
pub(super) fn read(field: &Field<'_>, nic: &NicSpec) -> Result<(HostSpec, Vec<StallSpec>)> {
    let queues = nic.rx.len();
    let (_, fields) = field.variant(&HOST)?;
    let model = field.member(HOST.tag).expect("the variant was chosen by it");
    let host = match model.text()? {
        "server" => HostSpec::Server {
            service: service(&fields.require("service")?, queues)?,
            wakeup: fields.or("wakeup", Distribution::Constant(0), read_times)?,
        },
        "hold" => HostSpec::Hold { time: read_times(&fields.require("time")?)? },
        "poll" => HostSpec::Poll {
            period: fields.require("period")?.positive_time()?,
            budget: Some(fields.or("budget", 0, |f| f.count_u32(0, u32::MAX))?)
                .filter(|budget| *budget > 0),
            per_packet: fields.or("per_packet", SimDuration::ZERO, Field::time)?,
        },
        "busy-poll" => HostSpec::BusyPoll(busy_poll(&fields)?),
        "napi" => HostSpec::Napi(Box::new(napi::read(&fields, nic)?)),
        _ => HostSpec::Trace { returns: returns(&fields.require("file")?, queues)?.into() },
    };
    let stalls = match fields.get("stall") {
        None => Vec::new(),
        Some(field) => {
            if !host.has_cores() {
                let name = host.name();
                return Err(field.error(&format!(
                    "cannot be used with the model \"{name}\", which has no cores to stall; use \
                     server, busy-poll or napi"
                )));
            }
            let tables =
                field.items().ok_or_else(|| field.error("is no list; write [[host.stall]]"))?;
            tables.iter().map(stall).collect::<Result<_>>()?
        }
    };
    fields.finish();
    Ok((host, stalls))
}

fn service(field: &Field<'_>, queues: usize) -> Result<Vec<Distribution>> {
    let Some(items) = field.items() else { return Ok(vec![read_times(field)?; queues]) };
    if items.len() != queues {
        return Err(field.error(&format!(
            "lists {} service times for {queues} queues; give one for each, or a single one",
            items.len()
        )));
    }
    items.iter().map(read_times).collect()
}

fn busy_poll(fields: &Fields<'_>) -> Result<BusyPollSpec> {
    let budget = fields.or("budget", 64, |f| f.count_u32(1, u32::MAX))?;
    Ok(BusyPollSpec {
        cores: fields.or("cores", 1, |f| f.count_u32(1, u32::MAX))?,
        budget,
        per_packet: fields.require("per_packet")?.time()?,
        per_byte: fields.or("per_byte", SimDuration::ZERO, Field::time)?,
        poll_overhead: fields.or("poll_overhead", SimDuration::ZERO, Field::time)?,
        refill: fields.or("refill", budget, |f| f.count_u32(1, u32::MAX))?,
    })
}

fn returns(field: &Field<'_>, queues: usize) -> Result<Vec<RecordedReturn>> {
    let file = field.file()?;
    let records = field.read(read_returns)?;
    records
        .into_iter()
        .map(|record| {
            if record.queue as usize >= queues {
                return Err(field.error(&format!(
                    "{} returns buffers to queue {}, but nic.queues is {queues}; queues count \
                     from 0",
                    file.display(),
                    record.queue
                )));
            }
            Ok(RecordedReturn {
                time: SimTime::from_ps(record.t_ps),
                queue: QueueId::new(record.queue),
                count: record.count,
            })
        })
        .collect()
}

fn stall(field: &Field<'_>) -> Result<StallSpec> {
    let fields = field.fields(STALL)?;
    let scope = match fields.or("scope", 0, |f| f.choice(SCOPES))? {
        0 => Scope::Core,
        _ => Scope::Host,
    };
    let (every, lasts) = (fields.get("every"), fields.get("lasts"));
    let pattern = match (every, lasts, fields.get("trace")) {
        (Some(every), Some(lasts), None) => random_stalls(&every, &lasts)?,
        (None, None, Some(trace)) => {
            let stalls = trace.read(read_stalls)?;
            let stalls: Vec<RecordedStall> = stalls
                .into_iter()
                .map(|stall| RecordedStall {
                    start: SimTime::from_ps(stall.start_ps),
                    duration: SimDuration::from_ps(stall.duration_ps),
                })
                .collect();
            StallPattern::Recorded(stalls.into())
        }
        _ => return Err(fields.error("every", "write every and lasts together, or trace alone")),
    };
    fields.finish();
    Ok(StallSpec { scope, pattern })
}

/// Least mean time between stalls, in picoseconds: far below what a scheduler can do.
const STALL_EVERY_MIN_PS: f64 = 1e6;

fn random_stalls(every_field: &Field<'_>, lasts_field: &Field<'_>) -> Result<StallPattern> {
    let (every, lasts) = (read_positive_times(every_field)?, read_times(lasts_field)?);
    if every.mean() < STALL_EVERY_MIN_PS {
        return Err(every_field.error("has a mean below 1 us; no host is stalled that often"));
    }
    if let (Distribution::Constant(every), Distribution::Constant(lasts)) = (&every, &lasts)
        && lasts >= every
    {
        return Err(lasts_field.error(
            "is no shorter than the time from start to start, so the host would never run; make \
             stalls shorter, or rarer",
        ));
    }
    Ok(StallPattern::Random { every, lasts })
}
