//! Reading traffic that is cut from messages: flows and incast.

use super::super::NicSpec;
use super::super::distribution::{read, read_positive_times, read_times};
use super::super::keys::Of;
use super::super::quantity::{Field, Fields};
use super::Result;
use super::rss::rss;
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::traffic::{
    Connections, FlowsSpec, HEADERS, IncastSpec, MessageMeans, MessageSpec, Segmentation,
    SizeTable, TABLES,
};
use crate::units::BitRate;

/// Most messages under way at once, on average: each takes memory.
const UNDER_WAY_MAX: f64 = 1e7;

/// Most connections: each takes memory.
const CONNECTIONS_MAX: u32 = 10_000_000;

/// Flows at the port of `nic`, steered to `ids`.
pub(super) fn flows(fields: &Fields<'_>, ids: &[QueueId], nic: &NicSpec) -> Result<FlowsSpec> {
    let (messages, table) = messages(fields, "sizes")?;
    let together = fields.or("together", Distribution::Constant(1), counts)?;
    let flows = flows_per_second(&fields.require("load")?, messages.means(), nic)?;
    check_under_way(fields, messages.under_way(flows))?;
    Ok(FlowsSpec {
        messages,
        table,
        epochs: flows / together.mean(),
        together,
        connections: connections(fields)?,
        rss: rss(fields.get("rss"), ids)?,
    })
}

/// Incast at a port, steered to `ids`.
pub(super) fn incast(fields: &Fields<'_>, ids: &[QueueId]) -> Result<IncastSpec> {
    let (answers, table) = messages(fields, "bytes")?;
    let senders_field = fields.require("senders")?;
    let senders = counts(&senders_field)?;
    if senders.mean() > f64::from(CONNECTIONS_MAX) {
        return Err(senders_field.error("has a mean above 10 million; each takes memory"));
    }
    let every = read_positive_times(&fields.require("every")?)?;
    let jitter = fields.or("jitter", Distribution::Constant(0), read_times)?;
    let per_second = senders.mean() * 1e12 / every.mean();
    let waiting = per_second * jitter.mean() / 1e12;
    check_under_way(fields, answers.under_way(per_second) + waiting)?;
    let rss = rss(fields.get("rss"), ids)?;
    Ok(IncastSpec { every, senders, answers, table, jitter, rss })
}

/// Messages whose sizes are under `key`, and the published table that those are, if any.
fn messages(
    fields: &Fields<'_>,
    key: &'static str,
) -> Result<(MessageSpec, Option<&'static SizeTable>)> {
    let (sizes, table) = sizes(&fields.require(key)?)?;
    Ok((MessageSpec::new(sizes, segmentation(fields)?), table))
}

/// The name of a published table, or a distribution of sizes.
fn sizes(field: &Field<'_>) -> Result<(Distribution, Option<&'static SizeTable>)> {
    if field.is_text() && field.text()?.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let names: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        let table = &TABLES[field.choice(&names)?];
        return Ok((table.distribution(), Some(table)));
    }
    let sizes = read(field, Of::Sizes)?;
    let fits = sizes.mean().is_finite() && sizes.mean() > 0.0;
    if fits { Ok((sizes, None)) } else { Err(field.error("needs a finite mean above zero")) }
}

fn counts(field: &Field<'_>) -> Result<Distribution> {
    let counts = read(field, Of::Counts)?;
    let fits = counts.mean().is_finite() && counts.mean() > 0.0;
    if fits { Ok(counts) } else { Err(field.error("needs a finite mean above zero")) }
}

/// How many flows a second make this load: frame bits, or a share of what the wire carries.
fn flows_per_second(field: &Field<'_>, means: MessageMeans, nic: &NicSpec) -> Result<f64> {
    if field.is_text() {
        return Ok(field.bit_rate()?.per_second() / (8.0 * means.frame_bytes));
    }
    let share = field
        .number("a bit rate such as \"40 Gbit/s\", or a share of the wire", |share| {
            share > 0.0 && share < 1.0
        })?;
    let wire = nic.line_rate.map(BitRate::per_second).ok_or_else(|| {
        field.error(
            "is a share of nic.line_rate, which is absent; give a bit rate such as \"40 Gbit/s\", \
             or nic.line_rate",
        )
    })?;
    Ok(share * wire / (8.0 * means.wire_bytes))
}

fn segmentation(fields: &Fields<'_>) -> Result<Segmentation> {
    const MTU_MAX: u32 = 65_535;
    let mtu = fields.or("mtu", 1500, |field| {
        let mtu = field.size()?;
        let mtu = u32::try_from(mtu).ok().filter(|mtu| (HEADERS + 1..=MTU_MAX).contains(mtu));
        mtu.ok_or_else(|| {
            field.error(&format!(
                "is no length of an IP packet; write {} to {MTU_MAX} bytes, of which {HEADERS} are \
                 headers",
                HEADERS + 1
            ))
        })
    })?;
    let train = fields.or("tso", 1, |field| {
        let packets = field.size()? / u64::from(mtu - HEADERS);
        u32::try_from(packets.max(1)).ok().filter(|packets| *packets <= 1 << 20).ok_or_else(|| {
            field.error("is more than a million packets; TSO takes at most 512 KiB at once")
        })
    })?;
    let rate = fields.require("sender_rate")?.bit_rate()?;
    Ok(Segmentation::new(mtu, train, rate))
}

fn check_under_way(fields: &Fields<'_>, under_way: f64) -> Result<()> {
    if under_way <= UNDER_WAY_MAX {
        return Ok(());
    }
    Err(fields.require("sender_rate")?.error(&format!(
        "is so slow that {under_way:.1e} messages would be under way at once, and each takes \
         memory; raise it, or lower the load"
    )))
}

fn connections(fields: &Fields<'_>) -> Result<Connections> {
    let count = fields.or("connections", 0, |field| field.count_u32(0, CONNECTIONS_MAX))?;
    let zipf = fields.or("zipf", 0.0, |field| {
        if count == 0 {
            return Err(field.error("needs connections to choose from; give connections too"));
        }
        field.number("a number from 0 to 10", |zipf| (0.0..=10.0).contains(&zipf))
    })?;
    let heavy = fields.or("heavy_hitters", 0, |field| field.count_u32(0, CONNECTIONS_MAX))?;
    let heavy_share = fields.or("heavy_share", 0.0, |field| {
        if heavy == 0 {
            return Err(field.error("is the share of heavy hitters; give heavy_hitters too"));
        }
        field.number("a share from 0 to 1", |share| (0.0..=1.0).contains(&share))
    })?;
    if heavy > 0 && heavy_share <= 0.0 {
        let field = fields.require("heavy_hitters")?;
        return Err(field.error("have no share of flows; give heavy_share, above 0"));
    }
    Ok(Connections { count, zipf, heavy, heavy_share })
}
