//! What a sweep has finished, line by line: the text of journals and of shards' parts.
//!
//! The first line says of what it is; each further one is a [`Record`]. A line counts only when it
//! is whole, so a writer may be killed at any moment.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::stats::{Counts, Estimate, Method, exact, paired_difference};

/// The first line: whose records follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Version of the program.
    pub version: String,
    /// SHA-256 of the scenario's text and overrides.
    pub scenario_sha256: String,
    /// The seed, where it is not the scenario's own.
    pub seed: Option<u64>,
    /// SHA-256 of all that rows depend on.
    pub sweep_sha256: String,
    /// Which shard of how many; `None` for a sweep that runs whole.
    pub shard: Option<Shard>,
}

/// A part of a sweep: the points whose number, divided by `count`, leaves `index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Its number, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

impl Header {
    /// How the sweep of `self` differs from that of `other`; `None` when it does not.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        let seed = |seed: Option<u64>| {
            seed.map_or_else(|| "the scenario's seed".to_owned(), |seed| format!("seed {seed}"))
        };
        if self == other {
            None
        } else if self.version != other.version {
            Some(format!("made by version {}, not {}", self.version, other.version))
        } else if self.scenario_sha256 != other.scenario_sha256 {
            Some("of another scenario, or of other overrides".to_owned())
        } else if self.seed != other.seed {
            Some(format!("made with {}, not {}", seed(self.seed), seed(other.seed)))
        } else if self.sweep_sha256 != other.sweep_sha256 {
            Some("of another grid".to_owned())
        } else {
            Some("of another shard".to_owned())
        }
    }
}

/// A finished point of a sweep.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The point's number in the sweep, from 0.
    pub point: usize,
    /// Share of packets dropped.
    pub drop_rate: Estimate,
    /// Dropped and offered packets of each replication, or part of a single one.
    pub counts: Vec<Counts>,
    /// The point's row, as it will be written.
    pub row: Box<RawValue>,
}

/// The whole lines of a journal.
#[derive(Debug)]
pub struct Journal {
    /// The first line.
    pub header: Header,
    /// The others.
    pub records: Vec<Record>,
    /// Bytes of the whole lines; what follows was never finished.
    pub valid_bytes: usize,
}

/// Reads what is whole of a journal; `None` when not even its first line is.
#[must_use]
pub fn read(text: &[u8]) -> Option<Journal> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next()?;
    let header = serde_json::from_slice(first.strip_suffix(b"\n")?).ok()?;
    let mut journal = Journal { header, records: Vec::new(), valid_bytes: first.len() };
    for line in lines {
        let record = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok());
        let Some(record) = record else { break };
        journal.records.push(record);
        journal.valid_bytes += line.len();
    }
    Some(journal)
}

/// A line of a journal.
///
/// # Panics
/// When the value is not plain data.
#[must_use]
pub fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain data") + "\n"
}

impl Record {
    /// How much more of its packets this point drops than `baseline`, replication by replication,
    /// or part by part of a single one; `None` where they have not the same number.
    #[must_use]
    pub fn difference(&self, baseline: &Self) -> Option<Estimate> {
        let confidence = self.drop_rate.confidence;
        if self.point == baseline.point {
            return Some(exact(Counts::default(), confidence));
        }
        if self.counts.len() != baseline.counts.len() {
            return None;
        }
        let mut difference = paired_difference(&self.counts, &baseline.counts, confidence);
        let methods = [self.drop_rate.method, baseline.drop_rate.method];
        if methods == [Method::ZeroDrops; 2] {
            // Each lies between 0 and its bound.
            difference.ci_low = -baseline.drop_rate.ci_high;
            difference.ci_high = self.drop_rate.ci_high;
            difference.method = Method::ZeroDrops;
        } else if methods == [Method::Exact; 2] {
            difference.ci_low = difference.estimate;
            difference.ci_high = difference.estimate;
            difference.method = Method::Exact;
        } else if methods.contains(&Method::BatchMeans) {
            difference.method = Method::BatchMeans;
        }
        Some(difference)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(point: usize, parts: &[u64], method: Method) -> Record {
        let counts: Vec<Counts> =
            parts.iter().map(|part| Counts { part: *part, whole: 100 }).collect();
        let drop_rate =
            Estimate { estimate: 0.0, ci_low: 0.0, ci_high: 0.25, confidence: 0.95, method };
        let row = RawValue::from_string(format!("{{\"row\":{point}}}")).unwrap();
        Record { point, drop_rate, counts, row }
    }

    #[test]
    fn a_journal_cut_anywhere_keeps_its_whole_lines() {
        let records = [0, 1, 2].map(|point| record(point, &[1, 2], Method::Replications));
        let header = Header {
            version: "1".to_owned(),
            scenario_sha256: "2".to_owned(),
            seed: Some(3),
            sweep_sha256: "4".to_owned(),
            shard: None,
        };
        let mut text = line(&header);
        let mut ends = vec![text.len()];
        for record in &records {
            text += &line(record);
            ends.push(text.len());
        }
        for cut in 0..=text.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count();
            match read(&text.as_bytes()[..cut]) {
                None => assert_eq!(whole, 0),
                Some(journal) => {
                    assert_eq!(journal.records.len() + 1, whole);
                    assert_eq!(journal.valid_bytes, ends[whole - 1]);
                }
            }
        }
    }

    #[test]
    fn differences_keep_what_their_ends_are_known_by() {
        let zero = |point| record(point, &[0, 0], Method::ZeroDrops);
        let difference = zero(1).difference(&zero(0)).unwrap();
        assert_eq!((difference.ci_low, difference.ci_high), (-0.25, 0.25));
        let fixed = |point, part| record(point, &[part], Method::Exact);
        let difference = fixed(1, 75).difference(&fixed(0, 50)).unwrap();
        assert_eq!((difference.ci_low, difference.ci_high), (0.25, 0.25));
        assert!(zero(1).difference(&fixed(0, 1)).is_none());
        assert_eq!(zero(1).difference(&zero(1)).unwrap().method, Method::Exact);
    }
}
