use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::parameters::rounding_noise;
use crate::{BLOCK, FeatureConfig, FeatureError, Inputs, fold};

/// How columns are scaled. A column that is constant over the training rows is only shifted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scaling {
    /// Columns are used as they are (the Bitcoin article: scaling by level lets a network remember prices).
    #[default]
    None,
    /// Columns are divided by numbers known beforehand.
    Constants {
        /// One number a column.
        divide_by: Vec<f64>,
    },
    /// 0 at the smallest and 1 at the largest training value.
    MinMax,
    /// The flaw of the article on Double DQN: 0 at the smallest and 1 at the largest value of each span, the test span's own
    /// future included.
    MinMaxOfEachSpan,
    /// Mean 0 and standard deviation 1 over the training rows.
    Standard,
    /// Median 0 and distance of the quartiles 1 over the training rows.
    Robust,
    /// The coefficients of the TDQN paper's code: what is done depends on the feature ([`TdqnRange`]).
    Tdqn,
}

/// How the code of the TDQN paper (Théate and Ernst 2021) scales a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TdqnRange {
    /// Divided by the largest absolute training value: returns and heights of bars.
    Magnitude,
    /// 0 at the smallest and 1 at the largest training value: the volume.
    MinMax,
    /// As it is, because it lies between 0 and 1 anyway: the position of the close.
    Unit,
}

impl Scaling {
    /// Everything that is wrong with it for so many columns.
    pub fn validate(&self, columns: usize) -> Vec<String> {
        let Self::Constants { divide_by } = self else { return Vec::new() };
        let mut problems = Vec::new();
        if divide_by.len() != columns {
            let got = divide_by.len();
            problems.push(format!("divide_by must have a number for each of the {columns} columns, got {got}"));
        }
        let wrong = divide_by.iter().filter(|by| !(by.is_finite() && **by != 0.0));
        problems.extend(wrong.map(|by| format!("divide_by must hold finite numbers other than 0, got {by}")));
        problems
    }
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
    /// Fits on the rows `training`, in ranges that rise; bars and values behind them are not looked at.
    ///
    /// # Errors
    /// Those of [`fold`].
    ///
    /// # Panics
    /// If `training` holds no row or one outside the bars, or the scaling is not valid for the features.
    pub fn fit<'a>(
        scaling: &Scaling,
        features: &[Box<dyn FeatureConfig>],
        inputs: impl Into<Inputs<'a>>,
        training: &[Range<usize>],
    ) -> Result<Self, FeatureError> {
        let inputs = inputs.into();
        let bars = inputs.bars();
        let end = training.iter().map(|rows| rows.end).max().unwrap_or(0);
        let filled = training.iter().any(|rows| !rows.is_empty());
        assert!(filled && end <= bars.len(), "training rows {training:?}");
        let table = fold(inputs.up_to(&bars.slice(0..end)), features)?;
        let cols = table.columns.len();
        assert_eq!(scaling.validate(cols), Vec::<String>::new());
        let ranges = features.iter().flat_map(|f| std::iter::repeat_n(f.tdqn_range(), f.columns().len()));
        let fitted = ranges.enumerate().map(|(col, range)| {
            let rows = training.iter().cloned().flatten();
            let mut values: Vec<f64> = rows.map(|row| table.values[row * cols + col]).collect();
            fit_column(scaling, range, col, &mut values)
        });
        let (shift, factor) = fitted.unzip();
        Ok(Self { shift, factor })
    }

    /// Number of columns that it scales.
    pub(crate) fn columns(&self) -> usize {
        self.shift.len()
    }

    /// Shift and factor of a column.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn column(&self, col: usize) -> (f64, f64) {
        (self.shift[col], self.factor[col])
    }

    /// A scaled number of a column as it was before, but for the rounding of the scaled one.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn unscaled(&self, col: usize, scaled: f32) -> f64 {
        let (shift, factor) = self.column(col);
        f64::from(scaled) / factor + shift
    }

    /// Scales values of one column.
    #[inline]
    pub(crate) fn scale(&self, col: usize, values: &[f64; BLOCK], scaled: &mut [f32; BLOCK]) {
        let (shift, factor) = self.column(col);
        for (scaled, x) in scaled.iter_mut().zip(values) {
            *scaled = ((x - shift) * factor) as f32;
        }
    }
}

/// Shift and factor of a column from its training values.
fn fit_column(scaling: &Scaling, range: TdqnRange, col: usize, values: &mut [f64]) -> (f64, f64) {
    match (scaling, range) {
        (Scaling::None, _) | (Scaling::Tdqn, TdqnRange::Unit) => (0.0, 1.0),
        (Scaling::Constants { divide_by }, _) => (0.0, 1.0 / divide_by[col]),
        (Scaling::MinMax | Scaling::MinMaxOfEachSpan, _) | (Scaling::Tdqn, TdqnRange::MinMax) => min_max(values),
        (Scaling::Tdqn, TdqnRange::Magnitude) => {
            let largest = values.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
            (0.0, factor(largest, 0.0))
        }
        (Scaling::Standard, _) => standard(values),
        (Scaling::Robust, _) => robust(values),
    }
}

fn min_max(values: &[f64]) -> (f64, f64) {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, factor(largest - least, least))
}

fn standard(values: &[f64]) -> (f64, f64) {
    let len = values.len() as f64;
    let mean = values.iter().sum::<f64>() / len;
    let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / len;
    (mean, factor(variance.sqrt(), mean))
}

fn robust(values: &mut [f64]) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let [lower, median, upper] = [0.25, 0.5, 0.75].map(|share| quantile(values, share));
    (median, factor(upper - lower, median))
}

/// The quantile of sorted values, linear between its neighbours (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// What makes a spread 1; 1 if there is none but rounding.
fn factor(spread: f64, level: f64) -> f64 {
    if spread > rounding_noise(level) { 1.0 / spread } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use pavlov_market_data::{Bar, BarColumns, BarPolicy, Bars};

    use super::*;
    use crate::feature;

    fn volumes(values: &[f64]) -> Bars {
        let mut columns = BarColumns::default();
        for (time, volume) in (1..).zip(values) {
            columns.push(Bar { time, open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: *volume });
        }
        Bars::new("X", 1, columns, &BarPolicy::default()).unwrap()
    }

    fn fitted(scaling: &Scaling, name: &str, values: &[f64]) -> (f64, f64) {
        let text = if name == "raw" { "of = 'volume'" } else { "" };
        let features = [feature(name).unwrap().parse_text(text).unwrap()];
        FittedScaler::fit(scaling, &features, &volumes(values), std::slice::from_ref(&(1..values.len() - 1)))
            .unwrap()
            .column(0)
    }

    #[test]
    fn each_scaling_is_what_it_says_on_the_training_rows_only() {
        let values = [900.0, 1.0, 2.0, 4.0, 8.0, 700.0];
        let constants = Scaling::Constants { divide_by: vec![4.0] };
        for (scaling, expected) in [
            (Scaling::None, (0.0, 1.0)),
            (constants, (0.0, 0.25)),
            (Scaling::MinMax, (1.0, 1.0 / 7.0)),
            (Scaling::Standard, (3.75, 1.0 / 7.1875_f64.sqrt())),
            (Scaling::Robust, (3.0, 1.0 / 3.25)),
            (Scaling::Tdqn, (1.0, 1.0 / 7.0)),
        ] {
            assert_eq!(fitted(&scaling, "raw", &values), expected, "{scaling:?}");
            let scaler = FittedScaler { shift: vec![expected.0], factor: vec![expected.1] };
            let back = scaler.unscaled(0, ((8.0 - expected.0) * expected.1) as f32);
            assert!((back - 8.0).abs() < 1e-5, "{scaling:?}: 8 comes back as {back}");
        }
    }

    #[test]
    fn the_coefficients_of_tdqn_depend_on_the_feature() {
        let values = [900.0, 4.0, 2.0, 1.0, 700.0];
        // Changes of -0.996, -0.5 and -0.5: the largest absolute one counts.
        assert_eq!(fitted(&Scaling::Tdqn, "volume_change", &values), (0.0, 1.0 / (1.0 - 4.0 / 900.0)));
        assert_eq!(fitted(&Scaling::Tdqn, "close_position", &values), (0.0, 1.0));
        assert_eq!(fitted(&Scaling::Tdqn, "high_low", &values), (0.0, 1.0), "nothing moves");
    }

    #[test]
    fn a_constant_column_is_only_shifted_though_its_mean_is_rounded() {
        for scaling in [Scaling::MinMax, Scaling::Standard, Scaling::Robust, Scaling::Tdqn] {
            let (shift, factor) = fitted(&scaling, "raw", &[0.1; 12]);
            assert_eq!(factor, 1.0, "{scaling:?}");
            assert!((shift - 0.1).abs() < 1e-15, "{scaling:?}: {shift}");
        }
    }

    #[test]
    fn constants_must_fit_the_columns() {
        let by = |divide_by: &[f64]| Scaling::Constants { divide_by: divide_by.to_vec() }.validate(2);
        assert_eq!(by(&[1.0, -2.0]), Vec::<String>::new());
        assert!(by(&[1.0])[0].contains("each of the 2 columns, got 1"));
        assert!(by(&[0.0, 1.0])[0].contains("got 0") && by(&[1.0, f64::NAN])[0].contains("got NaN"));
    }
}
