//! What a search comes to, in words.

use super::judge::Effort;
use super::search::{Place, Search};
use super::{Candidate, Verdict};
use crate::model::host::HostSpec;
use crate::model::traffic::TrafficSpec;
use crate::scenario::{Scenario, Warning};
use crate::simulation::SimulationError;
use crate::stats::Method;
use crate::units::{SimDuration, to_f64};

/// What a search has found.
pub(super) struct Findings<'a, 's, J> {
    pub(super) scenario: &'a Scenario,
    pub(super) search: &'a Search<'s, J>,
    pub(super) baseline: &'a Candidate,
    /// The configuration with the most entries.
    pub(super) largest: &'a Candidate,
    /// Whether the search came to its end.
    pub(super) complete: bool,
}

/// Packets a second and thread to reckon with.
const PACKETS_PER_SECOND: f64 = 8e6;

impl<J> Findings<'_, '_, J>
where
    J: FnMut(Place, Effort) -> Result<Candidate, SimulationError>,
{
    /// Whether the goal can be met, and why.
    pub(super) fn verdict(
        &self,
        recommended: Option<&Candidate>,
        overload: Option<&Warning>,
    ) -> (Verdict, String) {
        let goal = self.scenario.plan.max_drop_rate;
        if let Some(best) = recommended {
            return (Verdict::Feasible, self.why_it_is_best(best));
        }
        if let Some(overload) = overload {
            let why = format!("{overload}; {}", self.remedies());
            return (Verdict::Infeasible, why);
        }
        let largest = self.largest;
        if !self.search.survives(largest) {
            let storm: u64 = self.scenario.storm_packets().iter().sum();
            let why = format!(
                "even {} has no buffer for each of the {storm} packets that one storm of \
                 generations turns back; search deeper rings or a larger reserve",
                largest.shape
            );
            return (Verdict::Infeasible, why);
        }
        let rate = &largest.drop_rate;
        if rate.ci_low > goal {
            let cause = self.longest_stall().unwrap_or_else(|| {
                format!("bursts or stalls are longer than any ring searched: {}", self.remedies())
            });
            let why = format!(
                "even {} drops {:.2e} of all packets, above the goal of {goal:e}: {cause}, or \
                 search deeper rings",
                largest.shape, rate.estimate
            );
            return (Verdict::Infeasible, why);
        }
        if !self.search.drops_little(largest) {
            return (Verdict::Inconclusive, self.what_would_decide());
        }
        if !self.complete {
            let why = format!(
                "stopped before a configuration was found; {} drops little enough",
                largest.shape
            );
            return (Verdict::Inconclusive, why);
        }
        if !self.search.refused.is_empty() {
            let why = format!(
                "{} configurations seemed to meet the goal of {goal:e}, but none did so in a run \
                 of its own; a longer run would decide ({})",
                self.search.refused.len(),
                self.how_to_see_more(4.0)
            );
            return (Verdict::Inconclusive, why);
        }
        (Verdict::Infeasible, self.what_takes_long())
    }

    fn why_it_is_best(&self, best: &Candidate) -> String {
        let goal = self.scenario.plan.max_drop_rate;
        let bytes = |candidate: &Candidate| to_f64(candidate.memory.total_bytes);
        let share = 100.0 * bytes(best) / bytes(self.baseline);
        let queues = match &self.scenario.plan.queues[..] {
            [] => String::new(),
            _ => format!("{} queues of ", best.queues),
        };
        let storm = self.storm_text();
        let doubt = if best.certified { "" } else { " (not confirmed by a run of its own)" };
        let mut why = format!(
            "{queues}{} meets the goal of {goal:e} with {share:.1} % of the baseline's \
             memory{storm}{doubt}",
            best.shape
        );
        if !self.complete {
            return why + "; stopped before all was searched: less may do too";
        }
        let steps = self.search.one_step_cheaper(best.place());
        if steps.is_empty() {
            return why + "; nothing smaller was searched";
        }
        let (mut fail, mut open) = (Vec::new(), Vec::new());
        for place in steps {
            let candidate = self.search.candidates.get(&place);
            let is_open = candidate.is_some_and(|it| it.drop_rate.ci_low <= goal);
            if is_open { &mut open } else { &mut fail }.push(place.1.to_string());
        }
        if !fail.is_empty() {
            why += &format!("; one step cheaper does not: {}", fail.join(", "));
        }
        if !open.is_empty() {
            why += &format!("; one step cheaper is not certain to: {}", open.join(", "));
        }
        why
    }

    /// What helps where no ring does.
    fn remedies(&self) -> &'static str {
        match self.scenario.host {
            HostSpec::Napi(_) | HostSpec::BusyPoll(_) => {
                "give the queues more cores, spread the traffic over more queues, let nothing else \
                 run on these cores (affinity, isolation, priority), or use flow control"
            }
            _ => "a faster host, more queues, shorter bursts or flow control would help",
        }
    }

    /// Where stalls alone bring more than a queue can ever have: no ring outlasts them.
    fn longest_stall(&self) -> Option<String> {
        let longest = |quantile| {
            let stalls = self.scenario.stalls.iter();
            stalls.filter_map(|stall| stall.lasts(quantile)).max().unwrap_or(SimDuration::ZERO)
        };
        let stall = longest(0.99);
        let queues = self.largest.queues;
        let mut rates = vec![0.0; self.scenario.queues()];
        for traffic in &self.scenario.traffic {
            for queue in &traffic.queues {
                rates[queue.index()] += traffic.rate_per_queue();
            }
        }
        let rate = rates.iter().copied().fold(0.0, f64::max)
            * to_f64(self.scenario.queues() as u64)
            / to_f64(queues as u64);
        let arrive = rate * stall.as_secs_f64();
        let most = f64::from(self.largest.shape.rx) + f64::from(self.largest.shape.reserve);
        (arrive > most).then(|| {
            format!(
                "a stall of {stall} brings {arrive:.0} packets to a queue at {:.3} Mpps, more than \
                 the {most:.0} it can have; no ring outlasts that: {}",
                rate / 1e6,
                self.remedies()
            )
        })
    }

    /// Why there is no answer although the largest drops little enough.
    fn what_takes_long(&self) -> String {
        let quickest = self
            .search
            .candidates
            .values()
            .filter(|candidate| self.search.drops_little(candidate))
            .map(|candidate| candidate.p99_us)
            .min_by(f64::total_cmp)
            .unwrap_or(f64::INFINITY);
        let most = self.scenario.plan.max_p99_us.unwrap_or(f64::INFINITY);
        format!(
            "whatever drops little enough delivers its 99th percentile after {quickest:.2} us or \
             more, above the goal of {most} us: the host is too slow for these bursts; speed it \
             up or spread them over more queues"
        )
    }

    /// What a recommended shape has buffers for besides.
    fn storm_text(&self) -> String {
        if !self.scenario.plan.survive_storm {
            return String::new();
        }
        let storm: u64 = self.scenario.storm_packets().iter().sum();
        format!(" and has a buffer for each of the {storm} packets of one storm")
    }

    /// The override that shows `factor` times as many bursts, and how long that takes.
    fn how_to_see_more(&self, factor: f64) -> String {
        let run = &self.scenario.run;
        let how = match run.duration {
            // Bursts of a constant or recorded source do not come with time.
            Some(duration) if self.scenario.traffic.iter().any(TrafficSpec::renews) => {
                let ms = (duration.as_secs_f64() * 1e3 * factor).ceil();
                format!("--set run.duration=\"{ms} ms\"")
            }
            _ => {
                let replications = (f64::from(run.replications) * factor).ceil();
                format!("--set run.replications={replications}")
            }
        };
        let packets = self.scenario.expected_packets() * factor;
        let seconds = packets / PACKETS_PER_SECOND;
        let time = match seconds {
            s if s < 120.0 => format!("{:.0} s", s.ceil()),
            s if s < 7200.0 => format!("{:.0} min", s / 60.0),
            s => format!("{:.0} h", s / 3600.0),
        };
        format!("{how}: {packets:.1e} packets a configuration, about {time} on one core")
    }

    fn what_would_decide(&self) -> String {
        let goal = self.scenario.plan.max_drop_rate;
        let largest = self.largest;
        let rate = &largest.drop_rate;
        let longer = rate.ci_high / goal;
        match rate.method {
            Method::ZeroDrops => {
                let why = match self.scenario.system().check_splitting() {
                    Err(fault) => format!(" ({fault})"),
                    Ok(()) => String::new(),
                };
                format!(
                    "{} dropped nothing, but so few bursts were seen that its drop rate is only \
                     known to be below {:.2e}, not below the goal of {goal:e}{why}; {longer:.1} \
                     times as many would decide ({})",
                    largest.shape,
                    rate.ci_high,
                    self.how_to_see_more(longer * 1.05)
                )
            }
            _ => {
                // An interval narrows with the root of the time.
                let half = (rate.ci_high - rate.ci_low) / 2.0;
                let away = (rate.estimate - goal).abs().max(goal / 10.0);
                format!(
                    "the drop rate of {} is {:.2e}, between {:.2e} and {:.2e}: the goal of \
                     {goal:e} lies within; a longer run would decide ({})",
                    largest.shape,
                    rate.estimate,
                    rate.ci_low,
                    rate.ci_high,
                    self.how_to_see_more((half / away).powi(2).max(2.0))
                )
            }
        }
    }
}
