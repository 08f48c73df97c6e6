//! Millisampler's records: the bytes that each host of a rack received, sample by sample.
//!
//! One JSON object a host, as Meta publishes them (facebookresearch/Millisampler-data, a file
//! `rackId_R_hostId_H.txt.gz` each): `ingressBytes` is what is read here. All hosts of a rack are
//! sampled at the same time, so what happens to them in step stays in step.

use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{InputError, open, reason};

/// The hosts of a rack.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rack {
    /// Bytes of each sample of each host, in the order of files and records.
    pub hosts: Vec<Vec<u64>>,
    /// Records without `ingressBytes`.
    pub skipped: u64,
}

/// A record; other keys are ignored.
#[derive(Deserialize)]
struct Record {
    #[serde(rename = "ingressBytes")]
    ingress_bytes: Option<Vec<u64>>,
}

/// Reads the records of a file, or of all files of a folder in the order of their names.
///
/// # Errors
/// [`InputError`] if a file cannot be read or is no JSON of this form.
pub fn read_hosts(path: &Path) -> Result<Rack, InputError> {
    let mut rack = Rack::default();
    for file in files(path)? {
        rack.add(&file, open(&file)?)?;
    }
    Ok(rack)
}

/// Reads the records in `reader`; errors name `path`.
///
/// # Errors
/// [`InputError`] if it cannot be read or is no JSON of this form.
pub fn read_records(path: &Path, reader: Box<dyn BufRead + Send>) -> Result<Rack, InputError> {
    let mut rack = Rack::default();
    rack.add(path, reader)?;
    Ok(rack)
}

impl Rack {
    fn add(&mut self, path: &Path, reader: Box<dyn BufRead + Send>) -> Result<(), InputError> {
        for record in serde_json::Deserializer::from_reader(reader).into_iter::<Record>() {
            let record = record.map_err(|error| InputError::Json {
                path: path.to_path_buf(),
                reason: error.to_string(),
            })?;
            match record.ingress_bytes {
                Some(samples) => self.hosts.push(samples),
                None => self.skipped += 1,
            }
        }
        Ok(())
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, InputError> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let failed = |error: std::io::Error| InputError::Open {
        path: path.to_path_buf(),
        reason: reason(&error),
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Rack, InputError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rack.txt");
        fs::write(&path, text).unwrap();
        read_hosts(&path)
    }

    #[test]
    fn records_without_bytes_are_counted_and_others_are_hosts() {
        let text = r#"{"server_hostname": "a", "ingressBytes": [0, 3000, 17]}
            {"server_hostname": "b", "egressBytes": [1]}
            {"ingressBytes": [5], "connections": [2]}"#;
        let rack = read(text).unwrap();
        assert_eq!(rack, Rack { hosts: vec![vec![0, 3000, 17], vec![5]], skipped: 1 });
    }

    #[test]
    fn a_folder_is_a_rack_in_the_order_of_names_gzip_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        file("host_2.txt", r#"{"ingressBytes": [2]}"#);
        file("host_3.txt", r#"{"ingressBytes": [3]}"#);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, br#"{"ingressBytes": [1]}"#).unwrap();
        fs::write(folder.path().join("host_1.txt.gz"), gzip.finish().unwrap()).unwrap();
        assert_eq!(read_hosts(folder.path()).unwrap().hosts, [[1], [2], [3]]);
    }

    #[test]
    fn what_is_no_such_record_is_refused_with_its_place() {
        for (text, expected) in [
            (r#"{"ingressBytes": [1, 2"#, "EOF while parsing a list at line 1 column 22"),
            (r#"{"ingressBytes": [-1]}"#, "invalid value"),
            (r#"{"ingressBytes": 5}"#, "expected a sequence"),
            ("time,bytes", "expected ident"),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
