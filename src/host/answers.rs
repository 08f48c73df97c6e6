//! What people confuse, answered with the numbers of an interface, and what its settings and
//! counters cannot show.

use super::{Findings, Lasting};
use crate::input::ethtool::{Inventory, Subject, known};
use crate::preset::CounterMeaning;
use crate::units::{format_bit_rate, format_bytes, round_to_u64};

/// A stall to compare with: the 99th percentile of a thread's wake-up on processors that are
/// oversubscribed twofold (tests/data/host), in microseconds.
const STALL_US: f64 = 10_000.0;

/// Answers to what people confuse.
pub(super) fn answers(findings: &Findings) -> Vec<String> {
    let Some(footprint) = &findings.footprint else { return Vec::new() };
    let (Some(rx), Some(queues)) = (&findings.rx, &findings.queues) else { return Vec::new() };
    let (rx, queues) = (rx.value, queues.value);
    let mut answers = vec![
        format!(
            "Entries are not bytes: rx {rx} is {rx} descriptors, and their buffers take {} in each \
             queue.",
            format_bytes(footprint.queue.bytes)
        ),
        format!(
            "The setting is per queue, and is no number of queues (that is ethtool -l): rx {rx} in \
             {queues} {} is {} entries.",
            if queues == 1 { "queue" } else { "queues" },
            u64::from(rx) * u64::from(queues)
        ),
    ];
    if let Some(lasting) = findings.lasts.first() {
        answers.extend(stall(findings, rx, lasting));
    }
    answers.push(
        "Bigger can be slower: buffers in rotation beyond the cache that DMA may fill come from \
         memory. Six cores forwarded 30.4 Mpps with rx 256, 25.9 with 512 and 22.9 with 1024 \
         (github.com/tohojo/xdp-paper, bench04)."
            .to_owned(),
    );
    answers
}

/// A ring cannot outlast a long stall.
fn stall(findings: &Findings, rx: u32, lasting: &Lasting) -> Option<String> {
    if lasting.mtu_frames_us <= 0.0 {
        return None;
    }
    let needed = round_to_u64(f64::from(rx) * STALL_US / lasting.mtu_frames_us);
    let rate = format_bit_rate(lasting.bits_per_second);
    let most = findings.rx_max.as_ref().map_or_else(String::new, |max| {
        let verdict =
            if needed > u64::from(max.value) { "has no more than" } else { "takes up to" };
        format!("; the NIC {verdict} {}", max.value)
    });
    Some(format!(
        "A ring cannot outlast a long stall: full frames at {rate} fill it in {:.0} us, and a \
         processor that is away for {:.0} ms would need {needed} entries{most}. Against stalls, \
         fix scheduling.",
        lasting.mtu_frames_us,
        STALL_US / 1000.0
    ))
}

/// What cannot be seen.
pub(super) fn unseen(findings: &Findings, inventory: &Inventory) -> Vec<String> {
    let mut unseen = missing(findings, inventory);
    unseen.extend(driver(findings));
    unseen.extend(left_out(findings, inventory));
    if findings.line_rate.is_none() {
        unseen.push(
            "the line rate: the interface tells none; name it with --line-rate, or read the times \
             above for yours"
                .to_owned(),
        );
    }
    match inventory.pause.as_ref().and_then(|pause| known(pause.tx.as_ref())) {
        Some(true) => unseen.push(
            "drops that flow control puts off: with pause frames on, an empty ring can stop the \
             switch instead, for all queues; look at its counters"
                .to_owned(),
        ),
        Some(false) => {}
        None => unseen.push(
            "flow control: ethtool -a says nothing; with pause frames on, an empty ring stops the \
             switch rather than drops"
                .to_owned(),
        ),
    }
    unseen.push(
        "when drops happened: counters are totals since the driver was loaded; save them twice and \
         compare"
            .to_owned(),
    );
    unseen.push(
        "how long the host stalls and how fast it takes packets, which decide whether a ring is \
         deep enough: measure, and put them into the scenario"
            .to_owned(),
    );
    unseen
}

/// What no capture says, and what hangs on it.
fn missing(findings: &Findings, inventory: &Inventory) -> Vec<String> {
    let mut missing = Vec::new();
    let mut lacks = |is_missing: bool, what: &str, subject: Subject, so: &str| {
        if is_missing {
            missing.push(format!("{what}: {} says nothing, so {so}", subject.command()));
        }
    };
    lacks(
        findings.rx.is_none(),
        "ring sizes",
        Subject::Rings,
        "neither memory nor times are known",
    );
    lacks(findings.queues.is_none(), "queues", Subject::Channels, "memory is not known");
    lacks(
        findings.driver.is_none(),
        "the driver",
        Subject::Driver,
        "its counters and its way with buffers are not known",
    );
    lacks(
        !inventory.has(Subject::Statistics),
        "the driver's counters",
        Subject::Statistics,
        "drops of single queues are not known",
    );
    lacks(
        !inventory.has(Subject::Link),
        "MTU and the kernel's counters",
        Subject::Link,
        "an MTU of 1500 is assumed",
    );
    lacks(
        findings.coalescing.is_none(),
        "coalescing",
        Subject::Coalescing,
        "the delay of interrupts is not known",
    );
    lacks(
        findings.time_squeeze.is_none(),
        "the processors' backlogs",
        Subject::Softnet,
        "polls cut short are not known",
    );
    lacks(
        findings.ram.is_none(),
        "the host's memory",
        Subject::Memory,
        "shares of it are not known",
    );
    missing
}

/// Settings that change memory, and that no number here reckons with.
fn left_out(findings: &Findings, inventory: &Inventory) -> Vec<String> {
    let Some(rings) = &inventory.rings else { return Vec::new() };
    let mut left_out = Vec::new();
    let [mini, jumbo] = findings.side_rings(inventory);
    let more = [("rx-mini", &rings.rx_mini, mini), ("rx-jumbo", &rings.rx_jumbo, jumbo)];
    for (name, entries, counted) in more {
        let set = known(entries.as_ref()).filter(|entries| *entries > 0);
        if let Some(entries) = set.filter(|_| counted.is_none()) {
            left_out.push(format!(
                "memory of {name} {entries}: the numbers above have the driver's own choice for it"
            ));
        }
    }
    if known(rings.tcp_data_split.as_ref()) == Some(true) {
        left_out.push("memory of header buffers: headers are split from payload".to_owned());
    }
    left_out
}

/// What the driver does not tell.
fn driver(findings: &Findings) -> Vec<String> {
    let Some(preset) = findings.preset else {
        return findings.driver.as_ref().map_or_else(Vec::new, |driver| {
            vec![format!(
                "how {} allocates buffers and which of its counters are of empty rings: there is \
                 no preset for it",
                driver.value
            )]
        });
    };
    let mut unseen = Vec::new();
    if !findings.alternatives.is_empty() {
        unseen.push(format!(
            "whether preset {} is right, or {}: ethtool does not say which way the driver runs",
            preset.name,
            findings.alternatives.join(" or ")
        ));
    }
    let starved = |meaning| meaning == CounterMeaning::NoBuffer;
    if !preset.counters.value.iter().any(|it| it.per_queue && starved(it.meaning)) {
        unseen.push(format!(
            "which queue ran empty: {} counts that for the whole interface at most",
            preset.drivers.first().unwrap_or(&preset.name)
        ));
    }
    unseen
}
