//! The JSON Schema of results. Names may be added to results; none is renamed or taken away.

use serde_json::{Map, Value, json};

use super::SCHEMA;
use crate::model::ledger::DropReason;
use crate::model::placement::Fallback;

/// Counts of zero-copy placement.
const PLACEMENT: [&str; 14] = [
    "offered",
    "placed",
    "psp_rejected",
    "payload_bytes",
    "placed_bytes",
    "mapped_bytes",
    "registered_bytes",
    "copied_bytes",
    "copies",
    "starved",
    "application_bytes",
    "nic_table_bytes",
    "header_in_use_max",
    "storm_packets",
];

/// Counts of attackers' packets.
const ATTACK: [&str; 7] =
    ["offered", "wrong_spi", "wrong_region", "out_of_bounds", "replay", "placed", "psp_rejected"];

/// The JSON Schema (draft 2020-12) of what each command prints with `--format json`; rows of
/// `sweep.jsonl` are `#/$defs/sweep_row`.
#[must_use]
pub fn results_schema() -> Value {
    let commands = [
        ("simulate", simulate()),
        ("sweep", sweep()),
        ("plan", plan()),
        ("explain", explain()),
        ("sensitivity", sensitivity()),
        ("footprint", footprint()),
        ("check", check()),
        ("host", host()),
        ("fit", fit()),
        ("observe", observe()),
        ("presets", presets()),
        ("shard status", shard_status()),
        ("reproduce", reproduce()),
    ];
    let documents: Vec<Value> = commands
        .into_iter()
        .map(|(name, fields)| {
            let mut document = json!({
                "schema": { "const": SCHEMA },
                "command": { "const": name },
            });
            let all = document.as_object_mut().expect("made as one");
            all.extend(fields.as_object().expect("made as one").clone());
            object(&document)
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rxplan results",
        "oneOf": documents,
        "$defs": {
            "estimate": estimate(),
            "configuration": configuration(),
            "sweep_row": sweep_row(),
        },
    })
}

fn explain() -> Value {
    let part = object(&json!({
        "cause": text(),
        "packets": number(),
        "share": number(),
        "how": text(),
    }));
    json!({
        "title": text(),
        "queue": count(),
        "offered_pps": number(),
        "drain_pps": or_null(&number()),
        "rx": count(),
        "reserve_entries": count(),
        "needed": number(),
        "parts": list(&part),
        "why": text(),
        "warnings": list(&text()),
    })
}

fn check() -> Value {
    let table = object(&json!({ "name": text(), "about": text() }));
    json!({ "ok": boolean(), "warnings": list(&text()), "size_tables": list(&table) })
}

fn observe() -> Value {
    let spread = object(&json!({
        "count": count(),
        "median": number(),
        "p99": number(),
        "max": number(),
    }));
    let queue = object(&json!({
        "queue": count(),
        "packets": count(),
        "share": share(),
        "pps": number(),
        "busiest_pps": number(),
        "bps": number(),
        "mean_len": number(),
    }));
    json!({
        "interface": text(),
        "source": choice(&["netlink", "ethtool", "interface"]),
        "trace": text(),
        "duration_s": number(),
        "interval_us": number(),
        "span_us": spread,
        "reading_us": spread,
        "packets": count(),
        "bytes": count(),
        "pps": number(),
        "queues": list(&queue),
        "cannot_show": list(&text()),
        "warnings": list(&text()),
    })
}

fn fit() -> Value {
    let compared = object(&json!({
        "packets": count(),
        "duration_s": number(),
        "service_us": number(),
        "resolution_us": number(),
    }));
    let parameter = object(&json!({
        "table": count(),
        "name": text(),
        "unit": text(),
        "value": number(),
        "ci_low": or_null(&number()),
        "ci_high": or_null(&number()),
    }));
    let comparison = object(&json!({
        "statistic": choice(&["queue_idc", "all_idc", "drop_rate"]),
        "scale_us": or_null(&number()),
        "rx": or_null(&count()),
        "reserve_entries": or_null(&count()),
        "trace": number(),
        "fit": number(),
        "fit_low": number(),
        "fit_high": number(),
        "differs": boolean(),
    }));
    json!({
        "trace": text(),
        "seed": count(),
        "packets": count(),
        "duration_s": number(),
        "queues": count(),
        "compared": compared,
        "verdict": choice(&["good", "bad", "cannot-tell"]),
        "why": text(),
        "p_value": share(),
        "replications": count(),
        "model": text(),
        "together": text(),
        "parameters": list(&parameter),
        "comparisons": list(&comparison),
        "tried": list(&object(&json!({ "model": text(), "distance": number() }))),
        "traffic": text(),
        "warnings": list(&text()),
    })
}

/// An object with these fields, all required but those whose name ends in `?`.
fn object(fields: &Value) -> Value {
    let fields = fields.as_object().expect("called with objects");
    let required: Vec<&String> = fields.keys().filter(|name| !name.ends_with('?')).collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, schema)| (name.trim_end_matches('?').to_owned(), schema.clone()))
        .collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn number() -> Value {
    json!({ "type": "number" })
}

fn share() -> Value {
    json!({ "type": "number", "minimum": 0, "maximum": 1 })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn choice(values: &[&str]) -> Value {
    json!({ "enum": values })
}

fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn counts(names: &[&str]) -> Value {
    object(&names.iter().map(|name| ((*name).to_owned(), count())).collect::<Map<_, _>>().into())
}

fn estimate() -> Value {
    object(&json!({
        "estimate": number(),
        "ci_low": number(),
        "ci_high": number(),
        "confidence": share(),
        "method": choice(&["replications", "batch-means", "zero-drops", "splitting", "exact"]),
    }))
}

/// These fields, and the parts of memory, as every command names them.
fn with_memory(fields: Value) -> Value {
    let Value::Object(mut fields) = fields else { unreachable!("called with objects") };
    for part in ["dedicated", "reserve", "descriptor", "completion", "header", "buffers", "total"] {
        fields.insert(format!("{part}_bytes"), count());
    }
    object(&fields.into())
}

fn simulate() -> Value {
    json!({
        "title": text(),
        "seed": count(),
        "replications": count(),
        "simulated_s": number(),
        "packets": counts(&["offered", "delivered", "dropped", "outstanding"]),
        "drop_rate": reference("estimate"),
        "drops": counts(&DropReason::ALL.map(DropReason::name)),
        "reserve": or_null(&object(&json!({
            "entries": count(),
            "in_use_mean": number(),
            "in_use_max": count(),
            "exhausted_fraction": share(),
            "reposts_per_packet?": number(),
            "break_even_reposts_per_packet?": number(),
            "small?": object(&json!({
                "entries": count(),
                "in_use_mean": number(),
                "in_use_max": count(),
            })),
        }))),
        "memory": with_memory(json!({
            "in_use_bytes_mean": number(),
            "in_use_bytes_max": count(),
            "fill_ratio": number(),
            "held_bytes_mean?": number(),
            "held_bytes_max?": count(),
        })),
        "sojourn_us": object(&json!({
            "mean": number(),
            "p50": number(),
            "p99": number(),
            "p999": number(),
            "max": number(),
        })),
        "fairness": object(&json!({
            "jain": share(),
            "drop_rate_min": share(),
            "drop_rate_median": share(),
            "drop_rate_max": share(),
        })),
        "queues": list(&object(&json!({
            "queue": count(),
            "offered": count(),
            "delivered": count(),
            "dropped": count(),
            "drop_rate": share(),
            "outstanding_mean": number(),
            "outstanding_max": count(),
            "reserve_in_use_mean": number(),
            "reserve_in_use_max": count(),
        }))),
        "host": object(&json!({
            "utilization": number(),
            "reserve_sync_ns_per_packet": number(),
            "lock_wait_ns_per_packet?": number(),
            "time_squeeze": count(),
            "wakeups": count(),
            "stalled_fraction": share(),
        })),
        "port?": object(&json!({
            "pauses": count(),
            "paused_fraction": share(),
            "sender_delay_us": object(&json!({ "mean": number(), "max": number() })),
        })),
        "placement": or_null(&placement()),
        "warnings": list(&text()),
        "engine?": object(&json!({
            "name": text(),
            "packets_per_second": number(),
            "wall_s": number(),
        })),
    })
}

fn placement() -> Value {
    let fallbacks = counts(&Fallback::ALL.map(Fallback::name));
    let mut attack = json!({ "refused": fallbacks });
    for name in ATTACK {
        attack[name] = count();
    }
    let mut fields = json!({
        "mode": text(),
        "fallback": fallbacks,
        "copies_per_s": number(),
        "page_updates_per_s": number(),
        "written_per_payload_byte": number(),
        "read_per_payload_byte": number(),
        "host_ns_per_packet": number(),
        "lro": object(&json!({
            "aggregates": count(),
            "segments_per_aggregate": number(),
            "evictions": count(),
            "added_us_mean": number(),
            "added_us_max": number(),
        })),
        "attack": object(&attack),
    });
    for name in PLACEMENT {
        fields[name] = count();
    }
    object(&fields)
}

/// Flat: the varied keys, the result of `simulate` by dotted name, the seed.
fn sweep_row() -> Value {
    let plain = json!({ "type": ["string", "number", "boolean", "null"] });
    let mut row = object(&json!({
        "replications": count(),
        "packets.offered": count(),
        "packets.dropped": count(),
        "drop_rate.estimate": share(),
        "drop_rate.ci_low": share(),
        "drop_rate.ci_high": share(),
        "memory.total_bytes": count(),
        "sojourn_us.p99": number(),
        "warnings": text(),
        "seed": count(),
    }));
    row["additionalProperties"] = plain;
    row
}

fn sweep() -> Value {
    let mut difference = object(&json!({
        "drop_rate_diff": {
            "anyOf": [reference("estimate"), { "type": "object" }],
            "description": "All null where there is nothing to compare with.",
        },
    }));
    difference["additionalProperties"] = json!({ "type": ["string", "number", "boolean"] });
    json!({
        "keys": list(&text()),
        "points": count(),
        "rows": list(&reference("sweep_row")),
        "differences": list(&difference),
    })
}

fn verdict() -> Value {
    choice(&["feasible", "infeasible", "inconclusive"])
}

fn goal() -> Value {
    object(&json!({ "max_drop_rate": share(), "confidence": share(), "max_p99_us?": number() }))
}

fn configuration() -> Value {
    with_memory(json!({
        "queues": count(),
        "rx": count(),
        "reserve_entries": count(),
        "policy": or_null(&text()),
        "policy_parameter": or_null(&number()),
        "p99_us": number(),
        "in_use_bytes_max": count(),
        "rotation_bytes": count(),
        "fits_llc": or_null(&boolean()),
        "certified": boolean(),
        "drop_rate": reference("estimate"),
    }))
}

fn plan() -> Value {
    let configuration = reference("configuration");
    json!({
        "title": text(),
        "seed": count(),
        "goal": goal(),
        "verdict": verdict(),
        "why": text(),
        "complete": boolean(),
        "recommended": or_null(&configuration),
        "today": or_null(&configuration),
        "baseline": configuration,
        "scenario": or_null(&configuration),
        "frontier": list(&configuration),
        "judged": count(),
        "commands": list(&text()),
        "persistent": or_null(&object(&json!({
            "systemd.link": text(),
            "nmcli": text(),
            "tuned": text(),
        }))),
        "warnings": list(&text()),
    })
}

fn sensitivity() -> Value {
    let configuration = or_null(&reference("configuration"));
    json!({
        "title": text(),
        "seed": count(),
        "goal": goal(),
        "steps": list(&object(&json!({
            "in_phase": count(),
            "drop_rate": reference("estimate"),
            "p99_us": number(),
            "entries_bound": number(),
            "verdict": verdict(),
            "recommended": configuration,
            "today": configuration,
        }))),
        "warnings": list(&text()),
    })
}

fn footprint() -> Value {
    json!({
        "configurations": list(&with_memory(json!({
            "name": text(),
            "nic": or_null(&text()),
            "mtu": or_null(&count()),
            "queues": count(),
            "rx": { "anyOf": [count(), list(&count())] },
            "reserve_entries": count(),
            "rx_buf_len_bytes": count(),
            "completion_entries": count(),
            "queue_bytes": or_null(&count()),
            "naive_bytes": or_null(&count()),
        }))),
    })
}

fn shard_status() -> Value {
    json!({
        "points": count(),
        "finished": count(),
        "done": text(),
        "missing": text(),
        "shards": list(&object(&json!({
            "shard": count(),
            "state": choice(&["done", "begun", "missing"]),
            "points": count(),
            "finished": count(),
        }))),
    })
}

fn reproduce() -> Value {
    json!({
        "same": boolean(),
        "files": list(&object(&json!({ "file": text(), "same": boolean() }))),
    })
}

fn host() -> Value {
    let stated = |value: &Value| or_null(&object(&json!({ "value": value, "from": text() })));
    let footprint = with_memory(json!({
        "queue_bytes": count(),
        "entry_bytes": count(),
        "ram_share": or_null(&share()),
        "total_bytes_at_rx_max": or_null(&count()),
        "buffers": text(),
    }));
    json!({
        "interface": text(),
        "driver": stated(&text()),
        "preset": or_null(&text()),
        "preset_alternatives": list(&text()),
        "queues": stated(&count()),
        "queues_max": or_null(&count()),
        "rx": stated(&count()),
        "rss_queues": or_null(&count()),
        "rx_max": stated(&count()),
        "mtu": stated(&count()),
        "line_rate": stated(&count()),
        "footprint": or_null(&footprint),
        "ring_lasts": list(&object(&json!({
            "bits_per_second": count(),
            "mtu_frames_us": number(),
            "small_frames_us": number(),
        }))),
        "drops": list(&object(&json!({
            "counter": text(),
            "cause": text(),
            "meaning": text(),
            "count": count(),
            "queues": list(&counts(&["queue", "count"])),
            "note": text(),
            "from": text(),
        }))),
        "time_squeeze": or_null(&count()),
        "page_pool_bytes": or_null(&count()),
        "coalescing": or_null(&object(&json!({
            "adaptive": boolean(),
            "rx_usecs": or_null(&count()),
            "rx_frames": or_null(&count()),
            "cqe_mode": boolean(),
        }))),
        "driver_notes": list(&text()),
        "unseen": list(&text()),
        "answers": list(&text()),
        "notes": list(&text()),
        "values": list(&object(&json!({
            "subject": text(),
            "name": text(),
            "value": text(),
            "from": text(),
        }))),
    })
}

fn presets() -> Value {
    let value = json!({ "type": ["string", "number", "boolean", "null"] });
    json!({
        "presets": list(&object(&json!({
            "name": text(),
            "about": text(),
            "drivers": list(&text()),
            "values": list(&object(&json!({ "key": text(), "value": value, "source": text() }))),
            "counters": list(&object(&json!({
                "name": text(),
                "meaning": text(),
                "per_queue": boolean(),
                "note": text(),
            }))),
            "counters_source": text(),
            "notes": list(&text()),
        }))),
    })
}
