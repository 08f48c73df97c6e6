//! Reading typed values out of a document.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use super::document::{Document, Node, Origin, Table, Value};
use super::error::ScenarioError;
use super::keys::{Key, Variants, has};
use crate::input::InputError;
use crate::units::{BitRate, Bytes, QuantityError, Rate, SimDuration};

/// A table under way of being read: hands out its keys and refuses those that do not exist.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    document: &'a Document,
    path: String,
    origin: Origin,
    table: &'a Table,
    keys: Vec<&'static Key>,
    read: RefCell<BTreeSet<&'static str>>,
}

/// One value with its key and place.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    document: &'a Document,
    path: String,
    node: &'a Node,
}

type Result<T> = std::result::Result<T, ScenarioError>;

impl<'a> Fields<'a> {
    /// The whole document, whose keys are `keys`.
    pub(super) fn root(document: &'a Document, keys: &'static [Key]) -> Result<Self> {
        let field = Field { document, path: String::new(), node: &document.root };
        field.fields(keys)
    }

    /// The value of `name`, if it is there.
    pub(super) fn get(&self, name: &'static str) -> Option<Field<'a>> {
        debug_assert!(self.keys.iter().any(|key| key.name == name), "{name} is not a listed key");
        self.read.borrow_mut().insert(name);
        let (_, node) = self.table.get(name)?;
        Some(Field { document: self.document, path: join(&self.path, name), node })
    }

    /// The value of `name`.
    pub(super) fn require(&self, name: &'static str) -> Result<Field<'a>> {
        self.get(name).ok_or_else(|| self.missing(name))
    }

    /// An error at a key that has to be there.
    pub(super) fn missing(&self, name: &str) -> ScenarioError {
        let key = self.keys.iter().find(|key| key.name == name);
        let (doc, example) = key.map_or(("", "..."), |key| (key.doc, key.kind.example()));
        self.error(
            name,
            &format!("is missing ({}); write for example {name} = {example}", lower_first(doc)),
        )
    }

    /// Reads `name` with `read`, or gives `default` where it is absent.
    pub(super) fn or<T>(
        &self,
        name: &'static str,
        default: T,
        read: impl Fn(&Field<'a>) -> Result<T>,
    ) -> Result<T> {
        self.get(name).map_or(Ok(default), |field| read(&field))
    }

    /// An error at a key of this table that is absent.
    pub(super) fn error(&self, name: &str, message: &str) -> ScenarioError {
        ScenarioError::Value {
            place: self.document.place(self.origin),
            key: join(&self.path, name),
            message: message.to_owned(),
        }
    }

    /// An error at the value reached by these keys, or as near to it as there is something.
    pub(super) fn error_at(&self, keys: &[&str], message: &str) -> ScenarioError {
        let mut origin = self.origin;
        let mut table = Some(self.table);
        for key in keys {
            if let Some((_, node)) = table.and_then(|table| table.get(*key)) {
                origin = node.origin();
                table = if let Value::Table(inner) = &node.value { Some(inner) } else { None };
            }
        }
        ScenarioError::Value {
            place: self.document.place(origin),
            key: keys.iter().fold(self.path.clone(), |path, key| join(&path, key)),
            message: message.to_owned(),
        }
    }

    /// All has been read.
    pub(super) fn finish(self) {
        if cfg!(debug_assertions) {
            let read = self.read.borrow();
            for key in &self.keys {
                assert!(read.contains(key.name), "{} is listed but never read", key.name);
            }
        }
    }
}

impl<'a> Field<'a> {
    /// An error at this value.
    pub(super) fn error(&self, message: &str) -> ScenarioError {
        ScenarioError::Value {
            place: self.document.place(self.node.origin()),
            key: self.path.clone(),
            message: message.to_owned(),
        }
    }

    fn expected(&self, right: &str) -> ScenarioError {
        self.error(&format!("is {}; write {right}", self.node.value.kind()))
    }

    fn quantity<T>(
        &self,
        example: &str,
        parse: impl Fn(&str) -> std::result::Result<T, QuantityError>,
    ) -> Result<T> {
        match &self.node.value {
            Value::String(text) => parse(text).map_err(|error| self.error(&error.to_string())),
            Value::Integer(number) if *number < 0 => {
                Err(self.error(&format!("is {number}, which is negative; write \"{example}\"")))
            }
            Value::Integer(_) | Value::Float(_) => Err(self.error(&format!(
                "is {}, which has no unit; write a string such as \"{example}\"",
                self.node.value.kind()
            ))),
            _ => Err(self.expected(&format!("a string such as \"{example}\""))),
        }
    }

    pub(super) fn time(&self) -> Result<SimDuration> {
        self.quantity("20 us", SimDuration::parse)
    }

    pub(super) fn positive_time(&self) -> Result<SimDuration> {
        let time = self.time()?;
        if time.is_zero() {
            return Err(self.error("is zero; it must be above zero"));
        }
        Ok(time)
    }

    /// A time, or a whole number of microseconds where ethtool has one.
    pub(super) fn usecs(&self) -> Result<SimDuration> {
        match self.node.value {
            Value::Integer(number) if number >= 0 => {
                let us = u64::try_from(number).ok().filter(|us| *us <= u64::from(u32::MAX));
                us.map(SimDuration::from_us).ok_or_else(|| {
                    self.error(&format!("is {number} microseconds, more than 32 bits can say"))
                })
            }
            _ => self.time(),
        }
    }

    /// `true` or `false`.
    pub(super) fn yes(&self) -> Result<bool> {
        self.truth().ok_or_else(|| self.expected("true or false"))
    }

    pub(super) fn size(&self) -> Result<u64> {
        self.quantity("8 KiB", Bytes::parse).map(Bytes::get)
    }

    pub(super) fn positive_size(&self) -> Result<u64> {
        match self.size()? {
            0 => Err(self.error("is zero; it must be at least one byte")),
            size => Ok(size),
        }
    }

    pub(super) fn rate(&self) -> Result<Rate> {
        self.quantity("3 Mpps", Rate::parse)
    }

    pub(super) fn bit_rate(&self) -> Result<BitRate> {
        let rate = self.quantity("100 Gbit/s", BitRate::parse)?;
        if rate.is_zero() {
            return Err(self.error("is zero; nothing would ever arrive"));
        }
        Ok(rate)
    }

    pub(super) fn text(&self) -> Result<&'a str> {
        match &self.node.value {
            Value::String(text) => Ok(text),
            _ => Err(self.expected("a string")),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.node.value, Value::String(_))
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(self.node.value, Value::Table(_))
    }

    pub(super) fn truth(&self) -> Option<bool> {
        match self.node.value {
            Value::Boolean(truth) => Some(truth),
            _ => None,
        }
    }

    /// A whole number from `min` to `max`.
    pub(super) fn count(&self, min: u64, max: u64) -> Result<u64> {
        let right = || format!("a whole number from {min} to {max}");
        let number = match &self.node.value {
            Value::Integer(number) => *number,
            _ => return Err(self.expected(&right())),
        };
        u64::try_from(number)
            .ok()
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| self.expected(&right()))
    }

    pub(super) fn count_u32(&self, min: u32, max: u32) -> Result<u32> {
        let count = self.count(u64::from(min), u64::from(max))?;
        Ok(u32::try_from(count).expect("at most a 32-bit maximum"))
    }

    /// A finite number for which `fits` holds; `right` says which would be right.
    pub(super) fn number(&self, right: &str, fits: impl Fn(f64) -> bool) -> Result<f64> {
        let number = match &self.node.value {
            #[expect(clippy::cast_precision_loss, reason = "a parameter, not a count")]
            Value::Integer(number) => *number as f64,
            Value::Float(number) => *number,
            _ => return Err(self.expected(right)),
        };
        if number.is_finite() && fits(number) { Ok(number) } else { Err(self.expected(right)) }
    }

    /// One of `choices`, by position.
    pub(super) fn choice(&self, choices: &[&str]) -> Result<usize> {
        let text = self.text()?;
        choices
            .iter()
            .position(|choice| *choice == text)
            .ok_or_else(|| self.error(&not_one_of(text, choices)))
    }

    /// Where the value stands, comparable with other places of the same scenario.
    pub(super) fn origin(&self) -> Origin {
        self.node.origin()
    }

    /// The value as it was written.
    pub(super) fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// A key of this value, where it is a table that has it.
    pub(super) fn member(&self, name: &str) -> Option<Self> {
        let (_, node) = self.table().ok()?.get(name)?;
        Some(Self { document: self.document, path: join(&self.path, name), node })
    }

    /// The items, where the value is a list.
    pub(super) fn items(&self) -> Option<Vec<Self>> {
        let Value::Array(items) = &self.node.value else { return None };
        let item = |(index, node)| Self {
            document: self.document,
            path: format!("{}[{index}]", self.path),
            node,
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The path in a file, relative to the scenario's folder.
    pub(super) fn file(&self) -> Result<std::path::PathBuf> {
        Ok(self.document.folder.join(self.text()?))
    }

    /// What was read from the file that this value names; where there is none, the error is here.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Path) -> std::result::Result<T, InputError>,
    ) -> Result<T> {
        read(&self.file()?).map_err(|error| match error {
            InputError::Open { .. } => self.unopened(&error),
            other => other.into(),
        })
    }

    /// The error that the file which this value names cannot be opened.
    pub(super) fn unopened(&self, error: &InputError) -> ScenarioError {
        self.error(&format!("{error}; write the path of a file, relative to the scenario's folder"))
    }

    /// The value as a table with these keys.
    pub(super) fn fields(&self, keys: &'static [Key]) -> Result<Fields<'a>> {
        self.check_keys(keys.iter().collect(), None)
    }

    /// The value as a table with these keys and a key `tag` that has been read already.
    pub(super) fn tagged_fields(&self, keys: &'static [Key], tag: &str) -> Result<Fields<'a>> {
        self.check_keys(keys.iter().collect(), Some(tag))
    }

    /// The value as a table in variants: the chosen variant's number and its keys.
    pub(super) fn variant(&self, variants: &'static Variants) -> Result<(usize, Fields<'a>)> {
        let fields = self.fields_unchecked(Vec::new())?;
        let names: Vec<&str> = variants.variants.iter().map(|(name, ..)| *name).collect();
        let tag = self.member(variants.tag).ok_or_else(|| {
            let message = format!("is missing; write one of {}", names.join(", "));
            fields.error(variants.tag, &message)
        })?;
        let chosen = tag.choice(&names)?;
        let (_, keys, _) = variants.variants[chosen];
        let all = keys.iter().chain(variants.common).collect();
        self.check_variant_keys(variants, chosen)?;
        Ok((chosen, self.check_keys(all, Some(variants.tag))?))
    }

    /// A key that belongs to another variant than the chosen one is told so.
    fn check_variant_keys(&self, variants: &Variants, chosen: usize) -> Result<()> {
        let (chosen_name, own, _) = variants.variants[chosen];
        for (name, (origin, _)) in self.table()? {
            if has(own, name) || has(variants.common, name) || name == variants.tag {
                continue;
            }
            if let Some(other) = variants.owner(name) {
                let tag = variants.tag;
                return Err(ScenarioError::Value {
                    place: self.document.place(*origin),
                    key: join(&self.path, name),
                    message: format!(
                        "belongs to {tag} \"{other}\", not to \"{chosen_name}\", and {}",
                        unknown_key(name, &own.iter().map(|key| key.name).collect::<Vec<_>>())
                    ),
                });
            }
        }
        Ok(())
    }

    fn check_keys(&self, keys: Vec<&'static Key>, tag: Option<&str>) -> Result<Fields<'a>> {
        let fields = self.fields_unchecked(keys)?;
        for (name, (origin, _)) in fields.table {
            let known = fields.keys.iter().any(|key| key.name == name) || tag == Some(name);
            if !known {
                let names: Vec<&str> = fields.keys.iter().map(|key| key.name).collect();
                return Err(ScenarioError::Value {
                    place: self.document.place(*origin),
                    key: join(&self.path, name),
                    message: unknown_key(name, &names),
                });
            }
        }
        Ok(fields)
    }

    fn fields_unchecked(&self, keys: Vec<&'static Key>) -> Result<Fields<'a>> {
        Ok(Fields {
            document: self.document,
            path: self.path.clone(),
            origin: self.node.origin(),
            table: self.table()?,
            keys,
            read: RefCell::default(),
        })
    }

    fn table(&self) -> Result<&'a Table> {
        match &self.node.value {
            Value::Table(table) => Ok(table),
            _ => Err(self.expected("a table")),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Text as it continues a sentence: its first word in lower case, unless that is an acronym.
fn lower_first(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(std::iter::once(second)).chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn unknown_key(name: &str, known: &[&str]) -> String {
    let nearest = nearest(name, known)
        .map_or_else(String::new, |nearest| format!("did you mean {nearest}? "));
    format!("is not a key here; {nearest}(keys: {})", known.join(", "))
}

fn not_one_of(text: &str, choices: &[&str]) -> String {
    let nearest = nearest(text, choices)
        .filter(|nearest| strsim::damerau_levenshtein(text, nearest) <= nearest.len() / 2)
        .map_or_else(String::new, |nearest| format!(" (did you mean {nearest}?)"));
    format!("\"{text}\" is not one of {}{nearest}", choices.join(", "))
}

fn nearest<'a>(text: &str, choices: &[&'a str]) -> Option<&'a str> {
    choices
        .iter()
        .map(|choice| (strsim::damerau_levenshtein(text, choice), *choice))
        .min()
        .map(|(_, choice)| choice)
}
