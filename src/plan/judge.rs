//! Judging one configuration: no longer than it takes to tell whether it meets the goal.
//!
//! In order, until the interval of the drop rate lies on one side of the goal:
//!
//! 1. a first look at a quarter of the time, at 99.9 % confidence;
//! 2. the scenario's own duration, unless even without any drop that would be too short;
//! 3. where the scenario allows, runs that are split, each four times as long as the one before,
//!    as far as they cost no more than a plain one.
//!
//! Where servers have rings of their own, one pass over the traffic tells beforehand what each
//! depth drops, so that the search begins at the right one.
//!
//! These looks decide what is tried, not what is claimed: that is for the
//! [certificate](Judge::certify), a run with streams that the search has not seen.

use super::Candidate;
use super::search::Place;
use crate::model::system::Progress;
use crate::scenario::{RunMethod, Scenario, Shape};
use crate::simulation::{self, Engine, Options, PARTED, Simulation, SimulationError};
use crate::stats::{self, Counts, Estimate, Method};
use crate::units::{SimDuration, round_to_u64, to_f64};

/// Judges configurations.
pub(super) struct Judge<'a> {
    pub(super) variants: &'a [Scenario],
    pub(super) jobs: usize,
    pub(super) engine: Engine,
    pub(super) progress: &'a Progress,
}

/// How much is to be known of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effort {
    /// Whether fewer entries may do: where nothing is seen to drop that is enough.
    Glance,
    /// All that can be.
    Decide,
    /// What the scenario's own duration shows.
    Compare,
}

/// Confidence of the first look.
const FIRST_LOOK: f64 = 0.999;
/// Share of the time that it takes.
const LOOK_PART: u64 = 4;
/// Packets of the main run of a replication that is split, at first.
const SPLIT_PACKETS: f64 = 250_000.0;
/// What a run that is split costs, in plain runs of its duration, about.
const SPLIT_COST: u64 = 16;
/// How much longer each such run is than the one before.
const SPLIT_LONGER: u64 = 4;

impl Judge<'_> {
    /// Judges a configuration.
    pub(super) fn judge(&self, place: Place, effort: Effort) -> Result<Candidate, SimulationError> {
        let scenario = self.scenario(place);
        let seen = |simulation: &Simulation, decided| {
            let candidate = Candidate::new(place, &scenario, simulation);
            Ok(Candidate { decided, ..candidate })
        };
        let goal = scenario.plan.max_drop_rate;
        let first_look = match effort {
            Effort::Compare => None,
            Effort::Glance | Effort::Decide => self.first_look(&scenario)?,
        };
        let splits = scenario.run.method == RunMethod::Auto
            && scenario.run.duration.is_some()
            && scenario.system().check_splitting().is_ok();
        let (plain, is_open) = match first_look {
            Some((look, true)) => return seen(&look, true),
            // Even without any drop the scenario's own duration would tell no more.
            Some((look, false)) if splits && least_bound(&look, &scenario) > goal => (look, true),
            _ => {
                let plain = self.simulate(&scenario)?;
                let is_open = plain.drop_rate.leaves_open(goal);
                (plain, is_open)
            }
        };
        if !splits || !is_open {
            return seen(&plain, true);
        }
        match effort {
            Effort::Compare => seen(&plain, false),
            Effort::Glance if plain.packets.dropped == 0 => seen(&plain, false),
            Effort::Glance | Effort::Decide => {
                let split = self.split(&scenario)?;
                let is_better = split.drop_rate.method == Method::Splitting;
                seen(if is_better { &split } else { &plain }, true)
            }
        }
    }

    /// Simulates a configuration anew with streams that the search has not seen, as number
    /// `attempt` (from 1) of all certificates: the configuration as it is seen then.
    ///
    /// An attempt errs with a chance of at most `(1 - confidence) / 2^attempt`, so that of all that
    /// the search may have to try none is wrong with the given confidence.
    pub(super) fn certify(
        &self,
        candidate: &Candidate,
        attempt: u32,
    ) -> Result<Candidate, SimulationError> {
        let mut scenario = self.scenario(candidate.place());
        if candidate.drop_rate.method == Method::Exact {
            return Ok(candidate.clone());
        }
        let error = (1.0 - scenario.run.confidence) / 2_f64.powi(attempt.min(60).cast_signed());
        // What showed the goal with a greater error needs so much more to show it with this one.
        let more = error.ln() / (1.0 - scenario.run.confidence).ln();
        let replications = (f64::from(scenario.run.replications) * more).ceil();
        scenario.run.replications = u32::try_from(round_to_u64(replications)).unwrap_or(u32::MAX);
        // One end of a two-sided interval.
        scenario.run.confidence = 1.0 - 2.0 * error;
        scenario.run.seed = scenario.run.seed.wrapping_add(FRESH.wrapping_mul(attempt.into()));
        if candidate.drop_rate.method == Method::Splitting {
            scenario.run.method = RunMethod::Splitting;
            scenario.run.duration = Some(candidate.simulated);
        }
        let simulation = self.simulate(&scenario)?;
        let mut seen = Candidate::new(candidate.place(), &scenario, &simulation);
        if seen.drop_rate.method == Method::ZeroDrops {
            // This bound has one end only.
            seen.drop_rate = Estimate {
                confidence: scenario.run.confidence,
                ..stats::zero_seen(simulation.bursts, 1.0 - error)
            };
        }
        Ok(seen)
    }

    /// For each variant: the least of the depths searched that drops no more than the goal without
    /// a reserve, all depths by one pass over the same traffic; `None` where that cannot tell.
    pub(super) fn private_depths(&self) -> Result<Vec<Option<u32>>, SimulationError> {
        let mut found: Vec<Option<u32>> = Vec::new();
        for (index, variant) in self.variants.iter().enumerate() {
            let depths = &variant.plan.rx;
            // Policies make no difference to rings without a reserve.
            let same = |other: &&Scenario| other.nic == variant.nic && !other.plan.rx.is_empty();
            if let Some(known) = self.variants[..index].iter().position(|other| same(&other)) {
                found.push(found[known]);
                continue;
            }
            let drops = simulation::private_drops(variant, depths, self.jobs, self.progress)?;
            let little = |counts: &Counts| {
                to_f64(counts.part) <= variant.plan.max_drop_rate * to_f64(counts.whole)
            };
            let least = drops.and_then(|drops| drops.iter().position(little));
            found.push(least.map(|place| depths[place]));
        }
        Ok(found)
    }

    /// The scenario of a configuration.
    pub(super) fn scenario(&self, (variant, shape): Place) -> Scenario {
        let scenario = &self.variants[variant];
        match own_shape(scenario) {
            Some(own) if own == shape => scenario.clone(),
            _ => scenario.with_shape(shape),
        }
    }

    fn simulate(&self, scenario: &Scenario) -> Result<Simulation, SimulationError> {
        let options = Options { jobs: self.jobs, engine: self.engine, ..Options::default() };
        let simulation = simulation::simulate(scenario, options, self.progress)?;
        if simulation.replications < scenario.run.replications {
            return Err(SimulationError::Stopped);
        }
        Ok(simulation)
    }

    /// A quarter of the time, and whether that is enough to tell; `None` where the run is no longer
    /// for having more time.
    fn first_look(
        &self,
        scenario: &Scenario,
    ) -> Result<Option<(Simulation, bool)>, SimulationError> {
        let run = &scenario.run;
        let Some(duration) = run.duration.filter(|_| scenario.is_random()) else { return Ok(None) };
        let counts = 2..=PARTED;
        if run.method == RunMethod::Splitting || !counts.contains(&(run.replications as usize)) {
            return Ok(None);
        }
        let mut short = scenario.clone();
        short.run.duration = Some(SimDuration::from_ps((duration.as_ps() / LOOK_PART).max(1)));
        let mut simulation = self.simulate(&short)?;
        let estimate = |confidence| match simulation.packets.dropped {
            0 => stats::zero_seen(simulation.bursts, confidence),
            _ => stats::pooled_batches(&simulation.parts, confidence),
        };
        let tells = !estimate(FIRST_LOOK).leaves_open(scenario.plan.max_drop_rate);
        simulation.drop_rate = estimate(run.confidence);
        Ok(Some((simulation, tells)))
    }

    /// Runs that are split, until they tell or are as long as the scenario's own.
    fn split(&self, scenario: &Scenario) -> Result<Simulation, SimulationError> {
        let full = scenario.run.duration.expect("only such runs are split");
        let per_second = scenario.expected_packets()
            / f64::from(scenario.run.replications)
            / (full + scenario.run.warmup).as_secs_f64();
        let first = round_to_u64(SPLIT_PACKETS / per_second.max(1e-3) * 1e12).max(1);
        // With its branches such a run costs many times its duration.
        let longest = SimDuration::from_ps(first.max(full.as_ps() / SPLIT_COST)).min(full);
        let mut split = scenario.clone();
        split.run.method = RunMethod::Splitting;
        let mut duration = SimDuration::from_ps(first).min(longest);
        loop {
            split.run.duration = Some(duration);
            let simulation = self.simulate(&split)?;
            let is_split = simulation.drop_rate.method == Method::Splitting;
            let open = simulation.drop_rate.leaves_open(scenario.plan.max_drop_rate);
            if duration == longest || !is_split || !open {
                return Ok(simulation);
            }
            duration = (duration * SPLIT_LONGER).min(longest);
        }
    }
}

/// An odd number without pattern: seeds of certificates are so far apart.
const FRESH: u64 = 0x9e37_79b9_7f4a_7c15;

/// The scenario's own rings and reserve, where all rings are of one depth.
pub(super) fn own_shape(scenario: &Scenario) -> Option<Shape> {
    let rx = *scenario.nic.rx.first()?;
    let reserve = scenario.reserve.as_ref().map_or(0, |reserve| reserve.entries);
    scenario.nic.rx.iter().all(|depth| *depth == rx).then_some(Shape { rx, reserve })
}

/// What the scenario's own duration could show at best, by the bursts of a first look.
fn least_bound(look: &Simulation, scenario: &Scenario) -> f64 {
    let bursts = to_f64(look.bursts) * to_f64(LOOK_PART);
    stats::zero_seen(round_to_u64(bursts), scenario.run.confidence).ci_high
}
