//! Names and values of one capture, and typed access to them.

use super::{Origin, Reading, Reported, Scalar};

/// The fields of a capture, in the order in which they were read. Names are those of ethtool's
/// JSON (`rx-max`, `adaptive-rx`), whatever the capture called them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    entries: Vec<(String, Reported<Scalar>)>,
}

impl Fields {
    /// Adds a field.
    pub fn push(&mut self, name: impl Into<String>, value: Reading<Scalar>, from: Origin) {
        self.entries.push((name.into(), Reported { value, from }));
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Reported<Scalar>)> {
        self.entries.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first field of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Reported<Scalar>> {
        self.entries.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A whole number; `None` too where something else stands.
    pub(super) fn count(&self, name: &str) -> Option<Reported<u64>> {
        self.typed(name, |scalar| match scalar {
            Scalar::Count(count) => Some(*count),
            _ => None,
        })
    }

    /// A whole number that fits an entry count.
    pub(super) fn entries(&self, name: &str) -> Option<Reported<u32>> {
        self.typed(name, |scalar| match scalar {
            Scalar::Count(count) => u32::try_from(*count).ok(),
            _ => None,
        })
    }

    /// `on` or `off`, in any of their spellings: ynl has 0 and 1, `enabled` and `disabled`.
    pub(super) fn switch(&self, name: &str) -> Option<Reported<bool>> {
        self.typed(name, |scalar| match scalar {
            Scalar::Switch(on) => Some(*on),
            Scalar::Count(0) => Some(false),
            Scalar::Count(1) => Some(true),
            Scalar::Text(text) if text == "enabled" => Some(true),
            Scalar::Text(text) if text == "disabled" => Some(false),
            _ => None,
        })
    }

    /// Text, of whatever value.
    pub(super) fn text(&self, name: &str) -> Option<Reported<String>> {
        self.typed(name, |scalar| Some(scalar.to_string()))
    }

    /// A row of numbers.
    pub(super) fn list(&self, name: &str) -> Option<Reported<Vec<u64>>> {
        self.typed(name, |scalar| match scalar {
            Scalar::List(values) => Some(values.clone()),
            _ => None,
        })
    }

    fn typed<T>(
        &self,
        name: &str,
        convert: impl FnOnce(&Scalar) -> Option<T>,
    ) -> Option<Reported<T>> {
        let Reported { value, from } = self.get(name)?;
        let value = match value {
            Reading::Known(scalar) => Reading::Known(convert(scalar)?),
            Reading::NotApplicable => Reading::NotApplicable,
        };
        Some(Reported { value, from: from.clone() })
    }
}
