//! Which cells and seeds this process works on; nothing here changes a result.

use std::fmt;
use std::str::FromStr;

use crate::error::ExperimentError;
use crate::matrix::cells::Matrix;
use crate::source::suggestion;

/// A choice of cells, and of every N-th training of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// For an axis the labels to work on, as typed: `AXIS=LABEL[,LABEL]`.
    pub cells: Vec<String>,
    /// Of the trainings every N-th.
    pub part: Option<Part>,
}

/// The K-th of N parts, written `K/N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    k: usize,
    n: usize,
}

impl Part {
    /// Whether the part has the training of this number, from 0.
    pub fn has(&self, number: usize) -> bool {
        number % self.n == self.k - 1
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((k, n)) if (1..=n).contains(&k) => Ok(Self { k, n }),
            _ => Err(format!("`{text}` must be K/N with 1 <= K <= N, for example 1/4")),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.k, self.n)
    }
}

impl Selection {
    /// For every cell of the matrix whether it is worked on.
    ///
    /// # Errors
    /// [`ExperimentError::Selection`] if there is no such axis or label.
    pub fn cells(&self, matrix: &Matrix) -> Result<Vec<bool>, ExperimentError> {
        let mut chosen = vec![true; matrix.cells.len()];
        for typed in &self.cells {
            let refuse = |reason: String| ExperimentError::Selection { typed: typed.clone(), reason };
            let (axis, labels) =
                typed.split_once('=').ok_or_else(|| refuse("it must be AXIS=LABEL or AXIS=LABEL,LABEL".into()))?;
            let known: Vec<&str> = matrix.axes.iter().map(String::as_str).collect();
            let place = known.iter().position(|name| *name == axis.trim());
            let place =
                place.ok_or_else(|| refuse(format!("there is no axis `{axis}`{}", suggestion(axis, &known))))?;
            let labels: Vec<&str> = labels.split(',').map(str::trim).collect();
            let there: Vec<&str> = matrix.cells.iter().map(|cell| cell.labels[place].as_str()).collect();
            if let Some(label) = labels.iter().find(|label| !there.contains(label)) {
                return Err(refuse(format!("axis `{axis}` has no `{label}`{}", suggestion(label, &there))));
            }
            chosen.iter_mut().zip(there).for_each(|(chosen, label)| *chosen &= labels.contains(&label));
        }
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_share_out_every_training_once() {
        let parts: Vec<Part> = ["1/3", "2/3", "3/3"].map(|text| text.parse().unwrap()).into();
        assert!((0..20).all(|number| parts.iter().filter(|part| part.has(number)).count() == 1));
        for wrong in ["0/3", "4/3", "3", "a/b", "1/0"] {
            assert!(wrong.parse::<Part>().is_err(), "{wrong}");
        }
    }
}
