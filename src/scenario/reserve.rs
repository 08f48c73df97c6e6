//! The `[reserve]` section.

use super::error::ScenarioError;
use super::keys::{ACCOUNTINGS, POLICIES, REFILLERS, RESERVE, SMALL};
use super::nic::ENTRIES_MAX;
use super::quantity::{Field, Fields};
use super::{NicSpec, Scenario};
use crate::model::buffers::{Accounting, Refiller, ReserveSpec, SmallSpec};
use crate::model::host::{HostSpec, Recycle};
use crate::model::policy::Policy;
use crate::model::port::FifoSpec;
use crate::units::SimDuration;

type Result<T> = std::result::Result<T, ScenarioError>;

/// The reserve where a shape asks for one and the scenario has none.
pub(crate) fn default_reserve() -> ReserveSpec {
    ReserveSpec {
        entries: 0,
        device_entries: 0,
        policy: Policy::CompleteSharing,
        accounting: Accounting::Pinned,
        groups: 1,
        sync_cost: SimDuration::ZERO,
        refiller: Refiller::ConsumingCore,
        repost: 1,
        low_watermark: None,
        lock: false,
        small: None,
    }
}

/// Reads the reserve; none where it has no entries.
pub(super) fn read(root: &Fields<'_>, nic: &NicSpec) -> Result<Option<ReserveSpec>> {
    let shares = |reserve: &ReserveSpec| {
        let entries = u64::from(reserve.within_reach()) + reserve.small_entries();
        entries > 0 || reserve.policy == Policy::PeerBorrow
    };
    let reserve = match root.get("reserve") {
        None => ReserveSpec {
            entries: nic.preset.map_or(0, |preset| preset.reserve),
            ..default_reserve()
        },
        Some(field) => read_section(&field, nic)?,
    };
    let reserve = Some(reserve).filter(shares);
    let has_entries = reserve.as_ref().is_some_and(|reserve| reserve.within_reach() > 0);
    if !has_entries && nic.rx.iter().all(|rx| *rx == 0) {
        return Err(root.error_at(
            &["nic", "rx"],
            "is 0 and there is no reserve, so that every packet would be dropped; give the queues \
             entries of their own, or a [reserve] with entries",
        ));
    }
    Ok(reserve)
}

fn read_section(field: &Field<'_>, nic: &NicSpec) -> Result<ReserveSpec> {
    let fields = field.fields(RESERVE)?;
    let default = default_reserve();
    let name = POLICIES[fields.or("policy", 0, |f| f.choice(POLICIES))?];
    let policy = read_policy(&fields, name)?;
    if name == "shared-ring" && nic.rx.iter().any(|rx| *rx > 0) {
        return Err(
            fields.error_at(&["policy"], "shares one ring among the queues; write nic.rx = 0")
        );
    }
    if name == "red" && nic.fifo != FifoSpec::default() {
        return Err(fields.error_at(
            &["policy"],
            "drops early and for good, where a FIFO or a pause would try again; leave nic.fifo and \
             nic.pause out",
        ));
    }
    let most_groups = u32::try_from(nic.rx.len()).expect("queues are counted in 32 bits");
    let spec = ReserveSpec {
        entries: match policy {
            Policy::PeerBorrow => {
                let reason = "has no place with \"peer-borrow\", where the rings are all there is";
                refuse(&fields, &["entries", "device_entries", "accounting"], reason)?;
                0
            }
            _ => fields.require("entries")?.count_u32(0, ENTRIES_MAX)?,
        },
        device_entries: fields.or("device_entries", 0, |f| f.count_u32(0, ENTRIES_MAX))?,
        policy,
        accounting: match fields.or("accounting", 0, |f| f.choice(ACCOUNTINGS))? {
            0 => Accounting::Pinned,
            _ => Accounting::Relabelled,
        },
        groups: fields.or("groups", default.groups, |f| f.count_u32(1, most_groups))?,
        sync_cost: fields.or("sync_cost", default.sync_cost, Field::time)?,
        refiller: match fields.or("refiller", 0, |f| f.choice(REFILLERS))? {
            0 => Refiller::ConsumingCore,
            _ => Refiller::OneCore,
        },
        repost: fields.or("repost", default.repost, |f| f.count_u32(1, ENTRIES_MAX))?,
        low_watermark: fields
            .get("low_watermark")
            .map(|field| field.count_u32(1, ENTRIES_MAX))
            .transpose()?,
        lock: fields.or("lock", default.lock, Field::yes)?,
        small: fields.get("small").map(|field| small(&field, nic)).transpose()?,
    };
    check_reposts(&fields, &spec)?;
    fields.finish();
    Ok(spec)
}

/// The policy called `name` with its parameters; those of others are refused.
fn read_policy(fields: &Fields<'_>, name: &str) -> Result<Policy> {
    for (parameter, policies) in [
        ("cap", &["static-cap"][..]),
        ("alpha", &["dynamic-threshold", "abm"]),
        ("interval", &["abm"]),
        ("red_pass", &["red"]),
        ("red_drop", &["red"]),
    ] {
        if let Some(field) = fields.get(parameter).filter(|_| !policies.contains(&name)) {
            let policies = policies.join("\" and \"");
            return Err(field.error(&format!("goes with the policy \"{policies}\" only")));
        }
    }
    let needed = |parameter| {
        let missing = || fields.error(parameter, &format!("is needed by \"{name}\""));
        fields.get(parameter).ok_or_else(missing)
    };
    let alpha = || needed("alpha")?.number("a number above 0", |alpha| alpha > 0.0);
    let share = |parameter| {
        needed(parameter)?.number("a share from 0 to 1", |share| (0.0..=1.0).contains(&share))
    };
    Ok(match name {
        "static-cap" => Policy::StaticCap { cap: needed("cap")?.count_u32(0, ENTRIES_MAX)? },
        "dynamic-threshold" => Policy::DynamicThreshold { alpha: alpha()? },
        "abm" => Policy::Abm {
            alpha: alpha()?,
            // The default of its simulator.
            interval: fields.or("interval", SimDuration::from_us(30), Field::positive_time)?,
        },
        "red" => {
            let (pass, drop) = (share("red_pass")?, share("red_drop")?);
            if drop >= pass {
                return Err(
                    fields.error_at(&["red_drop"], "is not below red_pass; make it smaller")
                );
            }
            Policy::EarlyDrop { pass, drop }
        }
        "longest-queue-drop" => Policy::LongestQueueDrop,
        "peer-borrow" => Policy::PeerBorrow,
        _ => Policy::CompleteSharing,
    })
}

fn small(field: &Field<'_>, nic: &NicSpec) -> Result<SmallSpec> {
    let fields = field.fields(SMALL)?;
    let spec = SmallSpec {
        entries: fields.require("entries")?.count_u32(0, ENTRIES_MAX)?,
        buf_len: fields.require("buf_len")?.positive_size()?,
    };
    if spec.buf_len >= nic.rx_buf_len {
        let reason = "is not below nic.rx_buf_len, so that no packet would take the other buffers";
        return Err(fields.error_at(&["buf_len"], reason));
    }
    fields.finish();
    Ok(spec)
}

/// Keys about reposting that contradict each other.
fn check_reposts(fields: &Fields<'_>, spec: &ReserveSpec) -> Result<()> {
    if spec.low_watermark.is_some() {
        let reason = "goes with reposts by the queues' cores; with low_watermark all that came \
                      back is reposted at once, whoever handles the event; leave it out";
        refuse(fields, &["repost", "sync_cost", "lock", "refiller"], reason)?;
    }
    if matches!(spec.policy, Policy::LongestQueueDrop | Policy::PeerBorrow) {
        let all = "counts on all buffers being alike; leave it out";
        refuse(fields, &["small"], all)?;
        let reason = "keeps buffers back that the policy counts on; leave it out";
        refuse(fields, &["repost", "low_watermark"], reason)?;
        if spec.refiller == Refiller::OneCore {
            refuse(fields, &["refiller"], reason)?;
        }
    }
    if spec.refiller == Refiller::OneCore {
        if spec.sync_cost.is_zero() {
            let reason = "takes no time, so that it does not matter whose; give sync_cost";
            return Err(fields.error_at(&["refiller"], reason));
        }
        if spec.lock {
            let reason = "is for cores that repost at the same time; one core never does";
            return Err(fields.error_at(&["lock"], reason));
        }
    }
    if spec.lock && spec.sync_cost.is_zero() {
        return Err(fields.error_at(&["lock"], "is held for no time; give sync_cost"));
    }
    Ok(())
}

/// Refuses keys that are there.
fn refuse(fields: &Fields<'_>, names: &[&'static str], reason: &str) -> Result<()> {
    match names.iter().find_map(|name| fields.get(name)) {
        Some(field) => Err(field.error(reason)),
        None => Ok(()),
    }
}

/// What the reserve asks of the host.
pub(super) fn check_host(scenario: &Scenario, root: &Fields<'_>) -> Result<()> {
    let Some(reserve) = &scenario.reserve else { return Ok(()) };
    if reserve.small.is_some() {
        let other = match &scenario.host {
            HostSpec::Trace { .. } => "the host model \"trace\", which returns buffers by number",
            _ if scenario.transfers().is_some() => "transfers, whose headers have buffers",
            _ => "",
        };
        if !other.is_empty() {
            let reason = format!("cannot be used with {other} of their own; leave it out");
            return Err(root.error_at(&["reserve", "small"], &reason));
        }
    }
    let name = scenario.host.name();
    let costs = !reserve.cost_of_consumers().is_zero();
    let returned =
        matches!(&scenario.host, HostSpec::Napi(spec) if spec.recycle == Recycle::Return);
    if costs && returned {
        return Err(root.error_at(
            &["reserve", "sync_cost"],
            "cannot be used with recycle = \"return\", where the application posts the buffers and \
             no core of the host could pay it",
        ));
    }
    if costs && !scenario.host.has_cores() {
        return Err(root.error_at(
            &["reserve", "sync_cost"],
            &format!(
                "cannot be used with the host model \"{name}\", which has no core that could pay \
                 it; use server, busy-poll or napi"
            ),
        ));
    }
    if reserve.policy == Policy::LongestQueueDrop
        && !matches!(scenario.host, HostSpec::Server { .. })
    {
        return Err(root.error_at(
            &["reserve", "policy"],
            &format!(
                "takes packets back that the host has not seen, which the host model \"{name}\" \
                 cannot tell; use server"
            ),
        ));
    }
    Ok(())
}
