//! Axes of a sweep: dotted keys and the values each takes, from `[sweep]` or `--vary`.

use serde_json::{Number, Value as Json, json};

use super::document::{Origin, Value};
use super::error::ScenarioError;
use super::keys::is_key;
use super::quantity::Field;
use super::range;

/// A key that a sweep varies.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The dotted key, as in `nic.rx`.
    pub key: String,
    /// Its values in order, each once.
    pub values: Vec<Json>,
}

/// Keys that say nothing about what is simulated.
const NOT_SIMULATED: [&str; 3] = ["title", "plan", "sweep"];

impl Axis {
    /// An axis as given to `--vary`: `nic.rx=64..4096 x2`, `nic.rx=64,128` or `nic.rx=[64, 128]`.
    ///
    /// # Errors
    /// [`ScenarioError::Vary`] when it is not of this form, or no key of a scenario.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let wrong = |message: String| ScenarioError::Vary { text: text.to_owned(), message };
        let (key, values) = text.split_once('=').ok_or_else(|| {
            let right = "write KEY=VALUES, for example nic.rx=\"64..4096 x2\" or nic.rx=64,128";
            wrong(format!("has no '='; {right}"))
        })?;
        let (key, values) = (key.trim().to_owned(), values.trim());
        check_key(&key).map_err(&wrong)?;
        let values = written_values(values).map_err(&wrong)?;
        check_values(&values).map_err(&wrong)?;
        Ok(Self { key, values })
    }

    /// The position of a value as written on the command line.
    #[must_use]
    pub fn position(&self, text: &str) -> Option<usize> {
        let value = json_of(&Value::literal(text, Origin::Override(0)))?;
        self.values.iter().position(|other| *other == value)
    }
}

/// The axes of a `[sweep]`, in the order they were written.
pub(super) fn read(field: Option<&Field<'_>>) -> Result<Vec<Axis>, ScenarioError> {
    let Some(field) = field else { return Ok(Vec::new()) };
    if !field.is_table() {
        return Err(field.error("is no table; write [sweep] and keys such as \"nic.rx\""));
    }
    let mut axes = Vec::new();
    read_table(field, "", &mut axes)?;
    axes.sort_by_key(|(origin, _)| *origin);
    Ok(axes.into_iter().map(|(_, axis)| axis).collect())
}

/// Keys may be quoted or nested: `"nic.rx"`, `nic.rx`, or `rx` below `[sweep.nic]`.
fn read_table(
    field: &Field<'_>,
    prefix: &str,
    axes: &mut Vec<(Origin, Axis)>,
) -> Result<(), ScenarioError> {
    let Value::Table(table) = field.value() else { return Ok(()) };
    for name in table.keys() {
        let value = field.member(name).expect("the key was just listed");
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let values = match value.value() {
            Value::Table(_) => {
                read_table(&value, &key, axes)?;
                continue;
            }
            Value::Array(items) if !items.is_empty() => items
                .iter()
                .map(|item| json_of(&item.value))
                .collect::<Option<_>>()
                .ok_or_else(|| value.error("lists what no key of a scenario can be"))?,
            Value::String(text) => range_values(text).map_err(|message| value.error(&message))?,
            _ => {
                return Err(value.error("is neither a list nor a range; write for example [1, 2]"));
            }
        };
        check_key(&key).and_then(|()| check_values(&values)).map_err(|m| value.error(&m))?;
        axes.push((value.origin(), Axis { key, values }));
    }
    Ok(())
}

fn check_key(key: &str) -> Result<(), String> {
    let first = key.split('.').next().unwrap_or_default();
    if NOT_SIMULATED.contains(&first) {
        return Err(format!(
            "{key} does not change what is simulated; vary another key, such as \"nic.rx\""
        ));
    }
    if !is_key(key) {
        return Err(format!(
            "{key} is not a key of a scenario; write one such as \"nic.rx\", or \
             \"traffic.0.rate\" for the first [[traffic]]"
        ));
    }
    Ok(())
}

fn check_values(values: &[Json]) -> Result<(), String> {
    let twice = values.iter().enumerate().find(|(index, value)| values[..*index].contains(value));
    match twice {
        Some((_, value)) => Err(format!("lists {value} twice; list each value once")),
        None => Ok(()),
    }
}

/// Values behind the `=` of `--vary`.
fn written_values(text: &str) -> Result<Vec<Json>, String> {
    let origin = Origin::Override(0);
    if text.is_empty() {
        return Err("has no values; write for example nic.rx=64,128".to_owned());
    }
    if text.starts_with(|first: char| first.is_ascii_digit()) && text.contains("..") {
        return range_values(text);
    }
    let items: Vec<Value> = match Value::literal(text, origin) {
        Value::Array(items) => items.into_iter().map(|item| item.value).collect(),
        table @ Value::Table(_) => vec![table],
        _ => text.split(',').map(|item| Value::literal(item, origin)).collect(),
    };
    let values: Option<Vec<Json>> = items.iter().map(json_of).collect();
    values
        .filter(|values| !values.is_empty())
        .ok_or_else(|| "lists nothing that a key could be; write for example 64,128".to_owned())
}

fn range_values(text: &str) -> Result<Vec<Json>, String> {
    Ok(range::parse(text)?.into_iter().map(|value| json!(value)).collect())
}

/// The value as JSON; dates and numbers past 64 bits have none.
fn json_of(value: &Value) -> Option<Json> {
    Some(match value {
        Value::String(text) => json!(text),
        Value::Integer(number) => Json::Number(Number::from_i128(*number)?),
        Value::Float(number) => Json::Number(Number::from_f64(*number)?),
        Value::Boolean(truth) => json!(truth),
        Value::Array(items) => {
            Json::Array(items.iter().map(|item| json_of(&item.value)).collect::<Option<_>>()?)
        }
        Value::Table(table) => Json::Object(
            table
                .iter()
                .map(|(key, (_, node))| Some((key.clone(), json_of(&node.value)?)))
                .collect::<Option<_>>()?,
        ),
        Value::Other(_) => return None,
    })
}

/// The value as TOML, in one line.
pub(super) fn toml_of(value: &Json) -> String {
    match value {
        Json::String(text) => toml::Value::String(text.clone()).to_string(),
        Json::Array(items) => {
            format!("[{}]", items.iter().map(toml_of).collect::<Vec<_>>().join(", "))
        }
        Json::Object(fields) => {
            let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let field = |(key, value): (&String, &Json)| match key.chars().all(bare) {
                true if !key.is_empty() => format!("{key} = {}", toml_of(value)),
                _ => format!("{} = {}", toml_of(&json!(key)), toml_of(value)),
            };
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<Json> {
        Axis::parse(text).unwrap().values
    }

    #[test]
    fn axes_are_ranges_lists_or_single_values() {
        assert_eq!(values("nic.rx=64..256 x2"), [json!(64), json!(128), json!(256)]);
        assert_eq!(values("nic.rx = 1, 2"), [json!(1), json!(2)]);
        assert_eq!(values("nic.rx=[3, [4, 5]]"), [json!(3), json!([4, 5])]);
        assert_eq!(values("host.service=1 us,2 us"), [json!("1 us"), json!("2 us")]);
        assert_eq!(values("reserve.policy=static-cap"), [json!("static-cap")]);
        assert_eq!(values("reserve={ entries = 4, cap = 2 }").len(), 1);
        assert_eq!(values("traffic.0.file=../a.csv,../b.csv").len(), 2);
    }

    #[test]
    fn axes_that_make_no_sense_are_refused() {
        for text in ["nic.rx", "nic.rx=", "nic.ry=1", "nic.rx=[]", "nic.rx=1,1", "nic.rx=8..4 x2"] {
            assert!(Axis::parse(text).is_err(), "{text}");
        }
        for text in ["title=a", "plan.rx=1", "sweep.nic.rx=1"] {
            assert!(Axis::parse(text).unwrap_err().to_string().contains("does not change"));
        }
    }

    #[test]
    fn toml_of_a_value_reads_back_as_the_value() {
        let text = r#"reserve={ "a b" = "q\"\u007f\\", c = [1, 2.5, true], entries = 7 }"#;
        let axis = Axis::parse(text).unwrap();
        assert_eq!(axis.position(&toml_of(&axis.values[0])), Some(0));
    }
}
