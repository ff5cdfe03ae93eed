use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::FeatureTable;

/// How columns are scaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    /// Columns are used as they are (the Bitcoin article: scaling by level lets a network remember prices).
    #[default]
    None,
    /// Mean 0 and standard deviation 1 over the training rows.
    Standard,
}

/// A scaler that has seen training rows, and no others: `(x - shift) * factor` by column.
///
/// It is part of a trained artefact: the same numbers scale training, test and live rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedScaler {
    shift: Vec<f64>,
    factor: Vec<f64>,
}

impl FittedScaler {
    /// Fits on the rows `training` of a table `[T, F]`; a constant column is only shifted.
    ///
    /// # Panics
    /// If `training` is empty or outside the table.
    pub fn fit(scaling: Scaling, table: &FeatureTable, training: Range<usize>) -> Self {
        assert!(!training.is_empty() && training.end <= table.rows(), "training rows {training:?}");
        let cols = table.columns.len();
        let mut fitted = Self { shift: vec![0.0; cols], factor: vec![1.0; cols] };
        if scaling == Scaling::Standard {
            for col in 0..cols {
                let column = || training.clone().map(|row| table.values[row * cols + col]);
                let mean = column().sum::<f64>() / training.len() as f64;
                let variance = column().map(|x| (x - mean).powi(2)).sum::<f64>() / training.len() as f64;
                fitted.shift[col] = mean;
                fitted.factor[col] = if variance > 0.0 { 1.0 / variance.sqrt() } else { 1.0 };
            }
        }
        fitted
    }

    /// The scaled table as `f32`, row-major `[T, F]`.
    pub fn apply(&self, table: &FeatureTable) -> Vec<f32> {
        let scale =
            |(i, x): (usize, &f64)| ((x - self.shift[i % self.shift.len()]) * self.factor[i % self.shift.len()]) as f32;
        table.values.iter().enumerate().map(scale).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: &[f64]) -> FeatureTable {
        FeatureTable { columns: vec!["a".into(), "b".into()], values: values.to_vec() }
    }

    #[test]
    fn rows_outside_training_do_not_change_the_scaler() {
        let a = table(&[1.0, 5.0, 3.0, 5.0, 100.0, -7.0]);
        let b = table(&[1.0, 5.0, 3.0, 5.0, -9.0, 1e9]);
        let fitted = FittedScaler::fit(Scaling::Standard, &a, 0..2);
        assert_eq!(fitted, FittedScaler::fit(Scaling::Standard, &b, 0..2));
        assert_ne!(fitted, FittedScaler::fit(Scaling::Standard, &b, 0..3));
        assert_eq!(
            fitted.apply(&a)[..4],
            [-1.0, 0.0, 1.0, 0.0],
            "mean 2, deviation 1; a constant column is only shifted"
        );
    }

    #[test]
    fn no_scaling_keeps_the_numbers() {
        let a = table(&[1.0, 5.0, 3.5, -5.0]);
        assert_eq!(FittedScaler::fit(Scaling::None, &a, 0..1).apply(&a), [1.0, 5.0, 3.5, -5.0]);
    }
}
