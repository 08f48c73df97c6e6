//! Cases of one queue, or of several that share nothing.

use rxplan::model::distribution::Distribution;
use rxplan::model::host::{BusyPollSpec, HostSpec};
use rxplan::model::port::FifoSpec;
use rxplan::model::stall::{Scope, StallPattern, StallSpec};
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::{BatchSpec, OnOffSpec, Spacing, TrafficKind};
use rxplan::units::SimDuration;

use crate::measure::{Case, Quantity, assert_agreement};
use crate::systems::{
    LEN, UNIT, batches, constant, exponential, hold, interrupted, modulated, poisson, rate, rings,
    server, span, uniform,
};
use crate::{exact, formulas};

/// Every family of such cases.
pub(crate) const FAMILIES: [fn() -> Vec<Case>; 14] = [
    memoryless,
    constant_service,
    constant_gaps,
    batches_memoryless,
    batches_constant_service,
    bursts,
    setups,
    erlang,
    polls,
    busy_polls,
    nic_memory,
    sojourns,
    beginnings,
    stalls,
];

/// One ring of `k` entries and one server with exponential service.
fn exponential_server(k: u32, kind: TrafficKind) -> SystemSpec {
    rings(1, k, server(1, exponential(1.0)), kind)
}

/// One ring of `k` entries and one server with constant service.
fn constant_server(k: u32, kind: TrafficKind) -> SystemSpec {
    rings(1, k, server(1, constant(1.0)), kind)
}

fn memoryless() -> Vec<Case> {
    [
        (0.5, 1, 0.5),
        (0.5, 8, 4.5),
        (0.5, 11, 7.0),
        (0.8, 8, 1.5),
        (0.8, 16, 4.0),
        (0.9, 16, 3.0),
        (1.1, 8, 1.0),
        (2.0, 4, 1.0),
    ]
    .map(|(rho, k, millions)| {
        Case::new(format!("M/M/1/{k} at {rho}"), exponential_server(k, poisson(rho)), millions)
            .loss(exact::mm1k_loss(rho, k as usize))
    })
    .into()
}

#[test]
fn poisson_arrivals_and_exponential_service_agree() {
    assert_agreement(&memoryless());
}

fn constant_service() -> Vec<Case> {
    [(0.5, 2, 1.0), (0.8, 8, 2.0), (0.8, 16, 9.0), (0.9, 8, 2.0), (0.95, 16, 3.0), (1.25, 4, 1.0)]
        .map(|(rho, k, millions)| {
            Case::new(format!("M/D/1/{k} at {rho}"), constant_server(k, poisson(rho)), millions)
                .loss(exact::md1k_loss(rho, k as usize))
        })
        .into()
}

#[test]
fn poisson_arrivals_and_constant_service_agree() {
    assert_agreement(&constant_service());
}

fn constant_gaps() -> Vec<Case> {
    [(0.8, 2, 1.0), (0.9, 8, 3.0), (1.2, 4, 1.0)]
        .map(|(rho, k, millions)| {
            let kind = TrafficKind::Constant { rate: rate(rho) };
            Case::new(format!("D/M/1/{k} at {rho}"), exponential_server(k, kind), millions)
                .loss(formulas::dm1k_loss(rho, k as usize))
        })
        .into()
}

#[test]
fn constant_gaps_and_exponential_service_agree() {
    assert_agreement(&constant_gaps());
}

fn batches_memoryless() -> Vec<Case> {
    let alone =
        [(0.5, 8.0, 48, 5.0), (0.8, 8.0, 64, 4.0), (0.7, 4.0, 16, 2.0), (0.8, 32.0, 64, 2.0)].map(
            |(rho, batch, k, millions)| {
                let system = exponential_server(k, batches(rho, batch));
                Case::new(format!("M[{batch}]/M/1/{k} at {rho}"), system, millions)
                    .loss(exact::mxm1k_loss(rho, batch, k as usize))
            },
        );
    // What one queue sees is the same whether or not its batches come with the others'.
    let TrafficKind::Batch(spec) = batches(0.7, 4.0) else { unreachable!("these are batches") };
    let kind = TrafficKind::Batch(BatchSpec { in_phase: 2, ..spec });
    let both = rings(2, 16, server(2, exponential(1.0)), kind);
    let loss = exact::mxm1k_loss(0.7, 4.0, 16);
    let in_phase = Case::new("batches in phase", both, 4.0)
        .with(Quantity::Loss(0..1), loss)
        .with(Quantity::Loss(1..2), loss);
    alone.into_iter().chain([in_phase]).collect()
}

#[test]
fn batches_and_exponential_service_agree() {
    assert_agreement(&batches_memoryless());
}

fn batches_constant_service() -> Vec<Case> {
    [(0.5, 8.0, 48, 5.0), (0.8, 8.0, 64, 4.0), (0.7, 4.0, 16, 2.0), (0.9, 2.0, 4, 1.0)]
        .map(|(rho, batch, k, millions)| {
            let system = constant_server(k, batches(rho, batch));
            Case::new(format!("M[{batch}]/D/1/{k} at {rho}"), system, millions)
                .loss(exact::mxd1k_loss(rho, batch, k as usize))
        })
        .into()
}

#[test]
fn batches_and_constant_service_agree() {
    assert_agreement(&batches_constant_service());
}

fn bursts() -> Vec<Case> {
    let interruptions = [
        (4.0, 4.0, 0.5, 4, 1.0),
        (4.0, 4.0, 0.5, 8, 2.0),
        (2.0, 16.0, 0.5, 32, 6.0),
        (10.0, 64.0, 0.5, 64, 4.0),
    ]
    .map(|(on_rate, burst, rho, k, millions)| {
        let kind = TrafficKind::OnOff(interrupted(on_rate, burst, rho));
        let name = format!("on-off {on_rate} {burst} /M/1/{k} at {rho}");
        Case::new(name, exponential_server(k, kind), millions)
            .loss(exact::ippm1k_loss(on_rate, burst, rho, k as usize))
    });
    let modulations = [
        (1.6, 0.4, 0.05, 0.05, 16, 4.0),
        (2.0, 0.6, 0.3, 0.1, 8, 2.0),
        (0.3, 1.2, 0.02, 0.1, 12, 4.0),
    ]
    .map(|(on, off, on_to_off, off_to_on, k, millions)| {
        let kind = TrafficKind::OnOff(modulated(on, off, on_to_off, off_to_on));
        Case::new(format!("MMPP {on} {off} /M/1/{k}"), exponential_server(k, kind), millions)
            .loss(exact::mmpp2_m1k_loss(on, off, on_to_off, off_to_on, k as usize))
    });
    interruptions.into_iter().chain(modulations).collect()
}

#[test]
fn bursts_and_exponential_service_agree() {
    assert_agreement(&bursts());
}

fn setups() -> Vec<Case> {
    [(0.7, 2.5, 8, 2.0), (0.5, 5.0, 16, 4.0), (0.9, 1.0, 6, 1.0), (0.3, 8.0, 4, 1.0)]
        .map(|(rho, setup, k, millions)| {
            let mut system = exponential_server(k, poisson(rho));
            let HostSpec::Server { wakeup, .. } = &mut system.host else {
                unreachable!("this is a server")
            };
            *wakeup = exponential(setup);
            Case::new(format!("M/M/1/{k} at {rho} setup {setup}"), system, millions)
                .loss(exact::mm1k_setup_loss(rho, setup, k as usize))
        })
        .into()
}

#[test]
fn servers_that_wake_up_agree() {
    assert_agreement(&setups());
}

/// Erlang's formula holds for any distribution of the holding times.
fn erlang() -> Vec<Case> {
    let branches = Distribution::HyperExponential {
        means: vec![0.5 * UNIT, 3.0 * UNIT],
        weights: vec![0.8, 0.2],
    };
    [
        (4.0, 8, "exponential", exponential(1.0), 2.0),
        (2.0, 2, "exponential", exponential(1.0), 1.0),
        (20.0, 24, "exponential", exponential(1.0), 1.5),
        (4.0, 6, "constant", constant(1.0), 1.0),
        (4.0, 6, "hyperexponential", branches, 1.5),
    ]
    .map(|(load, n, kind, time, millions)| {
        Case::new(format!("Erlang {load} on {n}, {kind}"), hold(1, n, load, time), millions)
            .loss(exact::erlang_b(load, n as usize))
    })
    .into()
}

#[test]
fn independent_holding_times_agree() {
    assert_agreement(&erlang());
}

fn polls() -> Vec<Case> {
    [
        (0.5, 3.0, 0, 2, 1.0),
        (2.0, 4.0, 0, 10, 2.0),
        (2.0, 8.0, 0, 24, 4.0),
        (0.8, 1.0, 1, 6, 2.0),
        (0.7, 4.0, 3, 10, 4.0),
        (0.9, 4.0, 4, 8, 2.0),
        (1.0, 4.0, 3, 8, 1.0),
    ]
    .map(|(lambda, period, budget, k, millions)| {
        let host = HostSpec::Poll {
            period: span(period),
            budget: (budget > 0).then_some(budget),
            per_packet: SimDuration::ZERO,
        };
        let name = format!("polls of {budget} every {period}, {k} buffers at {lambda}");
        Case::new(name, rings(1, k, host, poisson(lambda)), millions)
            .loss(exact::periodic_poll_loss(lambda, period, budget as usize, k as usize))
    })
    .into()
}

#[test]
fn periodic_polls_agree_with_the_chain_at_poll_epochs() {
    assert_agreement(&polls());
}

/// A core with one queue and no overhead is a server.
fn busy_polls() -> Vec<Case> {
    let core = |budget, per_packet, per_byte| {
        HostSpec::BusyPoll(BusyPollSpec {
            cores: 1,
            budget,
            per_packet,
            per_byte,
            poll_overhead: SimDuration::ZERO,
            refill: 1,
        })
    };
    let per_packet = [(1, 8, 0.9), (4, 8, 0.9), (64, 4, 1.25)].map(|(budget, k, rho)| {
        let host = core(budget, span(1.0), SimDuration::ZERO);
        let loss = exact::md1k_loss(rho, k as usize);
        Case::new(format!("M/D/1/{k} polled by {budget}"), rings(1, k, host, poisson(rho)), 2.0)
            .loss(loss)
            .with(Quantity::Utilization, rho * (1.0 - loss))
    });
    let per_byte = [(1, 8, 0.8), (16, 4, 1.1)].map(|(budget, k, rho)| {
        let host = core(budget, SimDuration::ZERO, SimDuration::from_ps(10));
        let mut system = rings(1, k, host, poisson(rho));
        system.buffers.rx_buf_len = u64::from(u32::MAX);
        system.traffic[0].size = Distribution::Exponential { mean: 1e5 };
        let loss = exact::mm1k_loss(rho, k as usize);
        Case::new(format!("M/M/1/{k} polled by {budget}, by byte"), system, 2.0)
            .loss(loss)
            .with(Quantity::Utilization, rho * (1.0 - loss))
    });
    per_packet.into_iter().chain(per_byte).collect()
}

#[test]
fn busy_polling_one_queue_is_a_server() {
    assert_agreement(&busy_polls());
}

/// A FIFO of `f` packets adds `f` to the room; a completion ring of `c` leaves room for `c + 1`,
/// since the packet in service holds no completion entry.
fn nic_memory() -> Vec<Case> {
    let fifo = [(0.8, 5, 3), (1.1, 1, 7)].map(|(rho, k, packets)| {
        let capacity = u64::from(packets * LEN);
        let fifo = FifoSpec { capacity, ..FifoSpec::default() };
        let system = SystemSpec { fifo, ..exponential_server(k, poisson(rho)) };
        Case::new(format!("{k} entries and a FIFO of {packets} at {rho}"), system, 2.0)
            .loss(exact::mm1k_loss(rho, (k + packets) as usize))
    });
    let completions = [(0.8, 7), (1.1, 3)].map(|(rho, entries)| {
        let mut system = exponential_server(1000, poisson(rho));
        system.buffers.completion_entries = entries;
        Case::new(format!("{entries} completion entries at {rho}"), system, 2.0)
            .loss(exact::mm1k_loss(rho, entries as usize + 1))
    });
    fifo.into_iter().chain(completions).collect()
}

#[test]
fn fifos_and_completion_rings_agree() {
    assert_agreement(&nic_memory());
}

/// Pollaczek and Khinchine's mean for queues without loss, `1 + rho E[S^2] / (2 (1 - rho))`, and
/// the exponential sojourn of M/M/1.
fn sojourns() -> Vec<Case> {
    let rho: f64 = 0.5;
    let system = |service| rings(1, 100_000, server(1, service), poisson(rho));
    let mean = |square: f64| 1.0 + rho * square / (2.0 * (1.0 - rho));
    let quantile = |q: f64| -(1.0 - q).ln() / (1.0 - rho);
    vec![
        Case::new("M/M/1", system(exponential(1.0)), 4.0)
            .with(Quantity::Utilization, rho)
            .with(Quantity::Sojourn, mean(2.0))
            .with(Quantity::SojournQuantile(0.5), quantile(0.5))
            .with(Quantity::SojournQuantile(0.99), quantile(0.99)),
        Case::new("M/D/1", system(constant(1.0)), 2.0).with(Quantity::Sojourn, mean(1.0)),
        Case::new("M/U/1", system(uniform(1.0)), 2.0).with(Quantity::Sojourn, mean(4.0 / 3.0)),
    ]
}

#[test]
fn sojourns_without_loss_agree() {
    assert_agreement(&sojourns());
}

/// Sources begin in their steady state: from the first instant on they send at their mean rate.
fn beginnings() -> Vec<Case> {
    let periods = [
        ("exponential", exponential(8.0), exponential(24.0)),
        ("constant", constant(8.0), constant(24.0)),
        ("uniform", uniform(8.0), uniform(24.0)),
    ];
    let bursts = periods.map(|(name, on, off)| {
        let spec = OnOffSpec { on, off, ..interrupted(2.0, 16.0, 0.5) };
        (format!("bursts, {name}"), TrafficKind::OnOff(spec), 0.5)
    });
    // Half a gap is lost of every burst, since a burst begins with a gap.
    let even = OnOffSpec {
        on: constant(8.25),
        off: constant(23.75),
        spacing: Spacing::Constant,
        ..interrupted(2.0, 16.0, 0.5)
    };
    let even = ("even bursts".to_owned(), TrafficKind::OnOff(even), 0.5);
    let epochs = [("constant", constant(8.0)), ("uniform", uniform(8.0))].map(|(name, every)| {
        let TrafficKind::Batch(spec) = batches(0.5, 4.0) else { unreachable!("these are batches") };
        (format!("batches, {name}"), TrafficKind::Batch(BatchSpec { every, ..spec }), 0.5)
    });
    let constant = ("constant".to_owned(), TrafficKind::Constant { rate: rate(0.1) }, 0.1);
    let sources = bursts.into_iter().chain([even]).chain(epochs).chain([constant]);
    let length = 3.0;
    sources
        .map(|(name, kind, rate)| {
            let host = HostSpec::Hold { time: exponential(1.0) };
            Case::from_zero(name, rings(500, 1, host, kind), length)
                .with(Quantity::Offered, rate * length)
        })
        .collect()
}

#[test]
fn sources_begin_in_their_steady_state() {
    assert_agreement(&beginnings());
}

/// Stalls cover their share of time from the first instant on; where they overlap, the share is
/// that of M/G/inf, and it is measured after the warm-up.
fn stalls() -> Vec<Case> {
    let system = |every, lasts| {
        let mut system = rings(200, 1, server(200, constant(1.0)), poisson(0.01));
        let pattern = StallPattern::Random { every, lasts };
        system.stalls = vec![StallSpec { scope: Scope::Core, pattern }];
        system
    };
    let apart = Distribution::Uniform { min: span(4.0).as_ps(), max: span(12.0).as_ps() };
    let share = 1.0 - (-1.5_f64).exp();
    vec![
        Case::from_zero("stalls apart", system(apart.clone(), constant(3.0)), 3.0)
            .with(Quantity::Stalled, 3.0 / 8.0),
        Case::from_zero("random stalls apart", system(apart, uniform(2.0)), 3.0)
            .with(Quantity::Stalled, 2.0 / 8.0),
        Case::new("stalls that overlap", system(exponential(8.0), uniform(12.0)), 0.05)
            .with(Quantity::Stalled, share),
    ]
}

#[test]
fn stalls_cover_their_share_of_time() {
    assert_agreement(&stalls());
}
