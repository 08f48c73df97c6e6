//! Any text is output of ethtool and its like, or is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rxplan::input::ethtool::read_text;

fuzz_target!(|text: &str| {
    let _ = read_text("fuzz", text).inventory(None);
});
