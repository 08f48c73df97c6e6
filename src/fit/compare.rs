//! How near a fitted source comes to a trace: the index of dispersion over scales of time, and what
//! rings drop.
//!
//! The source is simulated many times, as long each time as the trace. What the trace shows should
//! lie among what the replications show. All points are judged at once: the largest distance of
//! the trace from the mean of replications, in their deviations to the same side, is ranked among
//! the replications' own largest distances (a directional global envelope test: Myllymäki et al.,
//! Journal of the Royal Statistical Society B 79(2), 2017). As parameters are fitted to the trace,
//! it errs on the source's side.

use super::statistics::Statistics;
use super::{FitError, Pace};
use crate::model::traffic::{Recorded, RecordedPacket, TrafficKind, TrafficSpec};
use crate::scenario::{Scenario, Shape};
use crate::simulation::{Options, arrivals, simulate};
use crate::units::{SimDuration, SimTime, to_f64};

/// Factor between indices of dispersion that matters.
pub const IDC_FACTOR: f64 = 1.5;
/// Factor between drop rates that matters.
pub const DROPS_FACTOR: f64 = 2.0;
/// Chance of calling the true source bad.
pub const SIGNIFICANCE: f64 = 0.05;
/// Replications spread over more than this factor, at half of all dispersions or of all rings that
/// drop, can tell nothing.
pub const SPREAD_FACTOR: f64 = 4.0;
/// Packets dropped that are not told from none.
const PACKETS_FLOOR: f64 = 20.0;
/// Standard deviations below this are not taken for such: logarithms.
const DEVIATION_MIN: f64 = 0.02;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Index of dispersion of the counts of single queues.
    QueueIdc {
        /// Width of the bins.
        scale: SimDuration,
    },
    /// Index of dispersion of the counts of all queues together.
    AllIdc {
        /// Width of the bins.
        scale: SimDuration,
    },
    /// The share of packets that these rings drop.
    Drops(Shape),
}

/// One point of a trace beside the same of its fitted source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub point: Point,
    /// What the trace has.
    pub trace: f64,
    /// The mean of the fitted source's replications.
    pub fit: f64,
    /// The least of them.
    pub low: f64,
    /// The greatest.
    pub high: f64,
    /// Whether the trace lies outside, and the factor to the mean matters.
    pub differs: bool,
}

/// How good a fit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The trace could be the source's, or is near enough.
    Good,
    /// It is not, by a factor that matters.
    Bad,
    /// The trace is too short to tell.
    CannotTell,
}

/// The first part of a trace, with which sources are compared.
#[derive(Debug)]
pub(super) struct Target {
    /// Times since the first packet.
    pub(super) packets: Recorded,
    pub(super) statistics: Statistics,
    /// Numbers of the scales that are compared.
    levels: Vec<usize>,
    shapes: Vec<Shape>,
    /// What the trace has at each point.
    values: Vec<f64>,
}

/// Values of a source's replications, by replication and point.
#[derive(Debug)]
pub(super) struct Replicated<T> {
    values: Vec<Vec<f64>>,
    /// What was made of each replication's statistics besides.
    pub(super) others: Vec<T>,
}

impl Target {
    /// Measures the trace: `scenario` has its rings, host and time.
    pub(super) fn new(
        packets: Vec<RecordedPacket>,
        statistics: Statistics,
        resolution_ps: u64,
        scenario: &Scenario,
        pace: &Pace<'_>,
    ) -> Result<Self, FitError> {
        let scales = statistics.counts.scales(resolution_ps);
        let levels: Vec<usize> = scales.step_by(2).collect();
        let (shapes, values) = (Vec::new(), Vec::new());
        let mut target =
            Self { packets: packets.into_iter().collect(), statistics, levels, shapes, values };
        let replay = target.replay(scenario);
        target.shapes = target.rings(&replay, pace)?;
        target.values = target.dispersions(&target.statistics);
        for shape in &target.shapes {
            target.values.extend(drop_rates(&replay, *shape, pace)?);
        }
        Ok(target)
    }

    /// The scenario with the trace as its traffic.
    fn replay(&self, scenario: &Scenario) -> Scenario {
        let mut replay = scenario.clone();
        replay.traffic.truncate(1);
        for traffic in &mut replay.traffic {
            let kind = TrafficKind::Recorded(self.packets.clone());
            let queues = self.statistics.queues.clone();
            *traffic = TrafficSpec { queues, size: traffic.size.clone(), kind };
        }
        replay.run.replications = 1;
        replay
    }

    /// Rings that tell sources apart: the deepest that drop, one that does not, and for several
    /// queues the two least of them with a reserve behind.
    fn rings(&self, replay: &Scenario, pace: &Pace<'_>) -> Result<Vec<Shape>, FitError> {
        const DEPTHS: usize = 4;
        let mut depths = Vec::new();
        for rx in std::iter::successors(Some(4_u32), |rx| Some(rx * 4)).take(7) {
            depths.push(rx);
            let rate = drop_rates(replay, Shape { rx, reserve: 0 }, pace)?[0];
            if rate <= self.floor() {
                break;
            }
        }
        let depths = depths.split_off(depths.len().saturating_sub(DEPTHS));
        let alone = depths.iter().map(|rx| Shape { rx: *rx, reserve: 0 });
        let queues = u32::try_from(self.statistics.queues.len()).expect("ids have 32 bits");
        let shared = depths.iter().filter(|_| queues > 1).take(2);
        let shared = shared.map(|rx| Shape { rx: *rx, reserve: rx * queues.div_ceil(4) });
        Ok(alone.chain(shared).collect())
    }

    /// A drop rate that is not told from none.
    fn floor(&self) -> f64 {
        PACKETS_FLOOR / to_f64(self.packets.count())
    }

    /// Indices of dispersion at the scales that are compared.
    fn dispersions(&self, statistics: &Statistics) -> Vec<f64> {
        let (counts, queues) = (&statistics.counts, statistics.all_queues());
        let alone = self.levels.iter().map(|level| counts.of_queues(*level, &queues).idc());
        let together = self.together().iter().map(|level| counts.of_all(*level).idc());
        alone.chain(together).collect()
    }

    /// The scales of all queues together; none where there is one queue.
    fn together(&self) -> &[usize] {
        if self.statistics.queues.len() > 1 { &self.levels } else { &[] }
    }

    fn points(&self) -> Vec<Point> {
        let counts = &self.statistics.counts;
        let width = |level: &usize| SimDuration::from_ps(counts.of_queues(*level, &[]).width_ps);
        let alone = self.levels.iter().map(|level| Point::QueueIdc { scale: width(level) });
        let together = self.together().iter().map(|level| Point::AllIdc { scale: width(level) });
        alone.chain(together).chain(self.shapes.iter().map(|shape| Point::Drops(*shape))).collect()
    }

    /// Rings of a depth among those compared, for a scenario to begin with.
    pub(super) fn typical_rx(&self) -> u32 {
        self.shapes
            .iter()
            .filter(|shape| shape.reserve == 0)
            .map(|shape| shape.rx)
            .max()
            .unwrap_or(4)
    }

    /// Simulates a source as often as `scenario` says; `other` makes something of the statistics
    /// of each replication.
    pub(super) fn replicate<T: Send>(
        &self,
        scenario: &Scenario,
        pace: &Pace<'_>,
        other: impl Fn(&Statistics) -> T + Sync,
    ) -> Result<Replicated<T>, FitError> {
        let end = SimTime::ZERO + self.statistics.duration;
        let gathered = arrivals(scenario, pace.jobs, pace.progress, |packets| {
            let statistics = gather(packets, &self.statistics, end);
            (self.dispersions(&statistics), other(&statistics))
        })?;
        let (mut values, others): (Vec<Vec<f64>>, Vec<T>) = gathered.into_iter().unzip();
        for shape in &self.shapes {
            let rates = drop_rates(scenario, *shape, pace)?;
            values.iter_mut().zip(rates).for_each(|(values, rate)| values.push(rate));
        }
        Ok(Replicated { values, others })
    }

    /// A value on the scale on which it is compared: a logarithm. Below Poisson packets, and below
    /// what can be seen of drops, all is the same.
    fn logarithm(&self, point: Point, value: f64) -> f64 {
        match point {
            Point::QueueIdc { .. } | Point::AllIdc { .. } => value.max(1.0).ln(),
            Point::Drops(_) => (value + self.floor()).ln(),
        }
    }

    /// How far the means of replications are from the trace, in factors that matter: the root mean
    /// square over all points. The less certain a value is, the less its distance counts.
    pub(super) fn distance<T>(&self, replicated: &Replicated<T>) -> f64 {
        let distances = self.points().into_iter().enumerate().map(|(k, point)| {
            let (centre, deviation) = self.spread(point, k, replicated);
            let apart = (self.logarithm(point, self.values[k]) - centre).abs();
            (apart / (factor(point).ln() + 2.0 * deviation)).powi(2)
        });
        mean(distances).sqrt()
    }

    /// Mean and standard deviation of replications at a point, on the scale of comparison.
    fn spread<T>(&self, point: Point, k: usize, replicated: &Replicated<T>) -> (f64, f64) {
        let all = replicated.values.iter().map(|values| self.logarithm(point, values[k]));
        let centre = mean(all.clone());
        (centre, mean(all.map(|value| (value - centre).powi(2))).sqrt())
    }

    /// The comparison at each point; how good the fit is; and the chance that the true source
    /// looks as unlike the trace.
    pub(super) fn judge<T>(&self, replicated: &Replicated<T>) -> (Vec<Comparison>, Verdict, f64) {
        let points = self.points();
        let comparisons: Vec<Comparison> = points
            .iter()
            .enumerate()
            .map(|(k, point)| self.comparison(*point, k, replicated))
            .collect();
        let p_value = self.p_value(&points, replicated);
        let verdict = if p_value <= SIGNIFICANCE && comparisons.iter().any(|own| own.differs) {
            Verdict::Bad
        } else if self.is_spread(&comparisons) {
            Verdict::CannotTell
        } else {
            Verdict::Good
        };
        (comparisons, verdict, p_value)
    }

    /// Whether replications are too far apart to tell anything: at half of all dispersions, or of
    /// all rings that drop something.
    fn is_spread(&self, comparisons: &[Comparison]) -> bool {
        let is_wide = |own: &&Comparison| {
            let [low, high] = [own.low, own.high].map(|value| self.logarithm(own.point, value));
            high - low > SPREAD_FACTOR.ln()
        };
        let is_drops = |own: &Comparison| matches!(own.point, Point::Drops(_));
        [false, true].into_iter().any(|drops| {
            let seen =
                |own: &&Comparison| is_drops(own) == drops && (!drops || own.high > self.floor());
            let wide = comparisons.iter().filter(seen).filter(is_wide).count();
            wide > 0 && 2 * wide >= comparisons.iter().filter(seen).count()
        })
    }

    fn comparison<T>(&self, point: Point, k: usize, replicated: &Replicated<T>) -> Comparison {
        let trace = self.values[k];
        let all = || replicated.values.iter().map(|values| values[k]);
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        let fit = mean(all());
        let apart = (self.logarithm(point, trace) - self.logarithm(point, fit)).abs();
        let differs = (trace < low || trace > high) && apart > factor(point).ln();
        Comparison { point, trace, fit, low, high, differs }
    }

    fn p_value<T>(&self, points: &[Point], replicated: &Replicated<T>) -> f64 {
        let logs = |values: &Vec<f64>| -> Vec<f64> {
            points.iter().zip(values).map(|(point, value)| self.logarithm(*point, *value)).collect()
        };
        let all: Vec<Vec<f64>> = replicated.values.iter().map(logs).collect();
        let sides: Vec<Sides> =
            (0..points.len()).map(|k| Sides::of(all.iter().map(|values| values[k]))).collect();
        let farthest = |values: &Vec<f64>| {
            let distances = values.iter().zip(&sides).map(|(value, sides)| sides.distance(*value));
            distances.fold(0.0, f64::max)
        };
        let own = farthest(&logs(&self.values));
        let as_far = all.iter().filter(|values| farthest(values) >= own).count();
        to_f64(as_far as u64 + 1) / to_f64(all.len() as u64 + 1)
    }
}

/// A mean, and the root mean squares of what lies above and below it.
struct Sides {
    mean: f64,
    above: f64,
    below: f64,
}

impl Sides {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let centre = mean(values.clone());
        let side = |sign: f64| {
            let distances = values.clone().map(|value| sign * (value - centre));
            let (sum, count) = distances
                .filter(|distance| *distance > 0.0)
                .fold((0.0, 0.0), |(sum, count), distance| {
                    (sum + distance * distance, count + 1.0)
                });
            if count > 0.0 { f64::sqrt(sum / count) } else { 0.0 }
        };
        Self { mean: centre, above: side(1.0), below: side(-1.0) }
    }

    /// The distance of a value from the mean in deviations on its side.
    fn distance(&self, value: f64) -> f64 {
        let deviation = if value > self.mean { self.above } else { self.below };
        (value - self.mean).abs() / deviation.max(DEVIATION_MIN)
    }
}

/// Statistics of packets numbered and timed as those of a trace.
pub(super) fn gather(
    packets: &mut dyn Iterator<Item = crate::model::traffic::Arrival>,
    trace: &Statistics,
    end: SimTime,
) -> Statistics {
    let mut statistics = Statistics::new(SimTime::ZERO, &trace.queues);
    for packet in packets {
        statistics.add(packet.time, packet.queue, packet.len);
    }
    statistics.finish(end)
}

const fn factor(point: Point) -> f64 {
    match point {
        Point::QueueIdc { .. } | Point::AllIdc { .. } => IDC_FACTOR,
        Point::Drops(_) => DROPS_FACTOR,
    }
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let count = to_f64(values.clone().count() as u64);
    values.sum::<f64>() / count
}

/// The share of packets dropped in each replication.
fn drop_rates(scenario: &Scenario, shape: Shape, pace: &Pace<'_>) -> Result<Vec<f64>, FitError> {
    let options = Options { jobs: pace.jobs, engine: pace.engine, ..Options::default() };
    let simulation = simulate(&scenario.with_shape(shape), options, pace.progress)?;
    let rate = |counts: &crate::stats::Counts| {
        if counts.whole == 0 { 0.0 } else { to_f64(counts.part) / to_f64(counts.whole) }
    };
    Ok(simulation.counts.iter().map(rate).collect())
}
