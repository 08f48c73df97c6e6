//! Random small scenarios in which everything happens often: a few queues, few buffers, times of a
//! few picoseconds, so that many things fall on the same instant.

use proptest::collection::vec;
use proptest::prelude::*;
use rxplan::id::QueueId;
use rxplan::model::buffers::{Accounting, BufferSpec, Refiller, ReserveSpec, SmallSpec};
use rxplan::model::distribution::Distribution;
use rxplan::model::host::{
    BusyPollSpec, CacheSpec, Coalescing, Defer, HostSpec, Moderation, NapiContext, NapiSpec,
    RecordedReturn, Recycle, Refill,
};
use rxplan::model::policy::Policy;
use rxplan::model::port::{FifoOrder, FifoSpec};
use rxplan::model::stall::{RecordedStall, Scope, StallPattern, StallSpec};
use rxplan::model::steering::Rss;
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::{
    BatchSpec, Connections, FlowsSpec, HEADERS, IncastSpec, MessageSpec, MmppSpec, OnOffSpec,
    RecordedPacket, Segmentation, Spacing, TrafficKind, TrafficSpec, Window,
};
use rxplan::units::{BitRate, PacketRate, SimDuration, SimTime};

/// Bytes of a buffer; packets need up to three.
pub(crate) const BUFFER: u32 = 100;

/// Completion entries that never run out.
pub(crate) const AMPLE: u32 = 1 << 20;

/// Any scenario.
pub(crate) fn any_system() -> impl Strategy<Value = SystemSpec> {
    (1_u32..=4).prop_flat_map(|queues| systems(queues, any_host(queues).boxed()))
}

/// Any scenario of one queue.
pub(crate) fn one_queue() -> impl Strategy<Value = SystemSpec> {
    one_queue_with(any_host(1).boxed())
}

/// Any scenario of one queue with this host.
pub(crate) fn one_queue_with(host: BoxedStrategy<HostSpec>) -> impl Strategy<Value = SystemSpec> {
    systems(1, host)
}

/// Any scenario with a host of this model.
pub(crate) fn with_host(
    host: impl Fn(u32) -> BoxedStrategy<HostSpec>,
) -> impl Strategy<Value = SystemSpec> {
    (1_u32..=4).prop_flat_map(move |queues| systems(queues, host(queues)))
}

fn systems(queues: u32, host: BoxedStrategy<HostSpec>) -> impl Strategy<Value = SystemSpec> {
    let line_rate = prop_oneof![
        2 => Just(None),
        1 => Just(BitRate::parse("700 Tbit/s").ok()),
        1 => Just(BitRate::parse("170 Tbit/s").ok()),
    ];
    let traffic = vec(traffic(queues), 1..=2);
    (buffers(queues), fifo(), line_rate, host, vec(stall(), 0..=2), traffic, window())
        .prop_map(|(buffers, fifo, line_rate, host, stalls, traffic, window)| SystemSpec {
            buffers,
            fifo,
            line_rate,
            host,
            stalls,
            traffic,
            window,
        })
        .prop_map(consistent)
}

/// Only hosts with cores know stalls and the cost of synchronization, and where applications post
/// the buffers no core pays for it; only a wire can be paused.
fn consistent(mut system: SystemSpec) -> SystemSpec {
    system.fifo.pause &= system.line_rate.is_some();
    if !system.host.has_cores() {
        system.stalls.clear();
    }
    let returned = matches!(&system.host, HostSpec::Napi(spec) if spec.recycle == Recycle::Return);
    if (returned || !system.host.has_cores())
        && let Some(reserve) = &mut system.buffers.reserve
    {
        reserve.sync_cost = SimDuration::ZERO;
        reserve.refiller = Refiller::ConsumingCore;
    }
    system
}

fn fifo() -> impl Strategy<Value = FifoSpec> {
    let capacity = prop_oneof![2 => Just(0), 1 => 1_u64..1000];
    let order = prop_oneof![2 => Just(FifoOrder::Queue), 1 => Just(FifoOrder::Port)];
    (capacity, order, any::<bool>()).prop_map(|(capacity, order, pause)| FifoSpec {
        capacity,
        order,
        pause,
    })
}

fn window() -> impl Strategy<Value = Window> {
    (prop_oneof![Just(0), 0_u64..100], 30_u64..300).prop_map(|(start, length)| Window {
        start: SimTime::from_ps(start),
        end: Some(SimTime::from_ps(start + length)),
    })
}

fn buffers(queues: u32) -> impl Strategy<Value = BufferSpec> {
    let rx = vec(0_u32..=6, queues as usize);
    let completions = (prop_oneof![2 => Just(AMPLE), 1 => 1_u32..6], any::<bool>());
    let reserve = prop::option::weighted(0.8, reserve(queues));
    (rx, completions, reserve).prop_map(
        |(rx, (completion_entries, completion_flow_control), reserve)| BufferSpec {
            rx,
            rx_buf_len: u64::from(BUFFER),
            completion_entries,
            completion_flow_control,
            reserve,
        },
    )
}

fn reserve(queues: u32) -> impl Strategy<Value = ReserveSpec> {
    let policy = prop_oneof![
        2 => memoryless(),
        1 => with_memory(),
    ];
    let accounting = prop_oneof![Just(Accounting::Pinned), Just(Accounting::Relabelled)];
    let groups = 1..=queues.min(2);
    let reposts = (1_u32..=3, prop::option::weighted(0.2, 1_u32..=4));
    let sync = (prop_oneof![Just(0), 1_u64..=3], any::<bool>(), prop::bool::weighted(0.3));
    let small = prop::option::weighted(0.2, (0_u32..=4, 50_u64..=90));
    let entries = (0_u32..=8, prop::option::weighted(0.3, 0_u32..=6));
    (entries, policy, accounting, groups, sync, reposts, small).prop_map(
        |(
            (entries, device),
            policy,
            accounting,
            groups,
            (sync_cost, lock, one),
            (repost, low_watermark),
            small,
        )| {
            let keeps_nothing = matches!(policy, Policy::LongestQueueDrop | Policy::PeerBorrow);
            let low_watermark = low_watermark.filter(|_| !keeps_nothing);
            let by_cores = low_watermark.is_none();
            let one_core = one && by_cores && !keeps_nothing && sync_cost > 0;
            ReserveSpec {
                entries: if policy == Policy::PeerBorrow { 0 } else { entries },
                device_entries: device.filter(|_| policy != Policy::PeerBorrow).unwrap_or(0),
                policy,
                accounting,
                groups,
                sync_cost: SimDuration::from_ps(if by_cores { sync_cost } else { 0 }),
                repost: if by_cores && !keeps_nothing { repost } else { 1 },
                refiller: if one_core { Refiller::OneCore } else { Refiller::ConsumingCore },
                low_watermark,
                lock: lock && !one_core,
                small: small
                    .filter(|_| !keeps_nothing)
                    .map(|(entries, buf_len)| SmallSpec { entries, buf_len }),
            }
        },
    )
}

fn memoryless() -> BoxedStrategy<Policy> {
    prop_oneof![
        Just(Policy::CompleteSharing),
        (0_u32..=4).prop_map(|cap| Policy::StaticCap { cap }),
        prop::sample::select(std::vec![0.25, 0.5, 1.0, 2.0])
            .prop_map(|alpha| Policy::DynamicThreshold { alpha }),
    ]
    .boxed()
}

fn with_memory() -> BoxedStrategy<Policy> {
    let abm = (prop::sample::select(std::vec![0.5, 1.0, 4.0]), 5_u64..40)
        .prop_map(|(alpha, ps)| Policy::Abm { alpha, interval: SimDuration::from_ps(ps) });
    let red = prop::sample::select(std::vec![(0.9, 0.0), (0.75, 0.5), (0.3, 0.1)])
        .prop_map(|(pass, drop)| Policy::EarlyDrop { pass, drop });
    prop_oneof![abm, red, Just(Policy::LongestQueueDrop), Just(Policy::PeerBorrow)].boxed()
}

fn times(shortest: u64) -> impl Strategy<Value = Distribution> {
    prop_oneof![
        (shortest..=8).prop_map(Distribution::Constant),
        (1.0..8.0).prop_map(|mean| Distribution::Exponential { mean }),
        Just(Distribution::Uniform { min: shortest, max: 9 }),
    ]
}

fn any_host(queues: u32) -> impl Strategy<Value = HostSpec> {
    prop_oneof![server(queues), holding(), polling(), busy_polling(), napi(), replaying(queues)]
}

/// A server a queue.
pub(crate) fn server(queues: u32) -> BoxedStrategy<HostSpec> {
    let wakeup = prop_oneof![
        3 => Just(Distribution::Constant(0)),
        2 => (1_u64..=6).prop_map(Distribution::Constant),
        1 => Just(Distribution::Exponential { mean: 3.0 }),
    ];
    (vec(times(0), queues as usize), wakeup)
        .prop_map(|(service, wakeup)| HostSpec::Server { service, wakeup })
        .boxed()
}

/// Packets hold their buffers, each for its own time.
pub(crate) fn holding() -> BoxedStrategy<HostSpec> {
    times(0).prop_map(|time| HostSpec::Hold { time }).boxed()
}

/// Polls at every multiple of a period.
pub(crate) fn polling() -> BoxedStrategy<HostSpec> {
    (1_u64..=12, prop::option::of(1_u32..=4), 0_u64..=3)
        .prop_map(|(period, budget, per_packet)| HostSpec::Poll {
            period: SimDuration::from_ps(period),
            budget,
            per_packet: SimDuration::from_ps(per_packet),
        })
        .boxed()
}

/// Cores that visit their queues.
pub(crate) fn busy_polling() -> BoxedStrategy<HostSpec> {
    let per_byte = prop_oneof![9 => Just(0), 1 => Just(1)];
    let overhead = prop_oneof![Just(0), 1_u64..=3];
    (1_u32..=3, 1_u32..=5, 0_u64..=4, per_byte, overhead, 1_u32..=5)
        .prop_map(|(cores, budget, per_packet, per_byte, poll_overhead, refill)| {
            HostSpec::BusyPoll(BusyPollSpec {
                cores,
                budget,
                per_packet: SimDuration::from_ps(per_packet),
                per_byte: SimDuration::from_ps(per_byte),
                poll_overhead: SimDuration::from_ps(poll_overhead),
                refill,
            })
        })
        .boxed()
}

/// Interrupts and polls as Linux has them.
pub(crate) fn napi() -> BoxedStrategy<HostSpec> {
    let ps = SimDuration::from_ps;
    let none_or = |most: u64| prop_oneof![Just(0), 1..=most].prop_map(ps);
    let delay = || prop_oneof![3 => (0_u64..=6).prop_map(Distribution::Constant), 1 => times(0)];
    let fixed = |(usecs, frames)| {
        Moderation::Fixed(Coalescing { usecs: SimDuration::from_ps(usecs), frames })
    };
    let moderation = prop_oneof![
        3 => Just((0, 1)).prop_map(fixed),
        5 => (1_u64..=9, 0_u32..=5).prop_map(fixed),
        1 => Just(Moderation::Adaptive),
    ];
    let context = prop_oneof![
        3 => (1_u32..=9, 1_u64..=20, delay()).prop_map(|(netdev_budget, time, ksoftirqd_delay)| {
            let netdev_budget_usecs = SimDuration::from_ps(time);
            NapiContext::Softirq { netdev_budget, netdev_budget_usecs, ksoftirqd_delay }
        }),
        1 => Just(NapiContext::Threads),
    ];
    let defer = (1_u32..=3, 1_u64..=9)
        .prop_map(move |(hard_irqs, timeout)| Defer { hard_irqs, timeout: ps(timeout) });
    let refill = prop_oneof![
        Just(Refill::EveryPoll),
        (1_u32..=4).prop_map(Refill::Batch),
        (1_u32..=3, 1_u32..=9).prop_map(|(numerator, most)| Refill::Fraction {
            numerator,
            denominator: 3,
            most,
        }),
    ];
    let recycle = prop_oneof![3 => Just(Recycle::PagePool), 1 => Just(Recycle::Return)];
    let cache = (100_u64..2000, 0_u64..5)
        .prop_map(move |(llc_share, cost)| CacheSpec { llc_share, miss_cost: ps(cost) });
    let polls =
        (1_u32..=3, none_or(3), 0_u64..=4, prop_oneof![9 => Just(0), 1 => Just(1)], 1_u32..=5);
    let rest = (refill, recycle, delay(), prop::option::weighted(0.2, cache));
    let interrupts = (moderation, any::<bool>(), delay(), prop::option::weighted(0.3, defer));
    (interrupts, polls, context, none_or(9), rest)
        .prop_map(
            move |((moderation, cqe_mode, wakeup, defer), polls, context, busy_poll, rest)| {
                let (cores, poll_overhead, per_packet, per_byte, budget) = polls;
                let (refill, recycle, hold, cache) = rest;
                HostSpec::Napi(Box::new(NapiSpec {
                    cores,
                    moderation,
                    cqe_mode,
                    wakeup,
                    poll_overhead,
                    per_packet: ps(per_packet),
                    per_byte: ps(per_byte),
                    budget,
                    context,
                    defer,
                    busy_poll,
                    refill,
                    recycle,
                    hold,
                    cache,
                }))
            },
        )
        .boxed()
}

/// Buffers come back when a recording says so.
pub(crate) fn replaying(queues: u32) -> BoxedStrategy<HostSpec> {
    vec((0_u64..8, 0..queues, 0_u32..=4), 0..60)
        .prop_map(|returns| {
            let returns = in_order(returns).map(|(time, (queue, count))| RecordedReturn {
                time,
                queue: QueueId::new(queue),
                count,
            });
            HostSpec::Trace { returns: returns.collect() }
        })
        .boxed()
}

/// Gaps turned into times.
fn in_order<A, B>(gaps: Vec<(u64, A, B)>) -> impl Iterator<Item = (SimTime, (A, B))> {
    gaps.into_iter().scan(0, |time, (gap, first, second)| {
        *time += gap;
        Some((SimTime::from_ps(*time), (first, second)))
    })
}

fn stall() -> impl Strategy<Value = StallSpec> {
    let recorded = vec((0_u64..60, 0_u64..12, Just(())), 0..8).prop_map(|stalls| {
        let stalls = in_order(stalls)
            .map(|(start, (ps, ()))| RecordedStall { start, duration: SimDuration::from_ps(ps) });
        StallPattern::Recorded(stalls.collect())
    });
    let random = (20.0..80.0, times(1)).prop_map(|(mean, lasts)| StallPattern::Random {
        every: Distribution::Exponential { mean },
        lasts,
    });
    (prop_oneof![Just(Scope::Core), Just(Scope::Host)], prop_oneof![recorded, random])
        .prop_map(|(scope, pattern)| StallSpec { scope, pattern })
}

fn rate() -> impl Strategy<Value = PacketRate> {
    (1_u128..=3, 2_u128..=20).prop_map(|(packets, ps)| PacketRate::new(packets, ps).expect("fits"))
}

fn traffic(queues: u32) -> impl Strategy<Value = TrafficSpec> {
    let size = prop_oneof![
        Just(Distribution::Constant(80)),
        Just(Distribution::Uniform { min: 1, max: 300 }),
        Just(Distribution::Discrete {
            values: std::vec![50, 150, 250],
            weights: std::vec![0.6, 0.2, 0.2]
        }),
    ];
    let all: Vec<QueueId> = (0..queues).map(QueueId::new).collect();
    let some = prop::sample::subsequence(all, 1..=queues as usize).prop_shuffle();
    let kind = prop_oneof![
        rate().prop_map(|rate| TrafficKind::Poisson { rate }),
        rate().prop_map(|rate| TrafficKind::Constant { rate }),
        on_off(queues),
        mmpp(queues),
        batches(queues),
        flows(queues),
        incasts(queues),
        recording(queues),
    ];
    (some, size, kind).prop_map(|(queues, size, kind)| TrafficSpec { queues, size, kind })
}

fn on_off(queues: u32) -> impl Strategy<Value = TrafficKind> {
    let spacing = prop_oneof![Just(Spacing::Poisson), Just(Spacing::Constant)];
    let off_rate = prop_oneof![Just(PacketRate::ZERO), rate()];
    let period =
        || prop_oneof![times(1), (10.0..50.0).prop_map(|mean| Distribution::Exponential { mean })];
    let phase = (0..=queues as usize, prop_oneof![3 => Just(0.0), 1 => 0.05..0.95]);
    (rate(), off_rate, period(), period(), spacing, phase).prop_map(
        |(rate, rate_off, on, off, spacing, (in_phase, correlation))| {
            let off = if correlation > 0.0 { exponential(&off) } else { off };
            let spec = OnOffSpec { rate, rate_off, on, off, spacing, in_phase, correlation };
            TrafficKind::OnOff(spec)
        },
    )
}

fn exponential(times: &Distribution) -> Distribution {
    Distribution::Exponential { mean: times.mean() }
}

fn mmpp(queues: u32) -> impl Strategy<Value = TrafficKind> {
    let changes = vec(vec(0.01..0.2, 3), 3);
    (vec(rate(), 2), changes, 0..=queues as usize).prop_map(|(mut rates, changes, in_phase)| {
        rates.push(PacketRate::ZERO);
        let spec = MmppSpec::new(rates, &changes, in_phase);
        TrafficKind::Mmpp(spec.expect("all changes are possible"))
    })
}

fn batches(queues: u32) -> impl Strategy<Value = TrafficKind> {
    let every = prop_oneof![
        (1_u64..40).prop_map(Distribution::Constant),
        (3.0..40.0).prop_map(|mean| Distribution::Exponential { mean }),
    ];
    let count = prop_oneof![
        (0_u64..6).prop_map(Distribution::Constant),
        (1.0..5.0).prop_map(|mean| Distribution::Geometric { mean }),
    ];
    (every, count, 0_u64..3, 0..=queues as usize).prop_map(|(every, count, spacing, in_phase)| {
        let spacing = SimDuration::from_ps(spacing);
        TrafficKind::Batch(BatchSpec { every, count, spacing, in_phase })
    })
}

/// Cuts messages into packets of one buffer to three, a few picoseconds apart.
fn segmentation() -> impl Strategy<Value = Segmentation> {
    let rates = std::vec!["170 Tbit/s", "700 Tbit/s"];
    let rate = prop::sample::select(rates)
        .prop_map(|rate| BitRate::parse(rate).expect("a rate of many bits"));
    (HEADERS + 1..=HEADERS + 200, 1_u32..=3, rate)
        .prop_map(|(mtu, train, rate)| Segmentation::new(mtu, train, rate))
}

fn spread(queues: u32) -> Rss {
    let all: Vec<u32> = (0..queues).collect();
    Rss::equal(&all, 5).expect("there are queues")
}

fn flows(queues: u32) -> impl Strategy<Value = TrafficKind> {
    let sizes = prop_oneof![
        (1_u64..500).prop_map(Distribution::Constant),
        Just(Distribution::Discrete {
            values: std::vec![20, 200, 900],
            weights: std::vec![0.5, 0.4, 0.1]
        }),
    ];
    let connections = (0_u32..4, 0_u32..2).prop_map(|(count, heavy)| Connections {
        count,
        zipf: 1.2,
        heavy,
        heavy_share: 0.4,
    });
    let together = (1_u64..3).prop_map(Distribution::Constant);
    (sizes, segmentation(), 0.01..0.1, together, connections).prop_map(
        move |(sizes, segmentation, per_ps, together, connections)| {
            TrafficKind::Flows(Box::new(FlowsSpec {
                messages: MessageSpec::new(sizes, segmentation),
                table: None,
                together,
                epochs: per_ps * 1e12,
                connections,
                rss: spread(queues),
            }))
        },
    )
}

fn incasts(queues: u32) -> impl Strategy<Value = TrafficKind> {
    let senders = (1.0..4.0).prop_map(|mean| Distribution::Geometric { mean });
    let bytes = (1_u64..500).prop_map(Distribution::Constant);
    let jitter = prop_oneof![Just(Distribution::Constant(0)), times(0)];
    (10_u64..60, senders, bytes, jitter, segmentation()).prop_map(
        move |(every, senders, bytes, jitter, segmentation)| {
            TrafficKind::Incast(Box::new(IncastSpec {
                every: Distribution::Constant(every),
                senders,
                answers: MessageSpec::new(bytes, segmentation),
                table: None,
                jitter,
                rss: spread(queues),
            }))
        },
    )
}

fn recording(queues: u32) -> impl Strategy<Value = TrafficKind> {
    vec((0_u64..7, 0..queues, 1..=3 * BUFFER), 0..80).prop_map(|packets| {
        let packets = in_order(packets).map(|(time, (queue, len))| RecordedPacket {
            time,
            queue: QueueId::new(queue),
            len,
        });
        TrafficKind::Recorded(packets.collect())
    })
}
