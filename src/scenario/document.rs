//! TOML whose values remember where they stand, with overrides from the command line.
//!
//! `serde` loses line and column in tagged and flattened enums; walking the parsed tree keeps them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Place, ScenarioError};

/// Where a scenario comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// Standard input, read already.
    Stdin(String),
    /// The scenario that is built in.
    BuiltIn,
    /// A text read before, with where it came from.
    Text(ScenarioText),
}

/// A scenario's text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioText {
    /// The file's name, `<stdin>` or `<built-in>`.
    pub name: String,
    /// Files named in the scenario are relative to this folder.
    pub folder: PathBuf,
    /// The text.
    pub text: String,
}

impl ScenarioText {
    /// SHA-256 of the text and the overrides, in hexadecimal: what a manifest holds.
    #[must_use]
    pub fn hash(&self, overrides: &[String]) -> String {
        hash(&self.text, overrides)
    }
}

impl Source {
    /// Reads the text, so that all that is made of it is made of the same.
    ///
    /// # Errors
    /// [`ScenarioError::Read`] and its like, where a file cannot be read.
    pub fn read(&self) -> Result<ScenarioText, ScenarioError> {
        let unnamed = |text: &str| ScenarioText {
            name: self.name(),
            folder: PathBuf::new(),
            text: text.to_owned(),
        };
        Ok(match self {
            Self::File(path) => ScenarioText {
                name: self.name(),
                folder: path.parent().map(Path::to_owned).unwrap_or_default(),
                text: read_text(path)?,
            },
            Self::Stdin(text) => unnamed(text),
            Self::BuiltIn => unnamed(super::DEFAULT_SCENARIO),
            Self::Text(text) => text.clone(),
        })
    }

    /// The file's name, `<stdin>` or `<built-in>`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin(_) => "<stdin>".to_owned(),
            Self::BuiltIn => "<built-in>".to_owned(),
            Self::Text(text) => text.name.clone(),
        }
    }
}

/// A parsed scenario text.
#[derive(Debug)]
pub(super) struct Document {
    name: String,
    text: String,
    pub(super) root: Node,
    overrides: Vec<String>,
    /// Files named in the scenario are relative to this folder.
    pub(super) folder: PathBuf,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    origin: Origin,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    String(String),
    Integer(i128),
    Float(f64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
    /// A date or time, or a number past 128 bits: never right in a scenario.
    Other(String),
}

/// Keys with their places and values.
pub(super) type Table = BTreeMap<String, (Origin, Node)>;

/// Where something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// Byte offset in the text.
    Text(usize),
    /// Number of the override.
    Override(usize),
}

/// Most parts of a dotted key in an override; no key of a scenario has nearly as many.
const KEY_PARTS_MAX: usize = 32;
/// Largest scenario text in bytes.
const TEXT_MAX: u64 = 16 << 20;

impl Document {
    /// Reads and parses a scenario, then applies `key=value` overrides.
    pub(super) fn read(source: &Source, overrides: &[String]) -> Result<Self, ScenarioError> {
        let ScenarioText { name, folder, text } = source.read()?;
        let root = parse(&name, &text)?;
        let mut document = Self { name, text, root, overrides: Vec::new(), folder };
        for text in overrides {
            document.apply(text)?;
        }
        Ok(document)
    }

    /// SHA-256 of the text and the overrides.
    pub(super) fn hash(&self) -> String {
        hash(&self.text, &self.overrides)
    }

    /// The place of something, for people.
    pub(super) fn place(&self, origin: Origin) -> Place {
        match origin {
            Origin::Text(offset) => place_in(&self.name, &self.text, offset),
            Origin::Override(index) => Place::Set(self.overrides[index].clone()),
        }
    }

    fn apply(&mut self, text: &str) -> Result<(), ScenarioError> {
        let wrong = |message: &str| ScenarioError::Override {
            text: text.to_owned(),
            message: message.to_owned(),
        };
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| wrong("has no '='; write KEY=VALUE, for example nic.rx=1024"))?;
        if key.split('.').count() > KEY_PARTS_MAX {
            return Err(wrong("has a key of too many parts; write for example nic.rx=1024"));
        }
        let origin = Origin::Override(self.overrides.len());
        self.overrides.push(text.to_owned());
        let value = Value::literal(value, origin);
        let mut node = &mut self.root;
        for part in key.trim().split('.') {
            node = match &mut node.value {
                Value::Table(table) => {
                    let empty = Node { value: Value::Table(Table::new()), origin };
                    &mut table.entry(part.to_owned()).or_insert((origin, empty)).1
                }
                Value::Array(items) => {
                    let count = items.len();
                    part.parse()
                        .ok()
                        .and_then(|index: usize| items.get_mut(index))
                        .ok_or_else(|| wrong(&format!("'{part}' is not an index below {count}")))?
                }
                _ => return Err(wrong(&format!("nothing can lie below the key before '{part}'"))),
            };
        }
        *node = Node { value, origin };
        Ok(())
    }
}

impl Node {
    pub(super) fn origin(&self) -> Origin {
        self.origin
    }
}

impl Value {
    /// A value as written on the command line. What is no TOML value is taken as a string, so that
    /// quotes may be left out.
    pub(super) fn literal(text: &str, origin: Origin) -> Self {
        let text = text.trim();
        match DeValue::parse(text) {
            Ok(parsed) => from_toml(parsed.into_inner(), &|_| origin),
            Err(_) => Self::String(text.to_owned()),
        }
    }

    /// What kind of value this is, for messages.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::String(text) => format!("the string \"{text}\""),
            Self::Integer(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number}"),
            Self::Boolean(truth) => format!("{truth}"),
            Self::Array(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
            Self::Other(text) => text.clone(),
        }
    }
}

fn hash(text: &str, overrides: &[String]) -> String {
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    for text in overrides {
        hash.update(b"\0");
        hash.update(text.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_text(path: &Path) -> Result<String, ScenarioError> {
    use std::io::Read as _;
    let mut text = String::new();
    crate::input::open(path)?
        .take(TEXT_MAX)
        .read_to_string(&mut text)
        .map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
    Ok(text)
}

fn parse(name: &str, text: &str) -> Result<Node, ScenarioError> {
    let table = DeTable::parse(text).map_err(|error| ScenarioError::Syntax {
        place: place_in(name, text, error.span().map_or(0, |span| span.start)),
        message: format!("not valid TOML: {}", error.message()),
    })?;
    let origin = Origin::Text(0);
    let value = from_toml(DeValue::Table(table.into_inner()), &Origin::Text);
    Ok(Node { value, origin })
}

fn from_toml(value: DeValue<'_>, origin: &impl Fn(usize) -> Origin) -> Value {
    let node = |spanned: Spanned<DeValue<'_>>| {
        let origin_here = origin(spanned.span().start);
        Node { value: from_toml(spanned.into_inner(), origin), origin: origin_here }
    };
    match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Other(format!("the number {number}")), Value::Integer),
        DeValue::Float(number) => number
            .as_str()
            .parse()
            .map_or_else(|_| Value::Other(format!("the number {number}")), Value::Float),
        DeValue::Boolean(truth) => Value::Boolean(truth),
        DeValue::Datetime(time) => Value::Other(format!("the date {time}")),
        DeValue::Array(items) => Value::Array(items.into_iter().map(node).collect()),
        DeValue::Table(table) => Value::Table(
            table
                .into_iter()
                .map(|(key, value)| {
                    let key_origin = origin(key.span().start);
                    (key.into_inner().into_owned(), (key_origin, node(value)))
                })
                .collect(),
        ),
    }
}

fn place_in(name: &str, text: &str, offset: usize) -> Place {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place::File {
        name: name.to_owned(),
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}
