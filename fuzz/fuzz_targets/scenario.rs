//! Any text is a scenario or is refused in one sentence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rxplan::scenario::{Scenario, Source};

fuzz_target!(|text: &str| {
    if let Err(error) = Scenario::load(&Source::Stdin(text.to_owned()), &[]) {
        assert_eq!(error.to_string().lines().count(), 1);
    }
});
