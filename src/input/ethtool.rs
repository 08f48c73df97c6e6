//! What a network interface says of its receive path, as `ethtool`, `ip`, `ynl` and the kernel
//! print it: rings, channels, coalescing, features, driver, counters.
//!
//! Formats are told by content, not by file name: the first byte of JSON, the header lines of
//! text. Several captures may follow each other in one file, with or without the prompts of the
//! shell they were copied from.
//!
//! Three answers are kept apart: a value, `n/a` ([`Reading::NotApplicable`]), and nothing at all
//! (`None`). Absent is not zero. Every value remembers where it came from.
//!
//! | file | what is in it |
//! |---|---|
//! | `text` | cuts text into captures and reads their lines |
//! | `json` | the same from JSON of ethtool, iproute2 and ynl |
//! | `fields` | names and values of one capture, and typed access to them |
//! | `records` | the plain records: rings, channels, coalescing, driver and others |
//! | `queues` | packets and bytes of each queue, under the names that drivers give them |
//! | `statistics` | counters of driver and kernel |
//! | `inventory` | what all captures say of one interface |
//! | `files` | files, folders, standard input |
//! | `live` | an interface of this machine, over netlink and from /sys and /proc |

use std::fmt;
use std::sync::Arc;

mod fields;
mod files;
mod inventory;
mod json;
mod live;
mod queues;
mod records;
mod statistics;
mod text;

pub use self::fields::Fields;
pub use self::files::{read_path, read_text};
pub use self::inventory::{Inventory, InventoryError};
#[cfg(target_os = "linux")]
pub use self::live::QueueCounters;
pub use self::live::{LiveError, read_live};
pub use self::queues::{CounterSource, QueueCount};
pub use self::records::{
    Channels, Coalescing, Deferral, Driver, Features, Indirection, Link, Pause, Rings,
};
pub use self::statistics::{Counter, counters};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file, `<stdin>`, or the interface of the kernel that was asked.
    pub source: Arc<str>,
    /// The place in it.
    pub place: Place,
}

/// The place of a value in its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line, counted from 1.
    Line(usize),
    /// A key of JSON, or an attribute of a message.
    Key(String),
    /// The source holds this value only.
    Whole,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(line) => write!(f, "{}:{line}", self.source),
            Place::Key(key) => write!(f, "{}: {key}", self.source),
            Place::Whole => f.write_str(&self.source),
        }
    }
}

/// What stands behind a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<T> {
    /// A value.
    Known(T),
    /// `n/a`: the driver has no such thing, or does not say.
    NotApplicable,
}

/// A reading and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported<T> {
    /// What was read.
    pub value: Reading<T>,
    /// Where.
    pub from: Origin,
}

impl<T> Reported<T> {
    /// The value, unless it is `n/a`.
    pub const fn known(&self) -> Option<&T> {
        match &self.value {
            Reading::Known(value) => Some(value),
            Reading::NotApplicable => None,
        }
    }
}

/// The value of a field that may be absent or `n/a`.
#[must_use]
pub fn known<T: Copy>(field: Option<&Reported<T>>) -> Option<T> {
    field.and_then(Reported::known).copied()
}

/// A value before it has a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A whole number.
    Count(u64),
    /// `on` or `off`.
    Switch(bool),
    /// Anything else.
    Text(String),
    /// A row of numbers, such as an indirection table.
    List(Vec<u64>),
}

impl Scalar {
    /// Reads the text behind a label.
    fn read(text: &str) -> Reading<Self> {
        Reading::Known(match text {
            "n/a" => return Reading::NotApplicable,
            "on" => Self::Switch(true),
            "off" => Self::Switch(false),
            _ => text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Count),
        })
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Switch(on) => f.write_str(if *on { "on" } else { "off" }),
            Self::Text(text) => f.write_str(text),
            Self::List(values) => {
                let mut words = values.iter().map(u64::to_string);
                f.write_str(&words.next().unwrap_or_default())?;
                words.try_for_each(|word| write!(f, " {word}"))
            }
        }
    }
}

/// What a capture is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `ethtool -g`: ring sizes.
    Rings,
    /// `ethtool -l`: numbers of queues.
    Channels,
    /// `ethtool -c`: interrupt coalescing.
    Coalescing,
    /// `ethtool -k`: offloads.
    Features,
    /// `ethtool -i`: the driver.
    Driver,
    /// `ethtool -S`: the driver's counters.
    Statistics,
    /// `ethtool -x`: the RSS indirection table.
    Indirection,
    /// `ethtool -a`: flow control.
    Pause,
    /// `ip link`, or /sys/class/net: MTU and the kernel's counters.
    Link,
    /// `ethtool` without options, or /sys/class/net: the speed.
    Settings,
    /// Interrupt deferral and threads, of /sys/class/net or ynl's `napi-get`.
    Deferral,
    /// ynl's `qstats-get`: the kernel's standard counters of queues.
    QueueStatistics,
    /// ynl's `page-pool-get`: pages of receive buffers.
    PagePools,
    /// /proc/net/softnet_stat: each processor's receive work.
    Softnet,
    /// /proc/meminfo.
    Memory,
}

impl Subject {
    /// Its name in messages and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rings => "rings",
            Self::Channels => "channels",
            Self::Coalescing => "coalescing",
            Self::Features => "features",
            Self::Driver => "driver",
            Self::Statistics => "statistics",
            Self::Indirection => "indirection",
            Self::Pause => "pause",
            Self::Link => "link",
            Self::Settings => "settings",
            Self::Deferral => "deferral",
            Self::QueueStatistics => "queue statistics",
            Self::PagePools => "page pools",
            Self::Softnet => "softnet",
            Self::Memory => "memory",
        }
    }

    /// What prints it.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Rings => "ethtool -g",
            Self::Channels => "ethtool -l",
            Self::Coalescing => "ethtool -c",
            Self::Features => "ethtool -k",
            Self::Driver => "ethtool -i",
            Self::Statistics => "ethtool -S",
            Self::Indirection => "ethtool -x",
            Self::Pause => "ethtool -a",
            Self::Link => "ip -j -s -s link",
            Self::Settings => "ethtool",
            Self::Deferral => "ynl --family netdev --dump napi-get --output-json",
            Self::QueueStatistics => "ynl --family netdev --dump qstats-get --output-json",
            Self::PagePools => "ynl --family netdev --dump page-pool-get --output-json",
            Self::Softnet => "cat /proc/net/softnet_stat",
            Self::Memory => "cat /proc/meminfo",
        }
    }

    /// The subject of an option letter of `ethtool`.
    fn of_letter(letter: char) -> Option<Self> {
        Some(match letter {
            'g' => Self::Rings,
            'l' => Self::Channels,
            'c' => Self::Coalescing,
            'k' => Self::Features,
            'i' => Self::Driver,
            'S' => Self::Statistics,
            'x' => Self::Indirection,
            'a' => Self::Pause,
            _ => return None,
        })
    }

    /// Whether it is about the whole host and not one interface.
    const fn is_of_host(self) -> bool {
        matches!(self, Self::Softnet | Self::Memory)
    }
}

/// One capture: what one command printed about one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it is about.
    pub subject: Subject,
    /// The interface, where the capture names it.
    pub interface: Option<String>,
    /// The interface's number, where the capture has that.
    pub index: Option<u64>,
    /// Names and values, in order.
    pub fields: Fields,
}

/// A remark about a source: what could not be read, or was taken for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub from: Origin,
    /// What, in one sentence.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.from, self.text)
    }
}

/// Everything that was read from some sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captures {
    /// The captures, in order.
    pub sections: Vec<Section>,
    /// What could not be read.
    pub notes: Vec<Note>,
}

impl Captures {
    /// Adds the captures of another source.
    pub fn extend(&mut self, other: Self) {
        self.sections.extend(other.sections);
        self.notes.extend(other.notes);
    }
}

/// What is known of a capture from outside: a shell prompt before it, or the name of its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Hint {
    subject: Option<Subject>,
    interface: Option<String>,
}

impl Hint {
    /// Reads words such as `ethtool -g eth0`, or `ethtool_-g_eth0` as sosreport names files.
    fn from_words<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut hint = Self::default();
        for word in words {
            if let Some(option) = word.strip_prefix('-') {
                let mut letters = option.chars();
                let single = letters.next().filter(|_| letters.next().is_none());
                hint.subject = hint.subject.or_else(|| single.and_then(Subject::of_letter));
            } else if !word.is_empty() {
                hint.interface = Some(word.to_owned());
            }
        }
        hint
    }
}
