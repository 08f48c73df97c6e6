//! Fitting: sources that look like a trace, and how much they do.
//!
//! One pass over the trace counts packets over scales of time, gaps and bursts; memory does not
//! grow with its length. Sources of several kinds are made of these statistics alone; the one that
//! comes nearest to the trace, in the index of dispersion and in what rings drop, is the fit. It
//! is then simulated often enough to say how sure its parameters are, and whether the trace could
//! be its own.

mod bursts;
mod compare;
mod counts;
mod joint;
mod mixture;
mod models;
mod moments;
mod source;
mod statistics;
mod text;

use thiserror::Error;

use crate::model::system::Progress;
use crate::model::traffic::RecordedPacket;
use crate::recording::{Packets, RecordingError};
use crate::scenario::{QUEUES_MAX, Scenario, ScenarioError, Source as ScenarioSource};
use crate::simulation::{Engine, SimulationError, arrivals};
use crate::units::{SimDuration, SimTime, to_f64};

pub use compare::{
    Comparison, DROPS_FACTOR, IDC_FACTOR, Point, SIGNIFICANCE, SPREAD_FACTOR, Verdict,
};

use self::compare::{Target, gather};
use self::joint::{Joint, are_alike, correlation, joint};
use self::models::Model;
use self::source::{Number, Source, Step, Table};
use self::statistics::Statistics;

/// Replications of the fitted source: with 39, what lies outside all of them does so by chance once
/// in 20 times, and the parameters of 95 % of sources lie between the least and the greatest.
pub const REPLICATIONS: u32 = 39;
/// Replications by which sources are chosen.
const CHOOSING: u32 = 4;
/// Packets of the trace with which sources are compared; they are held, 16 bytes each.
pub const COMPARED_PACKETS: usize = 1_000_000;
/// Packets without which there is nothing to fit.
const PACKETS_MIN: u64 = 100;
/// Load of the busiest queue by which the default host is chosen.
pub const LOAD: f64 = 0.7;

/// What to fit.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the trace is called.
    pub name: String,
    /// Seed of the replications.
    pub seed: u64,
    /// Time that the host of the rings takes for a packet; `None`: so that the busiest queue is
    /// busy for [`LOAD`] of the time.
    pub service: Option<SimDuration>,
}

/// How simulations run, and how they are watched.
#[derive(Debug, Clone, Copy)]
pub struct Pace<'a> {
    /// Threads; 0: one per processor.
    pub jobs: usize,
    /// Which engine simulates.
    pub engine: Engine,
    /// Packets so far, and whether to stop.
    pub progress: &'a Progress,
}

/// A trace with its fitted source.
#[derive(Debug, Clone)]
pub struct Fit {
    /// Packets of the trace.
    pub packets: u64,
    /// From its first packet to its last.
    pub duration: SimDuration,
    /// Queues that it names.
    pub queues: usize,
    /// Packets that were compared, the first ones.
    pub compared_packets: u64,
    /// From the first of them to the last.
    pub compared: SimDuration,
    /// Time that the host takes for a packet.
    pub service: SimDuration,
    /// What takes less time than this is not in the trace; zero: all is.
    pub resolution: SimDuration,
    /// What the source is.
    pub model: &'static str,
    /// How queues go together, in words.
    pub together: String,
    /// Its tables, `[[traffic]]`.
    pub traffic: String,
    /// A scenario with it.
    pub scenario: String,
    /// Its numbers.
    pub parameters: Vec<Parameter>,
    /// Beside the trace.
    pub comparisons: Vec<Comparison>,
    /// How good it is.
    pub verdict: Verdict,
    /// Chance that the true source looks as unlike the trace.
    pub p_value: f64,
    /// What was tried, and how far it was from the trace in factors that matter.
    pub tried: Vec<Tried>,
}

/// A number of a fitted source.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Table of `[[traffic]]`, from 0.
    pub table: usize,
    /// What it is.
    pub name: String,
    /// Its unit; empty for pure numbers.
    pub unit: &'static str,
    /// The fitted value.
    pub value: f64,
    /// Least and greatest value fitted to replications of the source: an interval of 95 %
    /// confidence, if it can be fitted to nearly all of them.
    pub interval: Option<(f64, f64)>,
}

/// A source that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// What it is.
    pub model: &'static str,
    /// The root mean square of its differences, 1 being a factor that matters.
    pub distance: f64,
}

/// Why nothing was fitted.
#[derive(Debug, Error)]
pub enum FitError {
    /// The trace cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// It has too few packets, or no time passes between them.
    #[error(
        "{name}: has {packets} packets in {duration}; a fit needs at least {PACKETS_MIN}, not all \
         at once"
    )]
    TooFew {
        /// The trace.
        name: String,
        /// Its packets.
        packets: u64,
        /// From the first to the last.
        duration: SimDuration,
    },
    /// A queue's id is higher than any NIC has.
    #[error("{name}: names queue {queue}; a NIC has at most {QUEUES_MAX} queues, counted from 0")]
    FarQueue {
        /// The trace.
        name: String,
        /// The queue.
        queue: u32,
    },
    /// What was fitted makes no scenario.
    #[error("what was fitted makes no scenario: {0}")]
    Scenario(Box<ScenarioError>),
    /// A simulation gave no result.
    #[error(transparent)]
    Simulation(#[from] SimulationError),
}

/// Fits a source to the packets of a trace.
///
/// # Errors
/// [`FitError`] when the trace cannot be read or is too short, or a simulation was stopped.
pub fn fit(packets: &mut Packets, options: &Options, pace: &Pace<'_>) -> Result<Fit, FitError> {
    let trace = Trace::read(packets, options)?;
    let service = options.service.unwrap_or_else(|| {
        let busiest = trace.whole.packets.iter().max().copied().unwrap_or(0);
        let gap = to_f64(trace.whole.duration.as_ps()) / to_f64(busiest.max(1));
        text::rounded_time(LOAD * gap)
    });
    Fitting::new(trace, service, options, pace)?.finish()
}

/// A trace, read.
struct Trace {
    whole: Statistics,
    /// What takes less time than this is not in it.
    resolution: SimDuration,
    first: Vec<RecordedPacket>,
}

impl Trace {
    fn read(packets_read: &mut Packets, options: &Options) -> Result<Self, FitError> {
        let mut whole = Statistics::new(SimTime::ZERO, &[]);
        let mut first = Vec::new();
        let mut last = SimTime::ZERO;
        while let Some(packet) = packets_read.next()? {
            if packet.queue.get() >= QUEUES_MAX {
                let (name, queue) = (options.name.clone(), packet.queue.get());
                return Err(FitError::FarQueue { name, queue });
            }
            if first.is_empty() {
                whole.begin = packet.time;
            }
            last = packet.time;
            whole.add(packet.time, packet.queue, packet.len);
            if first.len() < COMPARED_PACKETS {
                let time = SimTime::ZERO + (packet.time - whole.begin);
                first.push(RecordedPacket { time, ..packet });
            }
        }
        let whole = whole.finish(last);
        let (packets, duration) = (whole.all_packets(), whole.duration);
        if packets < PACKETS_MIN || duration.is_zero() {
            return Err(FitError::TooFew { name: options.name.clone(), packets, duration });
        }
        Ok(Self { whole, resolution: packets_read.resolution(), first })
    }

    /// Statistics of the first packets, which are compared.
    fn compared(&self) -> Statistics {
        if self.first.len() as u64 == self.whole.all_packets() {
            let mut same = self.whole.clone();
            same.begin = SimTime::ZERO;
            return same;
        }
        let mut statistics = Statistics::new(SimTime::ZERO, &self.whole.queues);
        for packet in &self.first {
            statistics.add(packet.time, packet.queue, packet.len);
        }
        let last = self.first.last().map_or(SimTime::ZERO, |packet| packet.time);
        statistics.finish(last)
    }
}

/// A fit under way.
struct Fitting<'a> {
    whole: Statistics,
    target: Target,
    joint: Joint,
    /// Queues that are alike, by table.
    groups: Vec<Vec<usize>>,
    service: SimDuration,
    resolution: SimDuration,
    options: &'a Options,
    pace: &'a Pace<'a>,
}

/// A source that was fitted: its tables, and how their correlation was found.
struct Candidate {
    model: Model,
    tables: Vec<Table>,
    calibration: Vec<(f64, f64)>,
}

impl<'a> Fitting<'a> {
    fn new(
        trace: Trace,
        service: SimDuration,
        options: &'a Options,
        pace: &'a Pace<'a>,
    ) -> Result<Self, FitError> {
        let compared = trace.compared();
        let Trace { whole, resolution, first } = trace;
        let resolution_ps = resolution.as_ps();
        let joint = joint(&whole, resolution_ps);
        let groups = match joint {
            Joint::Apart if !are_alike(&whole) => {
                let mut queues = whole.all_queues();
                queues.sort_by_key(|queue| whole.queues[*queue]);
                queues.into_iter().map(|queue| vec![queue]).collect()
            }
            _ => vec![whole.all_queues()],
        };
        let any =
            vec![Table { queues: whole.queues.clone(), source: Source::Poisson { rate: 1.0 } }];
        let text = text::scenario(&any, &whole, service, 4, options);
        let scenario = load(&text, compared.duration, 1, options.seed)?;
        let target = Target::new(first, compared, resolution_ps, &scenario, pace)?;
        Ok(Self { whole, target, joint, groups, service, resolution, options, pace })
    }

    /// Chooses the source and says how good it is.
    fn finish(self) -> Result<Fit, FitError> {
        let mut tried = Vec::new();
        let mut candidates = Vec::new();
        for model in Model::ALL {
            match self.attempt(model) {
                Ok(Some((candidate, distance))) => {
                    tried.push(Tried { model: model.name(), distance });
                    candidates.push(candidate);
                }
                Ok(None) => {}
                // Periods shorter than any frame, say: nothing that there is.
                Err(FitError::Scenario(_)) if model != Model::Poisson => {}
                Err(error) => return Err(error),
            }
        }
        let chosen = choose(&tried);
        let candidate = candidates.swap_remove(chosen);
        let scenario = self.scenario(&candidate.tables, REPLICATIONS)?;
        let refit = |statistics: &Statistics| self.numbers(&candidate, statistics);
        let replicated = self.target.replicate(&scenario, self.pace, refit)?;
        let (comparisons, verdict, p_value) = self.target.judge(&replicated);
        let parameters = parameters(&candidate, &replicated.others);
        let rx = self.target.typical_rx();
        let text = text::scenario(&candidate.tables, &self.whole, self.service, rx, self.options);
        Ok(Fit {
            packets: self.whole.all_packets(),
            duration: self.whole.duration,
            queues: self.whole.queues.len(),
            compared_packets: self.target.packets.count(),
            compared: self.target.statistics.duration,
            service: self.service,
            resolution: self.resolution,
            model: candidate.model.name(),
            together: self.together(),
            traffic: text::tables(&candidate.tables, &self.whole),
            scenario: text,
            parameters,
            comparisons,
            verdict,
            p_value,
            tried,
        })
    }

    /// The source of a model and how far it is from the trace; `None` if that cannot be of it.
    fn attempt(&self, model: Model) -> Result<Option<(Candidate, f64)>, FitError> {
        let Some(candidate) = self.candidate(model)? else { return Ok(None) };
        let scenario = self.scenario(&candidate.tables, CHOOSING)?;
        let replicated = self.target.replicate(&scenario, self.pace, |_| ())?;
        Ok(Some((candidate, self.target.distance(&replicated))))
    }

    /// The source of a model; `None` if the trace cannot be of it.
    fn candidate(&self, model: Model) -> Result<Option<Candidate>, FitError> {
        let Some(tables) = self.tables(model, &self.whole) else { return Ok(None) };
        let mut candidate = Candidate { model, tables, calibration: Vec::new() };
        if let (Joint::Partly(wanted), [table]) = (&self.joint, &mut candidate.tables[..])
            && let Source::OnOff { .. } = table.source
        {
            table.source = table.source.clone().with_exponential_off();
            candidate.calibration = self.calibration(table)?;
            let step = Step::Correlation(interpolated(&candidate.calibration, *wanted));
            table.source = table.source.with_step(step);
        }
        Ok(Some(candidate))
    }

    /// The tables of a model, one for each group of queues. A queue that has too little for the
    /// model is taken for Poisson.
    fn tables(&self, model: Model, statistics: &Statistics) -> Option<Vec<Table>> {
        let resolution_ps = self.resolution.as_ps();
        let fitted = |group: &Vec<usize>| model.source(statistics, group, resolution_ps);
        let sources: Vec<Option<Source>> = self.groups.iter().map(fitted).collect();
        if sources.iter().all(Option::is_none) {
            return None;
        }
        let table = |(group, source): (&Vec<usize>, Option<Source>)| {
            let rate = statistics.rate(group);
            let source = source.unwrap_or(Source::Poisson { rate });
            let (order, step) = match &self.joint {
                Joint::InStep(together) => {
                    let others = group.iter().filter(|queue| !together.contains(queue));
                    let order = together.iter().chain(others).copied().collect();
                    (order, Step::InPhase(together.len()))
                }
                _ => (group.clone(), Step::InPhase(0)),
            };
            let mut queues: Vec<_> =
                order.into_iter().map(|queue| statistics.queues[queue]).collect();
            if let Step::InPhase(0) = step {
                queues.sort();
            }
            Table { queues, source: source.with_step(step) }
        };
        Some(self.groups.iter().zip(sources).map(table).collect())
    }

    /// Correlations of a table's queues, each with the correlation of rates that it makes.
    fn calibration(&self, table: &Table) -> Result<Vec<(f64, f64)>, FitError> {
        const STEPS: [f64; 5] = [0.1, 0.3, 0.5, 0.7, 0.9];
        let Some(level) = joint::scale(&self.whole, self.resolution.as_ps()) else {
            return Ok(Vec::new());
        };
        let mut points = vec![(0.0, 0.0)];
        for step in STEPS {
            let source = table.source.with_step(Step::Correlation(step));
            let table = Table { source, ..table.clone() };
            let scenario = self.scenario(&[table], CHOOSING)?;
            let end = SimTime::ZERO + self.target.statistics.duration;
            let found = arrivals(&scenario, self.pace.jobs, self.pace.progress, |packets| {
                correlation(&gather(packets, &self.whole, end), level)
            })?;
            points.push((step, found.iter().sum::<f64>() / to_f64(found.len() as u64)));
        }
        points.push((1.0, 1.0));
        Ok(points)
    }

    /// The numbers of the candidate's model for other statistics, by table.
    fn numbers(&self, candidate: &Candidate, statistics: &Statistics) -> Vec<Vec<Number>> {
        let Some(mut tables) = self.tables(candidate.model, statistics) else { return Vec::new() };
        if let [table] = &mut tables[..]
            && !candidate.calibration.is_empty()
            && let Some(level) = joint::scale(&self.whole, self.resolution.as_ps())
        {
            let found = correlation(statistics, level);
            let step = Step::Correlation(interpolated(&candidate.calibration, found));
            table.source = table.source.with_step(step);
        }
        tables.iter().map(|table| table.source.numbers()).collect()
    }

    fn scenario(&self, tables: &[Table], replications: u32) -> Result<Scenario, FitError> {
        let text = text::scenario(tables, &self.whole, self.service, 4, self.options);
        load(&text, self.target.statistics.duration, replications, self.options.seed)
    }

    fn together(&self) -> String {
        match (&self.joint, self.whole.queues.len()) {
            (_, 1) => "one queue".to_owned(),
            (Joint::InStep(queues), all) if queues.len() == all => {
                format!("all {all} queues burst in step")
            }
            (Joint::InStep(queues), all) => {
                format!("{} of {all} queues burst in step, the others apart", queues.len())
            }
            (Joint::Partly(rates), all) => {
                format!("{all} queues whose rates have a correlation of {rates:.2}")
            }
            (Joint::Apart, all) if self.groups.len() > 1 => {
                format!("{all} queues, independent, not alike")
            }
            (Joint::Apart, all) => format!("{all} queues, independent, alike"),
        }
    }
}

/// The scenario in a text, for runs as long as what is compared.
fn load(
    text: &str,
    duration: SimDuration,
    replications: u32,
    seed: u64,
) -> Result<Scenario, FitError> {
    let mut scenario = Scenario::load(&ScenarioSource::Stdin(text.to_owned()), &[])
        .map_err(|error| FitError::Scenario(Box::new(error)))?;
    // The last packet comes at the end itself.
    scenario.run.duration = Some(duration + SimDuration::from_ps(1));
    scenario.run.warmup = SimDuration::ZERO;
    (scenario.run.replications, scenario.run.seed) = (replications, seed);
    Ok(scenario)
}

/// The simplest source that is about as near to the trace as the nearest.
fn choose(tried: &[Tried]) -> usize {
    /// Distances up to this are as good as none.
    const NEAR: f64 = 0.5;
    /// A simpler source may be this much farther away.
    const SIMPLER: f64 = 1.1;
    let nearest = tried.iter().map(|own| own.distance).fold(f64::INFINITY, f64::min);
    let near = |own: &Tried| own.distance <= (SIMPLER * nearest).max(NEAR);
    tried.iter().position(near).unwrap_or(0)
}

/// The value whose image is `wanted`, on straight lines between points in rising order.
fn interpolated(points: &[(f64, f64)], wanted: f64) -> f64 {
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
        if wanted <= y1 && y1 > y0 {
            return x0 + (x1 - x0) * ((wanted - y0) / (y1 - y0)).max(0.0);
        }
    }
    points.last().map_or(0.0, |(x, _)| *x)
}

/// The candidate's numbers, with what its replications make of them.
fn parameters(candidate: &Candidate, refits: &[Vec<Vec<Number>>]) -> Vec<Parameter> {
    /// Share of replications to which the model can be fitted, at least.
    const FITTED: f64 = 0.9;
    let mut parameters = Vec::new();
    for (table, fitted) in candidate.tables.iter().enumerate() {
        for Number { name, unit, value } in fitted.source.numbers() {
            let again: Vec<f64> = refits
                .iter()
                .filter_map(|tables| tables.get(table)?.iter().find(|own| own.name == name))
                .map(|own| own.value)
                .collect();
            let enough = to_f64(again.len() as u64) >= FITTED * to_f64(refits.len() as u64);
            let least = again.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = again.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let counted = name == "in_phase";
            let interval = (enough && !counted).then_some((least, greatest));
            parameters.push(Parameter { table, name, unit, value, interval });
        }
    }
    parameters
}
