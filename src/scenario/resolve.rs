//! From a document to a [`Scenario`]: defaults, ranges, files, and the doubts a user should know.

use super::document::{Document, Source};
use super::error::ScenarioError;
use super::keys::{BASELINE, METHODS, PLAN, RUN, SCENARIO};
use super::nic::{self, ENTRIES_MAX, QUEUES_MAX};
use super::quantity::{Field, Fields};
use super::warning::Warning;
use super::{
    NicSpec, PlanSpec, RunMethod, RunSpec, Scenario, Shape, axis, host, placement, range, reserve,
    traffic,
};
use crate::model::buffers::ReserveSpec;
use crate::model::host::HostSpec;
use crate::model::memory::driver::{Driver, FRAME_HEADERS};
use crate::model::policy::Policy;
use crate::model::port::wire_bytes;
use crate::model::traffic::{TrafficKind, TrafficSpec};
use crate::random::Streams;
use crate::units::{SimDuration, to_f64};

type Result<T> = std::result::Result<T, ScenarioError>;

/// Ring depth to compare with: that of the post, where the NIC takes it.
const BASELINE_RX: u32 = 4096;

impl Scenario {
    /// Reads a scenario with its overrides and everything it names.
    ///
    /// # Errors
    /// One sentence that says where, what is wrong, and what would be right.
    pub fn load(source: &Source, overrides: &[String]) -> Result<Self> {
        let document = Document::read(source, overrides)?;
        let root = Fields::root(&document, SCENARIO)?;
        let mut warnings = Vec::new();
        let title = root.or("title", String::new(), |field| field.text().map(str::to_owned))?;
        let nic = nic::read(&root.require("nic")?, &mut warnings)?;
        let reserve = reserve::read(&root, &nic)?;
        let (host, stalls) = host::read(&root.require("host")?, &nic)?;
        let traffic = read_traffic(&root.require("traffic")?, &nic, &mut warnings)?;
        axis::read(root.get("sweep").as_ref())?;
        let plan = plan(root.get("plan"), &nic, reserve.as_ref())?;
        let mut scenario = Self {
            title,
            run: RunSpec {
                duration: None,
                warmup: SimDuration::ZERO,
                finds_warmup: false,
                replications: 1,
                seed: 1,
                confidence: 0.95,
                method: RunMethod::Auto,
            },
            nic,
            reserve,
            host,
            stalls,
            traffic,
            plan,
            warnings,
            hash: document.hash(),
        };
        placement::read(&root, &mut scenario)?;
        scenario.run = run(root.get("run"), &scenario)?;
        reserve::check_host(&scenario, &root)?;
        scenario.check_plan_queues(&root)?;
        scenario.check_line_rate(&root)?;
        scenario.check_memory(&root)?;
        scenario.warn_of_completions();
        scenario.warn_of_overload();
        scenario.warn_of_warmup();
        scenario.warn_of_long_frames();
        root.finish();
        Ok(scenario)
    }

    /// Neither the scenario nor anything `plan` may try needs more memory than can be counted.
    fn check_memory(&self, root: &Fields<'_>) -> Result<()> {
        let last = |values: &[u32]| values.last().copied().unwrap_or(0);
        let largest = Shape { rx: last(&self.plan.rx), reserve: last(&self.plan.reserve) };
        let shapes = [largest, self.plan.baseline];
        let countable = self.memory().memory().is_some()
            && shapes.iter().all(|shape| self.with_shape(*shape).memory().memory().is_some());
        if countable {
            return Ok(());
        }
        Err(root.error_at(
            &["nic", "rx_buf_len"],
            "makes the scenario, or a configuration that [plan] tries, larger than 2^64 bytes; \
             write smaller buffers or fewer entries",
        ))
    }

    /// The scenario can be had with every number of queues that is to be searched.
    fn check_plan_queues(&self, root: &Fields<'_>) -> Result<()> {
        let mut fixed =
            self.plan.queues.iter().filter_map(|queues| self.with_queues(*queues).err());
        fixed.next().map_or(Ok(()), |fixed| {
            let message = format!("cannot be searched: {fixed}");
            Err(root.error_at(&["plan", "queues"], &message))
        })
    }

    /// With a wire, more must not be offered than it carries.
    fn check_line_rate(&self, root: &Fields<'_>) -> Result<()> {
        let Some(line_rate) = self.nic.line_rate else { return Ok(()) };
        let offered: f64 = self
            .traffic
            .iter()
            .filter(|traffic| !traffic.is_recorded())
            .map(|traffic| {
                let packets = traffic.rate_per_queue() * to_f64(traffic.queues.len() as u64);
                packets * mean_wire_bytes(traffic) * 8.0
            })
            .sum();
        if offered >= line_rate.per_second() {
            return Err(root.error_at(
                &["nic", "line_rate"],
                &format!(
                    "carries {:.4} Gbit/s, but {:.4} Gbit/s are offered on average (20 bytes of \
                     overhead a frame included); lower the rates or raise line_rate",
                    line_rate.per_second() / 1e9,
                    offered / 1e9
                ),
            ));
        }
        Ok(())
    }

    /// Warns where more arrives than the host can take.
    fn warn_of_overload(&mut self) {
        let queues = self.queues();
        let mut offered = vec![0.0; queues];
        let mut bytes = vec![0.0; queues];
        for traffic in self.traffic.iter().filter(|traffic| !traffic.is_recorded()) {
            for queue in &traffic.queues {
                let rate = traffic.rate_per_queue();
                offered[queue.index()] += rate;
                bytes[queue.index()] += rate * traffic.mean_len();
            }
        }
        let running: f64 = self.stalls.iter().map(|stall| 1.0 - stall.expected_share()).product();
        let load = |queue: usize| {
            let mean_len = if offered[queue] > 0.0 { bytes[queue] / offered[queue] } else { 0.0 };
            offered[queue] / (self.host.capacity_per_queue(queue, mean_len) * running)
        };
        let loads: Vec<(String, f64)> = if let HostSpec::BusyPoll(_) | HostSpec::Napi(_) = self.host
        {
            let cores = self.host.cores(queues);
            let core_load = |core: usize| (core..queues).step_by(cores).map(load).sum::<f64>();
            (0..cores).map(|core| (format!("core {core}"), core_load(core))).collect()
        } else {
            (0..queues).map(|queue| (format!("queue {queue}"), load(queue))).collect()
        };
        let overloaded: Vec<&(String, f64)> =
            loads.iter().filter(|(_, load)| *load >= 1.0).collect();
        if let Some((place, _)) = overloaded.first() {
            let utilization = overloaded.iter().map(|(_, load)| *load).fold(0.0, f64::max);
            let (place, count) = (place.clone(), overloaded.len());
            self.warnings.push(Warning::Overload { place, count, utilization });
        }
    }

    fn warn_of_completions(&mut self) {
        let needed = self.nic.most_buffers(self.reserve.as_ref());
        if let Some(entries) = self.nic.completion_entries.filter(|entries| *entries < needed) {
            self.warnings.push(Warning::ShortCompletionRing { entries, needed });
        }
    }

    /// Warns where frames are longer than the MTU for which a driver allocates.
    fn warn_of_long_frames(&mut self) {
        let Some(Driver { mtu, .. }) = self.nic.driver else { return };
        let longest = self.traffic.iter().map(|traffic| match &traffic.kind {
            TrafficKind::Recorded(recorded) => f64::from(recorded.longest()),
            _ => traffic.size.mean(),
        });
        let len = longest.fold(0.0, f64::max);
        if len > f64::from(mtu + FRAME_HEADERS) {
            self.warnings.push(Warning::LongFrames { len, mtu });
        }
    }

    fn warn_of_warmup(&mut self) {
        if let Some(duration) = self.run.duration
            && duration < self.run.warmup
        {
            let warmup = self.run.warmup;
            self.warnings.push(Warning::LongWarmup { warmup, duration });
        }
    }
}

/// Mean bytes on the wire of a frame: exact for a constant size, else over many draws, since short
/// frames are padded.
fn mean_wire_bytes(traffic: &TrafficSpec) -> f64 {
    if let Some(messages) = traffic.messages() {
        return messages.means().wire_bytes / messages.means().packets;
    }
    let size = &traffic.size;
    const DRAWS: u32 = 20_000;
    let mut generator = Streams::new(0, 0).stream("mean wire bytes");
    let mut draw = || {
        let len = u32::try_from(size.sample(&mut generator)).unwrap_or(u32::MAX);
        to_f64(wire_bytes(len))
    };
    if size.is_constant() {
        return draw();
    }
    (0..DRAWS).map(|_| draw()).sum::<f64>() / f64::from(DRAWS)
}

/// The warm-up that is found out.
const MSER5: &str = "mser-5";

fn run(field: Option<Field<'_>>, scenario: &Scenario) -> Result<RunSpec> {
    let recorded = scenario.traffic.iter().all(TrafficSpec::is_recorded);
    let mut spec = RunSpec {
        duration: (!recorded).then(|| SimDuration::from_ms(1_000)),
        warmup: if recorded { SimDuration::ZERO } else { SimDuration::from_ms(10) },
        replications: if scenario.is_random() { 4 } else { 1 },
        ..scenario.run.clone()
    };
    let Some(field) = field else { return Ok(spec) };
    let fields = field.fields(RUN)?;
    if let Some(field) = fields.get("duration") {
        spec.duration = Some(field.positive_time()?);
    }
    if let Some(field) = fields.get("warmup") {
        spec.finds_warmup = field.is_text() && field.text()? == MSER5;
        if !spec.finds_warmup {
            spec.warmup = field.time()?;
        } else if spec.duration.is_none() {
            return Err(field.error("needs traffic that is not recorded; write a time"));
        }
        if let Some(duration) = spec.duration.filter(|duration| *duration < spec.warmup) {
            return Err(field.error(&format!(
                "is {}, longer than the {duration} that are measured after it; make the run longer \
                 than its warm-up",
                spec.warmup
            )));
        }
    }
    spec.replications =
        fields.or("replications", spec.replications, |f| f.count_u32(1, 1_000_000))?;
    spec.seed = fields.or("seed", spec.seed, |f| f.count(0, u64::MAX))?;
    spec.confidence = fields.or("confidence", spec.confidence, |f| {
        f.number("a level between 0 and 1, such as 0.95", |level| level > 0.0 && level < 1.0)
    })?;
    if let Some(field) = fields.get("method") {
        spec.method = match field.choice(&METHODS)? {
            0 => RunMethod::Auto,
            1 => RunMethod::Plain,
            _ => RunMethod::Splitting,
        };
        if spec.method == RunMethod::Splitting {
            let checked = scenario.system().check_splitting();
            checked.map_err(|fault| {
                field.error(&format!("is not possible here: {fault}; write \"plain\""))
            })?;
        }
    }
    let end = spec.duration.map(|duration| duration.as_ps().checked_add(spec.warmup.as_ps()));
    if end == Some(None) {
        return Err(fields.error("duration", "and warmup together exceed 213 days"));
    }
    fields.finish();
    Ok(spec)
}

fn read_traffic(
    field: &Field<'_>,
    nic: &NicSpec,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<TrafficSpec>> {
    let tables = field.items().filter(|tables| !tables.is_empty()).ok_or_else(|| {
        field.error("is empty or no list of tables; write at least one [[traffic]]")
    })?;
    tables.iter().map(|table| traffic::read_table(table, nic, warnings)).collect()
}

fn plan(
    field: Option<Field<'_>>,
    nic: &NicSpec,
    reserve: Option<&ReserveSpec>,
) -> Result<PlanSpec> {
    let mut spec = default_plan(nic);
    let Some(field) = field else { return Ok(spec) };
    spec.is_stated = true;
    let fields = field.fields(PLAN)?;
    spec.max_drop_rate = fields.or("max_drop_rate", spec.max_drop_rate, |f| {
        f.number("a share above 0 and below 1", |rate| rate > 0.0 && rate < 1.0)
    })?;
    spec.max_p99_us = fields
        .get("max_p99_us")
        .map(|f| f.number("microseconds above 0", |us| us > 0.0 && us.is_finite()))
        .transpose()?;
    spec.rx = fields.or("rx", spec.rx, |f| nic::depths(f, nic, &range_of(f)?))?;
    spec.reserve = fields.or("reserve", spec.reserve, |field| range_of(field))?;
    if let Some(field) = fields.get("queues") {
        spec.queues = range_of(&field)?;
        if spec.queues.iter().any(|queues| !(1..=QUEUES_MAX).contains(queues)) {
            return Err(field.error(&format!("has a number that is not from 1 to {QUEUES_MAX}")));
        }
    }
    let policy = reserve.map_or(Policy::CompleteSharing, |reserve| reserve.policy);
    spec.policies = policies(&fields, policy)?;
    if let Some(field) = fields.get("baseline") {
        let baseline = field.fields(BASELINE)?;
        spec.baseline = Shape {
            rx: baseline.or("rx", spec.baseline.rx, |f| {
                Ok(nic::depths(f, nic, &[f.count_u32(1, ENTRIES_MAX)?])?[0])
            })?,
            reserve: baseline
                .or("reserve", spec.baseline.reserve, |f| f.count_u32(0, ENTRIES_MAX))?,
        };
        baseline.finish();
    }
    fields.finish();
    Ok(spec)
}

/// What is searched where the scenario does not say: with a preset, what the NIC takes.
fn default_plan(nic: &NicSpec) -> PlanSpec {
    let reserve = range::parse("256..8192 x2").expect("a range");
    let rx = match nic.preset {
        Some(preset) if preset.rx.max.value < ENTRIES_MAX => preset.depths(nic.mtu),
        _ => range::parse("64..8192 x2").expect("a range"),
    };
    let deepest = rx.last().copied().expect("a range has values");
    PlanSpec {
        is_stated: false,
        max_drop_rate: 1e-6,
        max_p99_us: None,
        baseline: Shape { rx: deepest.min(BASELINE_RX), reserve: 0 },
        rx,
        reserve: [0].into_iter().chain(reserve).collect(),
        survive_storm: false,
        queues: Vec::new(),
        policies: Vec::new(),
    }
}

/// The policies that `alpha` or `cap` name, of the reserve's kind.
fn policies(fields: &Fields<'_>, policy: Policy) -> Result<Vec<Policy>> {
    let (alphas, caps) = (fields.get("alpha"), fields.get("cap"));
    let wrong = |field: &Field<'_>, policies: &str| {
        field.error(&format!("is searched where [reserve] has the policy {policies}"))
    };
    let mut found = Vec::new();
    if let Some(field) = alphas {
        let right = "a number above 0, or a list of such";
        let one = |field: &Field<'_>| field.number(right, |alpha| alpha > 0.0);
        let alphas = match field.items() {
            Some(items) => items.iter().map(one).collect::<Result<Vec<f64>>>()?,
            None => vec![one(&field)?],
        };
        for alpha in alphas {
            found.push(match policy {
                Policy::DynamicThreshold { .. } => Policy::DynamicThreshold { alpha },
                Policy::Abm { interval, .. } => Policy::Abm { alpha, interval },
                _ => return Err(wrong(&field, "\"dynamic-threshold\" or \"abm\"")),
            });
        }
    }
    if let Some(field) = caps {
        if !matches!(policy, Policy::StaticCap { .. }) {
            return Err(wrong(&field, "\"static-cap\""));
        }
        found.extend(range_of(&field)?.into_iter().map(|cap| Policy::StaticCap { cap }));
    }
    Ok(found)
}

/// A range, a list or a number; sorted, each value once.
fn range_of(field: &Field<'_>) -> Result<Vec<u32>> {
    let mut values = if field.is_text() {
        range::parse(field.text()?).map_err(|message| field.error(&message))?
    } else if let Some(items) = field.items() {
        items.iter().map(|item| item.count_u32(0, ENTRIES_MAX)).collect::<Result<_>>()?
    } else {
        vec![field.count_u32(0, ENTRIES_MAX)?]
    };
    values.sort_unstable();
    values.dedup();
    match values.last() {
        None => Err(field.error("is empty; give at least one value")),
        Some(last) if *last > ENTRIES_MAX => {
            Err(field.error(&format!("goes past {ENTRIES_MAX}, more than any ring has")))
        }
        Some(_) => Ok(values),
    }
}
