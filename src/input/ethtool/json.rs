//! JSON of ethtool, iproute2 and ynl.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Captures, Fields, Hint, Note, Origin, Place, Reading, Scalar, Section, Subject};

/// What begins where JSON could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// A document.
    Document,
    /// What ynl prints without `--output-json`.
    Python,
}

/// What to say of Python's notation.
pub(super) const PYTHON: &str =
    "this is Python's notation, not JSON; ask ynl again with --output-json";

/// Whether a document begins with this line. `[0]: rx_discards: 0` is a counter of bnxt.
pub(super) fn start(text: &str) -> Option<Start> {
    let text = text.trim_start_matches([' ', '\t']);
    let inner = match text.as_bytes().first()? {
        b'{' => text,
        b'[' => text[1..].trim_start(),
        _ => return None,
    };
    if inner.is_empty() || inner.starts_with(']') {
        return Some(Start::Document);
    }
    match inner.strip_prefix('{')?.trim_start().bytes().next() {
        None | Some(b'"' | b'}') => Some(Start::Document),
        Some(b'\'') => Some(Start::Python),
        Some(_) => None,
    }
}

/// What to say of JSON that cannot be read.
pub(super) fn fault(error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "the JSON ends before it is complete; save the whole output".to_owned();
    }
    let text = error.to_string();
    let what = text.split(" at line").next().unwrap_or_default();
    format!("the JSON is damaged ({what}); save the output again")
}

/// Reads one document: the bytes it takes, and its captures.
///
/// # Errors
/// When it is no JSON, or ends too early.
pub(super) fn read(
    text: &str,
    source: &Arc<str>,
    hint: &Hint,
) -> Result<(usize, Captures), serde_json::Error> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let document = stream.next().unwrap_or(Ok(Value::Null))?;
    let objects = match document {
        Value::Array(items) => items,
        other => vec![other],
    };
    let mut captures = Captures::default();
    let several = objects.len() > 1;
    for (number, object) in objects.iter().enumerate() {
        let path = if several { format!("{number}.") } else { String::new() };
        let Some(object) = object.as_object() else { continue };
        Object { object, path, source }.read(hint, &mut captures);
    }
    // A list of objects that are of no use is one remark.
    captures.notes.dedup_by(|later, earlier| later.text == earlier.text);
    Ok((stream.byte_offset(), captures))
}

/// One object of a document.
struct Object<'a> {
    object: &'a Map<String, Value>,
    /// Where it is in the document; empty, or ends in a dot.
    path: String,
    source: &'a Arc<str>,
}

impl Object<'_> {
    fn origin(&self, key: &str) -> Origin {
        let place = Place::Key(format!("{}{key}", self.path));
        Origin { source: Arc::clone(self.source), place }
    }

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.object.contains_key(*key))
    }

    fn read(&self, hint: &Hint, captures: &mut Captures) {
        let first = self.object.keys().next().map_or("", String::as_str);
        let mut note = |key: &str, text: &str| {
            captures.notes.push(Note { from: self.origin(key), text: text.to_owned() });
        };
        let subject = match self.subject() {
            Some(subject) => subject,
            None if self.has(&["rx-max", "tx-max"]) => {
                let is_ring = hint.subject.map_or_else(
                    || self.object.get("rx-max").and_then(Value::as_u64) >= Some(RING_LEAST),
                    |subject| subject == Subject::Rings,
                );
                let (subject, name) = if is_ring {
                    (Subject::Rings, "rings, for its size")
                } else {
                    (Subject::Channels, "channels, for their number")
                };
                if hint.subject.is_none() {
                    note(
                        "rx-max",
                        &format!(
                            "-g and -l of ethtool look the same here; taken for {name}; a line \
                             such as \"# ethtool -g eth0\" before it would tell"
                        ),
                    );
                }
                subject
            }
            None => {
                note(
                    first,
                    "this JSON is none of ethtool's -g -l -c -k -a -x and -S --all-groups, of \
                     ip -j link, or of ynl's rings, channels, coalesce, pause, qstats, napi and \
                     page-pool",
                );
                return;
            }
        };
        let fields = self.fields(subject);
        if fields.is_empty() {
            note(first, "there are no values here");
            return;
        }
        captures.sections.push(Section {
            subject,
            interface: self.interface().or_else(|| hint.interface.clone()),
            index: self.index(),
            fields,
        });
    }

    fn interface(&self) -> Option<String> {
        let header = self.object.get("header").and_then(|header| header.get("dev-name"));
        let name = self.object.get("ifname").or(header)?;
        name.as_str().map(str::to_owned)
    }

    fn index(&self) -> Option<u64> {
        let header = self.object.get("header").and_then(|header| header.get("dev-index"));
        self.object.get("ifindex").or(header)?.as_u64()
    }

    /// What the object is about, by its keys; `None` where they could mean several subjects.
    fn subject(&self) -> Option<Subject> {
        const KEYS: [(&[&str], Subject); 10] = [
            (&["stats64", "mtu", "link_type"], Subject::Link),
            (&["rss-hash-function", "rss-indirection-table", "rss-hash-key"], Subject::Indirection),
            (&["eth-phy", "eth-mac", "eth-ctrl", "rmon"], Subject::Statistics),
            (
                &["rx-usecs", "rx-frames", "rx-max-frames", "adaptive-rx", "use-adaptive-rx"],
                Subject::Coalescing,
            ),
            (&["autonegotiate", "autoneg"], Subject::Pause),
            (
                &["combined", "combined-max", "combined-count", "rx-count", "tx-count", "other"],
                Subject::Channels,
            ),
            (
                &[
                    "tx-push",
                    "rx-push",
                    "rx-buf-len",
                    "cqe-size",
                    "rx-mini-max",
                    "rx-jumbo-max",
                    "tcp-data-split",
                    "hds-thresh",
                ],
                Subject::Rings,
            ),
            (&["inflight", "inflight-mem"], Subject::PagePools),
            (&["rx-packets", "rx-hw-drops", "rx-hw-drop-overruns"], Subject::QueueStatistics),
            (&["threaded", "gro-flush-timeout", "defer-hard-irqs"], Subject::Deferral),
        ];
        let is_feature = |value: &Value| value.get("active").is_some_and(Value::is_boolean);
        if self.object.values().any(is_feature) {
            return Some(Subject::Features);
        }
        KEYS.iter().find(|(keys, _)| self.has(keys)).map(|(_, subject)| *subject)
    }

    fn fields(&self, subject: Subject) -> Fields {
        let mut fields = Fields::default();
        // Objects of one kind that belong together are told apart by their number.
        let prefix = match subject {
            Subject::PagePools => self.number("id").map(|id| format!("pool {id} ")),
            Subject::QueueStatistics => self.number("queue-id").map(|id| format!("queue {id} ")),
            _ => None,
        };
        for (key, value) in self.object {
            match (subject, value) {
                (_, _) if ["ifname", "ifindex", "header"].contains(&key.as_str()) => {}
                (Subject::Features, Value::Object(feature)) => {
                    if let Some(active) = feature.get("active").and_then(Value::as_bool) {
                        let value = Reading::Known(Scalar::Switch(active));
                        fields.push(key, value, self.origin(key));
                    }
                }
                (Subject::Link, Value::Object(_)) => self.link_counters(key, &mut fields),
                (_, Value::Object(group)) => {
                    for (name, value) in group {
                        let path = format!("{key}.{name}");
                        self.push(&path, &path, value, &mut fields);
                    }
                }
                _ => {
                    let name = format!("{}{}", prefix.as_deref().unwrap_or(""), ethtool_name(key));
                    self.push(&name, key, value, &mut fields);
                }
            }
        }
        fields
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.object.get(key)?.as_u64()
    }

    /// `stats64.rx` of ip, under the names of /sys/class/net/IFACE/statistics.
    fn link_counters(&self, key: &str, fields: &mut Fields) {
        if key != "stats64" {
            return;
        }
        let Some(counters) = self.object[key].get("rx").and_then(Value::as_object) else { return };
        for (name, value) in counters {
            let kernel_name = if name == "multicast" { name.clone() } else { format!("rx_{name}") };
            self.push(&kernel_name, &format!("stats64.rx.{name}"), value, fields);
        }
    }

    fn push(&self, name: &str, key: &str, value: &Value, fields: &mut Fields) {
        if let Some(reading) = scalar(value) {
            fields.push(name, reading, self.origin(key));
        }
    }
}

fn scalar(value: &Value) -> Option<Reading<Scalar>> {
    Some(match value {
        Value::Null => Reading::NotApplicable,
        Value::Bool(on) => Reading::Known(Scalar::Switch(*on)),
        Value::Number(number) => Reading::Known(
            number.as_u64().map_or_else(|| Scalar::Text(number.to_string()), Scalar::Count),
        ),
        Value::String(text) => Scalar::read(text),
        Value::Array(items) => {
            let numbers: Option<Vec<u64>> = items.iter().map(Value::as_u64).collect();
            Reading::Known(Scalar::List(numbers?))
        }
        Value::Object(_) => return None,
    })
}

/// ethtool's name of a key of ynl.
fn ethtool_name(key: &str) -> &str {
    match key {
        "combined-count" => "combined",
        "rx-count" => "rx",
        "tx-count" => "tx",
        "other-count" => "other",
        "rx-max-frames" => "rx-frames",
        "use-adaptive-rx" => "adaptive-rx",
        "use-cqe-mode-rx" => "cqe-mode-rx",
        "rss-indirection-table" => "table",
        _ => key,
    }
}

/// No ring is shorter: the least maximum in Linux 7.3 is some thousands, and the least setting of
/// any driver 16.
const RING_LEAST: u64 = 64;
