//! Quantiles of Student's t distribution for whole degrees of freedom.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// The two-sided quantile `t` with `P(|T| <= t) = confidence`, for `T` of Student's t distribution with `df` degrees.
///
/// With `theta = atan(t / sqrt(df))` the probability is a finite sum of powers of `cos theta` (Abramowitz and Stegun,
/// "Handbook of Mathematical Functions", 26.7.3 for odd and 26.7.4 for even `df`), so that no approximation is needed;
/// `theta` is found by bisection to the last bit. `None` if `df` is 0 or `confidence` is not inside (0, 1).
pub fn student_t_quantile(confidence: f64, df: usize) -> Option<f64> {
    if df == 0 || !(confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..64 {
        let theta = 0.5 * (low + high);
        match central_probability(theta, df) < confidence {
            true => low = theta,
            false => high = theta,
        }
    }
    Some((df as f64).sqrt() * low.tan())
}

/// `P(|T| <= |t|)` for `T` of Student's t distribution with `df` degrees, by the sums of [`student_t_quantile`]; `None` if `df`
/// is 0 or `t` is NaN.
pub(crate) fn student_t_probability(t: f64, df: usize) -> Option<f64> {
    (df > 0 && !t.is_nan()).then(|| central_probability((t.abs() / (df as f64).sqrt()).atan(), df))
}

/// `P(|T| <= sqrt(df) tan theta)`.
fn central_probability(theta: f64, df: usize) -> f64 {
    let (sin, cos) = theta.sin_cos();
    if df == 1 {
        return FRAC_2_PI * theta;
    }
    // Terms c, (2/3) c^3, (2*4)/(3*5) c^5 ... c^(df-2) for odd df and 1, (1/2) c^2, (1*3)/(2*4) c^4 ... c^(df-2) for even.
    let odd = df % 2 == 1;
    let (mut term, first) = if odd { (cos, 3) } else { (1.0, 2) };
    let mut sum = term;
    for k in (first..=df - 2).step_by(2) {
        term *= (k - 1) as f64 / k as f64 * cos * cos;
        sum += term;
    }
    if odd { FRAC_2_PI * (theta + sin * sum) } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_the_printed_table() {
        let table = [
            (1, 12.706),
            (2, 4.303),
            (3, 3.182),
            (4, 2.776),
            (5, 2.571),
            (9, 2.262),
            (10, 2.228),
            (29, 2.045),
            (30, 2.042),
            (100, 1.984),
        ];
        for (df, expected) in table {
            let got = student_t_quantile(0.95, df).unwrap();
            assert!((got - expected).abs() < 5e-4, "df {df}: got {got}, table {expected}");
        }
        assert!((student_t_quantile(0.99, 4).unwrap() - 4.604).abs() < 5e-4);
    }

    #[test]
    fn closed_forms_of_one_and_two_degrees_are_met_to_rounding() {
        let one = (FRAC_PI_2 * 0.95).tan();
        assert!((student_t_quantile(0.95, 1).unwrap() / one - 1.0).abs() < 1e-12);
        let two = 0.95 * (2.0_f64 / (1.0 - 0.95 * 0.95)).sqrt();
        assert!((student_t_quantile(0.95, 2).unwrap() / two - 1.0).abs() < 1e-12);
    }

    #[test]
    fn many_degrees_approach_the_normal_quantile_from_above() {
        let quantiles: Vec<f64> = (1..400).map(|df| student_t_quantile(0.95, df).unwrap()).collect();
        assert!(quantiles.windows(2).all(|pair| pair[1] < pair[0]));
        let far = student_t_quantile(0.95, 100_000).unwrap();
        assert!((far - 1.959_988).abs() < 2e-6, "got {far}");
    }

    #[test]
    fn nonsense_has_no_quantile() {
        assert_eq!(student_t_quantile(0.95, 0), None);
        assert_eq!(student_t_quantile(1.0, 3), None);
        assert_eq!(student_t_quantile(f64::NAN, 3), None);
    }
}
