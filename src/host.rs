//! What the settings and counters of an interface mean: memory now, how long a ring lasts, which
//! drops a deeper ring could have prevented, and what cannot be seen.
//!
//! The interface's [`Inventory`] is what was read; a [`Preset`] is what is known of its driver.
//! Where neither says something, a value is assumed and called so.

mod answers;
mod counters;
mod scenario;

pub use counters::Drops;
pub use scenario::{Load, Offered, ScenarioFault, scenario};

use std::collections::BTreeSet;

use crate::input::ethtool::{Deferral, Features, Inventory, Reported, Scalar, Subject, known};
use crate::model::memory::Memory;
use crate::model::memory::driver::{DriverMemory, QueueLayout};
use crate::preset::{self, Preset};
use crate::scenario::{ENTRIES_MAX, MTU, MTU_MAX, MTU_MIN, NicSpec, QUEUES_MAX};
use crate::units::{BitRate, to_f64};

/// A value and where it came from, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Its origin; starts with `assumed` where nothing says it.
    pub from: String,
}

impl<T: Copy> Fact<T> {
    fn read(field: Option<&Reported<T>>) -> Option<Self> {
        let field = field?;
        Some(Self { value: *field.known()?, from: field.from.to_string() })
    }
}

/// What is known of an interface.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The interface; empty where no capture names it.
    pub interface: String,
    /// The driver's name.
    pub driver: Option<Fact<String>>,
    /// What is known of the driver.
    pub preset: Option<&'static Preset>,
    /// Other presets of the same driver, which nothing here rules out.
    pub alternatives: Vec<&'static str>,
    /// Receive queues now.
    pub queues: Option<Fact<u32>>,
    /// Receive queues at most.
    pub queues_max: Option<u32>,
    /// Entries of each ring now.
    pub rx: Option<Fact<u32>>,
    /// Entries of each ring at most.
    pub rx_max: Option<Fact<u32>>,
    /// The MTU in bytes.
    pub mtu: Fact<u32>,
    /// The line rate in bits per second.
    pub line_rate: Option<Fact<u64>>,
    /// The host's memory in bytes.
    pub ram: Option<Fact<u64>>,
    /// What the rings pin.
    pub footprint: Option<Footprint>,
    /// How long a ring lasts, at each rate that could be meant.
    pub lasts: Vec<Lasting>,
    /// Counters of drops.
    pub drops: Vec<Drops>,
    /// Times that polling was cut short with work left, of all processors.
    pub time_squeeze: Option<u64>,
    /// Bytes in the interface's page pools, where the kernel tells.
    pub page_pools: Option<u64>,
    /// Interrupt coalescing.
    pub coalescing: Option<Coalescing>,
    /// How interrupts are put off, and whether queues have threads.
    pub deferral: Deferral,
    /// Queues that the RSS indirection table names.
    pub rss_queues: Option<u32>,
    /// What cannot be seen, a sentence each.
    pub unseen: Vec<String>,
    /// Answers to what people confuse, with the numbers of this interface.
    pub answers: Vec<String>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// What the rings of an interface pin.
#[derive(Debug, Clone)]
pub struct Footprint {
    /// The NIC as a scenario has it.
    pub nic: NicSpec,
    /// One queue.
    pub queue: QueueLayout,
    /// All queues now.
    pub memory: Memory,
    /// All queues with the deepest rings.
    pub at_most: Option<Memory>,
    /// How buffers are laid out, and how that is known.
    pub how: String,
}

/// How long a ring lasts when its queue takes the whole line and the host does nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lasting {
    /// The line rate in bits per second.
    pub bits_per_second: u64,
    /// Microseconds with frames of full MTU.
    pub mtu_frames_us: f64,
    /// Microseconds with frames of 64 bytes.
    pub small_frames_us: f64,
}

/// Interrupt coalescing, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coalescing {
    /// Whether the kernel or the driver choose the delay.
    pub adaptive: bool,
    /// Microseconds to the interrupt.
    pub usecs: Option<u32>,
    /// Packets to the interrupt; 0: no limit.
    pub frames: Option<u32>,
    /// Whether the timer restarts with every packet.
    pub cqe_mode: bool,
}

/// Line rates to look at where the interface tells none, in bits per second.
const RATES: [u64; 4] = [10_000_000_000, 25_000_000_000, 100_000_000_000, 400_000_000_000];
/// Bytes of a buffer where nothing is known of the driver: a page.
const PAGE: u64 = 4096;

/// Bytes of an Ethernet header, FCS, and preamble with gap: what a frame has over its MTU.
const ETHERNET_HEADER: u64 = 14;
const FCS: u64 = 4;
const GAP: u64 = 20;
/// The least frame with its FCS.
const FRAME_MIN: u64 = 64;

impl Findings {
    /// What an inventory means. `line_rate` goes before the speed that the interface tells.
    #[must_use]
    pub fn new(inventory: &Inventory, line_rate: Option<BitRate>) -> Self {
        let driver = inventory.driver.as_ref().and_then(|driver| driver.driver.as_ref());
        let driver = driver.and_then(|driver| {
            let name = driver.known().filter(|name| !name.is_empty())?;
            Some(Fact { value: name.clone(), from: driver.from.to_string() })
        });
        let rings = inventory.rings.as_ref();
        let rx_max = rings.and_then(|rings| known(rings.rx_max.as_ref()));
        let (preset, alternatives) = choose(driver.as_ref(), inventory.features.as_ref(), rx_max);
        let channels = inventory.channels.as_ref();
        let mut notes: Vec<String> = inventory.notes.iter().map(ToString::to_string).collect();
        let mut within = |fact: Option<Fact<u32>>, what: &str, min: u32, max: u32| {
            fact.filter(|fact| {
                let is_usual = (min..=max).contains(&fact.value);
                if !is_usual {
                    notes.push(format!(
                        "{}: {what} of {} is not from {min} to {max}; it is not used",
                        fact.from, fact.value
                    ));
                }
                is_usual
            })
        };
        let mut findings = Self {
            interface: inventory.interface.clone(),
            queues: within(queues(inventory), "a number of queues", 1, QUEUES_MAX),
            queues_max: channels.and_then(|channels| channels.receive_queues_max()),
            rx: within(
                Fact::read(rings.and_then(|rings| rings.rx.as_ref())),
                "a ring",
                0,
                ENTRIES_MAX,
            ),
            rx_max: within(
                Fact::read(rings.and_then(|rings| rings.rx_max.as_ref())),
                "a ring",
                0,
                ENTRIES_MAX,
            ),
            mtu: within(Fact::read(inventory.link.mtu.as_ref()), "an MTU", MTU_MIN, MTU_MAX)
                .unwrap_or_else(|| Fact { value: MTU, from: "assumed".to_owned() }),
            line_rate: asked_rate(line_rate).or_else(|| Fact::read(inventory.link.speed.as_ref())),
            ram: Fact::read(inventory.ram.as_ref()),
            footprint: None,
            lasts: Vec::new(),
            drops: counters::drops(inventory, preset),
            time_squeeze: time_squeeze(inventory),
            page_pools: page_pools(inventory),
            coalescing: coalescing(inventory),
            unseen: Vec::new(),
            answers: Vec::new(),
            deferral: inventory.deferral.clone().unwrap_or_default(),
            rss_queues: rss_queues(inventory),
            notes,
            driver,
            preset,
            alternatives,
        };
        findings.footprint = findings.footprint(inventory);
        findings.lasts = findings.lasts();
        findings.unseen = answers::unseen(&findings, inventory);
        findings.answers = answers::answers(&findings);
        findings
    }

    fn footprint(&self, inventory: &Inventory) -> Option<Footprint> {
        let (rx, queues) = (self.rx.as_ref()?.value, self.queues.as_ref()?.value as usize);
        let rings = inventory.rings.as_ref();
        let set =
            |field: Option<&Reported<u32>>| known(field).filter(|bytes| *bytes > 0).map(u64::from);
        let completion = set(rings.and_then(|rings| rings.cqe_size.as_ref()));
        let [mini, jumbo] = self.side_rings(inventory);
        let set = set(rings.and_then(|rings| rings.rx_buf_len.as_ref()));
        let adjusted = |rx| {
            let (mut nic, how) = self.nic(rx, queues, set)?;
            nic.completion = completion.unwrap_or(nic.completion);
            if let Some(driver) = &mut nic.driver {
                driver.mini = mini.unwrap_or(driver.mini);
                driver.jumbo = jumbo.unwrap_or(driver.jumbo);
            }
            Some((nic, how))
        };
        let (nic, how) = adjusted(rx)?;
        let deepest = self.rx_max.as_ref().and_then(|max| adjusted(max.value));
        let at_most = deepest.and_then(|(nic, _)| nic.memory(None).memory());
        let memory = nic.memory(None).memory()?;
        let queue = match nic.driver {
            Some(driver) => driver.queue(*nic.rx.first()?),
            None => QueueLayout {
                bytes: u64::from(rx) * nic.rx_buf_len,
                buffers: rx,
                buffer_len: nic.rx_buf_len,
                descriptors: u64::from(rx),
                completions: None,
            },
        };
        Some(Footprint { nic, queue, memory, at_most, how })
    }

    /// Entries of the rings that ethtool calls `rx-mini` and `rx-jumbo`, where the preset has them
    /// and takes so many.
    fn side_rings(&self, inventory: &Inventory) -> [Option<u32>; 2] {
        let (Some(preset), Some(rings)) = (self.preset, &inventory.rings) else {
            return [None, None];
        };
        [(&rings.rx_mini, preset.mini), (&rings.rx_jumbo, preset.jumbo)].map(|(set, limits)| {
            let limits = limits?;
            let taken = limits.min.value..=limits.max.value;
            known(set.as_ref()).filter(|entries| taken.contains(entries))
        })
    }

    /// A NIC of such rings, and how its buffers are known. `set`: the size that the driver is set
    /// to. `None` for no rings at all.
    fn nic(&self, rx: u32, queues: usize, set: Option<u64>) -> Option<(NicSpec, String)> {
        if rx == 0 {
            return None;
        }
        let hidden = self.preset.map_or(0, |preset| preset.rx.shown_less);
        let rings = vec![rx.saturating_add(hidden); queues];
        let (nic, how) = match self.preset {
            Some(preset) => (
                NicSpec::of_preset(preset, rings, self.mtu.value),
                format!("{} (preset {})", preset.buffers_text, preset.name),
            ),
            None => (
                NicSpec::plain(rings, PAGE),
                "a page of 4 KiB for every entry is assumed; drivers differ by a factor of 8"
                    .to_owned(),
            ),
        };
        Some(match set {
            None => (nic, how),
            Some(rx_buf_len) => (
                NicSpec { rx_buf_len, driver: None, ..nic },
                "of the RX Buf Len that ethtool -g shows".to_owned(),
            ),
        })
    }

    /// The largest frame in bytes, without FCS.
    #[must_use]
    pub fn frame_len(&self) -> u64 {
        u64::from(self.mtu.value) + ETHERNET_HEADER
    }

    fn lasts(&self) -> Vec<Lasting> {
        let Some(footprint) = &self.footprint else { return Vec::new() };
        let rates = self.line_rate.as_ref().map_or_else(|| RATES.to_vec(), |rate| vec![rate.value]);
        let frames = |len: u64| {
            let each = len.div_ceil(footprint.queue.buffer_len.max(1)).max(1);
            u64::from(footprint.queue.buffers) / each
        };
        let us = |len: u64, rate: u64| {
            let on_wire = (len + FCS).max(FRAME_MIN) + GAP;
            to_f64(frames(len)) * to_f64(on_wire * 8) * 1e6 / to_f64(rate)
        };
        let rates = rates.into_iter().filter(|rate| *rate > 0);
        rates
            .map(|rate| Lasting {
                bits_per_second: rate,
                mtu_frames_us: us(self.frame_len(), rate),
                small_frames_us: us(FRAME_MIN - FCS, rate),
            })
            .collect()
    }
}

fn asked_rate(rate: Option<BitRate>) -> Option<Fact<u64>> {
    let value = crate::units::round_to_u64(rate?.per_second());
    Some(Fact { value, from: "--line-rate".to_owned() })
}

/// The preset of a driver, and others that could be meant as well.
fn choose(
    driver: Option<&Fact<String>>,
    features: Option<&Features>,
    rx_max: Option<u32>,
) -> (Option<&'static Preset>, Vec<&'static str>) {
    let Some(driver) = driver else { return (None, Vec::new()) };
    let mut presets: Vec<&'static Preset> = preset::for_driver(&driver.value).collect();
    // bnxt has aggregation rings with LRO or GRO in hardware, and says so.
    if let Some(features) = features
        && let [lro, gro_hw] = [&features.lro, &features.gro_hw].map(|it| known(it.as_ref()))
        && (lro.is_some() || gro_hw.is_some())
    {
        let aggregates = lro == Some(true) || gro_hw == Some(true);
        presets.retain(|preset| match preset.driver(MTU).map(|driver| driver.memory) {
            Some(DriverMemory::Bnxt { aggregation }) => aggregation == aggregates,
            _ => true,
        });
    }
    // Devices of one driver differ in what they take at most.
    let takes = |preset: &&Preset| rx_max == Some(preset.rx.max.value - preset.rx.shown_less);
    if presets.iter().any(takes) {
        presets.retain(takes);
    }
    let others = presets.iter().skip(1).map(|preset| preset.name).collect();
    (presets.first().copied(), others)
}

/// Receive queues: what `-l` says, or the kernel, or the header of the indirection table.
fn queues(inventory: &Inventory) -> Option<Fact<u32>> {
    if let Some(channels) = &inventory.channels
        && let Some(value) = channels.receive_queues()
    {
        let counts = |field: &&Reported<u32>| field.known().is_some_and(|count| *count > 0);
        let field = [&channels.combined, &channels.rx].into_iter().flatten().find(counts)?;
        return Some(Fact { value, from: field.from.to_string() });
    }
    Fact::read(inventory.indirection.as_ref().and_then(|table| table.rings.as_ref()))
        .filter(|queues| queues.value > 0)
}

fn coalescing(inventory: &Inventory) -> Option<Coalescing> {
    let fields = inventory.coalescing.as_ref()?;
    Some(Coalescing {
        adaptive: known(fields.adaptive_rx.as_ref()) == Some(true),
        usecs: known(fields.rx_usecs.as_ref()),
        frames: known(fields.rx_frames.as_ref()),
        cqe_mode: known(fields.cqe_mode_rx.as_ref()) == Some(true),
    })
}

fn rss_queues(inventory: &Inventory) -> Option<u32> {
    let table = inventory.indirection.as_ref()?.table.as_ref()?.known()?;
    let queues: BTreeSet<&u64> = table.iter().collect();
    u32::try_from(queues.len()).ok().filter(|queues| *queues > 0)
}

/// The sum of some fields of a subject; `None` where no capture has them.
fn sum(inventory: &Inventory, subject: Subject, ending: &str) -> Option<u64> {
    let sections = inventory.sections.iter().filter(|section| section.subject == subject);
    let fields = sections.flat_map(|section| section.fields.iter());
    let counts = fields.filter(|(name, _)| name.ends_with(ending)).filter_map(|(_, field)| {
        match field.known() {
            Some(Scalar::Count(count)) => Some(*count),
            _ => None,
        }
    });
    counts.reduce(u64::saturating_add)
}

fn time_squeeze(inventory: &Inventory) -> Option<u64> {
    sum(inventory, Subject::Softnet, " time_squeeze")
}

fn page_pools(inventory: &Inventory) -> Option<u64> {
    sum(inventory, Subject::PagePools, "inflight-mem")
}
