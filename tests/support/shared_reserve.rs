//! Cases of queues with a reserve behind them.

use rxplan::model::buffers::Accounting::{Pinned, Relabelled};
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::policy::Policy::{self, CompleteSharing, DynamicThreshold, StaticCap};
use rxplan::model::traffic::{OnOffSpec, TrafficKind};

use crate::measure::{Case, Quantity, assert_agreement};
use crate::systems::{
    LEN, exponential, hold, interrupted, memoryless_queues, poisson, rings, server, uniform,
    with_reserve,
};
use crate::{exact, formulas};

/// Every family of such cases.
pub(crate) const FAMILIES: [fn() -> Vec<Case>; 8] = [
    overflow,
    relabelled_reserves,
    pinned_reserves,
    capped_reserves,
    threshold_reserves,
    phases,
    groups,
    several_buffers,
];

fn overflow() -> Vec<Case> {
    let sizes =
        [(2, 2, 2, 2.0, 0.5), (2, 4, 4, 3.0, 1.5), (3, 4, 4, 3.0, 1.5), (4, 3, 6, 2.0, 3.0)];
    let pinned = sizes.map(|(n, a, r, load, millions)| {
        let system = hold(n, a, load, exponential(1.0));
        let system = with_reserve(system, r, Pinned, CompleteSharing);
        Case::new(format!("overflow {n} x {a} + {r} at {load}"), system, millions)
            .loss(exact::hold_overflow_loss(n as usize, a as usize, r as usize, load))
    });
    // Relabelled, the product form holds for any distribution of the holding times.
    let relabelled = sizes.map(|(n, a, r, load, millions)| {
        let system = hold(n, a, load, uniform(1.0));
        let system = with_reserve(system, r, Relabelled, CompleteSharing);
        Case::new(format!("relabelled overflow {n} x {a} + {r} at {load}"), system, millions)
            .loss(formulas::relabelled_hold_loss(n as usize, a as usize, r as usize, load))
    });
    pinned.into_iter().chain(relabelled).collect()
}

#[test]
fn independent_holding_times_with_a_reserve_agree() {
    assert_agreement(&overflow());
}

fn relabelled_reserves() -> Vec<Case> {
    [
        (1, 2, 2, 0.8, 1.0),
        (2, 1, 1, 0.8, 1.0),
        (2, 2, 2, 0.8, 1.0),
        (2, 8, 8, 0.9, 3.0),
        (4, 8, 8, 0.9, 3.0),
        (8, 0, 12, 0.7, 1.5),
        (32, 2, 16, 0.7, 2.0),
        (32, 4, 32, 0.8, 4.0),
        (32, 1, 24, 1.1, 1.5),
    ]
    .map(|(n, a, r, rho, millions)| {
        let system = memoryless_queues(n, a, rho);
        let system = with_reserve(system, r, Relabelled, CompleteSharing);
        let loss = exact::relabelled_loss(n as usize, a as usize, r as usize, rho);
        let case = Case::new(format!("relabelled {n} x {a} + {r} at {rho}"), system, millions);
        // Poisson arrivals see time averages, here where all that find no free reserve are lost.
        let sees_time = n == 1 || a == 0;
        if sees_time { case.loss(loss).with(Quantity::Exhausted, loss) } else { case.loss(loss) }
    })
    .into()
}

#[test]
fn relabelled_reserves_agree_with_the_product_form() {
    assert_agreement(&relabelled_reserves());
}

fn pinned_reserves() -> Vec<Case> {
    [
        (1, 2, 2, 0.8, 1.0),
        (2, 1, 1, 0.8, 1.0),
        (2, 2, 2, 0.8, 1.5),
        (2, 2, 2, 0.95, 1.5),
        (2, 1, 3, 0.8, 1.5),
        (2, 3, 2, 0.8, 1.5),
        (3, 1, 2, 0.8, 1.5),
        (2, 4, 2, 0.6, 3.0),
    ]
    .map(|(n, a, r, rho, millions)| {
        let system = memoryless_queues(n, a, rho);
        let system = with_reserve(system, r, Pinned, CompleteSharing);
        let chain = exact::pinned_chain(n as usize, a as usize, r as usize, rho, |_, _| true);
        Case::new(format!("pinned {n} x {a} + {r} at {rho}"), system, millions)
            .loss(chain.loss)
            .with(Quantity::ReserveInUse, chain.reserve_in_use_mean)
    })
    .into()
}

#[test]
fn pinned_reserves_agree_with_their_chain() {
    assert_agreement(&pinned_reserves());
}

/// The system under both accountings and a policy, which `admit` states for the chain.
fn under_policy(
    (n, a, r, rho): (u32, u32, u32, f64),
    policy: Policy,
    admit: impl Fn(usize, usize) -> bool + Copy,
) -> [Case; 2] {
    let [queues, dedicated, shared] = [n, a, r].map(|count| count as usize);
    let system = |accounting| with_reserve(memoryless_queues(n, a, rho), r, accounting, policy);
    let name = |accounting| format!("{accounting} {n} x {a} + {r} at {rho} under {policy:?}");
    let chain = exact::pinned_chain(queues, dedicated, shared, rho, admit);
    [
        Case::new(name("relabelled"), system(Relabelled), 1.5)
            .loss(exact::relabelled_chain(queues, dedicated, shared, rho, admit)),
        Case::new(name("pinned"), system(Pinned), 1.5)
            .loss(chain.loss)
            .with(Quantity::ReserveInUse, chain.reserve_in_use_mean),
    ]
}

fn capped_reserves() -> Vec<Case> {
    [((2, 2, 3, 0.9), 1), ((2, 1, 4, 0.8), 3), ((3, 1, 3, 0.9), 2)]
        .into_iter()
        .flat_map(|(size, cap)| {
            under_policy(size, StaticCap { cap }, move |held, _| held < cap as usize)
        })
        .collect()
}

#[test]
fn static_caps_agree_with_their_chains() {
    assert_agreement(&capped_reserves());
}

fn threshold_reserves() -> Vec<Case> {
    [((2, 2, 3, 0.9), 0.5), ((2, 1, 4, 0.8), 1.0), ((3, 1, 3, 0.9), 2.0), ((2, 1, 4, 1.2), 0.75)]
        .into_iter()
        .flat_map(|(size, alpha)| {
            under_policy(size, DynamicThreshold { alpha }, move |held, free| {
                (held as f64) < alpha * free as f64
            })
        })
        .collect()
}

#[test]
fn dynamic_thresholds_agree_with_their_chains() {
    assert_agreement(&threshold_reserves());
}

/// Bursts of two queues in phase and out of it: burstiness alone or bursts that meet.
fn phases() -> Vec<Case> {
    let (on_rate, burst, rho) = (4.0, 4.0, 0.5);
    let system = |a, accounting, in_phase| {
        let spec = OnOffSpec { in_phase, ..interrupted(on_rate, burst, rho) };
        let system = rings(2, a, server(2, exponential(1.0)), TrafficKind::OnOff(spec));
        with_reserve(system, a, accounting, CompleteSharing)
    };
    [(2, 0, false), (2, 2, true), (4, 1, false), (4, 2, true)]
        .into_iter()
        .flat_map(|(a, in_phase, common)| {
            let size = a as usize;
            let relabelled = exact::ipp_relabelled_loss(2, size, size, on_rate, burst, rho, common);
            let name = format!("bursts at 2 x {a} + {a}, {in_phase} in phase");
            let case = Case::new(name.clone(), system(a, Relabelled, in_phase), 2.0);
            let mut cases = vec![case.loss(relabelled)];
            if a == 2 {
                let pinned = exact::ipp_pinned_loss(2, size, size, on_rate, burst, rho, common);
                let name = format!("{name}, pinned");
                cases.push(Case::new(name, system(a, Pinned, in_phase), 2.0).loss(pinned));
            }
            cases
        })
        .collect()
}

#[test]
fn bursts_in_phase_and_independent_agree() {
    assert_agreement(&phases());
}

/// Groups are systems of their own, loaded differently here; queue q is in group `q g / n`.
fn groups() -> Vec<Case> {
    let (a, r, fast, slow) = (2, 3, 0.8, 0.95);
    let system = |queues: u32, slow_from: u32, accounting| {
        let service = (0..queues)
            .map(|queue| exponential(if queue < slow_from { fast } else { slow }))
            .collect();
        let host = HostSpec::Server { service, wakeup: Distribution::Constant(0) };
        let mut system =
            with_reserve(rings(queues, a, host, poisson(1.0)), r, accounting, CompleteSharing);
        system.buffers.reserve.as_mut().expect("it has just been added").groups = 2;
        system
    };
    let loss = |n, rho| exact::relabelled_loss(n, a as usize, r as usize, rho);
    let pinned = |n, rho| exact::pinned_chain(n, a as usize, r as usize, rho, |_, _| true);
    let (first, second) = (pinned(2, fast), pinned(2, slow));
    vec![
        Case::new("two groups of two", system(4, 2, Relabelled), 2.0)
            .with(Quantity::Loss(0..2), loss(2, fast))
            .with(Quantity::Loss(2..4), loss(2, slow)),
        Case::new("groups of three and two", system(5, 3, Relabelled), 2.0)
            .with(Quantity::Loss(0..3), loss(3, fast))
            .with(Quantity::Loss(3..5), loss(2, slow)),
        Case::new("two groups of two, pinned", system(4, 2, Pinned), 2.0)
            .with(Quantity::Loss(0..2), first.loss)
            .with(Quantity::Loss(2..4), second.loss)
            .with(Quantity::ReserveInUse, first.reserve_in_use_mean + second.reserve_in_use_mean),
    ]
}

#[test]
fn groups_are_independent_systems() {
    assert_agreement(&groups());
}

/// One queue whose packets need two buffers each: half the room, rounded down.
fn several_buffers() -> Vec<Case> {
    [(8, 0, 0.8, 4), (9, 0, 0.8, 4), (3, 3, 0.7, 3), (3, 2, 0.7, 2), (0, 7, 0.9, 3)]
        .into_iter()
        .flat_map(|(a, r, rho, k)| {
            [("pinned", Pinned), ("relabelled", Relabelled)].map(|(name, accounting)| {
                let mut system = memoryless_queues(1, a, rho);
                system.buffers.rx_buf_len = u64::from(LEN.div_ceil(2));
                let system = with_reserve(system, r, accounting, CompleteSharing);
                Case::new(format!("two buffers of {a} + {r} {name} at {rho}"), system, 0.7)
                    .loss(exact::mm1k_loss(rho, k))
            })
        })
        .collect()
}

#[test]
fn packets_of_two_buffers_have_half_the_room() {
    assert_agreement(&several_buffers());
}
