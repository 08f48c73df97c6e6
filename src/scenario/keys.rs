//! Which keys a scenario may have: the one list behind error messages, resolving and the schema.
//!
//! A key that is not here is refused before anyone could read it; a key that is here and never read
//! trips an assertion in debug builds. So neither list nor reader can fall behind the other.

mod placement;
mod traffic;

pub(super) use placement::{
    FLOW_KINDS, LRO, MODES, PLACEMENT, PROTECTIONS, ROTATION, STORM, SURVIVALS,
};

pub(super) use traffic::{IN_SAMPLE, RSS, SPACINGS, TRAFFIC};

use crate::preset::NAMES;

/// A key of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// As written in a scenario; empty: there is none.
    pub(super) default: &'static str,
    pub(super) doc: &'static str,
}

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// A whole number.
    Count,
    /// A whole number, or one per queue.
    CountOrList,
    /// A number.
    Number,
    Size,
    Time,
    /// A time, or ethtool's whole number of microseconds.
    Usecs,
    Truth,
    /// When slots are reposted.
    Refill,
    Rate,
    /// A list of rates.
    Rates,
    /// The name of a table of sizes, or a distribution.
    FlowSizes,
    /// A bit rate, or a share.
    Load,
    /// A square of times or "never".
    Transition,
    BitRate,
    /// A distribution of times, sizes or counts.
    Distribution(Of),
    /// A distribution of times, or one per queue.
    DistributionOrList,
    Choice(&'static [&'static str]),
    /// `"all"` or a list of queue ids.
    Queues,
    /// A range, a list or a number.
    Range,
    /// A number, or a list of numbers.
    Numbers,
    /// A time or `"mser-5"`.
    Warmup,
    /// The path of a file.
    File,
    Rss,
    /// Other tables.
    Table(&'static [Key]),
    /// A table whose keys are those of one of several variants, chosen by a key.
    Variants(&'static Variants),
    /// A list of such tables.
    ListOf(&'static Variants),
    /// A list of tables.
    Tables(&'static [Key]),
    /// Any dotted keys with ranges or lists.
    Sweep,
}

impl Kind {
    /// A value that would be right, as it stands behind `=`.
    pub(super) const fn example(self) -> &'static str {
        match self {
            Self::Text => "\"...\"",
            Self::Count | Self::CountOrList | Self::Range => "64",
            Self::Number | Self::Numbers => "0.5",
            Self::Size => "\"2 KiB\"",
            Self::Time
            | Self::Warmup
            | Self::DistributionOrList
            | Self::Distribution(Of::Times) => "\"1 us\"",
            Self::Usecs => "\"16 us\"",
            Self::Truth => "true",
            Self::Refill => "\"every-poll\"",
            Self::Rate => "\"3 Mpps\"",
            Self::FlowSizes => "\"websearch\"",
            Self::Load => "\"40 Gbit/s\"",
            Self::Rates => "[\"1 Mpps\", \"8 Mpps\"]",
            Self::Transition => "[[\"never\", \"100 us\"], [\"400 us\", \"never\"]]",
            Self::BitRate => "\"100 Gbit/s\"",
            Self::Distribution(Of::Sizes) => "\"1500 B\"",
            Self::Distribution(Of::Counts) => "8",
            Self::Choice(choices) => choices[0],
            Self::Queues => "\"all\"",
            Self::File => "\"packets.csv\"",
            Self::Rss => "\"toeplitz\"",
            Self::Table(_)
            | Self::Variants(_)
            | Self::Tables(_)
            | Self::ListOf(_)
            | Self::Sweep => "...",
        }
    }
}

/// Whether a dotted key such as `nic.rx` or `traffic.0.rate` may stand in some scenario.
pub(super) fn is_key(path: &str) -> bool {
    fn below<'a>(kind: Kind, mut parts: impl Iterator<Item = &'a str> + Clone) -> bool {
        let Some(part) = parts.next() else { return true };
        let listed = |keys: &[Key], parts: &mut dyn FnMut(Kind) -> bool| {
            keys.iter().any(|key| key.name == part && parts(key.kind))
        };
        let mut rest = |kind: Kind| below(kind, parts.clone());
        match kind {
            Kind::Table(keys) => listed(keys, &mut rest),
            Kind::Variants(variants) => variants.has(part),
            Kind::ListOf(variants) => {
                part.parse::<usize>().is_ok() && parts.next().is_none_or(|name| variants.has(name))
            }
            // Parameters of a distribution, entries of a list.
            Kind::Distribution(_)
            | Kind::DistributionOrList
            | Kind::CountOrList
            | Kind::Refill
            | Kind::FlowSizes
            | Kind::Rates
            | Kind::Transition => true,
            _ => false,
        }
    }
    below(Kind::Table(SCENARIO), path.split('.'))
}

/// What a distribution is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Times,
    Sizes,
    Counts,
}

/// A table that comes in variants.
#[derive(Debug)]
pub(super) struct Variants {
    /// The key that chooses.
    pub(super) tag: &'static str,
    /// Name, keys, and what the variant is.
    pub(super) variants: &'static [(&'static str, &'static [Key], &'static str)],
    /// Keys that every variant has.
    pub(super) common: &'static [Key],
}

impl Variants {
    /// The first variant that has a key of its own called `name`.
    pub(super) fn owner(&self, name: &str) -> Option<&'static str> {
        let (owner, ..) = self.variants.iter().find(|(_, keys, _)| has(keys, name))?;
        Some(owner)
    }

    /// Whether `name` may stand in some variant.
    fn has(&self, name: &str) -> bool {
        name == self.tag || has(self.common, name) || self.owner(name).is_some()
    }
}

/// Whether a key called `name` is among `keys`.
pub(super) fn has(keys: &[Key], name: &str) -> bool {
    keys.iter().any(|key| key.name == name)
}

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

pub(super) const SCENARIO: &[Key] = &[
    key("title", Kind::Text, "", "What the scenario is about."),
    key("run", Kind::Table(RUN), "", "How long and how often to simulate."),
    key("nic", Kind::Table(NIC), "", "The NIC's rings and buffers."),
    key("reserve", Kind::Table(RESERVE), "", "The shared reserve; absent: none."),
    key("host", Kind::Variants(&HOST), "", "How the host takes packets."),
    key("traffic", Kind::ListOf(&TRAFFIC), "", "Where packets come from; tables add up."),
    key("placement", Kind::Table(PLACEMENT), "", "Zero-copy placement."),
    key("sweep", Kind::Sweep, "", "Dotted keys and their values: a grid of scenarios."),
    key("plan", Kind::Table(PLAN), "", "What to plan for."),
];

/// Ways to estimate drop rates, in the order of `RunMethod`.
pub(super) const METHODS: [&str; 3] = ["auto", "plain", "splitting"];

pub(super) const RUN: &[Key] = &[
    key(
        "duration",
        Kind::Time,
        "1 s",
        "Measured time of each replication, after the warm-up; for recorded traffic the default is \
         to its end and until the last buffer is free.",
    ),
    key(
        "warmup",
        Kind::Warmup,
        "10 ms",
        "Time simulated first, or \"mser-5\": found by four pilot runs; 0 for recorded traffic.",
    ),
    key("replications", Kind::Count, "4", "Independent replications; 1 if nothing is random."),
    key("seed", Kind::Count, "1", "Seed of all random streams."),
    key("confidence", Kind::Number, "0.95", "Confidence level of intervals."),
    key(
        "method",
        Kind::Choice(&METHODS),
        "auto",
        "How drop rates are estimated: by \"plain\" runs, by \"splitting\" those that come near to \
         a drop (rare drops, down to 1e-9 and below), or \"auto\": plain, but in `plan` splitting \
         where plain runs would take too long.",
    ),
];

pub(super) const NIC: &[Key] = &[
    key(
        "preset",
        Kind::Choice(&NAMES),
        "",
        "The NIC: fills the keys below that are absent (see `rxplan presets`).",
    ),
    key("mtu", Kind::Count, "1500", "MTU, on which a preset's buffers depend."),
    key("rx_mini", Kind::Count, "", "ethtool's rx-mini, where the preset has such a ring."),
    key("rx_jumbo", Kind::Count, "", "ethtool's rx-jumbo, where the preset has such a ring."),
    key("queues", Kind::Count, "", "Receive queues."),
    key("rx", Kind::CountOrList, "", "Dedicated entries per queue, or a list with one per queue."),
    key(
        "rx_buf_len",
        Kind::Size,
        "",
        "Bytes of one receive buffer; with a preset, instead of its driver's way of allocating.",
    ),
    key("descriptor", Kind::Size, "16 B", "Bytes of a descriptor, one per posted buffer."),
    key("completion", Kind::Size, "64 B", "Bytes of a completion-ring entry."),
    key(
        "completion_entries",
        Kind::Count,
        "",
        "Completion entries per queue; default: the next power of two that holds rx + reserve.",
    ),
    key(
        "completion_flow_control",
        Kind::Truth,
        "false",
        "Packets wait for completion entries, too: in the FIFO, or at a paused sender.",
    ),
    key("fifo", Kind::Size, "0 B", "On-NIC packet memory before the rings, for the port."),
    key("fifo_order", Kind::Choice(FIFO_ORDERS), "queue", "What a refused queue holds up there."),
    key("pause", Kind::Truth, "false", "Pause the sender while the FIFO has no room."),
    key("header_buffer", Kind::Size, "0 B", "Bytes of a header buffer, one per posted buffer."),
    key("line_rate", Kind::BitRate, "", "Rate of the wire; absent: frames arrive when sent."),
];

pub(super) const FIFO_ORDERS: &[&str] = &["queue", "port"];

pub(super) const RESERVE: &[Key] = &[
    key("entries", Kind::Count, "", "Buffers of each reserve; 0: none."),
    key("policy", Kind::Choice(POLICIES), "complete-sharing", "Who may take one more."),
    key("cap", Kind::Count, "", "static-cap: the most a queue may hold."),
    key("alpha", Kind::Number, "", "dynamic-threshold: held < alpha x free; abm: of less."),
    key("interval", Kind::Time, "30 us", "abm: how often drain rates are measured."),
    key("red_pass", Kind::Number, "", "red: free share of the reserve above which all pass."),
    key("red_drop", Kind::Number, "", "red: free share at or below which none passes."),
    key("accounting", Kind::Choice(ACCOUNTINGS), "pinned", "Where a released buffer goes."),
    key("groups", Kind::Count, "1", "Number of reserves; queue q uses q * groups / queues."),
    key(
        "device_entries",
        Kind::Count,
        "0",
        "Buffers behind all reserves, for those that have used up their own.",
    ),
    key("sync_cost", Kind::Time, "0 ns", "Time of a core for each reserve buffer reposted."),
    key("refiller", Kind::Choice(REFILLERS), "consuming-core", "Whose time sync_cost is."),
    key("repost", Kind::Count, "1", "Reserve buffers are reposted in batches of this many."),
    key(
        "low_watermark",
        Kind::Count,
        "",
        "All that came back are reposted when fewer than this are free, instead of in batches.",
    ),
    key("small", Kind::Table(SMALL), "", "Buffers of each reserve for short packets alone."),
    key("lock", Kind::Truth, "false", "Cores that repost at the same time wait for each other."),
];

pub(super) const SMALL: &[Key] = &[
    key("entries", Kind::Count, "", "How many there are."),
    key("buf_len", Kind::Size, "", "Bytes of one, and of the longest packet that takes it."),
];

/// One for every queue, or one of the reserve's own.
pub(super) const REFILLERS: &[&str] = &["consuming-core", "one-core"];

pub(super) const POLICIES: &[&str] = &[
    "complete-sharing",
    "static-cap",
    "dynamic-threshold",
    "abm",
    "red",
    "longest-queue-drop",
    "peer-borrow",
    "shared-ring",
];
pub(super) const ACCOUNTINGS: &[&str] = &["pinned", "relabelled"];

pub(super) const HOST: Variants = Variants {
    tag: "model",
    variants: &[
        ("server", SERVER, "One server a queue."),
        ("hold", HOLD, "Every packet holds its buffer for its own time."),
        ("poll", POLL, "All queues are polled at every multiple of a period."),
        ("busy-poll", BUSY_POLL, "Cores visit their queues in turn, for ever."),
        ("napi", NAPI, "Interrupts and NAPI polls, as Linux has them."),
        ("trace", RETURNS, "Recorded returns of buffers."),
    ],
    common: &[key("stall", Kind::Tables(STALL), "", "Times in which a core does nothing.")],
};

const SERVER: &[Key] = &[
    key("service", Kind::DistributionOrList, "", "Service time, or a list with one per queue."),
    key(
        "wakeup",
        Kind::Distribution(Of::Times),
        "0 ns",
        "How much later a packet that finds its queue empty is first served.",
    ),
];

const HOLD: &[Key] =
    &[key("time", Kind::Distribution(Of::Times), "", "How long a packet holds its buffer.")];

const POLL: &[Key] = &[
    key("period", Kind::Time, "", "Time between polls."),
    key("budget", Kind::Count, "0", "Packets a queue gives at one poll; 0: all."),
    key("per_packet", Kind::Time, "0 ns", "The j-th packet is freed j x per_packet later."),
];

const BUSY_POLL: &[Key] = &[
    key("cores", Kind::Count, "1", "Cores; queue q is on core q mod cores."),
    key("budget", Kind::Count, "64", "Packets taken at a visit, at most."),
    key("per_packet", Kind::Time, "", "Time for each packet."),
    key("per_byte", Kind::Time, "0 ps", "Time for each byte of a packet."),
    key("poll_overhead", Kind::Time, "0 ns", "Time paid at the start of every visit."),
    key(
        "refill",
        Kind::Count,
        "budget",
        "Buffers are reposted after every so many packets of a visit, and at its end.",
    ),
];

const NAPI: &[Key] = &[
    key("cores", Kind::Count, "nic.queues", "Cores; queue q is on core q mod cores."),
    key(
        "rx_usecs",
        Kind::Usecs,
        "0 us",
        "An interrupt comes this long after the first packet, at most.",
    ),
    key(
        "rx_frames",
        Kind::Count,
        "",
        "An interrupt comes with this many packets, at most; 0, the default: by rx_usecs alone.",
    ),
    key("adaptive", Kind::Truth, "false", "The kernel's dynamic moderation chooses both."),
    key("cqe_mode", Kind::Truth, "false", "The timer of rx_usecs restarts with every packet."),
    key("wakeup", Kind::Distribution(Of::Times), "0 ns", "From interrupt to first poll."),
    key("poll_overhead", Kind::Time, "0 ns", "Time paid at the start of every poll."),
    key("per_packet", Kind::Time, "", "Time for each packet."),
    key("per_byte", Kind::Time, "0 ps", "Time for each byte of a packet."),
    key("budget", Kind::Count, "64", "Packets of one poll, at most."),
    key("netdev_budget", Kind::Count, "300", "Packets of one softirq run, at most."),
    key("netdev_budget_usecs", Kind::Usecs, "2 ms", "Time of one softirq run, at most."),
    key(
        "ksoftirqd_delay",
        Kind::Distribution(Of::Times),
        "0 ns",
        "From a squeezed softirq run to the next one.",
    ),
    key("threaded", Kind::Truth, "false", "Every queue is polled by a thread of its own."),
    key("gro_flush_timeout", Kind::Time, "0 ns", "From a poll to the next one, by timer."),
    key(
        "napi_defer_hard_irqs",
        Kind::Count,
        "0",
        "Polls by timer that may find nothing before interrupts are enabled.",
    ),
    key(
        "busy_poll",
        Kind::Usecs,
        "0 us",
        "How long an application spins on its queue after a poll that found packets.",
    ),
    key("refill", Kind::Refill, "every-poll", "When processed slots are posted again."),
    key("recycle", Kind::Choice(RECYCLES), "page-pool", "What a slot gets after delivery."),
    key(
        "hold",
        Kind::Distribution(Of::Times),
        "0 ns",
        "How long stack or application keep a page after delivery.",
    ),
    key("cache", Kind::Table(CACHE), "", "The price of rings too large for the cache."),
];

pub(super) const RECYCLES: &[&str] = &["page-pool", "return"];

pub(super) const REFILL: &[Key] = &[
    key("batch", Kind::Count, "", "As soon as this many slots are processed."),
    key("fraction", Kind::Text, "", "As soon as this part of the ring is, such as \"1/2\"."),
];

pub(super) const CACHE: &[Key] = &[
    key("llc_share", Kind::Size, "", "Buffer bytes that the cache keeps for DMA."),
    key("miss_cost", Kind::Time, "", "What a packet costs more that is not there."),
];

const RETURNS: &[Key] = &[key("file", Kind::File, "", "CSV with t_ns, queue and count.")];

pub(super) const STALL: &[Key] = &[
    key("every", Kind::Distribution(Of::Times), "", "Time from start to start."),
    key("lasts", Kind::Distribution(Of::Times), "", "Length of a stall."),
    key("scope", Kind::Choice(SCOPES), "core", "Whether each core stalls by itself."),
    key("trace", Kind::File, "", "CSV with start_ns and duration_ns, instead of every and lasts."),
];

pub(super) const SCOPES: &[&str] = &["core", "host"];

pub(super) const PLAN: &[Key] = &[
    key("max_drop_rate", Kind::Number, "1e-6", "The goal: at most this share dropped."),
    key("max_p99_us", Kind::Number, "", "The goal: the 99th percentile of the sojourn, in us."),
    key("queues", Kind::Range, "", "Numbers of queues to search; the same traffic in total."),
    key("rx", Kind::Range, "64..8192 x2", "Ring depths to search."),
    key("reserve", Kind::Range, "0 and 256..8192 x2", "Reserve sizes to search."),
    key("alpha", Kind::Numbers, "", "Factors of a threshold policy to search: one, or a list."),
    key("cap", Kind::Range, "", "Caps of the policy static-cap to search."),
    key("baseline", Kind::Table(BASELINE), "", "What to compare with."),
];

pub(super) const BASELINE: &[Key] = &[
    key("rx", Kind::Count, "4096", "Dedicated entries per queue."),
    key("reserve", Kind::Count, "0", "Entries of each reserve."),
];

/// Distributions by name, with the parameters of each.
pub(super) const DISTRIBUTIONS: &[(&str, &[Key])] = &[
    ("exponential", &[key("mean", Kind::Text, "", "The mean.")]),
    (
        "uniform",
        &[
            key("min", Kind::Text, "", "Least value."),
            key("max", Kind::Text, "", "Greatest value."),
        ],
    ),
    (
        "lognormal",
        &[
            key("median", Kind::Text, "", "The median, with p99."),
            key("p99", Kind::Text, "", "The 99th percentile."),
            key("mean", Kind::Text, "", "The mean, with cv."),
            key("cv", Kind::Number, "", "Standard deviation over mean."),
        ],
    ),
    (
        "pareto",
        &[
            key("min", Kind::Text, "", "Least value."),
            key("shape", Kind::Number, "", "Tail index."),
            key("hurst", Kind::Number, "", "Instead of shape: 3 - 2 x hurst, above 0.5, below 1."),
            key("max", Kind::Text, "", "Greatest value; absent: none."),
        ],
    ),
    (
        "weibull",
        &[
            key("scale", Kind::Text, "", "Scale."),
            key("shape", Kind::Number, "", "Shape; below 1: heavier than exponential."),
        ],
    ),
    (
        "hyperexponential",
        &[
            key("means", Kind::Text, "", "Mean of each branch, a list."),
            key("weights", Kind::Number, "", "Probability of each branch, a list."),
        ],
    ),
    ("geometric", &[key("mean", Kind::Number, "", "The mean, at least 1; counts from 1 on.")]),
    (
        "empirical",
        &[
            key("file", Kind::File, "", "CSV: value (unit in the column's name) and cumulative."),
            key("points", Kind::Text, "", "List of [value, cumulative]."),
        ],
    ),
];
