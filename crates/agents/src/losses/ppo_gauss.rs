use super::gaussian::{gaussian_entropy, gaussian_log_prob, log_squash_slope, mean_log_squash_slope};
use super::ppo::{huber, mean, surrogate};
use super::{PpoLoss, PpoLossConfig};

/// Rows that a loss is the mean of: `R` steps with actions of `D` numbers.
#[derive(Clone, Copy, Debug)]
pub struct GaussianRows<'a> {
    /// Means of the policy `[R, D]`.
    pub means: &'a [f32],
    /// `ln` of its deviations, the same in every state, `[D]`.
    pub log_std: &'a [f32],
    /// Numbers drawn, before they were squashed, `[R, D]`.
    pub drawn: &'a [f32],
    /// Whether actions are the squashed numbers.
    pub squashed: bool,
    /// Log-probabilities of the actions when they were taken `[R]`.
    pub old_log_prob: &'a [f32],
    /// Advantages `[R]`.
    pub advantages: &'a [f32],
    /// Estimated values `[R]`.
    pub values: &'a [f32],
    /// Value targets `[R]`.
    pub targets: &'a [f32],
}

/// Gradients of [`ppo_gaussian`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GaussianGradient {
    /// With respect to the means `[R, D]`.
    pub means: Vec<f32>,
    /// With respect to `ln` of the deviations `[D]`.
    pub log_std: Vec<f32>,
    /// With respect to the values `[R]`.
    pub values: Vec<f32>,
}

/// Log-probability of an action that was made of the numbers `drawn` `[D]`; squashing moves probability by its slope
/// ([`log_squash_slope`]).
pub fn action_log_prob(mean: &[f32], log_std: &[f32], drawn: &[f32], squashed: bool) -> f64 {
    let law = gaussian_log_prob(mean, log_std, drawn);
    if !squashed {
        return law;
    }
    law - drawn.iter().map(|x| log_squash_slope(f64::from(*x))).sum::<f64>()
}

/// The loss of [`super::ppo_clip`] for a Gaussian policy, with its gradients.
///
/// # Panics
/// If the arrays are empty or differ in length.
pub fn ppo_gaussian(rows: &GaussianRows<'_>, config: &PpoLossConfig) -> (PpoLoss, GaussianGradient) {
    let (len, width) = check(rows);
    let weight = 1.0 / len as f64;
    let mut gradient = GaussianGradient { means: vec![0.0; len * width], log_std: Vec::new(), values: vec![0.0; len] };
    let (mut sum, mut d_log_std) = (PpoLoss::default(), vec![0.0; width]);
    for r in 0..len {
        let (mean, drawn) = (&rows.means[r * width..][..width], &rows.drawn[r * width..][..width]);
        let log_prob = action_log_prob(mean, rows.log_std, drawn, rows.squashed);
        let log_ratio = log_prob - f64::from(rows.old_log_prob[r]);
        let d_log_prob = surrogate(log_ratio, f64::from(rows.advantages[r]), config.clip, &mut sum);
        sum.entropy += gaussian_entropy(rows.log_std);
        for d in 0..width {
            let (mean, std) = (f64::from(mean[d]), f64::from(rows.log_std[d]).exp());
            let z = (f64::from(drawn[d]) - mean) / std;
            let [squashing, d_mean, d_std] =
                if rows.squashed { mean_log_squash_slope(mean, std) } else { Default::default() };
            sum.entropy += squashing;
            gradient.means[r * width + d] = (weight * (d_log_prob * z / std - config.entropy_coef * d_mean)) as f32;
            d_log_std[d] += weight * (d_log_prob * (z * z - 1.0) - config.entropy_coef * (1.0 + d_std));
        }
        let (loss, slope) = huber(f64::from(rows.values[r]) - f64::from(rows.targets[r]), config.value_beta);
        sum.value_loss += loss;
        gradient.values[r] = (weight * config.value_coef * slope) as f32;
    }
    gradient.log_std = d_log_std.iter().map(|d| *d as f32).collect();
    (mean(sum, weight, config), gradient)
}

fn check(rows: &GaussianRows<'_>) -> (usize, usize) {
    let (len, width) = (rows.old_log_prob.len(), rows.log_std.len());
    assert!(len > 0 && width > 0, "{len} rows of {width} numbers");
    let lengths = [rows.advantages.len(), rows.values.len(), rows.targets.len()];
    assert!(lengths.iter().all(|l| *l == len), "{len} log-probabilities, but {lengths:?} other numbers");
    let lengths = [rows.means.len(), rows.drawn.len()];
    assert!(lengths.iter().all(|l| *l == len * width), "{len} rows of {width} numbers, but {lengths:?} of them");
    (len, width)
}

/// A price on policies that jump: `coef / 2` times the mean square of the change of the means `[T, B, D]` from a step to
/// the next, where `goes_on` `[T, B]` says that the episode does. Adds the gradient to `d_means` `[T, B, D]`.
///
/// # Panics
/// If the lengths do not fit.
pub fn smoothness(means: &[f32], goes_on: &[bool], envs: usize, coef: f64, d_means: &mut [f32]) -> f64 {
    let width = means.len() / goes_on.len();
    assert!(means.len() == goes_on.len() * width && d_means.len() == means.len(), "one gradient per mean");
    let rows = goes_on.len() - envs;
    let pairs = || (0..rows).filter(|row| goes_on[*row]).flat_map(|row| row * width..(row + 1) * width);
    let count = pairs().count() as f64;
    let mut sum = 0.0;
    for i in pairs() {
        let change = f64::from(means[i + envs * width]) - f64::from(means[i]);
        let slope = (coef * change / count) as f32;
        d_means[i + envs * width] += slope;
        d_means[i] -= slope;
        sum += 0.5 * coef * change * change / count;
    }
    sum
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{RngTree, normal};

    use super::*;

    const CONFIG: PpoLossConfig =
        PpoLossConfig { clip: 0.2, value_coef: 0.5, entropy_coef: 0.03, value_beta: f64::INFINITY };

    fn draw(len: usize, name: u64, scale: f64) -> Vec<f32> {
        let mut rng = RngTree::new(3).stream("test", name);
        (0..len).map(|_| (scale * normal(&mut rng)) as f32).collect()
    }

    /// Central difference of `loss` in `x[i]`.
    fn slope(x: &[f32], i: usize, loss: impl Fn(&[f32]) -> f64) -> f64 {
        let (mut up, mut down) = (x.to_vec(), x.to_vec());
        up[i] += 1e-4;
        down[i] -= 1e-4;
        (loss(&up) - loss(&down)) / (f64::from(up[i]) - f64::from(down[i]))
    }

    #[test]
    fn gradients_equal_finite_differences_squashed_or_not() {
        let (means, drawn, log_std) = (draw(60, 1, 0.5), draw(60, 2, 0.7), [-0.4, 0.1]);
        let (advantages, values, targets) = (draw(30, 3, 1.0), draw(30, 4, 1.0), draw(30, 5, 1.0));
        for squashed in [false, true] {
            let noise = draw(30, 6, 0.3);
            let row = |r: usize| 2 * r..2 * r + 2;
            let law = |r| action_log_prob(&means[row(r)], &log_std, &drawn[row(r)], squashed) as f32;
            let old: Vec<f32> = noise.iter().enumerate().map(|(r, noise)| law(r) + noise).collect();
            let loss = |means: &[f32], log_std: &[f32], values: &[f32]| {
                let rows = GaussianRows {
                    means,
                    log_std,
                    drawn: &drawn,
                    squashed,
                    old_log_prob: &old,
                    advantages: &advantages,
                    values,
                    targets: &targets,
                };
                ppo_gaussian(&rows, &CONFIG)
            };
            let (figures, gradient) = loss(&means, &log_std, &values);
            assert!(figures.clip_frac > 0.1 && figures.clip_frac < 0.9, "{figures:?}");
            let compare = |what: &str, got: &[f32], expected: &dyn Fn(usize) -> f64| {
                for (i, got) in got.iter().enumerate() {
                    let expected = expected(i);
                    assert!((f64::from(*got) - expected).abs() < 2e-5, "{what} {i}: {got} against {expected}");
                }
            };
            compare("mean", &gradient.means, &|i| slope(&means, i, |m| loss(m, &log_std, &values).0.loss));
            compare("value", &gradient.values, &|i| slope(&values, i, |v| loss(&means, &log_std, v).0.loss));
            compare("std", &gradient.log_std, &|i| slope(&log_std, i, |s| loss(&means, s, &values).0.loss));
        }
    }

    #[test]
    fn smoothness_looks_at_steps_of_the_same_episode_only() {
        let (means, goes_on) = (draw(24, 7, 1.0), [true, true, false, true, true, true]);
        let of = |means: &[f32]| smoothness(means, &goes_on, 2, 0.8, &mut [0.0; 24]);
        let mut d_means = [0.0; 24];
        let value = smoothness(&means, &goes_on, 2, 0.8, &mut d_means);
        // Three steps of two environments, four numbers each: three pairs count.
        let square = |a: usize, b: usize| (0..4).map(|d| (means[4 * b + d] - means[4 * a + d]).powi(2)).sum::<f32>();
        let expected = 0.4 * f64::from(square(0, 2) + square(1, 3) + square(3, 5)) / 12.0;
        assert!((value - expected).abs() < 1e-6, "{value} against {expected}");
        for (i, d) in d_means.iter().enumerate() {
            assert!((f64::from(*d) - slope(&means, i, of)).abs() < 1e-5, "mean {i}");
        }
    }
}
