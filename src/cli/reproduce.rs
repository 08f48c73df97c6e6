//! `rxplan reproduce`: the results beside a manifest once more, byte for byte.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Args;

use super::{CommandError, Global, show, warn};
use crate::report::{Recipe, ReproduceReport, ReproducedFile, file_sha256};
use crate::scenario::Source;

/// Make the results beside a manifest again, and say whether they are the same bytes.
#[derive(Debug, Args)]
pub(super) struct ReproduceArgs {
    /// The manifest.toml of a result's folder.
    manifest: PathBuf,
}

pub(super) fn run(args: &ReproduceArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let refused =
        |message: String| CommandError::Refused(format!("{}: {message}", args.manifest.display()));
    let text = std::fs::read_to_string(&args.manifest)
        .map_err(|error| refused(format!("cannot read the manifest: {error}")))?;
    let recipe = Recipe::read(&text).map_err(refused)?;
    check_scenario(&recipe).map_err(refused)?;
    if recipe.version != env!("CARGO_PKG_VERSION") {
        let (made, this) = (&recipe.version, env!("CARGO_PKG_VERSION"));
        warn(
            &[format!("made by version {made}; this is {this}, whose results may differ")],
            global,
        );
    }
    let again = tempfile::tempdir().map_err(|error| {
        CommandError::Refused(format!("cannot make a temporary folder: {error}"))
    })?;
    make_again(&recipe, again.path(), global)?;
    let before = args.manifest.parent().unwrap_or_else(|| Path::new(""));
    let report = ReproduceReport::new(compare(before, again.path()));
    show(&report, global, ReproduceReport::table, ReproduceReport::csv)?;
    Ok(if report.same { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The scenario, or the trace that was fitted, must be there, and what it was.
fn check_scenario(recipe: &Recipe) -> Result<(), String> {
    if recipe.command == "fit" {
        let hash = file_sha256(Path::new(&recipe.scenario)).map_err(|error| {
            let trace = &recipe.scenario;
            format!("{trace}: cannot read: {error}; {FOLDER}")
        })?;
        return check_hash(recipe, &hash);
    }
    let source = match recipe.scenario.as_str() {
        "<built-in>" => Source::BuiltIn,
        "<stdin>" => {
            return Err(
                "the scenario came from standard input and is not kept; only results of a \
                        scenario file can be made again"
                    .to_owned(),
            );
        }
        path => Source::File(path.into()),
    };
    let text = source.read().map_err(|error| format!("{error}; {FOLDER}"))?;
    check_hash(recipe, &text.hash(&recipe.overrides))
}

const FOLDER: &str = "call from the folder from which the result was made";

fn check_hash(recipe: &Recipe, hash: &str) -> Result<(), String> {
    if hash == recipe.scenario_sha256 {
        return Ok(());
    }
    Err(format!("{} has changed since; restore it first", recipe.scenario))
}

/// Runs the recipe's command with its results in `folder`.
fn make_again(recipe: &Recipe, folder: &Path, global: &Global) -> Result<(), CommandError> {
    let failed = |message: String| {
        CommandError::Refused(format!("{} could not be run again: {message}", recipe.command))
    };
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(program);
    if recipe.scenario != "<built-in>" {
        command.args([&recipe.command, &recipe.scenario]);
    }
    for text in &recipe.overrides {
        command.args(["--set", text]);
    }
    command.args(&recipe.arguments);
    if let Some(seed) = recipe.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    if let Some(jobs) = global.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    if global.quiet {
        command.arg("--quiet");
    }
    command.arg("--out").arg(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().map_err(|error| failed(error.to_string()))?;
    // A plan that is not feasible is a result too.
    match status.code() {
        Some(0 | 3) => Ok(()),
        _ => Err(failed(status.to_string())),
    }
}

/// Each file made again beside what is there; manifests have wall-clock times.
fn compare(before: &Path, again: &Path) -> Vec<ReproducedFile> {
    let mut names: Vec<String> = std::fs::read_dir(again)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != "manifest.toml")
        .collect();
    names.sort();
    let same = |name: &str| {
        let [before, again] = [before, again].map(|folder| std::fs::read(folder.join(name)).ok());
        before.is_some() && before == again
    };
    names.into_iter().map(|file| ReproducedFile { same: same(&file), file }).collect()
}
