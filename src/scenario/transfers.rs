//! Reading `[[traffic]]` of kind `transfers`.

use super::distribution::{read, read_positive_times, read_times};
use super::error::ScenarioError;
use super::keys::Of;
use super::quantity::{Field, Fields};
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::placement::{Mode, PlacementSpec};
use crate::model::traffic::{NetworkSpec, TrafficKind, TrafficSpec, TransfersSpec};
use crate::units::{PacketRate, SimDuration};

type Result<T> = std::result::Result<T, ScenarioError>;

/// Ethernet with IPv6, UDP, PSP, placement header, TCP with time stamps, and PSP's trailer:
/// 14 + 40 + 8 + 16 + 16 + 32 + 16 bytes.
const OVERHEAD: u64 = 142;

/// Payload of a segment where nothing else is said: Ethernet's 1500 bytes less the headers of TCP
/// over IPv4 with time stamps.
const MSS: u64 = 1448;

/// Largest super-frame of Linux's senders by default (`GSO_LEGACY_MAX_SIZE` of
/// include/linux/netdevice.h).
const TSO: u64 = 64 << 10;

/// Most flows: as many as there are memory ids.
const FLOWS_MAX: u32 = 1 << 16;

/// Reads a table; what `[placement]` says is put into it later.
pub(super) fn read_table(fields: &Fields<'_>, queues: Vec<QueueId>) -> Result<TrafficSpec> {
    let bytes_field = fields.require("bytes")?;
    let bytes = read(&bytes_field, Of::Sizes)?;
    if !(bytes.mean().is_finite() && bytes.mean() > 0.0) {
        return Err(bytes_field.error("needs a finite mean above zero"));
    }
    let small = |name, default, read: fn(&Field<'_>) -> Result<u64>| {
        fields.or(name, default, |field| match read(field)? {
            // A frame's length has 32 bits.
            size if size < 1 << 24 => Ok(size),
            _ => Err(field.error("is more than any frame has; write less than 16 MiB")),
        })
    };
    let narrow = |size: u64| u32::try_from(size).expect("below 2^24");
    let mss = narrow(small("mss", MSS, |field| field.positive_size())?);
    let overhead = narrow(small("overhead", OVERHEAD, |field| field.size())?);
    let zero = || Distribution::Constant(0);
    let spec = TransfersSpec {
        flows: fields.require("flows")?.count_u32(1, FLOWS_MAX)?,
        regions: 1,
        every: read_positive_times(&fields.require("every")?)?,
        bytes,
        mss,
        overhead,
        tso: fields.or("tso", TSO, Field::positive_size)?,
        align: fields.or("align", true, Field::yes)?,
        rate: fields.require("rate")?.bit_rate()?,
        lead: fields.or("lead", SimDuration::ZERO, Field::time)?,
        config_latency: zero(),
        network: network(fields)?,
        attack: attack(fields)?,
        storm: None,
        nic: PlacementSpec {
            mode: Mode::Off,
            region: 1,
            header_entries: 0,
            copy_per_byte: SimDuration::ZERO,
            map_per_page: SimDuration::ZERO,
            lro: None,
            rotation: None,
        },
    };
    let size = Distribution::Constant(u64::from(mss + overhead));
    Ok(TrafficSpec { queues, size, kind: TrafficKind::Transfers(Box::new(spec)) })
}

fn network(fields: &Fields<'_>) -> Result<NetworkSpec> {
    let chance = |name| {
        fields.or(name, 0.0, |field| {
            field.number("a chance from 0 to below 1", |chance| (0.0..1.0).contains(&chance))
        })
    };
    let us = |us| Distribution::Constant(SimDuration::from_us(us).as_ps());
    Ok(NetworkSpec {
        loss: chance("loss")?,
        retransmit: fields.or("retransmit", us(100), read_positive_times)?,
        duplicate: chance("duplicate")?,
        reorder: chance("reorder")?,
        reorder_by: fields.or("reorder_by", us(10), read_times)?,
        split_fails: chance("split_fails")?,
    })
}

fn attack(fields: &Fields<'_>) -> Result<Option<PacketRate>> {
    let Some(field) = fields.get("attack") else { return Ok(None) };
    // Only a rate in packets makes sense, which needs no size.
    let rate = field.rate()?.in_packets(1.0).filter(|_| field.text().is_ok_and(is_packets));
    let rate =
        rate.ok_or_else(|| field.error("is no rate of packets; write for example \"1 kpps\""))?;
    Ok(Some(rate).filter(|rate| !rate.is_zero()))
}

fn is_packets(text: &str) -> bool {
    text.trim_end().ends_with("pps")
}
