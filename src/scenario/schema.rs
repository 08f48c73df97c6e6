//! The JSON Schema of a scenario, made from the tables that the reader itself uses.

use serde_json::{Map, Value, json};

use super::distribution::IMIX;
use super::keys::{DISTRIBUTIONS, Key, Kind, Of, REFILL, RSS, SCENARIO, Variants};
use crate::model::traffic::TABLES;

/// The JSON Schema (draft 2020-12) of a scenario file.
#[must_use]
pub fn schema() -> Value {
    let mut schema = table(SCENARIO, &[]);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("rxplan scenario");
    schema["required"] = json!(["nic", "host", "traffic"]);
    schema
}

fn table(keys: &[Key], common: &[Key]) -> Value {
    let properties: Map<String, Value> = keys
        .iter()
        .chain(common)
        .map(|key| {
            let mut property = kind(key.kind);
            property["description"] = json!(key.doc);
            if !key.default.is_empty() {
                // Numbers as numbers; what is no value (a rule in words) as a string.
                property["default"] = match (key.kind, key.default.parse()) {
                    (Kind::Count | Kind::Number, Ok(number)) => Value::Number(number),
                    (Kind::Truth, _) => json!(key.default == "true"),
                    _ => json!(key.default),
                };
            }
            (key.name.to_owned(), property)
        })
        .collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn kind(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::File => json!({ "type": "string" }),
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::CountOrList => {
            let count = json!({ "type": "integer", "minimum": 0 });
            json!({ "anyOf": [count, { "type": "array", "items": count }] })
        }
        Kind::Number => json!({ "type": "number" }),
        Kind::Size => quantity("B|kB|MB|GB|TB|KiB|MiB|GiB|TiB"),
        Kind::Warmup => json!({ "anyOf": [quantity("ps|ns|us|ms|s"), { "const": "mser-5" }] }),
        Kind::Time => quantity("ps|ns|us|ms|s"),
        Kind::Usecs => {
            json!({ "anyOf": [self::kind(Kind::Time), { "type": "integer", "minimum": 0 }] })
        }
        Kind::Truth => json!({ "type": "boolean" }),
        Kind::Refill => json!({ "anyOf": [{ "const": "every-poll" }, table(REFILL, &[])] }),
        Kind::Rate => quantity("[kMG]?pps|[kMGT]?bit/s"),
        Kind::FlowSizes => {
            let tables = TABLES
                .iter()
                .map(|table| json!({ "const": table.name, "description": table.to_string() }));
            let sizes = std::iter::once(distribution(Of::Sizes));
            json!({ "anyOf": tables.chain(sizes).collect::<Vec<Value>>() })
        }
        Kind::Load => json!({ "anyOf": [
            self::kind(Kind::BitRate),
            { "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 },
        ] }),
        Kind::Rates => json!({ "type": "array", "items": self::kind(Kind::Rate), "minItems": 2 }),
        Kind::Transition => {
            let change = json!({ "anyOf": [{ "const": "never" }, self::kind(Kind::Time)] });
            let row = json!({ "type": "array", "items": change, "minItems": 2 });
            json!({ "type": "array", "items": row, "minItems": 2 })
        }
        Kind::BitRate => quantity("[kMGT]?bit/s"),
        Kind::Distribution(of) => distribution(of),
        Kind::DistributionOrList => {
            let one = distribution(Of::Times);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::Choice(choices) => json!({ "enum": choices }),
        Kind::Queues => json!({ "anyOf": [
            { "const": "all" },
            { "type": "array", "items": { "type": "integer", "minimum": 0 }, "minItems": 1 },
        ] }),
        Kind::Range => json!({ "anyOf": [
            { "type": "string" },
            { "type": "integer", "minimum": 0 },
            { "type": "array", "items": { "type": "integer", "minimum": 0 }, "minItems": 1 },
        ] }),
        Kind::Numbers => json!({ "anyOf": [
            { "type": "number" },
            { "type": "array", "items": { "type": "number" }, "minItems": 1 },
        ] }),
        Kind::Rss => json!({ "anyOf": [
            { "enum": ["toeplitz", true] },
            table(RSS, &[]),
        ] }),
        Kind::Table(keys) => table(keys, &[]),
        Kind::Variants(variants) => one_of(variants),
        Kind::ListOf(variants) => {
            json!({ "type": "array", "items": one_of(variants), "minItems": 1 })
        }
        Kind::Tables(keys) => json!({ "type": "array", "items": table(keys, &[]) }),
        Kind::Sweep => json!({ "type": "object" }),
    }
}

fn quantity(units: &str) -> Value {
    json!({ "type": "string", "pattern": format!("^ *[0-9_.]+ *({units}) *$") })
}

fn distribution(of: Of) -> Value {
    let constant = match of {
        Of::Times => kind(Kind::Time),
        Of::Sizes => {
            let mixes = IMIX.map(|(name, _)| name);
            json!({ "anyOf": [{ "enum": mixes }, kind(Kind::Size)] })
        }
        Of::Counts => kind(Kind::Count),
    };
    let mut choices = vec![constant];
    for (name, keys) in DISTRIBUTIONS {
        if *name == "geometric" && of != Of::Counts {
            continue;
        }
        let mut properties: Map<String, Value> = keys
            .iter()
            // Values are quantities of the kind at hand; the reader says which.
            .map(|key| (key.name.to_owned(), json!({ "description": key.doc })))
            .collect();
        properties.insert("dist".to_owned(), json!({ "const": name }));
        choices.push(json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["dist"],
            "properties": properties,
        }));
    }
    json!({ "anyOf": choices })
}

fn one_of(variants: &Variants) -> Value {
    let tables: Vec<Value> = variants
        .variants
        .iter()
        .map(|(name, keys, doc)| {
            let mut schema = table(keys, variants.common);
            schema["properties"][variants.tag] = json!({ "const": name });
            schema["required"] = json!([variants.tag]);
            schema["description"] = json!(doc);
            schema
        })
        .collect();
    json!({ "oneOf": tables })
}
