//! How a file was understood, for people.

use std::fmt;

/// Every decision that was taken to read a file, in the order of the stages; prints as "read as: UTF-8, commas, ...".
///
/// A decision that the manifest states says so; the others were made from the whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadAs {
    decisions: Vec<String>,
}

impl ReadAs {
    pub(crate) fn note(&mut self, decision: impl Into<String>, stated: bool) {
        self.decisions.push(decision.into() + if stated { " (stated)" } else { "" });
    }

    /// The decisions, one text each.
    pub fn decisions(&self) -> &[String] {
        &self.decisions
    }
}

impl fmt::Display for ReadAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read as: {}", self.decisions.join(", "))
    }
}
