//! Captures from files, folders and standard input.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::{InputError, open, reason};
use super::{Captures, Hint, Note, Origin, Place, text};

/// Bytes of a capture that are read: `ethtool -S` of thousands of queues takes some megabytes.
const BYTES_MAX: u64 = 64 << 20;

/// Reads a file of captures, or those in a folder: the files directly in it, or, where it is a
/// sosreport, those about the network.
///
/// # Errors
/// When the file or folder cannot be read.
pub fn read_path(path: &Path) -> Result<Captures, InputError> {
    if !path.is_dir() {
        return read_file(path);
    }
    let mut captures = Captures::default();
    for file in files_in(path)? {
        captures.extend(read_file(&file)?);
    }
    Ok(captures)
}

/// Reads captures from text.
#[must_use]
pub fn read_text(source: &str, text: &str) -> Captures {
    text::read(&Arc::from(source), text, Hint::default())
}

fn read_file(path: &Path) -> Result<Captures, InputError> {
    let failed =
        |error: std::io::Error| InputError::Open { path: path.to_owned(), reason: reason(&error) };
    let mut bytes = Vec::new();
    open(path)?.take(BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    let source: Arc<str> = Arc::from(path.display().to_string());
    let is_cut = bytes.len() as u64 == BYTES_MAX;
    if is_cut || bytes.contains(&0) {
        let what = if is_cut { "too long for a capture" } else { "no text" };
        let text = format!("this is {what}; save what ethtool prints");
        let from = Origin { source, place: Place::Whole };
        return Ok(Captures { sections: Vec::new(), notes: vec![Note { from, text }] });
    }
    // Only sosreport's names, `ethtool_-S_eth0`, say which interface it is.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hint = name
        .strip_prefix("ethtool_")
        .map_or_else(Hint::default, |words| Hint::from_words(words.split('_')));
    Ok(text::read(&source, &String::from_utf8_lossy(&bytes), hint))
}

/// The files of a folder that may hold captures, by name.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>, InputError> {
    const SOSREPORT: &str = "sos_commands/networking";
    const OF_HOST: [&str; 2] = ["proc/net/softnet_stat", "proc/meminfo"];
    let networking = folder.join(SOSREPORT);
    let (listed, more) = if networking.is_dir() {
        let of_host = OF_HOST.iter().map(|name| folder.join(name)).filter(|path| path.is_file());
        (networking, of_host.collect())
    } else {
        (folder.to_owned(), Vec::new())
    };
    let failed =
        |error: std::io::Error| InputError::Open { path: listed.clone(), reason: reason(&error) };
    let is_report = !more.is_empty() || listed != folder;
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&listed).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_capture = !is_report || name.starts_with("ethtool_") || name.starts_with("ip_-");
        if path.is_file() && is_capture {
            files.push(path);
        }
    }
    files.sort();
    files.extend(more);
    Ok(files)
}
