//! Moments and robust scales.

use serde::Serialize;

/// Moments of the moves of a price; `None` where there are too few moves or all are alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Moments {
    /// Moves.
    pub count: usize,
    /// Their mean.
    pub mean: Option<f64>,
    /// Their standard deviation, dividing by `count`.
    pub std: Option<f64>,
    /// `m3 / m2^(3/2)` of the central moments `m` (g1 of Joanes and Gill 1998, section 1).
    pub skewness: Option<f64>,
    /// `m4 / m2^2 - 3` (g2 of the same place); 0 for normal moves.
    pub excess_kurtosis: Option<f64>,
}

impl Moments {
    pub(super) fn of(values: &[f64]) -> Moments {
        if values.is_empty() {
            return Moments::default();
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let moment = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / n;
        let variance = moment(2);
        let shape = |value: f64| (variance > 0.0 && value.is_finite()).then_some(value);
        Moments {
            count: values.len(),
            mean: Some(mean),
            std: Some(variance.sqrt()),
            skewness: shape(moment(3) / variance.powf(1.5)),
            excess_kurtosis: shape(moment(4) / variance.powi(2) - 3.0),
        }
    }
}

/// The middle of values and their robust standard deviation.
///
/// `1.4826 * median |x - median|`, which is the standard deviation of normal values (Hampel 1974); if more than half of
/// the values are alike, `1.2533 * mean |x - median|` (Iglewicz and Hoaglin 1993, section 3). `None` if all are alike.
pub(super) fn center_and_sigma(values: &[f64]) -> Option<(f64, f64)> {
    let center = median(values.to_vec())?;
    let distances: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    let mean = distances.iter().sum::<f64>() / values.len() as f64;
    let sigma = match median(distances)? {
        0.0 => 1.2533 * mean,
        middle => 1.4826 * middle,
    };
    (sigma > 0.0).then_some((center, sigma))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    Some(if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: mean 2, central moments 7/2, 9/2 and 49/2 of (0, 1, 2, 5).
    #[test]
    fn moments_are_those_of_the_formulas() {
        let got = Moments::of(&[0.0, 1.0, 2.0, 5.0]);
        let near = |got: Option<f64>, expected: f64| (got.unwrap() - expected).abs() < 1e-12;
        assert!(near(got.mean, 2.0) && near(got.std, 3.5f64.sqrt()), "{got:?}");
        assert!(near(got.skewness, 4.5 / 3.5f64.powf(1.5)), "{got:?}");
        assert!(near(got.excess_kurtosis, 24.5 / 12.25 - 3.0), "{got:?}");
        assert_eq!((Moments::of(&[3.0; 5]).skewness, Moments::of(&[]).mean), (None, None));
    }

    #[test]
    fn one_wild_value_does_not_move_the_robust_scale() {
        assert_eq!(center_and_sigma(&[1.0, 2.0, 3.0, 4.0, 1e9]), Some((3.0, 1.4826)));
        assert_eq!(center_and_sigma(&[1.0, 1.0, 1.0, 5.0]), Some((1.0, 1.2533)));
        assert_eq!(center_and_sigma(&[2.0; 4]), None);
    }
}
