//! Keys of `[[traffic]]`.

use super::placement::TRANSFERS;
use super::{Key, Kind, Of, Variants, key};

pub(in crate::scenario) const TRAFFIC: Variants = Variants {
    tag: "kind",
    variants: &[
        ("poisson", STEADY, "Independent exponential gaps."),
        ("constant", STEADY, "Equal gaps from a random phase."),
        ("on-off", ON_OFF, "Bursts with silence, or a lower rate, between them."),
        ("mmpp", MMPP, "Poisson packets whose rate is set by a Markov chain."),
        ("self-similar", SELF_SIMILAR, "Four on-off sources whose counts are self-similar."),
        ("batch", BATCH, "Whole batches at random epochs."),
        ("flows", FLOWS, "Flows of measured sizes that begin at random, steered by RSS."),
        ("incast", INCAST, "Many senders that answer a request at once, steered by RSS."),
        ("transfers", TRANSFERS, "Responses whose packets carry placement headers."),
        ("trace", TRACE, "Packets of a recording."),
        ("samples", SAMPLES, "Counts of samples, as `rxplan observe` writes them."),
        ("millisampler", MILLISAMPLER, "Bytes of the hosts of a rack, sample by sample."),
        ("pcap", PCAP, "Packets of a capture, steered by RSS."),
    ],
    common: &[key("queues", Kind::Queues, "all", "\"all\" or a list of queue ids.")],
};

const SIZE: Key = key(
    "size",
    Kind::Distribution(Of::Sizes),
    "1500 B",
    "Frame length without FCS: a distribution, \"imix\" (TRex's 7:5:1) or \"imix-simple\" (7:4:1).",
);

const IN_PHASE: Key = key(
    "in_phase",
    Kind::Count,
    "0",
    "The first this many of `queues` share one process; 0 and 1: all independent.",
);

const STEADY: &[Key] = &[key("rate", Kind::Rate, "", "Per queue."), SIZE];

const ON_OFF: &[Key] = &[
    key("rate", Kind::Rate, "", "Per queue, while ON."),
    key("rate_off", Kind::Rate, "0 pps", "Per queue, while OFF."),
    key("on", Kind::Distribution(Of::Times), "", "Length of an ON period."),
    key("off", Kind::Distribution(Of::Times), "", "Length of an OFF period."),
    key("spacing", Kind::Choice(SPACINGS), "poisson", "How packets lie within a period."),
    IN_PHASE,
    key(
        "correlation",
        Kind::Number,
        "0",
        "How far all queues burst together: 0 independent, 1 in phase; between, off must be \
         exponential.",
    ),
    SIZE,
];

pub(in crate::scenario) const SPACINGS: &[&str] = &["poisson", "constant"];

const MMPP: &[Key] = &[
    key("rates", Kind::Rates, "", "Per queue, in each state: a list."),
    key(
        "transition",
        Kind::Transition,
        "",
        "Mean time from each state (row) to each other one (column), exponential; or \"never\".",
    ),
    IN_PHASE,
    SIZE,
];

const SELF_SIMILAR: &[Key] = &[
    key("rate", Kind::Rate, "", "Mean, per queue."),
    key("hurst", Kind::Number, "", "Hurst parameter of the counts, above 0.5 and below 1."),
    key("shortest", Kind::Time, "", "Mean ON and OFF period of the fastest of the four sources."),
    key("longest", Kind::Time, "", "Mean ON and OFF period of the slowest."),
    IN_PHASE,
    SIZE,
];

const BATCH: &[Key] = &[
    key("every", Kind::Distribution(Of::Times), "", "Time between epochs."),
    key("count", Kind::Distribution(Of::Counts), "", "Packets of a batch."),
    key("spacing", Kind::Time, "0 ns", "Time between a batch's packets at one queue."),
    IN_PHASE,
    SIZE,
];

const FLOWS: &[Key] = &[
    key("sizes", Kind::FlowSizes, "", "Bytes of a flow: a published table, or a distribution."),
    key("load", Kind::Load, "", "Of all flows: frame bits, or a share of nic.line_rate."),
    SENDER_RATE,
    MTU,
    TSO,
    key("together", Kind::Distribution(Of::Counts), "1", "Flows that begin at one Poisson epoch."),
    key("connections", Kind::Count, "0", "Connections that flows belong to; 0: one each."),
    key(
        "zipf",
        Kind::Number,
        "0",
        "Flows choose the k-th connection with probability proportional to k^-zipf.",
    ),
    key("heavy_hitters", Kind::Count, "0", "Connections apart that share heavy_share of flows."),
    key("heavy_share", Kind::Number, "0", "Share of all flows that is the heavy hitters'."),
    key("rss", Kind::Rss, "toeplitz", "How connections are steered to `queues`."),
];

const INCAST: &[Key] = &[
    key("every", Kind::Distribution(Of::Times), "", "Time between requests."),
    key("senders", Kind::Distribution(Of::Counts), "", "Senders that answer a request."),
    key("bytes", Kind::FlowSizes, "", "Bytes that each sends: a table, or a distribution."),
    key("jitter", Kind::Distribution(Of::Times), "0 ns", "How much later each begins, by itself."),
    SENDER_RATE,
    MTU,
    TSO,
    key("rss", Kind::Rss, "toeplitz", "How senders are steered to `queues`."),
];

const SENDER_RATE: Key =
    key("sender_rate", Kind::BitRate, "", "At which each sends, on the wire of its NIC.");

const MTU: Key = key("mtu", Kind::Size, "1500 B", "Bytes of an IP packet, headers included.");

const TSO: Key =
    key("tso", Kind::Size, "0 B", "Bytes that leave back to back at once; 0: packet by packet.");

const TRACE: &[Key] =
    &[key("file", Kind::File, "", "CSV with t_ns, queue and len."), SPEED, REPEAT, OFFSET];

const SPEED: Key = key("speed", Kind::Number, "1.0", "Replay this many times faster.");

const REPEAT: Key = key("repeat", Kind::Count, "1", "Replay this many times over.");

const OFFSET: Key = key("offset", Kind::Time, "0 ns", "Everything comes this much later.");

const MILLISAMPLER: &[Key] = &[
    key("file", Kind::File, "", "A file of Millisampler records, or a folder; host k is queue k."),
    key("interval", Kind::Time, "1 ms", "Length of a sample: 100 us, 1 ms or 10 ms."),
    PACKETS,
    key("len", Kind::Size, "1500 B", "Length of the frames that a sample's bytes are cut into."),
    SPEED,
    REPEAT,
    OFFSET,
];

const PACKETS: Key =
    key("packets", Kind::Choice(IN_SAMPLE), "even", "How packets lie within a sample.");

const SAMPLES: &[Key] = &[
    key("file", Kind::File, "", "CSV with t_ns, duration_ns, queue, packets and bytes."),
    PACKETS,
    SPEED,
    REPEAT,
    OFFSET,
];

pub(in crate::scenario) const IN_SAMPLE: &[&str] = &["even", "burst", "poisson"];

const PCAP: &[Key] = &[
    key("file", Kind::File, "", "A pcap or pcapng file; gzip is fine."),
    key("rss", Kind::Rss, "toeplitz", "How frames are steered to `queues`."),
    SPEED,
    REPEAT,
    OFFSET,
];

pub(in crate::scenario) const RSS: &[Key] = &[
    key("key", Kind::Text, "Microsoft's", "Toeplitz key: 40 bytes in hexadecimal, as ethtool -x."),
    key("table_len", Kind::Count, "128", "Entries of an indirection table spread evenly."),
    key("indirection", Kind::Queues, "", "The indirection table itself, instead of table_len."),
];
