//! Systems that exact formulas are known of.

use rxplan::id::QueueId;
use rxplan::model::buffers::{Accounting, BufferSpec, Refiller, ReserveSpec};
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::policy::Policy;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::{BatchSpec, OnOffSpec, Spacing, TrafficKind, TrafficSpec, Window};
use rxplan::units::{PacketRate, SimDuration, SimTime, round_to_u64};

/// One unit of the formulas' time, the mean service, in picoseconds.
pub(crate) const UNIT: f64 = 1e6;

/// Length of every frame; one buffer holds it.
pub(crate) const LEN: u32 = 1000;

/// A time of the formulas as a span.
pub(crate) fn span(time: f64) -> SimDuration {
    SimDuration::from_ps(round_to_u64(time * UNIT))
}

/// A time of the formulas as a constant.
pub(crate) fn constant(time: f64) -> Distribution {
    Distribution::Constant(span(time).as_ps())
}

/// Exponential times with this mean.
pub(crate) fn exponential(mean: f64) -> Distribution {
    Distribution::Exponential { mean: mean * UNIT }
}

/// Times uniform between zero and twice this mean.
pub(crate) fn uniform(mean: f64) -> Distribution {
    Distribution::Uniform { min: 0, max: span(2.0 * mean).as_ps() }
}

/// So many packets per unit of time.
pub(crate) fn rate(packets: f64) -> PacketRate {
    let per_million = round_to_u64(packets * 1e6);
    PacketRate::new(u128::from(per_million), u128::from(span(1e6).as_ps())).expect("fits")
}

/// `queues` rings of `rx` entries, no reserve, room for all completions.
pub(crate) fn rings(queues: u32, rx: u32, host: HostSpec, kind: TrafficKind) -> SystemSpec {
    let size = Distribution::Constant(u64::from(LEN));
    let all = (0..queues).map(QueueId::new).collect();
    SystemSpec {
        buffers: BufferSpec {
            rx: vec![rx; queues as usize],
            rx_buf_len: 2048,
            completion_entries: 1 << 20,
            completion_flow_control: false,
            reserve: None,
        },
        fifo: FifoSpec::default(),
        line_rate: None,
        host,
        stalls: Vec::new(),
        traffic: vec![TrafficSpec { queues: all, size, kind }],
        window: Window { start: SimTime::ZERO, end: None },
    }
}

/// The same rings with a reserve of `entries` behind them.
pub(crate) fn with_reserve(
    mut system: SystemSpec,
    entries: u32,
    accounting: Accounting,
    policy: Policy,
) -> SystemSpec {
    system.buffers.reserve = Some(ReserveSpec {
        entries,
        policy,
        accounting,
        groups: 1,
        sync_cost: SimDuration::ZERO,
        repost: 1,
        low_watermark: None,
        small: None,
        refiller: Refiller::ConsumingCore,
        device_entries: 0,
        lock: false,
    });
    system
}

/// A server at each of `queues` queues, awake at once.
pub(crate) fn server(queues: usize, service: Distribution) -> HostSpec {
    HostSpec::Server { service: vec![service; queues], wakeup: Distribution::Constant(0) }
}

/// Poisson arrivals, so many per unit of time and queue.
pub(crate) fn poisson(rho: f64) -> TrafficKind {
    TrafficKind::Poisson { rate: rate(rho) }
}

/// Geometric batches of `mean` packets at Poisson epochs, `rho` packets per unit of time.
pub(crate) fn batches(rho: f64, mean: f64) -> TrafficKind {
    TrafficKind::Batch(BatchSpec {
        every: exponential(mean / rho),
        count: Distribution::Geometric { mean },
        spacing: SimDuration::ZERO,
        in_phase: 0,
    })
}

/// Poisson packets whose rate changes between `on` and `off` at the given rates of change.
pub(crate) fn modulated(on: f64, off: f64, on_to_off: f64, off_to_on: f64) -> OnOffSpec {
    OnOffSpec {
        rate: rate(on),
        rate_off: rate(off),
        on: exponential(1.0 / on_to_off),
        off: exponential(1.0 / off_to_on),
        spacing: Spacing::Poisson,
        in_phase: 0,
        correlation: 0.0,
    }
}

/// An interrupted Poisson source: `on_rate` while ON, `burst` packets per ON period, `rho` overall.
pub(crate) fn interrupted(on_rate: f64, burst: f64, rho: f64) -> OnOffSpec {
    let on_to_off = on_rate / burst;
    modulated(on_rate, 0.0, on_to_off, on_to_off * rho / (on_rate - rho))
}

/// `n` queues of `a` entries with Poisson arrivals and exponential service.
pub(crate) fn memoryless_queues(n: u32, a: u32, rho: f64) -> SystemSpec {
    rings(n, a, server(n as usize, exponential(1.0)), poisson(rho))
}

/// `n` queues of `a` buffers, each packet holding one for a time of its own.
pub(crate) fn hold(n: u32, a: u32, load: f64, time: Distribution) -> SystemSpec {
    rings(n, a, HostSpec::Hold { time }, poisson(load))
}
