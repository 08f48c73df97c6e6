//! Why a queue needs the entries that it needs, by arithmetic: no simulation.
//!
//! A ring holds what arrives while nobody takes packets, and what a burst brings faster than they
//! are taken. Each cause is taken at its 99th percentile, the burst of all tables that are in one
//! at once; causes add up, as they can meet. That is a rule of thumb to understand a ring by: what
//! a depth drops is for `simulate` and `plan` to say.

use crate::model::host::{HostSpec, Moderation};
use crate::model::traffic::{TrafficKind, TrafficSpec};
use crate::scenario::Scenario;
use crate::units::{SimDuration, round_to_u64, to_f64};

/// Why a queue needs entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The queue: the one that needs most.
    pub queue: usize,
    /// Packets a second that it is offered on average.
    pub offered_pps: f64,
    /// Packets a second that are taken from it while its core is at it; infinite where nothing
    /// limits that.
    pub drain_pps: f64,
    /// What its entries are for, those of most need first.
    pub parts: Vec<Part>,
    /// Its own entries.
    pub rx: u32,
    /// The reserve's that it can reach.
    pub reserve_entries: u32,
}

/// Entries and what they are for.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The cause.
    pub cause: Cause,
    /// Packets that come meanwhile.
    pub packets: f64,
    /// How that comes about.
    pub how: String,
}

/// What keeps packets in a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// More arrives than is taken.
    Burst,
    /// Nobody takes anything.
    Stall,
    /// The host has yet to come.
    WakeUp,
    /// The host is at other queues.
    OtherQueues,
    /// Taken, but not posted again.
    Refill,
}

impl Cause {
    /// The name used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Burst => "burst",
            Self::Stall => "stall",
            Self::WakeUp => "wake-up",
            Self::OtherQueues => "other queues",
            Self::Refill => "refill",
        }
    }
}

impl Explanation {
    /// Entries needed, all causes together.
    #[must_use]
    pub fn needed(&self) -> f64 {
        self.parts.iter().map(|part| part.packets).sum()
    }
}

/// The share of bursts, stalls and delays that are no longer than what is reckoned with.
const QUANTILE: f64 = 0.99;

/// Explains the queue of a scenario that needs most entries.
#[must_use]
pub fn explain(scenario: &Scenario) -> Explanation {
    let all = (0..scenario.queues()).map(|queue| explain_queue(scenario, queue));
    all.reduce(|most, other| if other.needed() > most.needed() { other } else { most })
        .expect("a scenario has a queue")
}

fn explain_queue(scenario: &Scenario, queue: usize) -> Explanation {
    let feeds = |traffic: &&TrafficSpec| traffic.queues.iter().any(|id| id.index() == queue);
    let tables: Vec<&TrafficSpec> = scenario.traffic.iter().filter(feeds).collect();
    let offered: f64 = tables.iter().map(|traffic| traffic.rate_per_queue()).sum();
    let bytes: f64 =
        tables.iter().map(|traffic| traffic.rate_per_queue() * traffic.mean_len()).sum();
    let mean_len = if offered > 0.0 { bytes / offered } else { 0.0 };
    let drain = scenario.host.capacity_per_queue(queue, mean_len);
    let (burst, peak) = burst(&tables, drain, offered);
    let mut parts = vec![burst];
    parts.extend(stall(scenario, offered));
    parts.extend(wake_up(scenario, peak));
    parts.extend(other_queues(scenario, queue, peak, drain));
    parts.extend(refill(scenario, queue));
    parts.retain(|part| part.packets > 0.0);
    parts.sort_by(|one, other| other.packets.total_cmp(&one.packets));
    Explanation {
        queue,
        offered_pps: offered,
        drain_pps: drain,
        parts,
        rx: scenario.nic.buffers()[queue],
        reserve_entries: scenario.reserve.as_ref().map_or(0, |reserve| reserve.within_reach()),
    }
}

/// What the bursts of all tables bring beyond what is taken meanwhile, and the rate at their peak.
fn burst(tables: &[&TrafficSpec], drain: f64, offered: f64) -> (Part, f64) {
    let mut peak = 0.0;
    let mut longest = 0.0_f64;
    let mut at_once = 0.0;
    let mut words = Vec::new();
    for traffic in tables {
        let mean = traffic.rate_per_queue();
        match &traffic.kind {
            TrafficKind::OnOff(spec) => {
                let seconds = to_f64(spec.on.quantile(QUANTILE)) / 1e12;
                let rate = spec.rate.per_second();
                peak += rate;
                longest = longest.max(seconds);
                words.push(format!("{} at {}", time(seconds), pps(rate)));
            }
            TrafficKind::Mmpp(spec) => {
                let (rate, sojourn_ps) = spec.peak();
                // An exponential time is below 4.6 times its mean in 99 of 100 cases.
                let seconds = -(1.0 - QUANTILE).ln() * sojourn_ps / 1e12;
                peak += rate;
                longest = longest.max(seconds);
                words.push(format!("{} at {}", time(seconds), pps(rate)));
            }
            TrafficKind::Batch(spec) => {
                let packets = to_f64(spec.count.quantile(QUANTILE));
                let seconds = packets * spec.spacing.as_secs_f64();
                if spec.spacing.is_zero() {
                    at_once += packets;
                } else {
                    peak += packets / seconds;
                    longest = longest.max(seconds);
                }
                words.push(format!("{packets:.0} packets within {}", time(seconds)));
            }
            TrafficKind::Incast(spec) => {
                let packets =
                    to_f64(spec.senders.quantile(QUANTILE)) * spec.answers.means().packets;
                at_once += packets;
                words.push(format!("{packets:.0} packets of answers, were all steered to it"));
            }
            _ => peak += mean,
        }
    }
    let beyond = (peak - drain).max(0.0) * longest;
    let words = match words.is_empty() {
        true => format!("arrivals without bursts, {} on average", pps(offered)),
        false => words.join(" and "),
    };
    let taken =
        if drain.is_finite() { format!(", while {} are taken", pps(drain)) } else { String::new() };
    // Without bursts it is chance that lets packets wait, and a few do.
    let chance = if drain.is_finite() && offered < drain { chance(offered / drain) } else { 0.0 };
    let packets = (beyond + at_once).max(chance);
    (Part { cause: Cause::Burst, packets, how: words + &taken }, peak.max(offered))
}

/// Packets that an M/M/1 queue of this load has at most, 99 % of the time: `r^K = 0.01`.
fn chance(load: f64) -> f64 {
    if load > 0.0 { ((1.0 - QUANTILE).ln() / load.ln()).ceil() } else { 0.0 }
}

fn stall(scenario: &Scenario, offered: f64) -> Option<Part> {
    let lasts = scenario.stalls.iter().filter_map(|stall| stall.lasts(QUANTILE)).max()?;
    let packets = offered * lasts.as_secs_f64();
    let how = format!("a stall of {lasts} at {}", pps(offered));
    Some(Part { cause: Cause::Stall, packets, how })
}

/// What comes between a packet and the host that it calls.
fn wake_up(scenario: &Scenario, peak: f64) -> Option<Part> {
    let quantile = |distribution: &crate::model::distribution::Distribution| {
        SimDuration::from_ps(distribution.quantile(QUANTILE))
    };
    let (delay, how) = match &scenario.host {
        HostSpec::Server { wakeup, .. } => (quantile(wakeup), "wake-up"),
        HostSpec::Poll { period, .. } => (*period, "one period between polls"),
        HostSpec::Napi(spec) => {
            let coalescing = match spec.moderation {
                Moderation::Fixed(coalescing) => coalescing.usecs,
                Moderation::Adaptive => SimDuration::from_us(256),
            };
            (quantile(&spec.wakeup) + coalescing, "interrupt coalescing and wake-up")
        }
        HostSpec::Hold { .. } | HostSpec::BusyPoll(_) | HostSpec::Trace { .. } => return None,
    };
    let packets = peak * delay.as_secs_f64();
    Some(Part { cause: Cause::WakeUp, packets, how: format!("{how}: {delay} at {}", pps(peak)) })
}

/// What comes while the core polls its other queues, each to its budget.
fn other_queues(scenario: &Scenario, queue: usize, peak: f64, drain: f64) -> Option<Part> {
    let (cores, budget) = match &scenario.host {
        HostSpec::BusyPoll(spec) => (spec.cores, spec.budget),
        HostSpec::Napi(spec) => (spec.cores, spec.budget),
        _ => return None,
    };
    let cores = (cores as usize).min(scenario.queues());
    let others = (0..scenario.queues()).filter(|other| other % cores == queue % cores).count() - 1;
    if others == 0 || !drain.is_finite() {
        return None;
    }
    let seconds = to_f64(others as u64) * f64::from(budget) / drain;
    let how = format!("{others} other queues of its core with {budget} packets each");
    Some(Part { cause: Cause::OtherQueues, packets: peak * seconds, how })
}

/// Entries that are taken but wait to be posted again.
fn refill(scenario: &Scenario, queue: usize) -> Option<Part> {
    let (entries, how) = match &scenario.host {
        HostSpec::Napi(spec) => match spec.refill.threshold(scenario.nic.rx[queue]) {
            None => (spec.budget, "posted at the end of a poll".to_owned()),
            Some(entries) => (entries, format!("posted {entries} at a time")),
        },
        HostSpec::BusyPoll(spec) => (spec.refill, format!("posted {} at a time", spec.refill)),
        _ => return None,
    };
    Some(Part { cause: Cause::Refill, packets: f64::from(entries), how })
}

/// A rate for people.
fn pps(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.2} Mpps", rate / 1e6),
        rate => format!("{:.1} kpps", rate / 1e3),
    }
}

fn time(seconds: f64) -> String {
    SimDuration::from_ps(round_to_u64(seconds * 1e9) * 1_000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Source;

    fn explained(host: &str, traffic: &str) -> Explanation {
        let text = format!(
            "[nic]\nqueues = 2\nrx = 64\nrx_buf_len = \"2 KiB\"\n[host]\n{host}\n\
             [[traffic]]\n{traffic}"
        );
        explain(&Scenario::load(&Source::Stdin(text), &[]).unwrap())
    }

    fn packets(explanation: &Explanation, cause: Cause) -> f64 {
        explanation.parts.iter().find(|part| part.cause == cause).map_or(0.0, |part| part.packets)
    }

    #[test]
    fn a_burst_needs_what_it_brings_beyond_what_is_taken() {
        let bursts = "kind = \"on-off\"\nrate = \"3 Mpps\"\non = \"100 us\"\noff = \"900 us\"";
        let explained =
            explained("model = \"server\"\nservice = \"1 us\"\nwakeup = \"10 us\"", bursts);
        // 2 a microsecond beyond, for 100; 3 a microsecond for 10.
        assert!((packets(&explained, Cause::Burst) - 200.0).abs() < 1e-6);
        assert!((packets(&explained, Cause::WakeUp) - 30.0).abs() < 1e-6);
        assert!((explained.needed() - 230.0).abs() < 1e-6);
        assert_eq!(explained.parts[0].cause, Cause::Burst);
    }

    #[test]
    fn a_stall_needs_what_arrives_meanwhile() {
        let steady = "kind = \"constant\"\nrate = \"500 kpps\"";
        let stall = "[[host.stall]]\nevery = \"100 ms\"\nlasts = \"16 ms\"\nscope = \"core\"";
        let napi = "model = \"napi\"\ncores = 1\nper_packet = \"500 ns\"\nrx_usecs = 8\n";
        let explained = explained(&format!("{napi}{stall}"), steady);
        assert!((packets(&explained, Cause::Stall) - 8_000.0).abs() < 1e-6);
        // 8 us of coalescing; the other queue takes 64 x 500 ns; a poll posts 64.
        assert!((packets(&explained, Cause::WakeUp) - 4.0).abs() < 1e-6);
        assert!((packets(&explained, Cause::OtherQueues) - 16.0).abs() < 1e-6);
        assert!((packets(&explained, Cause::Refill) - 64.0).abs() < 1e-6);
    }
}
