//! Whether two samples of runs differ, and what is left of it when many pairs are compared.

use serde::{Deserialize, Serialize};

use crate::student_t::{student_t_probability, student_t_quantile};
use crate::summary::{mean, sample_std};

/// A difference of two means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Mean of the first sample less that of the second.
    pub difference: f64,
    /// 95 % interval of the difference; `None` if a sample is too small for one.
    pub ci95: Option<[f64; 2]>,
    /// Two-sided probability of a difference as large if the means were equal; `None` without an interval.
    pub p_value: Option<f64>,
}

/// Runs that belong together in pairs: Student's t on the differences, `n - 1` degrees of freedom; `None` without pairs or
/// for lengths that differ.
pub fn paired_difference(first: &[f64], second: &[f64]) -> Option<Difference> {
    let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    if first.len() != second.len() || differences.is_empty() {
        return None;
    }
    let n = differences.len();
    let error = sample_std(&differences).map(|std| std / (n as f64).sqrt());
    Some(tested(mean(&differences), error.map(|error| (error, n - 1))))
}

/// Independent runs: Welch, "The generalization of Student's problem", Biometrika 34 (1947), with the degrees of freedom
/// rounded down; `None` if a sample is empty.
pub fn welch_difference(first: &[f64], second: &[f64]) -> Option<Difference> {
    if first.is_empty() || second.is_empty() {
        return None;
    }
    let part = |values: &[f64]| Some((sample_std(values)?.powi(2) / values.len() as f64, (values.len() - 1) as f64));
    let error = part(first).zip(part(second)).map(|((a, na), (b, nb))| {
        let df = (a + b).powi(2) / (a * a / na + b * b / nb);
        // Without any spread the degrees of freedom are 0 / 0; just above a whole number counts as it.
        let df = if df.is_finite() { (df * (1.0 + 1e-9)) as usize } else { (na + nb) as usize };
        ((a + b).sqrt(), df)
    });
    Some(tested(mean(first) - mean(second), error))
}

fn tested(difference: f64, error: Option<(f64, usize)>) -> Difference {
    let test = error.and_then(|(error, df)| {
        let half = student_t_quantile(0.95, df)? * error;
        let t = if difference == 0.0 { 0.0 } else { difference / error };
        Some(([difference - half, difference + half], 1.0 - student_t_probability(t, df)?))
    });
    Difference { difference, ci95: test.map(|(ci95, _)| ci95), p_value: test.map(|(_, p)| p.max(0.0)) }
}

/// Probabilities adjusted for their number, in the same order: Holm, "A Simple Sequentially Rejective Multiple Test
/// Procedure", Scandinavian Journal of Statistics 6 (1979). With `m` of them the smallest counts `m` times, the next
/// `m - 1` times, none less than one before it. Those below 0.05 are wrong together in at most 5 of 100 cases.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (mut adjusted, mut least) = (vec![0.0; p_values.len()], 0.0_f64);
    for (rank, i) in order.into_iter().enumerate() {
        least = least.max((p_values.len() - rank) as f64 * p_values[i]).min(1.0);
        adjusted[i] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 5] = [0.12, 0.08, 0.15, 0.11, 0.09];
    const B: [f64; 5] = [0.05, 0.07, 0.02, 0.09, 0.04];
    const C: [f64; 7] = [0.05, 0.07, 0.02, 0.09, 0.04, 0.30, -0.1];

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9, "got {got}, expected {expected}");
    }

    #[test]
    fn paired_and_welch_tests_are_those_of_scipy() {
        // scipy 1.17: ttest_rel; ttest_ind(equal_var=False), its t of 0.9145 with 6 degrees of freedom instead of 6.86.
        let paired = paired_difference(&A, &B).unwrap();
        near(paired.difference, 0.056);
        near(paired.ci95.unwrap()[0], -0.003_288_643_301_332_3);
        near(paired.p_value.unwrap(), 0.058_649_063_109_219_69);
        let welch = welch_difference(&A, &C).unwrap();
        near(welch.ci95.unwrap()[1], 0.157_529_846_597_177_9);
        near(welch.p_value.unwrap(), 0.395_719_892_227_216_26);
    }

    #[test]
    fn one_run_has_a_difference_and_no_test() {
        let one = paired_difference(&[0.3], &[0.1]).unwrap();
        assert_eq!((one.ci95, one.p_value), (None, None));
        near(one.difference, 0.2);
        assert_eq!(welch_difference(&[0.3], &B).unwrap().p_value, None);
        assert_eq!((paired_difference(&A, &C), welch_difference(&[], &C)), (None, None));
    }

    #[test]
    fn equal_runs_do_not_differ_and_a_sure_difference_has_no_chance() {
        assert_eq!(paired_difference(&A, &A).unwrap().p_value, Some(1.0));
        assert_eq!(welch_difference(&[0.25; 3], &[0.5; 3]).unwrap().p_value, Some(0.0));
    }

    #[test]
    fn holm_multiplies_the_smallest_most_and_keeps_the_order() {
        let adjusted = holm(&[0.04, 0.001, 0.03, 0.6]);
        for (got, expected) in adjusted.iter().zip([0.09, 0.004, 0.09, 0.6]) {
            near(*got, expected);
        }
        assert_eq!(holm(&[0.7, 0.8]), [1.0, 1.0]);
    }
}
