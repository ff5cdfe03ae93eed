//! The standard normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// `P(Z <= x)` of the standard normal distribution, with a relative error below 1e-13.
///
/// Abramowitz and Stegun, "Handbook of Mathematical Functions": the series 26.2.11 near 0, the continued fraction 26.2.14
/// in the tails, so that small probabilities keep their digits.
pub fn normal_cdf(x: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    match x.abs() {
        near if near < 3.0 => 0.5 + density(x) * series(x),
        far if x < 0.0 => density(x) * tail_over_density(far),
        far => 1.0 - density(x) * tail_over_density(far),
    }
}

/// The `x` with `P(Z <= x) = p`; infinite at 0 and 1, `None` outside.
///
/// Bisection of [`normal_cdf`] to the last bit; tails above one half are mirrored.
pub fn normal_quantile(p: f64) -> Option<f64> {
    match p {
        p if !(0.0..=1.0).contains(&p) => None,
        0.0 => Some(f64::NEG_INFINITY),
        1.0 => Some(f64::INFINITY),
        p if p > 0.5 => normal_quantile(1.0 - p).map(|x| -x),
        p => {
            let (mut low, mut high) = (-39.0, 0.0);
            for _ in 0..100 {
                let middle = 0.5 * (low + high);
                match normal_cdf(middle) < p {
                    true => low = middle,
                    false => high = middle,
                }
            }
            Some(0.5 * (low + high))
        }
    }
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() * FRAC_1_SQRT_2 / PI.sqrt()
}

/// `x + x^3 / 3 + x^5 / (3 * 5) + ...`
fn series(x: f64) -> f64 {
    let (mut term, mut sum, mut k) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        k += 2.0;
        term *= x * x / k;
        sum += term;
    }
    sum
}

/// `1 / (x + 1 / (x + 2 / (x + 3 / ...)))` for `x` of 3 and above.
fn tail_over_density(x: f64) -> f64 {
    1.0 / (1..200).rev().fold(x, |rest, k| x + f64::from(k) / rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_equal_the_printed_tables() {
        let table = [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_543),
            (-1.0, 0.158_655_253_931_457),
            (1.959_963_984_540_054, 0.975),
            (-3.0, 1.349_898_031_630_095e-3),
            (-6.0, 9.865_876_450_376_98e-10),
            (-2.999_999_9, 1.349_898_474_678_5e-3),
        ];
        for (x, p) in table {
            assert!((normal_cdf(x) / p - 1.0).abs() < 1e-9, "{x}: {}", normal_cdf(x));
        }
        assert_eq!((normal_cdf(f64::INFINITY), normal_cdf(f64::NEG_INFINITY)), (1.0, 0.0));
    }

    #[test]
    fn quantiles_turn_probabilities_back() {
        for p in [1e-300, 1e-12, 0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 0.999_999] {
            let x = normal_quantile(p).unwrap();
            assert!((normal_cdf(x) / p - 1.0).abs() < 1e-11, "{p}: {x}");
        }
        assert!((normal_quantile(0.975).unwrap() - 1.959_963_984_540_054).abs() < 1e-12);
        assert_eq!((normal_quantile(1.5), normal_quantile(f64::NAN)), (None, None));
    }
}
