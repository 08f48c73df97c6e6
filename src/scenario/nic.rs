//! Reading `[nic]`, and what a preset fills in.

use super::NicSpec;
use super::error::ScenarioError;
use super::keys::{FIFO_ORDERS, NIC};
use super::quantity::{Field, Fields};
use super::warning::Warning;
use crate::model::buffers::ReserveSpec;
use crate::model::memory::driver::Driver;
use crate::model::memory::{MemorySpec, default_completion_entries};
use crate::model::policy::Policy;
use crate::model::port::{FifoOrder, FifoSpec};
use crate::preset::{self, DepthError, Depths, Preset, QueueRule};

type Result<T> = std::result::Result<T, ScenarioError>;

/// Most queues of a NIC: a typing error is likelier than more.
pub(crate) const QUEUES_MAX: u32 = 65_536;
/// Most entries of a ring or reserve: hardware counts them in far fewer bits.
pub(crate) const ENTRIES_MAX: u32 = 1 << 26;
/// Ethernet's own MTU.
pub(crate) const MTU: u32 = 1500;
/// The least that IPv4 allows (RFC 791).
pub(crate) const MTU_MIN: u32 = 68;
/// The most that its 16-bit length allows.
pub(crate) const MTU_MAX: u32 = 65_535;

impl NicSpec {
    /// Rings of these depths, which the preset's driver must take, at an MTU.
    #[must_use]
    pub fn of_preset(preset: &'static Preset, rx: Vec<u32>, mtu: u32) -> Self {
        Self {
            preset: Some(preset),
            mtu,
            driver: preset.driver(mtu),
            descriptor: preset.descriptor.value,
            completion: preset.completion.value,
            header_buffer: preset.header_buffer.value,
            ..Self::plain(rx, preset.queue(preset.rx.default.value, mtu).buffer_len)
        }
    }

    /// The same rings in another NIC, at an MTU.
    #[must_use]
    pub fn with_preset(self, preset: &'static Preset, mtu: u32) -> Self {
        let Self { rx, completion_entries, fifo, completion_flow_control, line_rate, .. } = self;
        let preset = Self::of_preset(preset, rx, mtu);
        Self { completion_entries, fifo, completion_flow_control, line_rate, ..preset }
    }

    /// The same at another MTU; `None` where nothing depends on it.
    #[must_use]
    pub fn at_mtu(self, mtu: u32) -> Option<Self> {
        let driver = Driver { mtu, ..self.driver? };
        let rx_buf_len = driver.queue(self.rx_max()).buffer_len;
        Some(Self { mtu, rx_buf_len, driver: Some(driver), ..self })
    }

    /// Rings of plain buffers, with the defaults for everything else.
    #[must_use]
    pub fn plain(rx: Vec<u32>, rx_buf_len: u64) -> Self {
        Self {
            preset: None,
            mtu: MTU,
            rx,
            rx_buf_len,
            driver: None,
            descriptor: 16,
            completion: 64,
            completion_entries: None,
            fifo: FifoSpec::default(),
            completion_flow_control: false,
            header_buffer: 0,
            line_rate: None,
        }
    }

    /// A ring depth as `ethtool -G` says it.
    #[must_use]
    pub fn shown(&self, rx: u32) -> u32 {
        rx.saturating_sub(self.preset.map_or(0, |preset| preset.rx.shown_less))
    }

    /// The buffers that packets of each queue can take, besides a reserve's.
    #[must_use]
    pub fn buffers(&self) -> Vec<u32> {
        self.rx.iter().map(|rx| self.buffers_of(*rx)).collect()
    }

    fn buffers_of(&self, rx: u32) -> u32 {
        self.driver.map_or(rx, |driver| driver.queue(rx).buffers)
    }

    /// The most buffers a queue can have: its own and the reserve's, or those of all queues of a
    /// group that lend each other.
    #[must_use]
    pub fn most_buffers(&self, reserve: Option<&ReserveSpec>) -> u32 {
        let small = reserve.and_then(|reserve| reserve.small).map_or(0, |small| small.entries);
        let entries = reserve.map_or(0, ReserveSpec::within_reach).saturating_add(small);
        let own = self.buffers_of(self.rx_max()).saturating_add(entries);
        let Some(lent) = reserve.filter(|reserve| reserve.policy == Policy::PeerBorrow) else {
            return own;
        };
        let mut groups = vec![0_u32; lent.groups as usize];
        for (queue, rx) in self.rx.iter().enumerate() {
            let group = &mut groups[lent.group_of(queue, self.rx.len()).index()];
            *group = group.saturating_add(self.buffers_of(*rx));
        }
        groups.into_iter().max().unwrap_or(own)
    }

    fn rx_max(&self) -> u32 {
        self.rx.iter().copied().max().unwrap_or(0)
    }

    /// Completion entries of each queue: those the scenario says, or the driver's, or as many as
    /// its buffers need. A driver's are no less than the reserve needs.
    #[must_use]
    pub fn completion_entries(&self, reserve: Option<&ReserveSpec>) -> u32 {
        let needed = default_completion_entries(self.most_buffers(reserve), 0);
        let driver = self.driver.and_then(|driver| driver.queue(self.rx_max()).completions);
        let default = match driver {
            None => needed,
            Some(entries) if reserve.is_some() => entries.max(needed),
            Some(entries) => entries,
        };
        self.completion_entries.unwrap_or(default)
    }

    /// The memory of these rings with a reserve.
    #[must_use]
    pub fn memory(&self, reserve: Option<&ReserveSpec>) -> MemorySpec {
        MemorySpec {
            rx: self.rx.clone(),
            reserve_entries: reserve.map_or(0, |reserve| reserve.entries),
            groups: reserve.map_or(1, |reserve| reserve.groups),
            device_entries: reserve.map_or(0, |reserve| reserve.device_entries),
            small_entries: reserve.map_or(0, ReserveSpec::small_entries),
            small_buf_len: reserve
                .and_then(|reserve| reserve.small)
                .map_or(0, |small| small.buf_len),
            rx_buf_len: self.rx_buf_len,
            driver: self.driver,
            descriptor: self.descriptor,
            completion: self.completion,
            completion_entries: self.completion_entries(reserve),
            header_buffer: self.header_buffer,
            header_entries: None,
        }
    }
}

/// Reads the NIC.
pub(super) fn read(field: &Field<'_>, warnings: &mut Vec<Warning>) -> Result<NicSpec> {
    let fields = field.fields(NIC)?;
    let preset = match fields.get("preset") {
        None => None,
        Some(field) => {
            Some(preset::find(field.text()?).map_err(|error| field.error(&error.to_string()))?)
        }
    };
    let mtu = mtu(fields.get("mtu"), preset)?;
    let queues = queues(&fields, preset)? as usize;
    let rx = rx(&fields, queues, preset, mtu, warnings)?;
    let mut side_ring = |key, ring, of| side_ring(fields.get(key), ring, of, preset, warnings);
    let mini = side_ring("rx_mini", "rx-mini", |preset: &Preset| preset.mini)?;
    let jumbo = side_ring("rx_jumbo", "rx-jumbo", |preset: &Preset| preset.jumbo)?;
    let buffer = fields.get("rx_buf_len").map(|field| field.positive_size()).transpose()?;
    let default = match (preset, buffer) {
        (None, None) => return Err(fields.missing("rx_buf_len")),
        (None, Some(rx_buf_len)) => NicSpec::plain(rx, rx_buf_len),
        (Some(preset), None) => NicSpec::of_preset(preset, rx, mtu),
        // Who says how large buffers are does not want the driver's memory model.
        (Some(preset), Some(rx_buf_len)) => {
            NicSpec { rx_buf_len, driver: None, ..NicSpec::of_preset(preset, rx, mtu) }
        }
    };
    let driver = default.driver.map(|driver| Driver {
        mini: mini.unwrap_or(driver.mini),
        jumbo: jumbo.unwrap_or(driver.jumbo),
        ..driver
    });
    let spec = NicSpec {
        driver,
        descriptor: fields.or("descriptor", default.descriptor, Field::size)?,
        completion: fields.or("completion", default.completion, Field::size)?,
        completion_entries: fields
            .get("completion_entries")
            .map(|field| field.count_u32(1, u32::MAX))
            .transpose()?,
        fifo: fifo(&fields)?,
        completion_flow_control: fields.or("completion_flow_control", false, Field::yes)?,
        header_buffer: fields.or("header_buffer", default.header_buffer, Field::size)?,
        line_rate: fields.get("line_rate").map(|field| field.bit_rate()).transpose()?,
        ..default
    };
    if spec.fifo.pause && spec.line_rate.is_none() {
        return Err(fields.error_at(&["pause"], "needs a wire that can be paused; give line_rate"));
    }
    if spec.completion_flow_control && spec.fifo == FifoSpec::default() {
        return Err(fields.error_at(
            &["completion_flow_control"],
            "needs a place where packets can wait; give fifo, or pause",
        ));
    }
    fields.finish();
    Ok(spec)
}

fn fifo(fields: &Fields<'_>) -> Result<FifoSpec> {
    Ok(FifoSpec {
        capacity: fields.or("fifo", 0, Field::size)?,
        order: match fields.or("fifo_order", 0, |f| f.choice(FIFO_ORDERS))? {
            0 => FifoOrder::Queue,
            _ => FifoOrder::Port,
        },
        pause: fields.or("pause", false, Field::yes)?,
    })
}

fn mtu(field: Option<Field<'_>>, preset: Option<&Preset>) -> Result<u32> {
    let Some(field) = field else { return Ok(MTU) };
    if preset.is_none() {
        return Err(field.error(
            "has no effect without a preset, whose buffers depend on it; add preset, or remove it",
        ));
    }
    field.count_u32(MTU_MIN, MTU_MAX)
}

fn queues(fields: &Fields<'_>, preset: Option<&Preset>) -> Result<u32> {
    match (fields.get("queues"), preset.map(|preset| (preset.name, preset.queues.value))) {
        (Some(field), _) => field.count_u32(1, QUEUES_MAX),
        (None, Some((_, QueueRule::Fixed(queues)))) => Ok(queues),
        (None, Some((name, QueueRule::Rule(rule)))) => Err(fields.error(
            "queues",
            &format!("is missing; {name} has as many as its machine ({rule}): write queues = 32"),
        )),
        (None, None) => Err(fields.missing("queues")),
    }
}

fn rx(
    fields: &Fields<'_>,
    queues: usize,
    preset: Option<&'static Preset>,
    mtu: u32,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<u32>> {
    let field = match (fields.get("rx"), preset) {
        (Some(field), _) => field,
        (None, Some(preset)) => return Ok(vec![preset.rx.default.value; queues]),
        (None, None) => return Err(fields.missing("rx")),
    };
    let mut entries = |field: &Field<'_>| depth(field, preset, mtu, warnings);
    match field.items() {
        None => Ok(vec![entries(&field)?; queues]),
        Some(items) if items.len() == queues => items.iter().map(entries).collect(),
        Some(items) => Err(field.error(&format!(
            "lists {} rings for {queues} queues; give one for each, or a single number",
            items.len()
        ))),
    }
}

/// The depth of a ring, as the preset's driver makes it.
fn depth(
    field: &Field<'_>,
    preset: Option<&'static Preset>,
    mtu: u32,
    warnings: &mut Vec<Warning>,
) -> Result<u32> {
    let asked = field.count_u32(0, ENTRIES_MAX)?;
    let Some(preset) = preset else { return Ok(asked) };
    driver_depth(preset, asked, mtu, warnings).map_err(|error| field.error(&error.to_string()))
}

/// What a preset's driver makes of a ring depth; with a warning if it is another one.
pub(crate) fn driver_depth(
    preset: &Preset,
    asked: u32,
    mtu: u32,
    warnings: &mut Vec<Warning>,
) -> std::result::Result<u32, DepthError> {
    let given = preset.depth(asked, mtu)?;
    warn_of_rounding(preset, "rx", [asked, given], warnings);
    Ok(given)
}

fn warn_of_rounding(
    preset: &Preset,
    ring: &'static str,
    [asked, given]: [u32; 2],
    warnings: &mut Vec<Warning>,
) {
    let warning = Warning::RoundedRing { preset: preset.name, ring, asked, given };
    if given != asked && !warnings.contains(&warning) {
        warnings.push(warning);
    }
}

/// Ethtool's `ring`, where it is given: the preset must have it.
fn side_ring(
    field: Option<Field<'_>>,
    ring: &'static str,
    of: fn(&Preset) -> Option<Depths>,
    preset: Option<&Preset>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<u32>> {
    let Some(field) = field else { return Ok(None) };
    let asked = field.count_u32(1, ENTRIES_MAX)?;
    let Some((preset, depths)) = preset.and_then(|preset| Some((preset, of(preset)?))) else {
        let name = preset.map_or("a NIC without a preset", |preset| preset.name);
        return Err(field.error(&format!("is a ring that {name} does not have; remove it")));
    };
    let given =
        depths.depth(asked, preset.name).map_err(|error| field.error(&error.to_string()))?;
    warn_of_rounding(preset, ring, [asked, given], warnings);
    Ok(Some(given))
}

/// Depths that `[plan]` names, as the preset's driver makes them.
pub(super) fn depths(field: &Field<'_>, nic: &NicSpec, asked: &[u32]) -> Result<Vec<u32>> {
    let Some(preset) = nic.preset else { return Ok(asked.to_vec()) };
    let given =
        |rx: &u32| preset.depth(*rx, nic.mtu).map_err(|error| field.error(&error.to_string()));
    let mut depths: Vec<u32> = asked.iter().map(given).collect::<Result<_>>()?;
    depths.dedup();
    Ok(depths)
}
