//! The source itself: layers, file and line lengths, and what the README must name.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules by layer; a module may use modules of lower layers, and of its own layer only those
/// named before it. ARCHITECTURE.md explains them.
const LAYERS: [&[&str]; 10] = [
    &["units", "id"],
    &["calendar", "random", "stats"],
    &["model"],
    &["preset"],
    &["input", "recording"],
    &["scenario"],
    &["simulation", "plan", "sensitivity", "host", "sweep", "shard", "fit", "observe", "explain"],
    &["report"],
    &["plot"],
    &["cli"],
];

const LINE_MAX: usize = 100;
const FILE_MAX: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every source file with its text and its top-level module.
fn sources() -> Vec<(PathBuf, String, String)> {
    let src = root().join("src");
    files_below(&src, "rs")
        .into_iter()
        .map(|path| {
            let first = path.strip_prefix(&src).unwrap().iter().next().unwrap();
            let module = first.to_str().unwrap().trim_end_matches(".rs").to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (path, module, text)
        })
        .collect()
}

fn is_test_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
}

#[test]
fn modules_use_only_the_layers_below_them() {
    let rank: BTreeMap<&str, (usize, usize)> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, modules)| {
            modules.iter().enumerate().map(move |(place, module)| (*module, (layer, place)))
        })
        .collect();
    for (path, module, text) in sources() {
        let Some(own) = rank.get(module.as_str()) else {
            assert!(["lib", "main"].contains(&module.as_str()), "{module} is in no layer");
            continue;
        };
        for used in text.split("crate::").skip(1) {
            let used = used.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            let other = rank.get(used).unwrap_or_else(|| panic!("{}: {used}", path.display()));
            assert!(other <= own, "{} uses crate::{used}, a layer above it", path.display());
        }
    }
}

#[test]
fn only_the_right_module_knows_each_library() {
    let rules: [(&str, &[&str]); 10] = [
        ("clap", &["cli"]),
        ("indicatif", &["cli"]),
        ("comfy_table", &["report"]),
        ("plotters", &["plot"]),
        ("toml::", &["scenario", "report"]),
        ("rand_xoshiro", &["random"]),
        ("rayon", &["simulation"]),
        ("ratatui", &["cli"]),
        ("parquet::", &["report", "cli"]),
        ("std::fs", &["input", "report", "cli"]),
    ];
    for (path, module, text) in sources() {
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (library, modules) in rules {
            let allowed = is_test_file(&path) || modules.contains(&module.as_str());
            let uses = code
                .lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains(library));
            assert!(allowed || !uses, "{} uses {library}", path.display());
        }
    }
}

#[test]
fn files_and_lines_are_short() {
    let tests = files_below(&root().join("tests"), "rs");
    let texts = sources().into_iter().map(|(path, _, text)| (path, text));
    let tests = tests.into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        (path, text)
    });
    for (path, text) in texts.chain(tests) {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().count();
        assert!(lines <= FILE_MAX || is_test_file(&path), "{}: {lines} lines", path.display());
        for (line, number) in text.lines().zip(1..) {
            let width = line.chars().count();
            assert!(width <= LINE_MAX, "{}:{number}: {width} characters", path.display());
        }
    }
}

#[test]
fn nothing_is_left_to_do_in_the_source() {
    let marks =
        ["TO", "FIX"].map(|start| format!("{start}{}", if start == "TO" { "DO" } else { "ME" }));
    for (path, _, text) in sources() {
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{} says {mark}", path.display());
        }
    }
}

#[test]
fn the_readme_names_every_scenario() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for path in files_below(&root().join("scenarios"), "toml") {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(readme.contains(name), "README.md does not mention scenarios/{name}");
    }
}
