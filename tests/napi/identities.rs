//! Where a NAPI host is another host, packet for packet.

use proptest::prelude::*;
use rxplan::model::buffers::Refiller;
use rxplan::model::distribution::Distribution;
use rxplan::model::host::{HostSpec, NapiContext, NapiSpec, Refill};
use rxplan::model::log::{Fate, PacketOutcome};
use rxplan::model::outcome::Outcome;
use rxplan::model::policy::Policy;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::TrafficKind;
use rxplan::units::{PacketRate, SimDuration, SimTime};

use crate::runs::{Run, close, config, run};
use crate::scenarios::{server, with_host};
use crate::timeline::plain;

/// An interrupt with every packet, one core a queue, buffers reposted one by one.
fn serving(service: SimDuration, wakeup: Distribution) -> NapiSpec {
    NapiSpec { cores: u32::MAX, per_packet: service, wakeup, refill: Refill::Batch(1), ..plain() }
}

fn with_napi(system: &SystemSpec, spec: NapiSpec) -> SystemSpec {
    SystemSpec { host: HostSpec::Napi(Box::new(spec)), ..system.clone() }
}

/// Servers with one service time for all, and reserves reposted one by one at no cost: a poll
/// flushes a partial batch when it completes, a server when its packet leaves.
fn plain_servers(mut system: SystemSpec, service: u64, wakeup: Distribution) -> SystemSpec {
    let queues = system.buffers.rx.len();
    let service = vec![Distribution::Constant(service); queues];
    system.host = HostSpec::Server { service, wakeup };
    if let Some(reserve) = &mut system.buffers.reserve {
        (reserve.sync_cost, reserve.repost) = (SimDuration::ZERO, 1);
        reserve.refiller = Refiller::ConsumingCore;
        // Which queue's buffers wait for the limit depends on whose came first at one instant.
        reserve.low_watermark = None;
        reserve.small = None;
        if matches!(reserve.policy, Policy::LongestQueueDrop | Policy::EarlyDrop { .. }) {
            // Only servers give packets back; lots are drawn anew whenever the FIFO is tried.
            reserve.policy = Policy::CompleteSharing;
        }
    }
    system
}

fn assert_same(left: &Run, right: &Run) -> Result<(), TestCaseError> {
    prop_assert_eq!(&left.packets, &right.packets);
    let measured = |outcome: &Outcome| {
        let Outcome { in_use, reserve_in_use, utilization, stalled_fraction, .. } = outcome;
        [in_use.mean, reserve_in_use.mean, *utilization, *stalled_fraction]
    };
    for (left, right) in measured(&left.outcome).into_iter().zip(measured(&right.outcome)) {
        prop_assert!(close(left, right), "{left}, not {right}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(1500))]

    /// With a budget of one packet a stall holds up every packet, as it does at a server.
    #[test]
    fn polls_of_one_packet_without_wakeup_are_a_server(
        system in with_host(server),
        service in 1_u64..8,
    ) {
        let servers = plain_servers(system, service, Distribution::Constant(0));
        let spec = serving(SimDuration::from_ps(service), Distribution::Constant(0));
        let napi = with_napi(&servers, NapiSpec { budget: 1, ..spec });
        assert_same(&run(&napi), &run(&servers))?;
    }

    #[test]
    fn interrupt_after_interrupt_is_a_server_that_wakes_up(
        system in with_host(server),
        mean in 1.0..9e6,
        service in 1_u64..8,
    ) {
        // Far apart, and with no FIFO, so that no packet comes at the very instant at which a
        // queue empties.
        let wakeup = Distribution::Exponential { mean };
        let service = 1_000_000 * service + 7;
        let mut servers = plain_servers(system, service, wakeup.clone());
        servers.stalls.clear();
        servers.fifo = FifoSpec::default();
        servers.line_rate = None;
        servers.window.start = SimTime::ZERO;
        servers.window.end = Some(SimTime::from_ps(300_000_000));
        let rate = PacketRate::new(1, 10_000_019).expect("fits");
        servers.traffic.truncate(1);
        servers.traffic[0].kind = TrafficKind::Poisson { rate };
        let napi = with_napi(&servers, serving(SimDuration::from_ps(service), wakeup));
        let (napi, servers) = (run(&napi), run(&servers));
        prop_assert_eq!(napi.outcome.wakeups, servers.outcome.wakeups);
        assert_same(&napi, &servers)?;
    }

    /// A host that costs nothing delivers at once whatever its budgets are, however it is woken.
    #[test]
    fn a_host_that_costs_nothing_delivers_what_it_takes_at_once(
        system in with_host(server),
        budget in 1_u32..5,
        netdev_budget in 1_u32..9,
        threaded in any::<bool>(),
    ) {
        let mut hold = system;
        hold.stalls.clear();
        hold.host = HostSpec::Hold { time: Distribution::Constant(0) };
        hold.fifo = FifoSpec::default();
        if let Some(reserve) = &mut hold.buffers.reserve {
            reserve.sync_cost = SimDuration::ZERO;
            reserve.refiller = Refiller::ConsumingCore;
            reserve.low_watermark = None;
            reserve.small = None;
        }
        // Held for no time, a completion entry is freed at once; polled, with the poll.
        hold.buffers.completion_entries = 1 << 20;
        let context = NapiContext::Softirq {
            netdev_budget,
            netdev_budget_usecs: SimDuration::from_ps(1),
            ksoftirqd_delay: Distribution::Constant(0),
        };
        let context = if threaded { NapiContext::Threads } else { context };
        let spec = serving(SimDuration::ZERO, Distribution::Constant(0));
        let napi = with_napi(&hold, NapiSpec { budget, context, ..spec });
        let napi = run(&napi);
        prop_assert_eq!(&napi.packets, &run(&hold).packets);
        let at_once = |packet: &PacketOutcome| match packet.fate {
            Fate::Delivered(time) => time == packet.arrival,
            Fate::Dropped(_) => true,
            Fate::Outstanding => false,
        };
        prop_assert!(napi.packets.iter().all(at_once));
    }
}
