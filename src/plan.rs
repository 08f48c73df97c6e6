//! Planning: the least memory that meets a drop goal, with and without a reserve.
//!
//! The search rests on monotonicity: with the same traffic (common random numbers) more entries
//! lose no more. For each reserve size, from none upward, the least ring depth that meets the goal
//! is found by bisection, never looking above the depth the smaller reserve needed. A configuration
//! meets the goal only if the *upper* end of its interval does. The winner is the one with the
//! fewest total bytes; both of its neighbours one step cheaper are judged too.

use std::collections::BTreeMap;

use crate::model::buffers::ReserveSpec;
use crate::model::memory::Memory;
use crate::model::policy::Policy;
use crate::model::system::Progress;
use crate::model::traffic::TrafficSpec;
use crate::scenario::{Scenario, Shape, Warning};
use crate::simulation::{self, Engine, Options, Simulation, SimulationError};
use crate::stats::{Estimate, Method};
use crate::units::to_f64;

/// The outcome of a search.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether the goal can be met.
    pub verdict: Verdict,
    /// Why, in a sentence or two.
    pub why: String,
    /// Whether the search came to its end; if not, something cheaper may meet the goal too.
    pub complete: bool,
    /// The least memory that meets the goal.
    pub recommended: Option<Candidate>,
    /// The least memory that meets it without a reserve: what can be set up today.
    pub today: Option<Candidate>,
    /// What to compare with.
    pub baseline: Candidate,
    /// The scenario's own configuration, where all its rings are of one depth.
    pub scenario: Option<Candidate>,
    /// Candidates that no cheaper one beats, by rising memory.
    pub frontier: Vec<Candidate>,
    /// Candidates simulated.
    pub judged: usize,
    /// Doubts about the scenario.
    pub warnings: Vec<Warning>,
}

/// Whether the goal can be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At least one configuration meets it.
    Feasible,
    /// Even the largest configuration searched misses it.
    Infeasible,
    /// The simulation was too short to tell.
    Inconclusive,
}

/// A configuration and how it did.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Rings and reserve.
    pub shape: Shape,
    /// Entries of all reserves together.
    pub reserve_entries: u64,
    /// The reserve's policy; `None` without a reserve.
    pub policy: Option<&'static str>,
    /// Share of packets dropped.
    pub drop_rate: Estimate,
    /// 99th percentile of the sojourn time in microseconds.
    pub p99_us: f64,
    /// Memory it pins.
    pub memory: Memory,
    /// Most buffer bytes in use at once.
    pub in_use_bytes_max: u64,
}

/// Called with the number of candidates judged so far.
pub type Judged<'a> = dyn Fn(usize) + 'a;

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing to search.
    #[error(
        "reserve.policy: \"peer-borrow\" has no reserve whose size could be searched; use simulate \
         with --set nic.rx=..., or another policy"
    )]
    PeerBorrow,
    /// A simulation gave no result.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
}

/// Searches the configurations of the scenario's `[plan]`.
///
/// When `progress.stop` is set the best that was found so far is the answer, marked as such.
///
/// # Errors
/// [`PlanError`] when there is nothing to search, or it was stopped before anything was found.
pub fn plan(
    scenario: &Scenario,
    jobs: usize,
    engine: Engine,
    progress: &Progress,
    judged: &Judged<'_>,
) -> Result<Plan, PlanError> {
    let lends = |reserve: &ReserveSpec| reserve.policy == Policy::PeerBorrow;
    if scenario.reserve.as_ref().is_some_and(lends) {
        return Err(PlanError::PeerBorrow);
    }
    let mut search =
        Search { scenario, jobs, engine, progress, judged, candidates: BTreeMap::new() };
    let baseline = search.judge(scenario.plan.baseline)?;
    let own = match own_shape(scenario) {
        Some(shape) => Some(search.judge(shape)?),
        None => None,
    };
    let largest = search.judge(search.largest())?;
    let complete = match search.search(&largest) {
        Ok(()) => true,
        Err(SimulationError::Stopped) => false,
        Err(error) => return Err(error.into()),
    };
    let recommended = search.best(&scenario.plan.reserve);
    let today = search.best(&[0]);
    let (verdict, why) = search.verdict(recommended.as_ref(), &baseline, &largest, complete);
    Ok(Plan {
        verdict,
        why,
        complete,
        recommended,
        today,
        baseline,
        scenario: own,
        frontier: search.frontier(),
        judged: search.candidates.len(),
        warnings: scenario.warnings.clone(),
    })
}

/// The scenario's own rings and reserve, where all rings are of one depth.
fn own_shape(scenario: &Scenario) -> Option<Shape> {
    let rx = *scenario.nic.rx.first()?;
    let reserve = scenario.reserve.as_ref().map_or(0, |reserve| reserve.entries);
    scenario.nic.rx.iter().all(|depth| *depth == rx).then_some(Shape { rx, reserve })
}

/// A search under way: every configuration is simulated at most once.
struct Search<'a> {
    scenario: &'a Scenario,
    jobs: usize,
    engine: Engine,
    progress: &'a Progress,
    judged: &'a Judged<'a>,
    candidates: BTreeMap<Shape, Candidate>,
}

impl Search<'_> {
    fn judge(&mut self, shape: Shape) -> Result<Candidate, SimulationError> {
        if let Some(candidate) = self.candidates.get(&shape) {
            return Ok(candidate.clone());
        }
        let scenario = match own_shape(self.scenario) {
            Some(own) if own == shape => self.scenario.clone(),
            _ => self.scenario.with_shape(shape),
        };
        let options = Options { jobs: self.jobs, engine: self.engine, ..Options::default() };
        let simulation = simulation::simulate(&scenario, options, self.progress)?;
        if simulation.replications < scenario.run.replications {
            return Err(SimulationError::Stopped);
        }
        let candidate = Candidate::new(shape, &scenario, &simulation);
        self.candidates.insert(shape, candidate.clone());
        (self.judged)(self.candidates.len());
        Ok(candidate)
    }

    /// The configuration with the most entries.
    fn largest(&self) -> Shape {
        let last = |values: &[u32]| values.last().copied().expect("ranges are not empty");
        Shape { rx: last(&self.scenario.plan.rx), reserve: last(&self.scenario.plan.reserve) }
    }

    /// Whether it meets the goal in all respects.
    fn meets_goal(&self, candidate: &Candidate) -> bool {
        self.drops_little(candidate) && self.is_quick(candidate)
    }

    /// Whether it meets those of the goal that more entries help to meet.
    fn drops_little(&self, candidate: &Candidate) -> bool {
        candidate.drop_rate.ci_high <= self.scenario.plan.max_drop_rate
            && self.survives(candidate.shape)
    }

    /// Whether its packets are delivered soon enough; more entries let them wait longer.
    fn is_quick(&self, candidate: &Candidate) -> bool {
        self.scenario.plan.max_p99_us.is_none_or(|most| candidate.p99_us <= most)
    }

    /// Whether a shape has buffers for all that it must survive.
    fn survives(&self, shape: Shape) -> bool {
        !self.scenario.plan.survive_storm || self.scenario.with_shape(shape).holds_storm()
    }

    /// Judges what the answer may be among.
    fn search(&mut self, largest: &Candidate) -> Result<(), SimulationError> {
        // Where the largest loses too much every smaller one does.
        if self.overload().is_some() || !self.drops_little(largest) {
            return Ok(());
        }
        let reserves = self.scenario.plan.reserve.clone();
        self.find_least_depths(&reserves)?;
        // Should noise have hidden one that is cheaper and meets the goal, it is the new winner.
        let mut settled = None;
        while let Some(best) = self.best(&reserves).map(|best| best.shape)
            && settled != Some(best)
        {
            for shape in self.one_step_cheaper(best) {
                self.judge(shape)?;
            }
            settled = Some(best);
        }
        // What can be set up today is worth knowing even where only reserves were asked for.
        self.find_least_depths(&[0])
    }

    /// For each of these reserve sizes, rising, judges the least ring depth that drops little, and
    /// those that show it.
    fn find_least_depths(&mut self, reserves: &[u32]) -> Result<(), SimulationError> {
        let depths = self.scenario.plan.rx.clone();
        let mut known = depths.len();
        for &reserve in reserves {
            let shape = |index: usize| Shape { rx: depths[index], reserve };
            // Invariant: depths below `low` drop too much, those from `high` on do not.
            let (mut low, mut high) = (0, known);
            while low < high {
                let middle = usize::midpoint(low, high);
                let enough = shape(middle).has_buffers() && {
                    let candidate = self.judge(shape(middle))?;
                    self.drops_little(&candidate)
                };
                if enough {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            if high < depths.len() {
                self.judge(shape(high))?;
                // A larger reserve needs no deeper rings than this one.
                known = high + 1;
            }
        }
        Ok(())
    }

    /// The cheapest that was judged and meets the goal, with one of these reserves.
    fn best(&self, reserves: &[u32]) -> Option<Candidate> {
        if self.overload().is_some() {
            return None;
        }
        let searched = |shape: Shape| {
            self.scenario.plan.rx.contains(&shape.rx) && reserves.contains(&shape.reserve)
        };
        self.candidates
            .values()
            .filter(|candidate| searched(candidate.shape) && self.meets_goal(candidate))
            .min_by_key(|candidate| (candidate.memory.total_bytes, candidate.shape))
            .cloned()
    }

    fn one_step_cheaper(&self, from: Shape) -> Vec<Shape> {
        let below = |values: &[u32], value: u32| {
            values.iter().copied().take_while(|other| *other < value).last()
        };
        let plan = &self.scenario.plan;
        let shallower = below(&plan.rx, from.rx).map(|rx| Shape { rx, ..from });
        let smaller = below(&plan.reserve, from.reserve).map(|reserve| Shape { reserve, ..from });
        shallower.into_iter().chain(smaller).filter(Shape::has_buffers).collect()
    }

    /// Candidates that drop less than every cheaper one, by rising memory.
    fn frontier(&self) -> Vec<Candidate> {
        let mut all: Vec<&Candidate> = self.candidates.values().collect();
        all.sort_by_key(|candidate| (candidate.memory.total_bytes, candidate.shape));
        let mut least = f64::INFINITY;
        let mut frontier = Vec::new();
        for candidate in all {
            if candidate.drop_rate.estimate < least {
                least = candidate.drop_rate.estimate;
                frontier.push(candidate.clone());
            }
        }
        frontier
    }

    fn verdict(
        &self,
        recommended: Option<&Candidate>,
        baseline: &Candidate,
        largest: &Candidate,
        complete: bool,
    ) -> (Verdict, String) {
        let goal = self.scenario.plan.max_drop_rate;
        if let Some(best) = recommended {
            let bytes = |candidate: &Candidate| to_f64(candidate.memory.total_bytes);
            let share = 100.0 * bytes(best) / bytes(baseline);
            let cheaper: Vec<String> =
                self.one_step_cheaper(best.shape).iter().map(Shape::to_string).collect();
            let cheaper = match cheaper.len() {
                _ if !complete => "; stopped before all was searched: less may do too".to_owned(),
                0 => "; nothing smaller was searched".to_owned(),
                _ => format!("; one step cheaper does not: {}", cheaper.join(", ")),
            };
            let storm = self.storm_text();
            let why = format!(
                "{} meets the goal of {goal:e} with {share:.1} % of the baseline's memory{storm}\
                 {cheaper}",
                best.shape
            );
            return (Verdict::Feasible, why);
        }
        if let Some(overload) = self.overload() {
            return (Verdict::Infeasible, overload.to_string());
        }
        if !self.survives(largest.shape) {
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
            let why = format!(
                "even {} drops {:.2e} of all packets, above the goal of {goal:e}: bursts or stalls \
                 are longer than any ring searched; spread or shorten them, or search deeper rings",
                largest.shape, rate.estimate
            );
            return (Verdict::Infeasible, why);
        }
        if !self.drops_little(largest) {
            return (Verdict::Inconclusive, self.what_would_decide(largest));
        }
        if !complete {
            let why = format!(
                "stopped before a configuration was found; {} drops little enough",
                largest.shape
            );
            return (Verdict::Inconclusive, why);
        }
        (Verdict::Infeasible, self.what_takes_long())
    }

    /// Why there is no answer although the largest drops little enough.
    fn what_takes_long(&self) -> String {
        let quickest = self
            .candidates
            .values()
            .filter(|candidate| self.drops_little(candidate))
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

    fn overload(&self) -> Option<&Warning> {
        self.scenario.warnings.iter().find(|warning| matches!(warning, Warning::Overload { .. }))
    }

    /// The override that shows `factor` times as many bursts.
    fn how_to_see_more(&self, factor: f64) -> String {
        let run = &self.scenario.run;
        match run.duration {
            // Bursts of a constant or recorded source do not come with time.
            Some(duration) if self.scenario.traffic.iter().any(TrafficSpec::renews) => {
                let ms = (duration.as_secs_f64() * 1e3 * factor).ceil();
                format!("--set run.duration=\"{ms} ms\"")
            }
            _ => {
                let replications = (f64::from(run.replications) * factor).ceil();
                format!("--set run.replications={replications}")
            }
        }
    }

    fn what_would_decide(&self, largest: &Candidate) -> String {
        let goal = self.scenario.plan.max_drop_rate;
        let rate = &largest.drop_rate;
        let longer = rate.ci_high / goal;
        match rate.method {
            Method::ZeroDrops => format!(
                "{} dropped nothing, but so few bursts were seen that its drop rate is only known \
                 to be below {:.2e}, not below the goal of {goal:e}; {longer:.1} times as many \
                 would decide ({})",
                largest.shape,
                rate.ci_high,
                self.how_to_see_more(longer * 1.05)
            ),
            _ => format!(
                "the drop rate of {} is {:.2e}, between {:.2e} and {:.2e}: the goal of {goal:e} \
                 lies within; more replications or a longer duration would decide",
                largest.shape, rate.estimate, rate.ci_low, rate.ci_high
            ),
        }
    }
}

impl Candidate {
    fn new(shape: Shape, scenario: &Scenario, simulation: &Simulation) -> Self {
        let reserve = scenario.reserve.as_ref();
        Self {
            shape,
            reserve_entries: reserve
                .map_or(0, |reserve| u64::from(reserve.groups) * u64::from(reserve.entries)),
            policy: reserve.map(|reserve| reserve.policy.name()),
            drop_rate: simulation.drop_rate,
            p99_us: simulation.sojourn.quantile_us(0.99),
            memory: simulation.memory,
            in_use_bytes_max: scenario.memory().bytes_of(simulation.in_use.max),
        }
    }
}
