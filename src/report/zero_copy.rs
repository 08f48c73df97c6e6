//! The placement part of a simulation's result.

use serde::Serialize;

use crate::model::placement::{AttackKind, Fallback, LroCounts, Mode, Outcomes, PlacementCounts};
use crate::model::traffic::TransfersSpec;
use crate::scenario::Scenario;
use crate::simulation::Simulation;
use crate::units::{sum_to_f64, to_f64};

/// Zero-copy placement.
#[derive(Debug, Clone, Serialize)]
pub struct Placement {
    /// How payload gets to the application.
    pub mode: &'static str,
    /// Segments of transfers that arrived.
    pub offered: u64,
    /// Of these, resolved to an address.
    pub placed: u64,
    /// Of these, sent to a ring buffer.
    pub fallback: Fallbacks,
    /// Of these, failed by the PSP check.
    pub psp_rejected: u64,
    /// Payload taken in (bytes).
    pub payload_bytes: u64,
    /// Of it, written to its place.
    pub placed_bytes: u64,
    /// Of it, mapped.
    pub mapped_bytes: u64,
    /// Of it, received in buffers of the application.
    pub registered_bytes: u64,
    /// Of it, copied.
    pub copied_bytes: u64,
    /// Packets copied.
    pub copies: u64,
    /// Packets copied per second.
    pub copies_per_s: f64,
    /// Page-table entries written per second.
    pub page_updates_per_s: f64,
    /// Packets that found no application buffer posted.
    pub starved: u64,
    /// Bytes written to memory for each byte of payload.
    pub written_per_payload_byte: f64,
    /// Bytes read from memory for each byte of payload, before the application reads it.
    pub read_per_payload_byte: f64,
    /// Busy time of the host's cores for each packet delivered.
    pub host_ns_per_packet: f64,
    /// Bytes of application memory in regions, or in posted buffers.
    pub application_bytes: u64,
    /// Bytes of the NIC's tables.
    pub nic_table_bytes: u64,
    /// Most header buffers of a queue in use at once.
    pub header_in_use_max: u64,
    /// Segments that one storm can turn back at one queue; 0 without storms.
    pub storm_packets: u64,
    /// Coalescing; all 0 without.
    pub lro: Lro,
    /// Attackers.
    pub attack: Attack,
}

/// Packets sent to a ring buffer, by reason; see [`Fallback`].
#[derive(Debug, Clone, Serialize)]
pub struct Fallbacks {
    /// [`Fallback::StaleGeneration`].
    pub stale_generation: u64,
    /// [`Fallback::UnknownRegion`].
    pub unknown_region: u64,
    /// [`Fallback::NotAllowed`].
    pub not_allowed: u64,
    /// [`Fallback::OutOfBounds`].
    pub out_of_bounds: u64,
    /// [`Fallback::BeforeBase`].
    pub before_base: u64,
    /// [`Fallback::Straddles`].
    pub straddles: u64,
    /// [`Fallback::SplitFailed`].
    pub split_failed: u64,
}

/// What coalescing in the NIC would merge, and how long it would hold packets back.
#[derive(Debug, Clone, Serialize)]
pub struct Lro {
    /// Packets that the host would see.
    pub aggregates: u64,
    /// Segments in one of them.
    pub segments_per_aggregate: f64,
    /// Closed early to make room for another flow.
    pub evictions: u64,
    /// Mean time from a segment's arrival to its packet's, in microseconds.
    pub added_us_mean: f64,
    /// The longest.
    pub added_us_max: f64,
}

/// Packets of attackers.
#[derive(Debug, Clone, Serialize)]
pub struct Attack {
    /// All that arrived.
    pub offered: u64,
    /// Of these, with an index that was never handed out.
    pub wrong_spi: u64,
    /// Of these, for the region of another flow.
    pub wrong_region: u64,
    /// Of these, beyond the attacker's own region.
    pub out_of_bounds: u64,
    /// Of these, recorded at an earlier generation.
    pub replay: u64,
    /// Placed: what must not be.
    pub placed: u64,
    /// Refused by the PSP check, and dropped.
    pub psp_rejected: u64,
    /// Refused by another check, and sent to a ring buffer.
    pub refused: Fallbacks,
}

impl Placement {
    /// The placement part, where there are transfers.
    #[must_use]
    pub fn new(scenario: &Scenario, simulation: &Simulation) -> Option<Self> {
        let transfers = scenario.transfers()?;
        let counts = simulation.placement.as_ref()?;
        let seconds = simulation.simulated.as_secs_f64() * f64::from(simulation.replications);
        let per_second = |count: u64| if seconds > 0.0 { to_f64(count) / seconds } else { 0.0 };
        let payload = to_f64(counts.payload_bytes.max(1));
        let cores = scenario.host.cores(scenario.queues());
        let busy_ns = simulation.utilization * to_f64(cores as u64) * seconds * 1e9;
        let genuine = &counts.genuine;
        Some(Self {
            mode: transfers.nic.mode.name(),
            offered: genuine.offered,
            placed: genuine.placed,
            fallback: Fallbacks::new(genuine),
            psp_rejected: genuine.psp_rejected,
            payload_bytes: counts.payload_bytes,
            placed_bytes: counts.placed_bytes,
            mapped_bytes: counts.mapped_bytes,
            registered_bytes: counts.registered_bytes,
            copied_bytes: counts.copied_bytes,
            copies: counts.copies,
            copies_per_s: per_second(counts.copies),
            page_updates_per_s: per_second(counts.page_updates),
            starved: counts.starved,
            written_per_payload_byte: to_f64(counts.written_bytes) / payload,
            read_per_payload_byte: to_f64(counts.read_bytes) / payload,
            host_ns_per_packet: busy_ns / to_f64(simulation.packets.delivered.max(1)),
            application_bytes: application_bytes(scenario, transfers),
            nic_table_bytes: transfers
                .nic
                .table_bytes(u64::from(transfers.flows), u64::from(transfers.regions)),
            header_in_use_max: counts.header_in_use_max,
            storm_packets: scenario.storm_packets().into_iter().max().unwrap_or(0),
            lro: Lro::new(&counts.lro),
            attack: Attack::new(counts),
        })
    }

    /// The rows of a table for people: name and value.
    pub(super) fn rows(&self) -> Vec<(&'static str, String)> {
        let share = |bytes: u64| 100.0 * to_f64(bytes) / to_f64(self.payload_bytes.max(1));
        let mut rows = vec![(
            "payload",
            format!(
                "{:.2} % placed, {:.2} % mapped, {:.2} % registered, {:.2} % copied",
                share(self.placed_bytes),
                share(self.mapped_bytes),
                share(self.registered_bytes),
                share(self.copied_bytes)
            ),
        )];
        if self.mode == "direct" {
            let fallback = self.fallback.text();
            rows.push(("  placed packets", format!("{} of {}", self.placed, self.offered)));
            rows.push(("  fallback", fallback));
        }
        if self.starved > 0 {
            rows.push(("  starved packets", self.starved.to_string()));
        }
        if self.lro.aggregates > 0 {
            let lro = &self.lro;
            rows.push((
                "coalescing",
                format!(
                    "would merge {:.1} segments and add {:.3} us, max {:.3}",
                    lro.segments_per_aggregate, lro.added_us_mean, lro.added_us_max
                ),
            ));
        }
        if self.attack.offered > 0 {
            let attack = &self.attack;
            rows.push((
                "attack packets",
                format!(
                    "{}: placed {}, dropped by PSP {}, refused: {}",
                    attack.offered,
                    attack.placed,
                    attack.psp_rejected,
                    attack.refused.text()
                ),
            ));
        }
        rows.push((
            "memory traffic",
            format!(
                "{:.3} bytes written and {:.3} read per byte of payload",
                self.written_per_payload_byte, self.read_per_payload_byte
            ),
        ));
        rows.push((
            "host per packet",
            format!(
                "{:.1} ns a packet, {:.0} copies/s, {:.0} page updates/s",
                self.host_ns_per_packet, self.copies_per_s, self.page_updates_per_s
            ),
        ));
        rows
    }
}

impl Fallbacks {
    fn new(outcomes: &Outcomes) -> Self {
        Self {
            stale_generation: outcomes.of(Fallback::StaleGeneration),
            unknown_region: outcomes.of(Fallback::UnknownRegion),
            not_allowed: outcomes.of(Fallback::NotAllowed),
            out_of_bounds: outcomes.of(Fallback::OutOfBounds),
            before_base: outcomes.of(Fallback::BeforeBase),
            straddles: outcomes.of(Fallback::Straddles),
            split_failed: outcomes.of(Fallback::SplitFailed),
        }
    }

    fn text(&self) -> String {
        let reasons = [
            (Fallback::StaleGeneration, self.stale_generation),
            (Fallback::UnknownRegion, self.unknown_region),
            (Fallback::NotAllowed, self.not_allowed),
            (Fallback::OutOfBounds, self.out_of_bounds),
            (Fallback::BeforeBase, self.before_base),
            (Fallback::Straddles, self.straddles),
            (Fallback::SplitFailed, self.split_failed),
        ];
        let seen = reasons.iter().filter(|(_, count)| *count > 0);
        let named: Vec<String> =
            seen.map(|(reason, count)| format!("{} {count}", reason.name())).collect();
        if named.is_empty() { "none".to_owned() } else { named.join(", ") }
    }
}

impl Lro {
    fn new(counts: &LroCounts) -> Self {
        let ratio = |whole: f64, parts: u64| if parts > 0 { whole / to_f64(parts) } else { 0.0 };
        Self {
            aggregates: counts.aggregates,
            segments_per_aggregate: ratio(to_f64(counts.segments), counts.aggregates),
            evictions: counts.evictions,
            added_us_mean: ratio(sum_to_f64(counts.held_ps) / 1e6, counts.segments),
            added_us_max: counts.held_max.as_secs_f64() * 1e6,
        }
    }
}

impl Attack {
    fn new(counts: &PlacementCounts) -> Self {
        let of = |kind: AttackKind| counts.attack_kinds[kind as usize];
        Self {
            offered: counts.attack.offered,
            wrong_spi: of(AttackKind::WrongSpi),
            wrong_region: of(AttackKind::WrongRegion),
            out_of_bounds: of(AttackKind::OutOfBounds),
            replay: of(AttackKind::Replay),
            placed: counts.attack.placed,
            psp_rejected: counts.attack.psp_rejected,
            refused: Fallbacks::new(&counts.attack),
        }
    }
}

/// Application memory that the NIC may write to.
fn application_bytes(scenario: &Scenario, transfers: &TransfersSpec) -> u64 {
    match transfers.nic.mode {
        Mode::Direct(_) => u64::from(transfers.flows) * transfers.flow_bytes(),
        Mode::Registered { entries, .. } => {
            let buffers = u64::from(entries) * scenario.queues() as u64;
            buffers.saturating_mul(scenario.nic.rx_buf_len)
        }
        Mode::Off | Mode::HeaderSplit | Mode::PageMap { .. } => 0,
    }
}
