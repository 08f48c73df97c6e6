//! A scenario with axes: the text and overrides that every point of a sweep is made from.

use serde_json::Value as Json;

use super::Scenario;
use super::axis::{self, Axis, toml_of};
use super::document::{Document, ScenarioText, Source};
use super::error::ScenarioError;
use super::keys::SCENARIO;
use super::quantity::Fields;

/// A scenario some of whose keys are still open.
#[derive(Debug, Clone)]
pub struct Template {
    source: Source,
    overrides: Vec<String>,
    axes: Vec<Axis>,
    hash: String,
}

impl Template {
    /// Reads a scenario's axes: those of its `[sweep]` in the order written, then those of `vary`,
    /// of which each also replaces one of the same key. Whether the rest makes sense is seen when
    /// values are put in.
    ///
    /// # Errors
    /// [`ScenarioError`] when the text is not TOML, or an axis or override makes no sense.
    pub fn read(
        text: &ScenarioText,
        overrides: &[String],
        vary: &[String],
    ) -> Result<Self, ScenarioError> {
        let source = Source::Text(text.clone());
        let document = Document::read(&source, overrides)?;
        let root = Fields::root(&document, SCENARIO)?;
        let mut axes = axis::read(root.get("sweep").as_ref())?;
        for text in vary {
            let axis = Axis::parse(text)?;
            match axes.iter_mut().find(|other| other.key == axis.key) {
                Some(other) => *other = axis,
                None => axes.push(axis),
            }
        }
        for text in overrides {
            let key = text.split_once('=').map_or("", |(key, _)| key.trim());
            if axes.iter().any(|axis| axis.key == key) {
                return Err(ScenarioError::Override {
                    text: text.clone(),
                    message: format!("the sweep varies {key}; to hold it, write --vary {text}"),
                });
            }
        }
        let hash = document.hash();
        Ok(Self { source, overrides: overrides.to_vec(), axes, hash })
    }

    /// The keys that are open, and their values.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// SHA-256 of the text and the overrides, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The scenario with these values, one for each axis.
    ///
    /// # Errors
    /// [`ScenarioError`] as for [`Scenario::load`].
    ///
    /// # Panics
    /// When there are not as many values as axes.
    pub fn scenario(&self, values: &[&Json]) -> Result<Scenario, ScenarioError> {
        assert_eq!(values.len(), self.axes.len(), "one value for each axis");
        let mut overrides = self.overrides.clone();
        let set = self.axes.iter().zip(values);
        overrides.extend(set.map(|(axis, value)| format!("{}={}", axis.key, toml_of(value))));
        Scenario::load(&self.source, &overrides)
    }
}
