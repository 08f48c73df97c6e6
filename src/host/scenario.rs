//! A scenario from what is known of an interface, to be completed by who knows its traffic.

use std::fmt::Write as _;

use super::{Coalescing, Findings, Footprint};
use crate::input::ethtool::known;
use crate::units::{format_bit_rate, round_to_u64, to_f64};

/// Share of the line rate that the assumed traffic has on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load(f64);

impl Load {
    /// A share above 0 and below 1/2: the assumed bursts have twice the mean rate.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 0.5).then_some(Self(share))
    }
}

/// The traffic of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub enum Offered {
    /// Nothing is known but, maybe, how much it is.
    Assumed(Load),
    /// It was seen: a file of samples.
    Samples(String),
    /// Flows whose sizes are of this published table.
    Flows(&'static str, Load),
}

/// Why there is no scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScenarioFault {
    /// There are no rings, or no queues.
    #[error(
        "no scenario without ring sizes and queues; add what `ethtool -g` and `ethtool -l` print"
    )]
    NoRings,
}

/// Bytes of a completion entry where a scenario says none.
const COMPLETION: u64 = 64;
/// Bits per second where the interface tells none.
const LINE_RATE: u64 = 10_000_000_000;

/// The text of a scenario that has the interface's rings, buffers and coalescing, a usual host, and
/// traffic as seen or assumed.
///
/// # Errors
/// When ring sizes or queues are not known.
pub fn scenario(findings: &Findings, offered: &Offered) -> Result<String, ScenarioFault> {
    let footprint = findings.footprint.as_ref().ok_or(ScenarioFault::NoRings)?;
    let mut text = head(findings, offered);
    nic(&mut text, findings, footprint);
    host(&mut text, findings);
    match offered {
        Offered::Samples(file) => {
            let file = serde_json::json!(file);
            let _ = write!(text, "\n[[traffic]]\nkind = \"samples\"\nfile = {file}\n");
        }
        Offered::Assumed(load) => traffic(&mut text, findings, footprint, *load),
        Offered::Flows(table, load) => flows(&mut text, findings, table, *load),
    }
    Ok(text)
}

fn head(findings: &Findings, offered: &Offered) -> String {
    // Recorded traffic ends by itself.
    let run = match offered {
        Offered::Samples(_) => "",
        Offered::Assumed(_) | Offered::Flows(..) => {
            "\n[run]\nduration = \"100 ms\"\nwarmup = \"10 ms\"\n"
        }
    };
    let name = title_name(findings);
    let from = |what: &str, from: Option<&str>| {
        from.map_or_else(String::new, |from| format!("# {what}: {}\n", printable(from)))
    };
    format!(
        "# Receive rings of {name}, as rxplan host found them.\n{}{}{}\
         # Settings are the interface's. What is marked ASSUMED is not: put your own numbers \
         there.\n\
         title = \"receive rings of {name}\"\n{run}",
        from("rings", findings.rx.as_ref().map(|fact| fact.from.as_str())),
        from("queues", findings.queues.as_ref().map(|fact| fact.from.as_str())),
        from("driver", findings.driver.as_ref().map(|fact| fact.from.as_str())),
    )
}

/// Interface and driver, without characters that would end a comment or a string.
fn title_name(findings: &Findings) -> String {
    let interface = match findings.interface.as_str() {
        "" => "an interface",
        name => name,
    };
    let driver = findings.driver.as_ref().map(|driver| format!(" ({})", driver.value));
    printable(&format!("{interface}{}", driver.unwrap_or_default()))
}

/// Text that may stand in a comment or between quotes of TOML.
fn printable(text: &str) -> String {
    let safe = |c: char| if c.is_control() || c == '"' || c == '\\' { '?' } else { c };
    text.chars().map(safe).collect()
}

fn nic(text: &mut String, findings: &Findings, footprint: &Footprint) {
    let nic = &footprint.nic;
    let (queues, mtu) = (nic.rx.len(), findings.mtu.value);
    let rx = nic.rx.first().copied().unwrap_or(0);
    text.push_str("\n[nic]\n");
    // The scenario checks depths against the preset's limits, which a device may exceed.
    let preset = nic.preset.filter(|preset| preset.depth(rx, mtu) == Ok(rx));
    let explicit = nic.driver.is_none() || preset.is_none();
    if let Some(preset) = preset {
        line(text, "preset", format_args!("\"{}\"", preset.name));
        line(text, "mtu", format_args!("{mtu}"));
    }
    line(text, "queues", format_args!("{queues}"));
    line(text, "rx", format_args!("{rx}"));
    if let (Some(preset), Some(driver)) = (preset, nic.driver) {
        for (key, limits, entries) in
            [("rx_mini", preset.mini, driver.mini), ("rx_jumbo", preset.jumbo, driver.jumbo)]
        {
            if limits.is_some() {
                line(text, key, format_args!("{entries}"));
            }
        }
    }
    if explicit {
        let bytes = footprint.queue.bytes.div_ceil(u64::from(rx.max(1)));
        line(text, "rx_buf_len", format_args!("\"{bytes} B\" # {}", footprint.how));
    }
    let completion = preset.map_or(COMPLETION, |preset| preset.completion.value);
    if nic.completion != completion {
        line(text, "completion", format_args!("\"{} B\"", nic.completion));
    }
    match &findings.line_rate {
        Some(rate) => {
            line(text, "line_rate", format_args!("\"{}\"", format_bit_rate(rate.value)));
        }
        None => line(
            text,
            "line_rate",
            format_args!("\"{}\" # ASSUMED: the interface tells none", format_bit_rate(LINE_RATE)),
        ),
    }
}

/// A host by the usual numbers: github.com/tohojo/xdp-paper has 208 ns for an early drop of an
/// `sk_buff`, 575 ns for forwarding, and 7 us from interrupt to poll at 1 Mpps.
fn host(text: &mut String, findings: &Findings) {
    text.push_str("\n[host]\nmodel = \"napi\"\n");
    coalescing(text, findings.coalescing.unwrap_or_default());
    let deferral = &findings.deferral;
    let timeout = known(deferral.gro_flush_timeout.as_ref()).filter(|ns| *ns > 0);
    let polls = known(deferral.defer_hard_irqs.as_ref()).filter(|polls| *polls > 0);
    if let (Some(ns), Some(polls)) = (timeout, polls) {
        line(text, "gro_flush_timeout", format_args!("\"{ns} ns\""));
        line(text, "napi_defer_hard_irqs", format_args!("{polls}"));
    }
    if known(deferral.threaded.as_ref()) == Some(true) {
        line(text, "threaded", format_args!("true"));
    }
    text.push_str(
        "wakeup = { dist = \"exponential\", mean = \"7 us\" } # ASSUMED\n\
         poll_overhead = \"500 ns\" # ASSUMED\n\
         per_packet = \"300 ns\" # ASSUMED: measure it\n",
    );
}

fn coalescing(text: &mut String, coalescing: Coalescing) {
    let usecs = coalescing.usecs.unwrap_or(0);
    if coalescing.adaptive {
        line(text, "adaptive", format_args!("true"));
    } else {
        line(text, "rx_usecs", format_args!("{usecs}"));
        match coalescing.frames {
            // Without a delay a scenario has an interrupt for every packet.
            Some(frames) if usecs > 0 => line(text, "rx_frames", format_args!("{frames}")),
            _ => {}
        }
    }
    if coalescing.cqe_mode {
        line(text, "cqe_mode", format_args!("true"));
    }
}

fn traffic(text: &mut String, findings: &Findings, footprint: &Footprint, load: Load) {
    /// Bursts have this many times the mean rate, as they are there half of the time.
    const PEAK: f64 = 2.0;
    let line_rate = findings.line_rate.as_ref().map_or(LINE_RATE, |rate| rate.value);
    let frame = findings.frame_len();
    // Of what passes on the wire, header to payload only are frame bits.
    let queues = to_f64(footprint.nic.rx.len() as u64);
    let on_wire = to_f64(frame + super::FCS + super::GAP) * 8.0;
    let mean_pps = to_f64(line_rate) * load.0 / on_wire / queues;
    let burst_pps = round_to_u64(mean_pps * PEAK).max(1);
    let percent = load.0 * 100.0;
    let _ = write!(
        text,
        "\n# ASSUMED traffic: full frames, {percent} % of the line on average, spread evenly over \
         the queues,\n# in bursts of 100 us on average at twice that rate. Replace it by yours.\n\
         [[traffic]]\nkind = \"on-off\"\nrate = \"{burst_pps} pps\"\n\
         on = {{ dist = \"exponential\", mean = \"100 us\" }}\n\
         off = {{ dist = \"exponential\", mean = \"100 us\" }}\nsize = \"{frame} B\"\n"
    );
}

/// Flows of a published table, at a share of the line.
fn flows(text: &mut String, findings: &Findings, table: &str, load: Load) {
    let line_rate = findings.line_rate.as_ref().map_or(LINE_RATE, |rate| rate.value);
    let (share, percent) = (load.0, load.0 * 100.0);
    let mtu = findings.mtu.value;
    let _ = write!(
        text,
        "\n# ASSUMED: flows as of the table \"{table}\", {percent} % of the line on average.\n\
         [[traffic]]\nkind = \"flows\"\nsizes = \"{table}\"\nload = {share}\nmtu = \"{mtu} B\"\n\
         sender_rate = \"{}\"\n",
        format_bit_rate(line_rate)
    );
}

fn line(text: &mut String, key: &str, value: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{key} = {value}");
}
