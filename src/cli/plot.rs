//! `rxplan plot`: figures and a report from result files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{CommandError, Global, output, print};
use crate::plot::{Context, Figure, ResultFile, html};
use crate::report::write_atomically;

/// Draw result files.
#[derive(Debug, Args)]
pub(super) struct PlotArgs {
    /// Folders with results, or result files (CSV, also gzip).
    #[arg(required = true, value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// Also write report.html: all figures and the scenario in one file that loads nothing.
    #[arg(long)]
    html: bool,
    /// Draw measurements beside a sweep of one key: CSV with a column of the key (nic_rx, say) and
    /// one of delivered_pps; or exact drop rates beside a sweep of one or two: a column drop_rate.
    #[arg(long, value_name = "FILE")]
    measured: Option<PathBuf>,
}

/// Name of the report.
const REPORT: &str = "report.html";

/// A result file to draw and where its figures go.
struct Input {
    path: PathBuf,
    /// The folder for its figures.
    target: PathBuf,
}

pub(super) fn run(args: &PlotArgs, global: &Global) -> Result<ExitCode, CommandError> {
    let mut inputs = Vec::new();
    for path in &args.results {
        collect(path, global.out.as_deref(), &mut inputs)?;
    }
    let mut results = Vec::new();
    let mut files: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for Input { path, target } in inputs {
        let file = ResultFile::open(&path, context_of(&path))?;
        let mut figures = file.figures()?;
        if let Some(measured) = &args.measured {
            figures.extend(file.beside(measured)?);
        }
        for figure in &figures {
            let name = target.join(figure_name(&path, figure));
            if files.contains_key(&name) {
                return Err(CommandError::Refused(format!(
                    "{}: figures of more than one file would be written there, one of them of {}; \
                     plot them into different folders",
                    name.display(),
                    path.display()
                )));
            }
            #[cfg(feature = "png")]
            files.insert(name.with_extension("png"), crate::plot::png(&figure.svg));
            files.insert(name, figure.svg.clone().into_bytes());
        }
        results.push((file, figures));
    }
    if args.html {
        let first = &args.results[0];
        let beside = if first.is_dir() { first.clone() } else { folder_of(first) };
        let folder = global.out.clone().unwrap_or(beside);
        files.insert(folder.join(REPORT), html(&results).into_bytes());
    }
    for (path, content) in &files {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            output::make_folder(folder)?;
        }
        write_atomically(path, content)?;
    }
    let list: Vec<String> = files.keys().map(|path| format!("{}\n", path.display())).collect();
    print(&list.concat())?;
    Ok(ExitCode::SUCCESS)
}

/// `frontier.svg`, or `packets-burst.svg` where the file's own name says less.
fn figure_name(path: &Path, figure: &Figure) -> String {
    let stem = stem(path);
    if stem == figure.name { format!("{stem}.svg") } else { format!("{stem}-{}.svg", figure.name) }
}

/// A file's name without `.csv` and `.gz`.
fn stem(path: &Path) -> String {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.strip_suffix(".csv").unwrap_or(name).to_owned()
}

/// The folder that a file is in; empty for the working folder.
fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// Whether a file of a folder is drawn: CSV, but for differences between points of a sweep and for
/// parameters of a fit, which have no figure.
fn is_result(path: &Path) -> bool {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    let is_csv = name.ends_with(".csv") || name.ends_with(".csv.gz");
    path.is_file() && is_csv && !["differences", "parameters"].contains(&stem(path).as_str())
}

/// Adds a file, or the result files of a folder and of the folders in it.
fn collect(path: &Path, out: Option<&Path>, inputs: &mut Vec<Input>) -> Result<(), CommandError> {
    if !path.is_dir() {
        let target = out.map_or_else(|| folder_of(path), Path::to_owned);
        inputs.push(Input { path: path.to_owned(), target });
        return Ok(());
    }
    let before = inputs.len();
    for folder in std::iter::once(path.to_owned()).chain(entries(path, Path::is_dir)?) {
        let below = folder.strip_prefix(path).map(Path::to_owned).unwrap_or_default();
        let target = out.map_or_else(|| folder.clone(), |out| out.join(below));
        for path in entries(&folder, is_result)? {
            inputs.push(Input { path, target: target.clone() });
        }
    }
    if inputs.len() == before {
        return Err(CommandError::Refused(format!(
            "{}: no CSV file in it or its folders; name a folder that --out of simulate, plan, \
             sensitivity or fit wrote",
            path.display()
        )));
    }
    Ok(())
}

/// The entries of a folder that are wanted, sorted.
fn entries(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<PathBuf>, CommandError> {
    let refused =
        |error| CommandError::Refused(format!("{}: cannot read: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refused)? {
        let path = entry.map_err(refused)?.path();
        if wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What lies beside a result file: the manifest, and a plan.
fn context_of(path: &Path) -> Context {
    let folder = folder_of(path);
    let mut context = Context::default();
    if let Ok(text) = std::fs::read_to_string(folder.join("manifest.toml")) {
        context.add_manifest(&folder, text);
    }
    if let Ok(text) = std::fs::read_to_string(folder.join("plan.json")) {
        context.add_plan(&text);
    }
    context
}
