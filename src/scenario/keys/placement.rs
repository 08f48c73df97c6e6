//! Keys of `[placement]` and of the traffic that it is about.

use super::{Key, Kind, Of, key};

pub(in crate::scenario) const PLACEMENT: &[Key] = &[
    key("mode", Kind::Choice(MODES), "off", "How payload gets to the application."),
    key("region", Kind::Size, "1 MiB", "Bytes of each region of application memory."),
    key("regions", Kind::Count, "4", "Regions of each flow, used in turn."),
    key("memory", Kind::Size, "", "Application memory for regions; absent: enough."),
    key("nic_memory", Kind::Size, "", "The NIC's memory for its tables; absent: enough."),
    key(
        "config_latency",
        Kind::Distribution(Of::Times),
        "0 ns",
        "From a request until the NIC knows the region prepared for its response.",
    ),
    key("storm", Kind::Table(STORM), "", "When all regions get a new generation at once."),
    key(
        "survive",
        Kind::Choice(SURVIVALS),
        "nothing",
        "What a planned configuration must have buffers for.",
    ),
    key("packet_lifetime", Kind::Time, "1 s", "How long a packet may be on its way."),
    key("header_entries", Kind::Count, "", "Header buffers per queue; default: completions."),
    key("protection", Kind::Choice(PROTECTIONS), "allow-list", "direct: who may write where."),
    key("rotation", Kind::Table(ROTATION), "", "When the device keys rotate; absent: never."),
    key("allow_key", Kind::Choice(FLOW_KINDS), "spi", "allow-list: what flows are known by."),
    key("allow_entries", Kind::Count, "65536", "allow-list: pairs of flow and region."),
    key("page", Kind::Size, "4 KiB", "page-map: bytes of a page."),
    key("registered", Kind::Count, "", "registered: application buffers per queue."),
    key(
        "token",
        Kind::Distribution(Of::Times),
        "0 ns",
        "registered: how long the application keeps a buffer after delivery.",
    ),
    key("copy_per_byte", Kind::Time, "0 ps", "Host time to copy a byte of payload."),
    key("lro", Kind::Table(LRO), "", "Coalescing in the NIC, counted beside the run."),
    key("map_per_page", Kind::Time, "0 ns", "page-map: host time to map a page."),
];

pub(in crate::scenario) const MODES: &[&str] =
    &["off", "header-split", "page-map", "registered", "direct"];
pub(in crate::scenario) const PROTECTIONS: &[&str] = &["allow-list", "region-keys"];
pub(in crate::scenario) const FLOW_KINDS: &[&str] = &["spi", "ipv6"];
pub(in crate::scenario) const SURVIVALS: &[&str] = &["nothing", "one-storm"];

pub(in crate::scenario) const STORM: &[Key] = &[
    key("every", Kind::Distribution(Of::Times), "", "Time from one to the next."),
    key("notice", Kind::Time, "", "How long senders go on with the old generations."),
];

pub(in crate::scenario) const ROTATION: &[Key] = &[
    key("every", Kind::Distribution(Of::Times), "", "Time from one to the next."),
    key("notice", Kind::Time, "", "How long senders go on with the keys before."),
];

pub(in crate::scenario) const LRO: &[Key] = &[
    key("sessions", Kind::Count, "64", "Sessions of a queue, one a flow."),
    key("timeout", Kind::Time, "10 us", "How long a session is open, at most."),
    key("max_bytes", Kind::Size, "64 KiB", "Payload of a session, at most."),
];

pub(in crate::scenario) const TRANSFERS: &[Key] = &[
    key("flows", Kind::Count, "", "Flows; flow f arrives at queue f mod queues."),
    key("every", Kind::Distribution(Of::Times), "", "Time between requests of one flow."),
    key("bytes", Kind::Distribution(Of::Sizes), "", "Bytes of a response."),
    key("rate", Kind::BitRate, "", "Rate at which the frames of a flow follow each other."),
    key("mss", Kind::Size, "1448 B", "Payload of a segment, at most."),
    key("overhead", Kind::Size, "142 B", "Bytes of a frame that are not payload."),
    key("tso", Kind::Size, "64 KiB", "Payload of a super-frame, at most."),
    key("align", Kind::Truth, "true", "Super-frames end where a region ends."),
    key("lead", Kind::Time, "0 ns", "From a request to its response."),
    key("loss", Kind::Number, "0", "Chance that a segment is lost."),
    key(
        "retransmit",
        Kind::Distribution(Of::Times),
        "100 us",
        "After which time a lost segment is sent again, and a duplicate comes.",
    ),
    key("duplicate", Kind::Number, "0", "Chance that a segment comes twice."),
    key("reorder", Kind::Number, "0", "Chance that a segment is late."),
    key("reorder_by", Kind::Distribution(Of::Times), "10 us", "How late it is."),
    key("split_fails", Kind::Number, "0", "Chance that header and payload are not told apart."),
    key("attack", Kind::Rate, "0 pps", "Packets of attackers, of four kinds in equal parts."),
];
