//! The result of `simulate`.

use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::SCHEMA;
use super::format::{format_estimate, format_rate, plain_table, table_text};
use super::zero_copy::Placement;
use crate::model::host::HostSpec;
use crate::model::ledger::{DropReason, PacketCounts};
use crate::model::memory::Memory;
use crate::model::outcome::QueueOutcome;
use crate::scenario::Scenario;
use crate::simulation::Simulation;
use crate::stats::Estimate;
use crate::units::{format_bytes, sum_to_f64, to_f64};

/// What `rxplan simulate` says.
#[derive(Debug, Clone, Serialize)]
pub struct SimulateReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The scenario's title.
    pub title: String,
    /// The seed.
    pub seed: u64,
    /// Replications finished.
    pub replications: u32,
    /// Measured time of each replication, in seconds.
    pub simulated_s: f64,
    /// Time simulated before, in seconds, where that was found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_s: Option<f64>,
    /// Packets by fate.
    pub packets: Packets,
    /// Share of packets dropped.
    pub drop_rate: Estimate,
    /// Drops by reason.
    pub drops: Drops,
    /// The reserve, if there is one.
    pub reserve: Option<Reserve>,
    /// Memory pinned and used.
    pub memory: MemoryUse,
    /// Times from arrival to delivery.
    pub sojourn_us: Sojourn,
    /// How evenly queues are treated.
    pub fairness: Fairness,
    /// Per queue.
    pub queues: Vec<Queue>,
    /// The host.
    pub host: Host,
    /// The wire, if `line_rate` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<Port>,
    /// Zero-copy placement, where there are transfers.
    pub placement: Option<Placement>,
    /// Doubts.
    pub warnings: Vec<String>,
    /// How fast it was: not a result, and in no CSV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineReport>,
}

/// Packets by fate.
#[derive(Debug, Clone, Serialize)]
pub struct Packets {
    /// Arrived in the window.
    pub offered: u64,
    /// Delivered by its end.
    pub delivered: u64,
    /// Dropped.
    pub dropped: u64,
    /// Neither.
    pub outstanding: u64,
}

/// Drops by reason; see [`DropReason`].
#[derive(Debug, Clone, Serialize)]
pub struct Drops {
    /// [`DropReason::NoBuffer`].
    pub no_buffer: u64,
    /// [`DropReason::ReserveDenied`].
    pub reserve_denied: u64,
    /// [`DropReason::CompletionFull`].
    pub completion_full: u64,
    /// [`DropReason::FifoFull`].
    pub fifo_full: u64,
    /// [`DropReason::PspRejected`].
    pub psp_rejected: u64,
    /// [`DropReason::PushedOut`].
    pub pushed_out: u64,
}

/// The reserve.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Reserve {
    /// Buffers of all groups.
    pub entries: u64,
    /// Time average of those in use.
    pub in_use_mean: f64,
    /// Most in use at once.
    pub in_use_max: u64,
    /// Share of the time in which any group had none free.
    pub exhausted_fraction: f64,
    /// Reserve buffers reposted of each delivered packet; only where that takes time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reposts_per_packet: Option<f64>,
    /// How many there could be until the cores that repost have no time left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_even_reposts_per_packet: Option<f64>,
    /// Small buffers, where there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub small: Option<Small>,
}

/// Buffers for short packets alone.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Small {
    /// Buffers of all groups.
    pub entries: u64,
    /// Time average of those in use.
    pub in_use_mean: f64,
    /// Most in use at once.
    pub in_use_max: u64,
}

/// Memory pinned, and how much of it was in use.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryUse {
    /// What the configuration pins.
    #[serde(flatten)]
    pub pinned: Memory,
    /// Time average of buffer bytes in use.
    pub in_use_bytes_mean: f64,
    /// Most buffer bytes in use at once.
    pub in_use_bytes_max: u64,
    /// Packet bytes over buffer bytes in use, time-averaged.
    pub fill_ratio: f64,
    /// Bytes of pages that the stack holds above the rings; with a NAPI host.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

/// Pages that the stack holds above the rings after delivery: a packet's pages each count whole.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    /// Time average.
    pub held_bytes_mean: f64,
    /// Most at once.
    pub held_bytes_max: u64,
}

/// Times from arrival to delivery, in microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Sojourn {
    /// The mean, exact.
    pub mean: f64,
    /// The median, within 0.1 % as all quantiles.
    pub p50: f64,
    /// 99 % are shorter.
    pub p99: f64,
    /// 99.9 % are shorter.
    pub p999: f64,
    /// The longest, exact.
    pub max: f64,
}

/// How evenly queues are treated.
#[derive(Debug, Clone, Serialize)]
pub struct Fairness {
    /// Jain's index of the shares of their packets that queues do not drop: 1 where all drop the
    /// same share, 1/n where all but one of n drop everything.
    ///
    /// Jain, Chiu, Hawe, DEC-TR-301, 1984: `(sum x)^2 / (n sum x^2)`. Queues without packets are
    /// left out.
    pub jain: f64,
    /// The least share of its packets that a queue drops.
    pub drop_rate_min: f64,
    /// The median of these shares, the lower one of two.
    pub drop_rate_median: f64,
    /// The greatest of them.
    pub drop_rate_max: f64,
}

impl Fairness {
    fn new(queues: &[QueueOutcome]) -> Self {
        let kept = queues.iter().map(|queue| &queue.packets).filter(|packets| packets.offered > 0);
        let rate = |packets: &PacketCounts| to_f64(packets.dropped) / to_f64(packets.offered);
        let mut rates: Vec<f64> = kept.clone().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for packets in kept {
            let share = to_f64(packets.offered - packets.dropped) / to_f64(packets.offered);
            count += 1.0;
            sum += share;
            squares += share * share;
        }
        Self {
            jain: if squares > 0.0 { sum * sum / (count * squares) } else { 1.0 },
            drop_rate_min: rates.first().copied().unwrap_or(0.0),
            drop_rate_median: rates.get(rates.len().saturating_sub(1) / 2).copied().unwrap_or(0.0),
            drop_rate_max: rates.last().copied().unwrap_or(0.0),
        }
    }
}

/// One queue.
#[derive(Debug, Clone, Serialize)]
pub struct Queue {
    /// Its id.
    pub queue: u32,
    /// Packets that arrived in the window.
    pub offered: u64,
    /// Delivered by its end.
    pub delivered: u64,
    /// Dropped.
    pub dropped: u64,
    /// Dropped over offered; 0 if none was offered.
    pub drop_rate: f64,
    /// Time average of buffers not posted.
    pub outstanding_mean: f64,
    /// Most buffers not posted.
    pub outstanding_max: u64,
    /// Time average of reserve buffers not posted.
    pub reserve_in_use_mean: f64,
    /// Most reserve buffers not posted.
    pub reserve_in_use_max: u64,
}

/// The host.
#[derive(Debug, Clone, Serialize)]
pub struct Host {
    /// Busy share of the cores; 0 where the model has none.
    pub utilization: f64,
    /// Time spent reposting reserve buffers, per delivered packet.
    pub reserve_sync_ns_per_packet: f64,
    /// That part of it in which cores waited for a reserve's lock, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_wait_ns_per_packet: Option<f64>,
    /// Polls that ran out of budget or time; only NAPI has them.
    pub time_squeeze: u64,
    /// Servers woken.
    pub wakeups: u64,
    /// Share of core time covered by stalls.
    pub stalled_fraction: f64,
}

/// The wire in front of the NIC.
#[derive(Debug, Clone, Serialize)]
pub struct Port {
    /// Times the sender was paused.
    pub pauses: u64,
    /// Share of the time it was paused.
    pub paused_fraction: f64,
    /// How long frames waited at the sender, for the wire or for the end of a pause.
    pub sender_delay_us: SenderDelay,
}

/// How long frames waited at the sender, in microseconds.
#[derive(Debug, Clone, Serialize)]
pub struct SenderDelay {
    /// The mean.
    pub mean: f64,
    /// The longest.
    pub max: f64,
}

/// How fast a simulation ran.
#[derive(Debug, Clone, Serialize)]
pub struct EngineReport {
    /// Which engine.
    pub name: &'static str,
    /// Packets simulated per second of wall-clock time, over all threads.
    pub packets_per_second: f64,
    /// Wall-clock time in seconds.
    pub wall_s: f64,
}

impl SimulateReport {
    /// The report of a simulated scenario.
    #[must_use]
    pub fn new(scenario: &Scenario, simulation: &Simulation) -> Self {
        let drops = |reason: DropReason| {
            let index = DropReason::ALL.iter().position(|r| *r == reason);
            simulation.drops[index.expect("all reasons are listed")]
        };
        let memory = scenario.memory();
        let sojourn = &simulation.sojourn;
        Self {
            schema: SCHEMA,
            command: "simulate",
            title: scenario.title.clone(),
            seed: scenario.run.seed,
            replications: simulation.replications,
            simulated_s: simulation.simulated.as_secs_f64(),
            warmup_s: scenario.run.finds_warmup.then(|| simulation.warmup.as_secs_f64()),
            packets: Packets {
                offered: simulation.packets.offered,
                delivered: simulation.packets.delivered,
                dropped: simulation.packets.dropped,
                outstanding: simulation.packets.outstanding(),
            },
            drop_rate: simulation.drop_rate,
            drops: Drops {
                no_buffer: drops(DropReason::NoBuffer),
                reserve_denied: drops(DropReason::ReserveDenied),
                completion_full: drops(DropReason::CompletionFull),
                fifo_full: drops(DropReason::FifoFull),
                psp_rejected: drops(DropReason::PspRejected),
                pushed_out: drops(DropReason::PushedOut),
            },
            reserve: scenario.reserve.as_ref().map(|reserve| Reserve {
                entries: reserve.total_entries(),
                in_use_mean: simulation.reserve_in_use.mean,
                in_use_max: simulation.reserve_in_use.max,
                exhausted_fraction: simulation.exhausted_fraction,
                reposts_per_packet: simulation.reposts.map(|own| own.per_packet),
                break_even_reposts_per_packet: simulation
                    .reposts
                    .map(|own| own.break_even_per_packet),
                small: reserve.small.map(|_| Small {
                    entries: reserve.small_entries(),
                    in_use_mean: simulation.small_in_use.mean,
                    in_use_max: simulation.small_in_use.max,
                }),
            }),
            memory: MemoryUse {
                pinned: simulation.memory,
                in_use_bytes_mean: simulation.in_use.mean * memory.bytes_per_buffer()
                    + simulation.small_in_use.mean * to_f64(memory.small_buf_len),
                in_use_bytes_max: memory.bytes_of(simulation.in_use.max).saturating_add(
                    simulation.small_in_use.max.saturating_mul(memory.small_buf_len),
                ),
                fill_ratio: simulation.fill_ratio,
                held: matches!(scenario.host, HostSpec::Napi(_)).then(|| Held {
                    held_bytes_mean: simulation.held.mean * memory.bytes_per_buffer(),
                    held_bytes_max: memory.bytes_of(simulation.held.max),
                }),
            },
            sojourn_us: Sojourn {
                mean: sojourn.mean_us(),
                p50: sojourn.quantile_us(0.5),
                p99: sojourn.quantile_us(0.99),
                p999: sojourn.quantile_us(0.999),
                max: sojourn.max_us(),
            },
            fairness: Fairness::new(&simulation.queues),
            queues: (0..).zip(&simulation.queues).map(queue_row).collect(),
            host: Host {
                utilization: simulation.utilization,
                reserve_sync_ns_per_packet: simulation.sync_ns_per_packet,
                lock_wait_ns_per_packet: scenario
                    .reserve
                    .as_ref()
                    .filter(|reserve| reserve.lock)
                    .map(|_| simulation.lock_wait_ns_per_packet),
                time_squeeze: simulation.time_squeeze,
                wakeups: simulation.wakeups,
                stalled_fraction: simulation.stalled_fraction,
            },
            port: simulation.wire.map(|wire| Port {
                pauses: wire.pauses,
                paused_fraction: sum_to_f64(wire.paused_ps) / simulation.total_ps(),
                sender_delay_us: SenderDelay {
                    mean: wire.delay.mean_us(),
                    max: wire.delay.max.as_secs_f64() * 1e6,
                },
            }),
            placement: Placement::new(scenario, simulation),
            warnings: simulation.warnings.iter().map(ToString::to_string).collect(),
            engine: None,
        }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = plain_table();
        let mut row = |name: &str, value: String| {
            table.add_row([name.to_owned(), value]);
        };
        let packets = &self.packets;
        row("drop rate", format_estimate(&self.drop_rate));
        row("packets offered", packets.offered.to_string());
        row("  delivered", packets.delivered.to_string());
        row("  dropped", self.drops_text());
        row("  outstanding at the end", packets.outstanding.to_string());
        if let Some(reserve) = &self.reserve {
            let Reserve { entries, in_use_mean: mean, in_use_max: max, .. } = reserve;
            // Peers that lend have no entries in common.
            let of = if *entries > 0 { format!(" of {entries}") } else { " lent by peers".into() };
            let share = reserve.exhausted_fraction * 100.0;
            row(
                "reserve in use",
                format!("mean {mean:.1}, max {max}{of}; exhausted {share:.2} % of the time"),
            );
            if let Some(Small { entries, in_use_mean, in_use_max }) = reserve.small {
                row(
                    "small in use",
                    format!("mean {in_use_mean:.1}, max {in_use_max} of {entries}"),
                );
            }
            if let (Some(own), Some(most)) =
                (reserve.reposts_per_packet, reserve.break_even_reposts_per_packet)
            {
                row("reserve reposts", format!("{own:.3} a packet; cores have time for {most:.3}"));
            }
        }
        let memory = &self.memory;
        let pinned = &memory.pinned;
        if packets.dropped > 0 && self.queues.len() > 1 {
            row("fairness", format!("{:.4} (Jain's index; 1: all drop alike)", self.fairness.jain));
        }
        row("memory", format_bytes(pinned.total_bytes));
        for (name, bytes) in [
            ("  dedicated buffers", pinned.dedicated_bytes),
            ("  reserve buffers", pinned.reserve_bytes),
            ("  descriptors", pinned.descriptor_bytes),
            ("  completion rings", pinned.completion_bytes),
            ("  header buffers", pinned.header_bytes),
        ] {
            if bytes > 0 {
                row(name, format_bytes(bytes));
            }
        }
        let share = |bytes: f64| 100.0 * bytes / to_f64(pinned.buffers_bytes.max(1));
        row(
            "buffers in use",
            format!(
                "mean {:.2} %, max {:.2} %; filled {:.1} % with packet bytes",
                share(memory.in_use_bytes_mean),
                share(to_f64(memory.in_use_bytes_max)),
                memory.fill_ratio * 100.0
            ),
        );
        let sojourn = &self.sojourn_us;
        row(
            "sojourn",
            format!(
                "mean {:.3} us, p50 {:.3}, p99 {:.3}, p99.9 {:.3}, max {:.3}",
                sojourn.mean, sojourn.p50, sojourn.p99, sojourn.p999, sojourn.max
            ),
        );
        row("host", self.host_text());
        if let Some(port) = &self.port {
            row("port", port.text());
        }
        for (name, value) in self.placement.iter().flat_map(Placement::rows) {
            row(name, value);
        }
        format!("{}\n{}\n{}", self.heading(), table_text(&table), table_text(&self.worst_queues()))
    }

    fn heading(&self) -> String {
        let warmup =
            self.warmup_s.map_or_else(String::new, |it| format!(" after {it} s of warm-up"));
        format!(
            "{}\n{} replications of {} s{warmup}, seed {}\n",
            self.title, self.replications, self.simulated_s, self.seed
        )
    }

    fn drops_text(&self) -> String {
        let reasons = [
            (DropReason::NoBuffer, self.drops.no_buffer),
            (DropReason::ReserveDenied, self.drops.reserve_denied),
            (DropReason::CompletionFull, self.drops.completion_full),
            (DropReason::FifoFull, self.drops.fifo_full),
            (DropReason::PspRejected, self.drops.psp_rejected),
            (DropReason::PushedOut, self.drops.pushed_out),
        ];
        let named: Vec<String> = reasons
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| format!("{} {count}", reason.name()))
            .collect();
        match named.len() {
            0 => "0".to_owned(),
            _ => format!("{} ({})", self.packets.dropped, named.join(", ")),
        }
    }

    fn host_text(&self) -> String {
        let mut text = format!("{:.2} % busy", self.host.utilization * 100.0);
        if self.host.stalled_fraction > 0.0 {
            text += &format!(", stalled {:.2} % of the time", self.host.stalled_fraction * 100.0);
        }
        if self.host.reserve_sync_ns_per_packet > 0.0 {
            text += &format!(
                ", {:.2} ns a packet for reserve reposts",
                self.host.reserve_sync_ns_per_packet
            );
            if let Some(wait) = self.host.lock_wait_ns_per_packet {
                text += &format!(" ({wait:.2} ns of it waiting for the lock)");
            }
        }
        text
    }

    /// The queues that drop most, or use most where none drops.
    fn worst_queues(&self) -> Table {
        const SHOWN: usize = 8;
        let mut queues: Vec<&Queue> = self.queues.iter().collect();
        queues.sort_by(|a, b| {
            (b.dropped, b.outstanding_max, a.queue).cmp(&(a.dropped, a.outstanding_max, b.queue))
        });
        let mut table = plain_table();
        table.set_header([
            "queue",
            "offered",
            "dropped",
            "drop rate",
            "in use mean",
            "max",
            "of reserve mean",
            "max",
        ]);
        for queue in queues.iter().take(SHOWN) {
            table.add_row([
                queue.queue.to_string(),
                queue.offered.to_string(),
                queue.dropped.to_string(),
                format_rate(queue.drop_rate),
                format!("{:.2}", queue.outstanding_mean),
                queue.outstanding_max.to_string(),
                format!("{:.2}", queue.reserve_in_use_mean),
                queue.reserve_in_use_max.to_string(),
            ]);
        }
        for column in table.column_iter_mut() {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if queues.len() > SHOWN {
            table.add_row([format!("+{}", queues.len() - SHOWN), "more".to_owned()]);
        }
        table
    }
}

impl Port {
    fn text(&self) -> String {
        let delay = &self.sender_delay_us;
        let waits =
            format!("frames wait at the sender mean {:.3} us, max {:.3}", delay.mean, delay.max);
        match self.pauses {
            0 => waits,
            pauses => {
                let share = self.paused_fraction * 100.0;
                format!("paused {pauses} times, {share:.2} % of the time; {waits}")
            }
        }
    }
}

fn queue_row((id, queue): (u32, &QueueOutcome)) -> Queue {
    let packets = &queue.packets;
    Queue {
        queue: id,
        offered: packets.offered,
        delivered: packets.delivered,
        dropped: packets.dropped,
        drop_rate: match packets.offered {
            0 => 0.0,
            offered => to_f64(packets.dropped) / to_f64(offered),
        },
        outstanding_mean: queue.in_use.mean,
        outstanding_max: queue.in_use.max,
        reserve_in_use_mean: queue.reserve_in_use.mean,
        reserve_in_use_max: queue.reserve_in_use.max,
    }
}
