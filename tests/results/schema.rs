//! The JSON Schema of results against results of every command.

use serde_json::{Value, json};

use crate::program::Folder;

const SCENARIO: &str = r#"
[run]
duration = "1 ms"
warmup = "100 us"
replications = 2
[nic]
queues = 2
rx = 4
rx_buf_len = "2 KiB"
line_rate = "100 Gbit/s"
[reserve]
entries = 4
[host]
model = "napi"
per_packet = "1 us"
[[traffic]]
kind = "on-off"
rate = "2 Mpps"
on = { dist = "exponential", mean = "5 us" }
off = { dist = "exponential", mean = "45 us" }
[sweep]
nic.rx = [2, 4]
[plan]
max_drop_rate = 0.2
rx = "4..32 x2"
reserve = [0, 8]
"#;

/// What is wrong with a value; as much of JSON Schema as the schema of results uses. A name that
/// the schema does not know is wrong too: it would be missing there.
fn faults(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).expect("a reference to something");
        found.extend(faults(root, target, value, path));
    }
    for keyword in ["anyOf", "oneOf"] {
        let Some(choices) = schema[keyword].as_array() else { continue };
        let fits = |choice: &&Value| faults(root, choice, value, path).is_empty();
        let fitting = choices.iter().filter(fits).count();
        if fitting == 0 || (keyword == "oneOf" && fitting > 1) {
            found.push(format!("{path}: fits {fitting} of {} choices", choices.len()));
        }
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    };
    if !types.is_empty() && !types.iter().any(|name| is_of(value, name.as_str().unwrap())) {
        found.push(format!("{path}: {value} is not of type {types:?}"));
    }
    let constant = &schema["const"];
    let outside = schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value));
    if outside || (!constant.is_null() && constant != value) {
        found.push(format!("{path}: {value} is no value of it"));
    }
    let below = schema["minimum"].as_f64().zip(value.as_f64()).is_some_and(|(min, it)| it < min);
    let above = schema["maximum"].as_f64().zip(value.as_f64()).is_some_and(|(max, it)| it > max);
    if below || above {
        found.push(format!("{path}: {value} is out of bounds"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(faults(root, &schema["items"], item, &format!("{path}/{index}")));
    }
    if let (Some(fields), Some(properties)) = (value.as_object(), schema["properties"].as_object())
    {
        for name in schema["required"].as_array().unwrap() {
            if !fields.contains_key(name.as_str().unwrap()) {
                found.push(format!("{path}: {name} is missing"));
            }
        }
        for (name, field) in fields {
            match properties.get(name).or_else(|| schema.get("additionalProperties")) {
                Some(schema) => {
                    found.extend(faults(root, schema, field, &format!("{path}/{name}")));
                }
                None => found.push(format!("{path}: {name} is not in the schema")),
            }
        }
    }
    found
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("{other} is not a type"),
    }
}

/// The schema that a document of this command must fit.
fn schema_of(schema: &Value, command: &str) -> Value {
    let documents = schema["oneOf"].as_array().unwrap();
    let of_command = |document: &&Value| document["properties"]["command"]["const"] == command;
    documents.iter().find(of_command).unwrap_or_else(|| panic!("no schema of {command}")).clone()
}

#[test]
fn results_of_every_command_fit_the_schema() {
    let folder = Folder::with(SCENARIO);
    let print = folder.run(&["schema", "--results"]).success();
    let schema: Value = serde_json::from_str(&print).unwrap();
    folder.run(&["shard", "plan", "s.toml", "--shards", "2", "-o", "p"]).success();
    folder.run(&["simulate", "s.toml", "--out", "o"]).success();
    folder.run(&["simulate", "s.toml", "--packets", "t.csv"]).success();
    let capture = format!("{}/tests/data/ethtool/made/mlx5.txt", env!("CARGO_MANIFEST_DIR"));
    let transfers = format!("{}/tests/results/transfers.toml", env!("CARGO_MANIFEST_DIR"));
    let commands = [
        &["simulate", "s.toml"][..],
        &["simulate", &transfers],
        &["sweep", "s.toml"],
        &["plan", "s.toml"],
        &["explain", "s.toml"],
        &["sensitivity", "s.toml"],
        &["footprint", "s.toml"],
        &["check", "s.toml"],
        &["host", "--from", &capture],
        &["fit", "t.csv"],
        &["observe", "lo", "--for", "5 ms"],
        &["presets"],
        &["shard", "status", "p"],
        &["reproduce", "o/manifest.toml"],
    ];
    assert_eq!(schema["oneOf"].as_array().unwrap().len() + 1, commands.len());
    for command in commands {
        let ran = folder.run(&[command, &["--format", "json"]].concat());
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        let own = schema_of(&schema, document["command"].as_str().unwrap());
        assert_eq!(faults(&schema, &own, &document, ""), [""; 0], "{command:?}");
        assert_eq!(faults(&schema, &schema, &document, ""), [""; 0], "{command:?}");
    }
}

#[test]
fn what_does_not_fit_the_schema_is_found() {
    let folder = Folder::with(SCENARIO);
    let schema: Value =
        serde_json::from_str(&folder.run(&["schema", "--results"]).success()).unwrap();
    let json = folder.run(&["simulate", "s.toml", "--format", "json"]).success();
    let good: Value = serde_json::from_str(&json).unwrap();
    for (pointer, wrong) in [
        ("/drop_rate/method", json!("guess")),
        ("/packets/offered", json!(-1)),
        ("/reserve", json!(1)),
        ("/queues/0/drop_rate", json!(1.5)),
        ("/seed", json!("1")),
        ("/memory", json!({})),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = wrong;
        assert!(!faults(&schema, &schema, &bad, "").is_empty(), "{pointer}");
    }
}
