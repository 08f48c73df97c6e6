//! Reading a NAPI host.

use super::NicSpec;
use super::distribution::read_times;
use super::document::Value;
use super::error::ScenarioError;
use super::keys::{CACHE, RECYCLES, REFILL};
use super::quantity::{Field, Fields};
use crate::model::distribution::Distribution;
use crate::model::host::{
    CacheSpec, Coalescing, Defer, Moderation, NapiContext, NapiSpec, Recycle, Refill,
};
use crate::units::SimDuration;

type Result<T> = std::result::Result<T, ScenarioError>;

/// Packets of one softirq run where nothing else is said: Linux 7.3 net/core/hotdata.c.
const NETDEV_BUDGET: u32 = 300;

/// Its time: two jiffies, as there, at the usual 1000 of them a second.
const NETDEV_BUDGET_USECS: SimDuration = SimDuration::from_us(2_000);

/// Packets of one poll: `NAPI_POLL_WEIGHT` of include/linux/netdevice.h.
const BUDGET: u32 = 64;

/// Most polls that may find nothing (`napi_defer_hard_irqs`): netlink holds it to 31 bits.
const DEFER_MAX: u32 = i32::MAX as u32;

/// Reads the host of a NIC with these rings.
pub(super) fn read(fields: &Fields<'_>, nic: &NicSpec) -> Result<NapiSpec> {
    let queues = u32::try_from(nic.rx.len()).expect("queues are counted in 32 bits");
    let adaptive = fields.or("adaptive", false, Field::yes)?;
    let recycle = match fields.or("recycle", 0, |f| f.choice(RECYCLES))? {
        0 => Recycle::PagePool,
        _ => Recycle::Return,
    };
    Ok(NapiSpec {
        cores: fields.or("cores", queues, |f| f.count_u32(1, u32::MAX))?,
        moderation: moderation(fields, adaptive)?,
        cqe_mode: fields.or("cqe_mode", false, Field::yes)?,
        wakeup: fields.or("wakeup", Distribution::Constant(0), read_times)?,
        poll_overhead: fields.or("poll_overhead", SimDuration::ZERO, Field::time)?,
        per_packet: fields.require("per_packet")?.time()?,
        per_byte: fields.or("per_byte", SimDuration::ZERO, Field::time)?,
        budget: fields.or("budget", BUDGET, |f| f.count_u32(1, u32::MAX))?,
        context: context(fields)?,
        defer: defer(fields)?,
        busy_poll: fields.or("busy_poll", SimDuration::ZERO, Field::usecs)?,
        refill: match fields.get("refill") {
            None => default_refill(nic, recycle),
            Some(field) if recycle == Recycle::Return => {
                return Err(field.error(
                    "goes with recycle = \"page-pool\" only: under \"return\" the application \
                     posts a slot when it returns the page; remove one of them",
                ));
            }
            Some(field) => refill(&field, &nic.rx)?,
        },
        recycle,
        hold: fields.or("hold", Distribution::Constant(0), read_times)?,
        cache: fields.get("cache").map(|field| cache(&field)).transpose()?,
    })
}

fn moderation(fields: &Fields<'_>, adaptive: bool) -> Result<Moderation> {
    let (usecs, frames) = (fields.get("rx_usecs"), fields.get("rx_frames"));
    if adaptive {
        if let Some(field) = usecs.or(frames) {
            return Err(field.error(
                "has no effect with adaptive = true, which chooses it; remove one of them",
            ));
        }
        return Ok(Moderation::Adaptive);
    }
    let usecs = usecs.map_or(Ok(SimDuration::ZERO), |field| field.usecs())?;
    // What ethtool calls no coalescing: 0 microseconds and 1 frame.
    let default = u32::from(usecs.is_zero());
    let Some(field) = frames else {
        return Ok(Moderation::Fixed(Coalescing { usecs, frames: default }));
    };
    let frames = field.count_u32(0, u32::MAX)?;
    if usecs.is_zero() && frames != 1 {
        return Err(field.error(&format!(
            "is {frames} without rx_usecs, so that the last packets would wait for ever; give \
             rx_usecs, or write 1 for an interrupt with every packet"
        )));
    }
    Ok(Moderation::Fixed(Coalescing { usecs, frames }))
}

fn context(fields: &Fields<'_>) -> Result<NapiContext> {
    let threaded = fields.or("threaded", false, Field::yes)?;
    let [budget, usecs, delay] =
        ["netdev_budget", "netdev_budget_usecs", "ksoftirqd_delay"].map(|name| fields.get(name));
    if threaded {
        return match budget.or(usecs).or(delay) {
            None => Ok(NapiContext::Threads),
            Some(field) => Err(field.error(
                "has no effect with threaded = true, where polls run in no softirq; remove one of \
                 them",
            )),
        };
    }
    Ok(NapiContext::Softirq {
        netdev_budget: budget.map_or(Ok(NETDEV_BUDGET), |field| field.count_u32(1, u32::MAX))?,
        netdev_budget_usecs: match usecs {
            None => NETDEV_BUDGET_USECS,
            Some(field) => match field.usecs()? {
                SimDuration::ZERO => return Err(field.error("is zero; it must be above zero")),
                usecs => usecs,
            },
        },
        ksoftirqd_delay: delay.map_or(Ok(Distribution::Constant(0)), |field| read_times(&field))?,
    })
}

fn defer(fields: &Fields<'_>) -> Result<Option<Defer>> {
    let (timeout, hard_irqs) =
        (fields.get("gro_flush_timeout"), fields.get("napi_defer_hard_irqs"));
    let timeout = match &timeout {
        None => SimDuration::ZERO,
        Some(field) => field.time()?,
    };
    let count = hard_irqs.as_ref().map_or(Ok(0), |field| field.count_u32(0, DEFER_MAX))?;
    match (timeout.is_zero(), count) {
        (true, 0) => Ok(None),
        (false, 1..) => Ok(Some(Defer { hard_irqs: count, timeout })),
        (true, _) => Err(fields.error(
            "gro_flush_timeout",
            "is needed by napi_defer_hard_irqs: the time to the next poll instead of an interrupt",
        )),
        (false, _) => Err(fields.error(
            "napi_defer_hard_irqs",
            "is needed by gro_flush_timeout, which defers nothing without it; write 1 or more",
        )),
    }
}

/// What the preset's driver does.
fn default_refill(nic: &NicSpec, recycle: Recycle) -> Refill {
    match nic.preset {
        Some(preset) if recycle == Recycle::PagePool => preset.refill(nic.mtu),
        _ => Refill::EveryPoll,
    }
}

fn refill(field: &Field<'_>, rx: &[u32]) -> Result<Refill> {
    if let Value::String(text) = field.value() {
        return match text.as_str() {
            "every-poll" => Ok(Refill::EveryPoll),
            _ => Err(field.error(&format!(
                "\"{text}\" is no refill rule; write \"every-poll\", {{ batch = 16 }} or \
                 {{ fraction = \"1/2\" }}"
            ))),
        };
    }
    let fields = field.fields(REFILL)?;
    let (batch, fraction) = (fields.get("batch"), fields.get("fraction"));
    let refill = match (&batch, &fraction) {
        (Some(batch), None) => {
            let entries = batch.count_u32(1, u32::MAX)?;
            let longest = rx.iter().copied().max().unwrap_or(0);
            if longest > 0 && entries > longest {
                return Err(batch.error(&format!(
                    "is {entries}, more than any ring has (nic.rx is {longest}): the ring would be \
                     empty before it is refilled"
                )));
            }
            Refill::Batch(entries)
        }
        (None, Some(fraction)) => read_fraction(fraction)?,
        _ => {
            return Err(field.error(
                "has no rule, or two; write \"every-poll\", { batch = 16 } or \
                 { fraction = \"1/2\" }",
            ));
        }
    };
    fields.finish();
    Ok(refill)
}

/// A part of the ring, such as `"1/2"`: above 0 and at most 1.
fn read_fraction(field: &Field<'_>) -> Result<Refill> {
    let text = field.text()?;
    let parsed = text.split_once('/').and_then(|(numerator, denominator)| {
        let [numerator, denominator] =
            [numerator, denominator].map(|number| number.trim().parse::<u32>().ok());
        numerator.zip(denominator)
    });
    match parsed {
        Some((numerator, denominator)) if (1..=denominator).contains(&numerator) => {
            Ok(Refill::Fraction { numerator, denominator, most: u32::MAX })
        }
        _ => Err(field.error(&format!(
            "\"{text}\" is no part of a ring; write a fraction above 0 and at most 1, such as \
             \"1/2\""
        ))),
    }
}

fn cache(field: &Field<'_>) -> Result<CacheSpec> {
    let fields = field.fields(CACHE)?;
    let spec = CacheSpec {
        llc_share: fields.require("llc_share")?.size()?,
        miss_cost: fields.require("miss_cost")?.time()?,
    };
    fields.finish();
    Ok(spec)
}
