//! From a document to a [`Scenario`]: defaults, ranges, files, and the doubts a user should know.

use super::document::{Document, Source, Value};
use super::error::ScenarioError;
use super::keys::{ACCOUNTINGS, BASELINE, NIC, PLAN, POLICIES, RESERVE, RUN, SCENARIO, is_key};
use super::quantity::{Field, Fields};
use super::warning::Warning;
use super::{NicSpec, PlanSpec, RunSpec, Scenario, Shape, host, placement, range, traffic};
use crate::model::buffers::{Accounting, ReserveSpec};
use crate::model::distribution::Distribution;
use crate::model::host::{HostSpec, Recycle};
use crate::model::policy::Policy;
use crate::model::port::wire_bytes;
use crate::model::traffic::TrafficSpec;
use crate::random::Streams;
use crate::units::{SimDuration, to_f64};

type Result<T> = std::result::Result<T, ScenarioError>;

/// Most queues of a NIC: a typing error is likelier than more.
const QUEUES_MAX: u32 = 65_536;
/// Most entries of a ring or reserve: hardware counts them in far fewer bits.
const ENTRIES_MAX: u32 = 1 << 26;

/// The reserve where a shape asks for one and the scenario has none.
pub(super) fn default_reserve() -> ReserveSpec {
    ReserveSpec {
        entries: 0,
        policy: Policy::CompleteSharing,
        accounting: Accounting::Pinned,
        groups: 1,
        sync_cost: SimDuration::ZERO,
        repost: 1,
    }
}

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
        let nic = nic(&root.require("nic")?)?;
        let queues = nic.rx.len();
        let reserve = reserve(&root, &nic, queues)?;
        let (host, stalls) = host::read(&root.require("host")?, &nic.rx)?;
        let traffic = read_traffic(&root.require("traffic")?, queues, &mut warnings)?;
        check_sweep(&root)?;
        let plan = plan(root.get("plan"))?;
        let mut scenario = Self {
            title,
            run: RunSpec {
                duration: None,
                warmup: SimDuration::ZERO,
                replications: 1,
                seed: 1,
                confidence: 0.95,
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
        scenario.check_sync_cost(&root)?;
        scenario.check_line_rate(&root)?;
        scenario.check_memory(&root)?;
        scenario.warn_of_completions();
        scenario.warn_of_overload();
        scenario.warn_of_warmup();
        root.finish();
        Ok(scenario)
    }

    fn check_sync_cost(&self, root: &Fields<'_>) -> Result<()> {
        let costs = self.reserve.as_ref().is_some_and(|reserve| !reserve.sync_cost.is_zero());
        let returned =
            matches!(&self.host, HostSpec::Napi(spec) if spec.recycle == Recycle::Return);
        if costs && returned {
            return Err(root.error_at(
                &["reserve", "sync_cost"],
                "cannot be used with recycle = \"return\", where the application posts the buffers \
                 and no core of the host could pay it",
            ));
        }
        if costs && !self.host.has_cores() {
            let name = self.host.name();
            return Err(root.error_at(
                &["reserve", "sync_cost"],
                &format!(
                    "cannot be used with the host model \"{name}\", which has no core that could \
                     pay it; use server, busy-poll or napi"
                ),
            ));
        }
        Ok(())
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

    /// With a wire, more must not be offered than it carries.
    fn check_line_rate(&self, root: &Fields<'_>) -> Result<()> {
        let Some(line_rate) = self.nic.line_rate else { return Ok(()) };
        let offered: f64 = self
            .traffic
            .iter()
            .filter(|traffic| !traffic.is_recorded())
            .map(|traffic| {
                let packets = traffic.rate_per_queue() * to_f64(traffic.queues.len() as u64);
                packets * mean_wire_bytes(&traffic.size) * 8.0
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
                bytes[queue.index()] += rate * traffic.size.mean();
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
        let needed = self.most_buffers_of_a_queue();
        if let Some(entries) = self.nic.completion_entries.filter(|entries| *entries < needed) {
            self.warnings.push(Warning::ShortCompletionRing { entries, needed });
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

/// Mean bytes on the wire of frames of this size: exact for a constant, else over many draws, since
/// short frames are padded.
fn mean_wire_bytes(size: &Distribution) -> f64 {
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
        spec.warmup = field.time()?;
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
    let end = spec.duration.map(|duration| duration.as_ps().checked_add(spec.warmup.as_ps()));
    if end == Some(None) {
        return Err(fields.error("duration", "and warmup together exceed 213 days"));
    }
    fields.finish();
    Ok(spec)
}

fn nic(field: &Field<'_>) -> Result<NicSpec> {
    let fields = field.fields(NIC)?;
    let queues_field = fields.require("queues")?;
    let queues = queues_field.count_u32(1, QUEUES_MAX)? as usize;
    let entries = |field: &Field<'_>| field.count_u32(0, ENTRIES_MAX);
    let rx_field = fields.require("rx")?;
    let rx = match rx_field.items() {
        None => vec![entries(&rx_field)?; queues],
        Some(items) if items.len() == queues => items.iter().map(entries).collect::<Result<_>>()?,
        Some(items) => {
            return Err(rx_field.error(&format!(
                "lists {} rings for {queues} queues; give one for each, or a single number",
                items.len()
            )));
        }
    };
    let spec = NicSpec {
        rx,
        rx_buf_len: fields.require("rx_buf_len")?.positive_size()?,
        descriptor: fields.or("descriptor", 16, Field::size)?,
        completion: fields.or("completion", 64, Field::size)?,
        completion_entries: fields
            .get("completion_entries")
            .map(|field| field.count_u32(1, u32::MAX))
            .transpose()?,
        fifo: fields.or("fifo", 0, Field::size)?,
        header_buffer: fields.or("header_buffer", 0, Field::size)?,
        line_rate: fields.get("line_rate").map(|field| field.bit_rate()).transpose()?,
    };
    fields.finish();
    Ok(spec)
}

fn reserve(root: &Fields<'_>, nic: &NicSpec, queues: usize) -> Result<Option<ReserveSpec>> {
    let reserve = match root.get("reserve") {
        None => None,
        Some(field) => Some(read_reserve(&field, queues)?).filter(|reserve| reserve.entries > 0),
    };
    if reserve.is_none() && nic.rx.iter().all(|rx| *rx == 0) {
        return Err(root.error_at(
            &["nic", "rx"],
            "is 0 and there is no reserve, so that every packet would be dropped; give the queues \
             entries of their own, or a [reserve] with entries",
        ));
    }
    Ok(reserve)
}

fn read_reserve(field: &Field<'_>, queues: usize) -> Result<ReserveSpec> {
    let fields = field.fields(RESERVE)?;
    let default = default_reserve();
    let chosen = fields.or("policy", 0, |f| f.choice(POLICIES))?;
    let only_with = |name: &'static str, policy: usize| match fields.get(name) {
        Some(field) if chosen != policy => {
            Err(field.error(&format!("goes with the policy \"{}\" only", POLICIES[policy])))
        }
        found => Ok(found),
    };
    let cap = only_with("cap", 1)?;
    let alpha = only_with("alpha", 2)?;
    let missing = |name| fields.error(name, &format!("is needed by \"{}\"", POLICIES[chosen]));
    let policy = match chosen {
        0 => Policy::CompleteSharing,
        1 => {
            Policy::StaticCap { cap: cap.ok_or_else(|| missing("cap"))?.count_u32(0, ENTRIES_MAX)? }
        }
        _ => Policy::DynamicThreshold {
            alpha: alpha
                .ok_or_else(|| missing("alpha"))?
                .number("a number above 0", |alpha| alpha > 0.0)?,
        },
    };
    let most_groups = u32::try_from(queues).expect("queues are counted in 32 bits");
    let spec = ReserveSpec {
        entries: fields.require("entries")?.count_u32(0, ENTRIES_MAX)?,
        policy,
        accounting: match fields.or("accounting", 0, |f| f.choice(ACCOUNTINGS))? {
            0 => Accounting::Pinned,
            _ => Accounting::Relabelled,
        },
        groups: fields.or("groups", default.groups, |f| f.count_u32(1, most_groups))?,
        sync_cost: fields.or("sync_cost", default.sync_cost, Field::time)?,
        repost: fields.or("repost", default.repost, |f| f.count_u32(1, ENTRIES_MAX))?,
    };
    fields.finish();
    Ok(spec)
}

fn read_traffic(
    field: &Field<'_>,
    queues: usize,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<TrafficSpec>> {
    let tables = field.items().filter(|tables| !tables.is_empty()).ok_or_else(|| {
        field.error("is empty or no list of tables; write at least one [[traffic]]")
    })?;
    tables.iter().map(|table| traffic::read_table(table, queues, warnings)).collect()
}

/// `[sweep]` maps dotted keys of the scenario, quoted or nested, to lists or ranges.
fn check_sweep(root: &Fields<'_>) -> Result<()> {
    let Some(field) = root.get("sweep") else { return Ok(()) };
    if !field.is_table() {
        return Err(field.error("is no table; write [sweep] and keys such as \"nic.rx\""));
    }
    check_swept(&field, "")
}

fn check_swept(field: &Field<'_>, prefix: &str) -> Result<()> {
    let Value::Table(table) = field.value() else { return Ok(()) };
    for name in table.keys() {
        let value = field.member(name).expect("the key was just listed");
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value.value() {
            Value::Table(_) => check_swept(&value, &key)?,
            Value::Array(items) if !items.is_empty() => {}
            Value::String(text) => {
                range::parse(text).map_err(|message| value.error(&message))?;
            }
            _ => {
                return Err(value.error("is neither a list nor a range; write for example [1, 2]"));
            }
        }
        if !value.is_table() && !is_key(&key) {
            return Err(value.error(&format!(
                "{key} is not a key of a scenario; write one such as \"nic.rx\", or \
                 \"traffic.0.rate\" for the first [[traffic]]"
            )));
        }
    }
    Ok(())
}

fn plan(field: Option<Field<'_>>) -> Result<PlanSpec> {
    let mut reserve_sizes = vec![0];
    reserve_sizes.extend(range::parse("256..8192 x2").expect("a range"));
    let mut spec = PlanSpec {
        max_drop_rate: 1e-6,
        rx: range::parse("64..8192 x2").expect("a range"),
        reserve: reserve_sizes,
        baseline: Shape { rx: 4096, reserve: 0 },
        survive_storm: false,
    };
    let Some(field) = field else { return Ok(spec) };
    let fields = field.fields(PLAN)?;
    spec.max_drop_rate = fields.or("max_drop_rate", spec.max_drop_rate, |f| {
        f.number("a share above 0 and below 1", |rate| rate > 0.0 && rate < 1.0)
    })?;
    spec.rx = fields.or("rx", spec.rx, |field| range_of(field))?;
    spec.reserve = fields.or("reserve", spec.reserve, |field| range_of(field))?;
    if let Some(field) = fields.get("baseline") {
        let baseline = field.fields(BASELINE)?;
        spec.baseline = Shape {
            rx: baseline.or("rx", spec.baseline.rx, |f| f.count_u32(1, ENTRIES_MAX))?,
            reserve: baseline
                .or("reserve", spec.baseline.reserve, |f| f.count_u32(0, ENTRIES_MAX))?,
        };
        baseline.finish();
    }
    fields.finish();
    Ok(spec)
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
