//! What is known about NICs and their Linux drivers: ring limits, buffer models, refill rules and
//! drop counters, every value with its source.
//!
//! A preset fills the keys of `[nic]` that a scenario leaves out. Constants only, a file a vendor;
//! how memory follows from them is in [`model::memory::driver`](crate::model::memory::driver).

mod amazon;
mod broadcom;
mod chelsio;
mod google;
mod hypothetical;
mod intel;
mod kernel;
mod meta;
mod microsoft;
mod netronome;
mod nvidia;
mod value;
mod virtio;
mod vmware;

pub use kernel::KERNEL;
pub use value::{
    Counter, CounterMeaning, QueueRule, RefillMost, RefillRule, Rounding, Source, Sourced,
};

use crate::model::host::Refill;
use crate::model::memory::driver::{Driver, DriverMemory, QueueLayout, per_descriptor};

/// A NIC with its driver, in one way of using it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// What scenarios call it.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// Driver names, as `ethtool -i` says them.
    pub drivers: &'static [&'static str],
    /// Ring depths.
    pub rx: Depths,
    /// Those of ethtool's `rx-mini`, where the driver has such a ring.
    pub mini: Option<Depths>,
    /// Those of ethtool's `rx-jumbo`, where it can be chosen.
    pub jumbo: Option<Depths>,
    /// Queues where nothing else is said.
    pub queues: Sourced<QueueRule>,
    /// Where received packets go.
    pub buffers: Sourced<BufferModel>,
    /// The same in words.
    pub buffers_text: &'static str,
    /// Bytes of a descriptor.
    pub descriptor: Sourced<u64>,
    /// Bytes of a completion entry.
    pub completion: Sourced<u64>,
    /// Bytes of a header buffer for every entry, beside the buffer model's.
    pub header_buffer: Sourced<u64>,
    /// When processed slots are posted again.
    pub refill: Sourced<RefillRule>,
    /// Entries of a shared reserve; 0 for all NICs there are.
    pub reserve: u32,
    /// Its drop counters.
    pub counters: Sourced<&'static [Counter]>,
    /// What the model leaves out, and what else to know.
    pub notes: &'static [&'static str],
}

/// Ring depths a driver takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depths {
    /// Without `ethtool -G`.
    pub default: Sourced<u32>,
    /// The least.
    pub min: Sourced<u32>,
    /// The most.
    pub max: Sourced<u32>,
    /// What becomes of others.
    pub rounding: Sourced<Rounding>,
    /// `ethtool -g` shows this many entries fewer, and `-G` takes them so.
    pub shown_less: u32,
}

/// Where received packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BufferModel {
    /// Into what a driver allocates for an MTU.
    Driver(DriverMemory),
    /// Into one buffer of so many bytes for every entry.
    Plain(u64),
}

/// All presets, by vendor.
pub const ALL: [&Preset; 26] = [
    &nvidia::MLX5,
    &nvidia::MLX5_LEGACY,
    &nvidia::MLX5_REP,
    &intel::ICE,
    &intel::ICE_E830,
    &intel::I40E,
    &intel::I40E_XL710,
    &intel::IAVF,
    &intel::IDPF,
    &intel::IXGBE,
    &intel::IXGBE_X550,
    &intel::IGB,
    &intel::IGC,
    &broadcom::BNXT,
    &broadcom::BNXT_NOAGG,
    &amazon::ENA,
    &google::GVE_RDA,
    &google::GVE_QPL,
    &microsoft::MANA,
    &virtio::VIRTIO_NET,
    &vmware::VMXNET3,
    &meta::FBNIC,
    &netronome::NFP,
    &chelsio::CXGB4,
    &hypothetical::RESERVE_REFERENCE,
    &hypothetical::PRIVATE_REFERENCE,
];

/// Their names.
pub const NAMES: [&str; ALL.len()] = {
    let mut names = [""; ALL.len()];
    let mut index = 0;
    while index < ALL.len() {
        names[index] = ALL[index].name;
        index += 1;
    }
    names
};

/// The shallowest ring worth a search, where a NIC would take fewer.
const SEARCHED_MIN: u32 = 16;

/// A name that no preset has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{name}\" is no preset; did you mean {nearest}? (presets: {})", NAMES.join(", "))]
pub struct UnknownPreset {
    name: String,
    nearest: &'static str,
}

/// A ring depth that a driver refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DepthError {
    /// It is outside the limits.
    #[error("is {rx}, but {name} takes {min} to {max} entries; write one of those")]
    OutOfRange {
        /// The preset.
        name: &'static str,
        /// What was asked for.
        rx: u32,
        /// The least.
        min: u32,
        /// The most.
        max: u32,
    },
    /// It is no power of two.
    #[error("is {rx}, but {name} takes powers of two only; write {nearest}")]
    NoPowerOfTwo {
        /// The preset.
        name: &'static str,
        /// What was asked for.
        rx: u32,
        /// The next one within the limits.
        nearest: u32,
    },
}

/// The preset of this name.
///
/// # Errors
/// There is none; the error names the most similar one.
pub fn find(name: &str) -> Result<&'static Preset, UnknownPreset> {
    ALL.into_iter().find(|preset| preset.name == name).ok_or_else(|| UnknownPreset {
        name: name.to_owned(),
        nearest: NAMES
            .into_iter()
            .min_by_key(|known| strsim::damerau_levenshtein(name, known))
            .expect("there are presets"),
    })
}

/// The presets of a driver by the name that `ethtool -i` says; where there are several, the first
/// is what the driver does by default.
pub fn for_driver(driver: &str) -> impl Iterator<Item = &'static Preset> {
    ALL.into_iter().filter(move |preset| preset.drivers.contains(&driver))
}

impl Depths {
    /// The depth the driver of the preset `name` makes of `rx`.
    ///
    /// # Errors
    /// The driver refuses it.
    pub fn depth(&self, rx: u32, name: &'static str) -> Result<u32, DepthError> {
        let (min, max) = (self.min.value, self.max.value);
        if !(min..=max).contains(&rx) {
            return Err(DepthError::OutOfRange { name, rx, min, max });
        }
        self.rounding.value.apply(rx).ok_or_else(|| {
            let above = rx.next_power_of_two();
            let nearest = if above <= max { above } else { above / 2 };
            DepthError::NoPowerOfTwo { name, rx, nearest }
        })
    }
}

impl Preset {
    /// Its way of allocating at an MTU; `None`: plain buffers.
    #[must_use]
    pub fn driver(&self, mtu: u32) -> Option<Driver> {
        match self.buffers.value {
            BufferModel::Driver(memory) => Some(self.driver_of(memory, mtu)),
            BufferModel::Plain(_) => None,
        }
    }

    fn driver_of(&self, memory: DriverMemory, mtu: u32) -> Driver {
        let [mini, jumbo] =
            [self.mini, self.jumbo].map(|ring| ring.map_or(0, |ring| ring.default.value));
        Driver { memory, mtu, mini, jumbo }
    }

    /// A queue of `rx` entries at an MTU.
    #[must_use]
    pub fn queue(&self, rx: u32, mtu: u32) -> QueueLayout {
        match self.buffers.value {
            BufferModel::Driver(memory) => self.driver_of(memory, mtu).queue(rx),
            BufferModel::Plain(len) => per_descriptor(rx, len, len),
        }
    }

    /// The depth the driver makes of `rx` at an MTU.
    ///
    /// # Errors
    /// The driver refuses it.
    pub fn depth(&self, rx: u32, mtu: u32) -> Result<u32, DepthError> {
        let rounded = self.rx.depth(rx, self.name)?;
        let deepest = self.driver(mtu).and_then(Driver::deepest);
        Ok(deepest.map_or(rounded, |deepest| rounded.min(deepest)))
    }

    /// Depths to search at an MTU: powers of two within the limits, as the driver rounds them, and
    /// the largest.
    #[must_use]
    pub fn depths(&self, mtu: u32) -> Vec<u32> {
        let (min, max) = (self.rx.min.value, self.rx.max.value);
        let least = min.max(SEARCHED_MIN);
        let powers = (0..u32::BITS).map(|log| 1 << log).filter(|rx| (least..=max).contains(rx));
        let mut depths: Vec<u32> =
            powers.chain([max]).filter_map(|rx| self.depth(rx, mtu).ok()).collect();
        depths.sort_unstable();
        depths.dedup();
        depths
    }

    /// When the simulated host posts buffers again.
    #[must_use]
    pub fn refill(&self, mtu: u32) -> Refill {
        let rx = self.rx.default.value;
        self.refill.value.refill(rx, self.queue(rx, mtu))
    }
}
