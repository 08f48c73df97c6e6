//! Reading `[[traffic]]`.

mod messages;
mod phases;
mod recorded;
mod rss;

use std::collections::BTreeSet;

use super::NicSpec;
use super::distribution::read;
use super::error::ScenarioError;
use super::keys::{Of, TRAFFIC};
use super::quantity::{Field, Fields};
use super::transfers;
use super::warning::Warning;
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::traffic::{Recorded, TrafficKind, TrafficSpec};
use crate::units::PacketRate;

type Result<T> = std::result::Result<T, ScenarioError>;

/// The frame length where a scenario names none, in bytes without FCS.
const DEFAULT_SIZE: u64 = 1500;

/// Reads one table of traffic for a NIC.
pub(super) fn read_table(
    field: &Field<'_>,
    nic: &NicSpec,
    warnings: &mut Vec<Warning>,
) -> Result<TrafficSpec> {
    let queues = nic.rx.len();
    let (_, fields) = field.variant(&TRAFFIC)?;
    let kind = field.member(TRAFFIC.tag).expect("the variant was chosen by it");
    let ids = match fields.get("queues") {
        None => all(queues),
        Some(field) => queue_list(&field, queues, true)?,
    };
    let spec = match kind.text()? {
        "trace" => {
            let recorded = recorded::trace(&fields, &ids, queues)?;
            replay(ids, recorded)
        }
        "pcap" => {
            let recorded = recorded::pcap(&fields, &ids, warnings)?;
            replay(ids, recorded)
        }
        "samples" => {
            let recorded = recorded::samples(&fields, &ids, queues)?;
            replay(ids, recorded)
        }
        "millisampler" => {
            let recorded = recorded::millisampler(&fields, &ids, warnings)?;
            replay(ids, recorded)
        }
        "flows" => {
            let flows = messages::flows(&fields, &ids, nic)?;
            unsized_spec(ids, TrafficKind::Flows(Box::new(flows)))
        }
        "incast" => {
            let incast = messages::incast(&fields, &ids)?;
            unsized_spec(ids, TrafficKind::Incast(Box::new(incast)))
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
                "on-off" => TrafficKind::OnOff(phases::on_off(&fields, mean_size, ids.len())?),
                "mmpp" => TrafficKind::Mmpp(phases::mmpp(&fields, mean_size, ids.len())?),
                "self-similar" => {
                    TrafficKind::Mmpp(phases::self_similar(&fields, mean_size, ids.len())?)
                }
                _ => TrafficKind::Batch(phases::batch(&fields, ids.len())?),
            };
            TrafficSpec { queues: ids, size, kind }
        }
    };
    fields.finish();
    Ok(spec)
}

fn replay(queues: Vec<QueueId>, recorded: Recorded) -> TrafficSpec {
    unsized_spec(queues, TrafficKind::Recorded(recorded))
}

/// Traffic whose frames have lengths of their own.
fn unsized_spec(queues: Vec<QueueId>, kind: TrafficKind) -> TrafficSpec {
    TrafficSpec { queues, size: Distribution::Constant(DEFAULT_SIZE), kind }
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
