//! Whatever a capture says, reading it ends in findings or in one sentence, never in a panic.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

use rxplan::host::{Findings, Load, Offered, scenario};
use rxplan::input::ethtool::read_text;
use rxplan::report::HostReport;
use rxplan::scenario::{Scenario, Source};

/// All captures, in one text each and all in a row.
fn captures() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ethtool");
    let made = fs::read_to_string(folder.join("made/mlx5.txt")).unwrap();
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    names.retain(|path| path.is_file());
    names.sort();
    let mut texts: Vec<String> = names.iter().map(|it| fs::read_to_string(it).unwrap()).collect();
    texts.push(texts.concat());
    texts.extend([made.clone(), made]);
    texts
}

/// What is put in place of a part of a capture.
const PIECES: [&str; 24] = [
    "",
    "0",
    "1",
    "4294967295",
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "n/a",
    ":",
    ": ",
    "\n",
    "\r\n",
    "\t",
    "{",
    "[",
    "[0]: ",
    "\"",
    "é",
    "\u{0}",
    "RX:",
    "RX: 67108864\n",
    "driver: bnxt_en\n",
    "2: eth0: <UP> mtu 65535\n",
    "Combined: 65536\n",
];

fn survives(text: &str) {
    let Ok(inventory) = read_text("x", text).inventory(Some("eth0")) else { return };
    let findings = Findings::new(&inventory, None);
    let report = HostReport::new(&inventory, &findings);
    assert!(!report.table().is_empty() && report.csv().starts_with("subject,"));
    serde_json::to_string(&report).unwrap();
    let Ok(toml) = scenario(&findings, &Offered::Assumed(Load::new(0.3).unwrap())) else { return };
    if let Err(error) = Scenario::load(&Source::Stdin(toml.clone()), &[]) {
        // A ring may be too large for 64 bits of memory, or the line too slow for a packet.
        let text = error.to_string();
        assert!(text.contains("2^64") || text.contains("line_rate"), "{text}\n{toml}");
    }
}

/// As many cases as `RXPLAN_FUZZ_CASES` asks for.
fn cases() -> u32 {
    std::env::var("RXPLAN_FUZZ_CASES").map_or(400, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_mutated_capture_is_read_or_refused(
        seed in any::<Index>(),
        edits in prop::collection::vec((any::<Index>(), 0_usize..12, any::<Index>()), 1..6),
    ) {
        let captures = captures();
        let mut text = captures[seed.index(captures.len())].clone();
        for (at, length, piece) in &edits {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            if places.is_empty() {
                break;
            }
            let start = at.index(places.len());
            let end = places.get(start + length).copied().unwrap_or(text.len());
            text.replace_range(places[start]..end, PIECES[piece.index(PIECES.len())]);
        }
        survives(&text);
    }
}
