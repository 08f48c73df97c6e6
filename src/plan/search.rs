//! The search: which configurations are judged, and which of them is the best.
//!
//! With the same traffic (common random numbers) more entries lose no more, as long as a ring's
//! size does not slow the host down. For each number of queues, each policy and each reserve size,
//! from none upward, the least ring depth that meets the goal is found by bisection, never looking
//! above the depth the smaller reserve needed; where a closed form foretells it, the bisection
//! begins there. Where buffers that outgrow the cache cost time, every depth is judged.

use std::collections::BTreeMap;

use super::Candidate;
use super::judge::Effort;
use super::prescreen::least_depth;
use crate::scenario::{PlanSpec, Scenario, Shape};
use crate::simulation::SimulationError;
use crate::stats::Method;

/// What is judged: a variant of the scenario (its place among [`variants`]) with a shape.
pub(super) type Place = (usize, Shape);

/// The scenario with each number of queues and each policy that is to be searched; the first one is
/// the scenario as it is.
pub(super) fn variants(scenario: &Scenario) -> Vec<Scenario> {
    let plan = &scenario.plan;
    let own = u32::try_from(scenario.queues()).expect("queues are counted in 32 bits");
    let mut variants = vec![scenario.clone()];
    let queues = if plan.queues.is_empty() { &[own][..] } else { &plan.queues };
    for queues in queues {
        let other = scenario.with_queues(*queues).expect("checked when the scenario was resolved");
        let policies = plan.policies.iter().map(|policy| {
            let mut other = other.clone();
            if let Some(reserve) = &mut other.reserve {
                reserve.policy = *policy;
            }
            other
        });
        let policies: Vec<Scenario> = policies.collect();
        variants.extend(if policies.is_empty() { vec![other] } else { policies });
    }
    let first = variants[0].clone();
    let is_same = |other: &Scenario| other.nic == first.nic && other.reserve == first.reserve;
    let searched_too = variants[1..].iter().position(is_same);
    // The scenario as it is comes once, and is searched only if it is among what is to be.
    match searched_too {
        Some(place) => drop(variants.remove(place + 1)),
        None => variants[0].plan.rx.clear(),
    }
    variants
}

/// Whether a variant is searched: the scenario as it is may only be compared with.
fn is_searched(variant: &Scenario) -> bool {
    !variant.plan.rx.is_empty()
}

/// A search under way: every configuration is judged at most once.
pub(super) struct Search<'a, J> {
    plan: &'a PlanSpec,
    variants: &'a [Scenario],
    judge: J,
    pub(super) candidates: BTreeMap<Place, Candidate>,
    /// Those whose certificate was refused.
    pub(super) refused: Vec<Place>,
    /// For each variant: the least depth that drops little enough without a reserve, where one pass
    /// over the traffic has told.
    pub(super) private: Vec<Option<u32>>,
}

impl<'a, J> Search<'a, J>
where
    J: FnMut(Place, Effort) -> Result<Candidate, SimulationError>,
{
    pub(super) const fn new(plan: &'a PlanSpec, variants: &'a [Scenario], judge: J) -> Self {
        let candidates = BTreeMap::new();
        Self { plan, variants, judge, candidates, refused: Vec::new(), private: Vec::new() }
    }

    /// Judges a configuration with some effort, unless enough is known of it.
    fn judge(&mut self, place: Place, effort: Effort) -> Result<Candidate, SimulationError> {
        let enough = |known: &&Candidate| effort != Effort::Decide || known.decided;
        if let Some(candidate) = self.candidates.get(&place).filter(enough) {
            return Ok(candidate.clone());
        }
        let candidate = (self.judge)(place, effort)?;
        self.candidates.insert(place, candidate.clone());
        Ok(candidate)
    }

    /// Judges a configuration that others are compared with.
    pub(super) fn compare(&mut self, place: Place) -> Result<Candidate, SimulationError> {
        self.judge(place, Effort::Compare)
    }

    /// The configuration with the most entries of those searched, of the most queues.
    pub(super) fn largest(&self) -> Place {
        let last = |values: &[u32]| values.last().copied().expect("ranges are not empty");
        let shape = Shape { rx: last(&self.plan.rx), reserve: last(&self.plan.reserve) };
        let searched =
            (0..self.variants.len()).filter(|variant| is_searched(&self.variants[*variant]));
        let most = searched.max_by_key(|variant| self.variants[*variant].queues());
        (most.unwrap_or(0), shape)
    }

    /// Whether it meets the goal in all respects.
    pub(super) fn meets_goal(&self, candidate: &Candidate) -> bool {
        self.drops_little(candidate) && self.is_quick(candidate)
    }

    /// Whether it meets those of the goal that more entries help to meet.
    pub(super) fn drops_little(&self, candidate: &Candidate) -> bool {
        candidate.drop_rate.ci_high <= self.plan.max_drop_rate && self.survives(candidate)
    }

    /// Whether fewer entries may do: it drops little enough, or nothing that was seen.
    fn leads_down(&self, candidate: &Candidate) -> bool {
        let unseen = candidate.drop_rate.method == Method::ZeroDrops;
        self.drops_little(candidate) || (unseen && self.survives(candidate))
    }

    /// Whether its packets are delivered soon enough; more entries let them wait longer.
    fn is_quick(&self, candidate: &Candidate) -> bool {
        self.plan.max_p99_us.is_none_or(|most| candidate.p99_us <= most)
    }

    /// Whether a configuration has buffers for all that it must survive.
    pub(super) fn survives(&self, candidate: &Candidate) -> bool {
        let holds = || {
            let (variant, shape) = candidate.place();
            self.variants[variant].with_shape(shape).holds_storm()
        };
        !self.plan.survive_storm || holds()
    }

    /// Judges what the answer may be among.
    pub(super) fn run(&mut self) -> Result<(), SimulationError> {
        let (plan, variants) = (self.plan, self.variants);
        for variant in (0..variants.len()).filter(|it| is_searched(&variants[*it])) {
            // Where the largest loses too much every smaller one does, unless size costs time.
            let (_, largest) = self.largest();
            let candidate = self.judge((variant, largest), Effort::Glance)?;
            if self.leads_down(&candidate) || self.slows(variant) {
                self.find_least_depths(variant, &plan.reserve)?;
            }
        }
        self.settle()?;
        // What can be set up today is worth knowing even where only reserves were asked for.
        for variant in self.one_for_each_number_of_queues() {
            let deepest = Shape { reserve: 0, ..self.largest().1 };
            let candidate = self.judge((variant, deepest), Effort::Glance)?;
            if self.leads_down(&candidate) || self.slows(variant) {
                self.find_least_depths(variant, &[0])?;
            }
        }
        Ok(())
    }

    /// Judges what is one step cheaper than the best, until nothing of that is better: should noise
    /// have hidden something cheaper it is found here. Where it is not certain that one step
    /// is too cheap, the step after it is judged too.
    pub(super) fn settle(&mut self) -> Result<(), SimulationError> {
        let mut settled = None;
        while let Some(best) = self.best(&self.plan.reserve).map(|best| best.place())
            && settled != Some(best)
        {
            let mut steps = self.one_step_cheaper(best);
            let mut taken = Vec::new();
            while let Some(place) = steps.pop() {
                let candidate = self.judge(place, Effort::Decide)?;
                let is_open = candidate.drop_rate.leaves_open(self.plan.max_drop_rate);
                if is_open && !taken.contains(&place) {
                    taken.push(place);
                    steps.extend(self.one_step_cheaper(place));
                }
            }
            settled = Some(best);
        }
        Ok(())
    }

    /// The variants whose rings without a reserve differ.
    fn one_for_each_number_of_queues(&self) -> Vec<usize> {
        let mut queues = Vec::new();
        let mut variants = Vec::new();
        for (variant, scenario) in self.variants.iter().enumerate() {
            if is_searched(scenario) && !queues.contains(&scenario.queues()) {
                queues.push(scenario.queues());
                variants.push(variant);
            }
        }
        variants
    }

    /// Whether larger rings can make the host slower.
    fn slows(&self, variant: usize) -> bool {
        self.variants[variant].host.slows_with_size()
    }

    /// For each of these reserve sizes, rising, judges the least ring depth that drops little, and
    /// those that show it.
    fn find_least_depths(
        &mut self,
        variant: usize,
        reserves: &[u32],
    ) -> Result<(), SimulationError> {
        let plan = self.plan;
        let depths = &plan.rx;
        let mut known = depths.len();
        for &reserve in reserves {
            let shape = |index: usize| Shape { rx: depths[index], reserve };
            if self.slows(variant) {
                for index in (0..depths.len()).filter(|index| shape(*index).has_buffers()) {
                    self.judge((variant, shape(index)), Effort::Decide)?;
                }
                continue;
            }
            // Invariant: depths below `low` drop too much, those from `high` on do not, as far as
            // was seen.
            let (mut low, mut high) = (0, known);
            let mut guess = self.foretold(variant, reserve);
            while low < high {
                let probe = guess.filter(|guess| (low..high).contains(guess));
                let probe = probe.unwrap_or_else(|| usize::midpoint(low, high));
                let enough = shape(probe).has_buffers() && {
                    let candidate = self.judge((variant, shape(probe)), Effort::Glance)?;
                    self.leads_down(&candidate)
                };
                // What was foretold is confirmed by the depth before it.
                guess = guess.filter(|guess| enough && *guess == probe && probe > low);
                guess = guess.map(|guess| guess - 1);
                if enough {
                    high = probe;
                } else {
                    low = probe + 1;
                }
            }
            // What was not seen to drop may do so all the same; if it is to be known.
            while high < known && self.is_cheaper_than_best((variant, shape(high))) {
                let candidate = self.judge((variant, shape(high)), Effort::Decide)?;
                if self.drops_little(&candidate) {
                    // A larger reserve needs no deeper rings than this one.
                    known = high + 1;
                    break;
                }
                high += 1;
            }
            if high == 0 {
                // A larger reserve only costs more.
                break;
            }
        }
        Ok(())
    }

    /// Whether a configuration would be the best, if it met the goal.
    fn is_cheaper_than_best(&self, (variant, shape): Place) -> bool {
        let memory = self.variants[variant].with_shape(shape).memory().memory();
        let bytes = memory.expect("checked when the scenario was resolved").total_bytes;
        let best = self.best(&self.plan.reserve);
        best.is_none_or(|best| bytes <= best.memory.total_bytes)
    }

    /// The place among the depths of the one that a pass over the traffic, or a closed form,
    /// foretells.
    fn foretold(&self, variant: usize, reserve: u32) -> Option<usize> {
        let private = self.private.get(variant).copied().flatten().filter(|_| reserve == 0);
        let foretold = || least_depth(&self.variants[variant], reserve, self.plan.max_drop_rate);
        let needed = private.or_else(foretold)?;
        self.plan.rx.iter().position(|depth| *depth >= needed)
    }

    /// The cheapest that was judged and meets the goal, with one of these reserves.
    pub(super) fn best(&self, reserves: &[u32]) -> Option<&Candidate> {
        let searched = |(variant, shape): Place| {
            is_searched(&self.variants[variant])
                && self.plan.rx.contains(&shape.rx)
                && reserves.contains(&shape.reserve)
        };
        self.candidates
            .values()
            .filter(|candidate| searched(candidate.place()) && self.meets_goal(candidate))
            .filter(|candidate| !self.refused.contains(&candidate.place()))
            .min_by(|one, other| {
                let bytes = |candidate: &Candidate| candidate.memory.total_bytes;
                let drops = |candidate: &Candidate| candidate.drop_rate.estimate;
                bytes(one)
                    .cmp(&bytes(other))
                    .then(drops(one).total_cmp(&drops(other)))
                    .then(one.place().cmp(&other.place()))
            })
    }

    /// What differs from `from` by one step to fewer entries.
    pub(super) fn one_step_cheaper(&self, (variant, from): Place) -> Vec<Place> {
        let below = |values: &[u32], value: u32| {
            values.iter().copied().take_while(|other| *other < value).last()
        };
        let shallower = below(&self.plan.rx, from.rx).map(|rx| Shape { rx, ..from });
        let smaller =
            below(&self.plan.reserve, from.reserve).map(|reserve| Shape { reserve, ..from });
        let shapes = shallower.into_iter().chain(smaller).filter(Shape::has_buffers);
        shapes.map(|shape| (variant, shape)).collect()
    }

    /// Candidates that drop less than every cheaper one, by rising memory.
    pub(super) fn frontier(&self) -> Vec<Candidate> {
        let mut all: Vec<&Candidate> = self.candidates.values().collect();
        all.sort_by_key(|candidate| (candidate.memory.total_bytes, candidate.place()));
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Source;
    use crate::simulation::Simulation;
    use crate::stats::Estimate;

    const TEXT: &str = "[nic]\nqueues = 1\nrx = 64\nrx_buf_len = \"2 KiB\"\n\
        [host]\nmodel = \"server\"\nservice = \"1 us\"\n\
        [plan]\nmax_drop_rate = 1e-3\nrx = \"16..1024 x2\"\nreserve = 0\n\
        [[traffic]]\nkind = \"constant\"\nrate = \"100 kpps\"\n";

    /// The depth that a search finds where the drop rate of depth `rx` is seen as `rate(rx)`:
    /// lower and upper end.
    fn found(rate: impl Fn(u32) -> (f64, f64)) -> (Option<u32>, Vec<u32>) {
        let overrides = ["run.duration=1 ms".to_owned(), "run.warmup=0 ps".to_owned()];
        let scenario = Scenario::load(&Source::Stdin(TEXT.to_owned()), &overrides).unwrap();
        let simulation: Simulation = crate::simulation::simulate(
            &scenario,
            crate::simulation::Options::default(),
            &crate::model::system::Progress::default(),
        )
        .unwrap();
        let variants = variants(&scenario);
        let judge = |place: Place, _| {
            let (ci_low, ci_high) = rate(place.1.rx);
            let method = Method::Replications;
            let estimate = f64::midpoint(ci_low, ci_high);
            let drop_rate = Estimate { estimate, ci_low, ci_high, confidence: 0.95, method };
            let scenario = variants[place.0].with_shape(place.1);
            let mut seen = Simulation { drop_rate, ..simulation.clone() };
            seen.memory = scenario.memory().memory().unwrap();
            Ok(Candidate { decided: true, ..Candidate::new(place, &scenario, &seen) })
        };
        let mut search = Search::new(&scenario.plan, &variants, judge);
        search.run().unwrap();
        let best = search.best(&[0]).map(|best| best.shape.rx);
        (best, search.candidates.keys().map(|(_, shape)| shape.rx).collect())
    }

    /// True rates fall with depth: 1e-3 is met from 64 on.
    fn true_rate(rx: u32) -> (f64, f64) {
        let rate = 0.05 / f64::from(rx);
        (0.9 * rate, 1.1 * rate)
    }

    #[test]
    fn the_least_depth_is_found_by_bisection() {
        let (best, judged) = found(true_rate);
        assert_eq!(best, Some(64));
        assert_eq!(judged, [32, 64, 128, 1024]);
    }

    #[test]
    fn noise_that_hides_a_depth_does_not_mislead() {
        // The bisection comes to 128 first, which seems not to be certain; 64 shows that it is.
        let hidden = |rx| if rx == 128 { (0.9e-3, 1.2e-3) } else { true_rate(rx) };
        assert_eq!(found(hidden).0, Some(64));
        // What seems to be worse than it is, and what is less deep is better: not monotone.
        let worse = |rx| if rx == 256 { (0.8e-3, 1.1e-3) } else { true_rate(rx) };
        assert_eq!(found(worse).0, Some(64));
    }

    #[test]
    fn where_nothing_meets_the_goal_nothing_is_found() {
        assert_eq!(found(|_| (0.5, 0.6)).0, None);
    }
}
