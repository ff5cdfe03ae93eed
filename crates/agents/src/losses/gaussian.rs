//! A Gaussian policy over rows of numbers, with independent dimensions.

use std::f64::consts::PI;

/// `ln sqrt(2 pi)`.
fn log_root_two_pi() -> f64 {
    0.5 * (2.0 * PI).ln()
}

/// Log-density of the row `x` `[D]` under the normal law of `mean` `[D]` and `ln` of the deviation `log_std` `[D]`:
///
/// ```text
/// sum_d -(x_d - mean_d)^2 / (2 std_d^2) - ln std_d - ln sqrt(2 pi)
/// ```
///
/// # Panics
/// If the lengths differ.
pub fn gaussian_log_prob(mean: &[f32], log_std: &[f32], x: &[f32]) -> f64 {
    assert!(mean.len() == log_std.len() && mean.len() == x.len(), "one mean, deviation and number a dimension");
    let one = |((mean, log_std), x): ((&f32, &f32), &f32)| {
        let log_std = f64::from(*log_std);
        let z = (f64::from(*x) - f64::from(*mean)) * (-log_std).exp();
        -0.5 * z * z - log_std - log_root_two_pi()
    };
    mean.iter().zip(log_std).zip(x).map(one).sum()
}

/// Entropy of that law, nats: `sum_d 1/2 + ln sqrt(2 pi) + ln std_d`.
pub fn gaussian_entropy(log_std: &[f32]) -> f64 {
    log_std.iter().map(|log_std| 0.5 + log_root_two_pi() + f64::from(*log_std)).sum()
}

/// Squashes a number into `0..1`: `(1 + tanh x) / 2`.
pub fn squash(x: f64) -> f64 {
    0.5 * (1.0 + x.tanh())
}

/// `ln` of the slope of [`squash`] at `x`, `ln((1 - tanh(x)^2) / 2)`, exact also where the tanh is 1:
/// `ln 2 - 2 |x| - 2 ln(1 + e^(-2 |x|))`.
pub fn log_squash_slope(x: f64) -> f64 {
    let size = x.abs();
    std::f64::consts::LN_2 - 2.0 * size - 2.0 * (-2.0 * size).exp().ln_1p()
}

/// Mean of [`log_squash_slope`] under the normal law of this mean and deviation, and its derivatives with respect to the
/// mean and to `ln` of the deviation: what squashing adds to the entropy.
///
/// Gauss-Hermite quadrature with seven points (Abramowitz and Stegun 1964, table 25.10): the error is below `1e-2` nats
/// for deviations up to 1.
pub fn mean_log_squash_slope(mean: f64, std: f64) -> [f64; 3] {
    const POINTS: [(f64, f64); 4] = [
        (0.0, 0.810_264_617_556_807_3),
        (0.816_287_882_858_964_7, 0.425_607_252_610_127_8),
        (1.673_551_628_767_471_4, 0.054_515_582_819_127_03),
        (2.651_961_356_835_233_5, 0.000_971_781_245_099_519_2),
    ];
    let mut sums = [0.0; 3];
    for (at, weight) in POINTS {
        let sides: &[f64] = if at == 0.0 { &[1.0] } else { &[1.0, -1.0] };
        for side in sides {
            let noise = side * at * std::f64::consts::SQRT_2;
            let x = mean + std * noise;
            let (weight, slope) = (weight / PI.sqrt(), -2.0 * x.tanh());
            for (sum, term) in sums.iter_mut().zip([log_squash_slope(x), slope, slope * std * noise]) {
                *sum += weight * term;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Integral over the law by the trapezoidal rule.
    fn integral(mean: f64, std: f64, f: impl Fn(f64) -> f64) -> f64 {
        let steps = 20_000;
        let width = 20.0 / f64::from(steps);
        let terms = (0..=steps).map(|i| {
            let z = -10.0 + width * f64::from(i);
            f(mean + std * z) * (-0.5 * z * z).exp() / (2.0 * PI).sqrt() * width
        });
        terms.sum()
    }

    #[test]
    fn a_squashed_law_has_the_whole_probability_and_the_entropy_of_its_parts() {
        for (mean, std) in [(0.0, 0.3), (0.8, 0.6), (-2.0, 1.0)] {
            // Density of the squashed number, integrated over the squashed numbers.
            let steps = 200_000;
            let mut whole = 0.0;
            for i in 0..steps {
                let a = (f64::from(i) + 0.5) / f64::from(steps);
                let x = (2.0 * a - 1.0).atanh();
                let law = gaussian_log_prob(&[mean as f32], &[f64::ln(std) as f32], &[x as f32]);
                whole += (law - log_squash_slope(x)).exp() / f64::from(steps);
            }
            assert!((whole - 1.0).abs() < 1e-3, "{mean}, {std}: {whole}");
            let [value, d_mean, d_log_std] = mean_log_squash_slope(mean, std);
            let exact = integral(mean, std, log_squash_slope);
            assert!((value - exact).abs() < 1e-2, "{mean}, {std}: {value} against {exact}");
            let h = 1e-5;
            let by = |m: f64, s: f64| mean_log_squash_slope(m, s)[0];
            let slopes = [
                (by(mean + h, std) - by(mean - h, std)) / (2.0 * h),
                (by(mean, std * h.exp()) - by(mean, std * (-h).exp())) / (2.0 * h),
            ];
            assert!((d_mean - slopes[0]).abs() < 1e-6 && (d_log_std - slopes[1]).abs() < 1e-6, "{mean}, {std}");
        }
    }

    #[test]
    fn the_slope_of_squashing_is_finite_far_out() {
        assert!((log_squash_slope(0.0) - 0.5_f64.ln()).abs() < 1e-15);
        assert!((log_squash_slope(50.0) - (2.0_f64.ln() - 100.0)).abs() < 1e-12);
        let near = (squash(0.7 + 1e-6) - squash(0.7 - 1e-6)) / 2e-6;
        assert!((log_squash_slope(0.7) - near.ln()).abs() < 1e-8);
    }
}
