use super::softmax;

/// Constants of [`ppo_clip`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PpoLossConfig {
    /// Largest change of a probability ratio that is rewarded, epsilon in the paper.
    pub clip: f64,
    /// Weight of the value loss.
    pub value_coef: f64,
    /// Weight of the entropy bonus.
    pub entropy_coef: f64,
    /// Error up to which the value loss is quadratic: 1 for PyTorch's `smooth_l1_loss`, infinite for half of the squared error.
    pub value_beta: f64,
}

/// Rows that a loss is the mean of: `R` steps with `A` actions.
#[derive(Clone, Copy, Debug)]
pub struct PpoRows<'a> {
    /// Logits of the policy `[R, A]`.
    pub logits: &'a [f32],
    /// Actions taken `[R]`.
    pub actions: &'a [u32],
    /// Their log-probabilities when they were taken `[R]`.
    pub old_log_prob: &'a [f32],
    /// Advantages `[R]`.
    pub advantages: &'a [f32],
    /// Estimated values `[R]`.
    pub values: &'a [f32],
    /// Value targets `[R]`.
    pub targets: &'a [f32],
}

/// Figures of a loss, each the mean over its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PpoLoss {
    /// What is minimised: `policy_loss + value_coef * value_loss - entropy_coef * entropy`.
    pub loss: f64,
    /// Clipped surrogate, negated.
    pub policy_loss: f64,
    /// Huber distance of values and targets.
    pub value_loss: f64,
    /// Entropy of the policy, nats.
    pub entropy: f64,
    /// Estimated divergence from the old policy, `mean(ratio - 1 - ln ratio)` (Schulman 2020, "Approximating KL divergence").
    pub approx_kl: f64,
    /// Share of rows whose ratio is outside `1 +- clip`.
    pub clip_frac: f64,
}

/// The clipped objective of proximal policy optimisation (Schulman et al. 2017, equations 7 and 9) and its gradients
/// with respect to logits `[R, A]` and values `[R]`.
///
/// ```text
/// ratio = pi(a) / pi_old(a)
/// loss  = mean(-min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) + value_coef huber(v - target) - entropy_coef H(pi))
/// ```
///
/// `huber(e)` is `e^2 / 2` for `|e| < beta`, else `beta (|e| - beta / 2)` (PyTorch, `torch.nn.HuberLoss`).
///
/// # Panics
/// If the arrays are empty, differ in length, or an action is not below `A`.
pub fn ppo_clip(rows: &PpoRows<'_>, config: &PpoLossConfig, d_logits: &mut [f32], d_values: &mut [f32]) -> PpoLoss {
    let num_actions = check(rows, d_logits, d_values);
    let weight = 1.0 / rows.actions.len() as f64;
    let (mut probs, mut log_probs) = (vec![0.0; num_actions], vec![0.0; num_actions]);
    let mut sum = PpoLoss::default();
    for (r, d_logits) in d_logits.chunks_exact_mut(num_actions).enumerate() {
        softmax(&rows.logits[r * num_actions..][..num_actions], &mut probs, &mut log_probs);
        let action = rows.actions[r] as usize;
        let (advantage, old) = (f64::from(rows.advantages[r]), f64::from(rows.old_log_prob[r]));
        let d_log_prob = surrogate(log_probs[action] - old, advantage, config.clip, &mut sum);
        let entropy = -probs.iter().zip(&log_probs).map(|(p, l)| expectation(*p, *l)).sum::<f64>();
        sum.entropy += entropy;
        for (j, ((d, p), l)) in d_logits.iter_mut().zip(&probs).zip(&log_probs).enumerate() {
            let taken = if j == action { 1.0 } else { 0.0 };
            let d_policy = d_log_prob * (taken - p);
            let d_entropy = -expectation(*p, l + entropy);
            *d = (weight * (d_policy - config.entropy_coef * d_entropy)) as f32;
        }
        let (value_loss, slope) = huber(f64::from(rows.values[r]) - f64::from(rows.targets[r]), config.value_beta);
        sum.value_loss += value_loss;
        d_values[r] = (weight * config.value_coef * slope) as f32;
    }
    mean(sum, weight, config)
}

fn check(rows: &PpoRows<'_>, d_logits: &[f32], d_values: &[f32]) -> usize {
    let len = rows.actions.len();
    assert!(len > 0 && rows.logits.len().is_multiple_of(len), "{} logits for {len} rows", rows.logits.len());
    let lengths =
        [rows.old_log_prob.len(), rows.advantages.len(), rows.values.len(), rows.targets.len(), d_values.len()];
    assert!(lengths.iter().all(|l| *l == len), "{len} actions, but {lengths:?} other numbers");
    assert_eq!(rows.logits.len(), d_logits.len(), "one gradient per logit");
    rows.logits.len() / len
}

/// Adds a row's policy figures; returns the derivative of its loss with respect to the action's log-probability.
pub(super) fn surrogate(log_ratio: f64, advantage: f64, clip: f64, sum: &mut PpoLoss) -> f64 {
    let ratio = log_ratio.exp();
    let (plain, clipped) = (ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage);
    let is_clipped = clipped < plain;
    sum.policy_loss -= if is_clipped { clipped } else { plain };
    sum.approx_kl += ratio - 1.0 - log_ratio;
    sum.clip_frac += if (ratio - 1.0).abs() > clip { 1.0 } else { 0.0 };
    if is_clipped { 0.0 } else { -plain }
}

/// `p * x`, 0 where `p` is 0.
fn expectation(p: f64, x: f64) -> f64 {
    if p == 0.0 { 0.0 } else { p * x }
}

/// Value and slope of the Huber loss.
pub(super) fn huber(error: f64, beta: f64) -> (f64, f64) {
    if error.abs() < beta {
        (0.5 * error * error, error)
    } else {
        (beta * (error.abs() - 0.5 * beta), beta * error.signum())
    }
}

pub(super) fn mean(sum: PpoLoss, weight: f64, config: &PpoLossConfig) -> PpoLoss {
    let PpoLoss { policy_loss, value_loss, entropy, approx_kl, clip_frac, .. } = sum;
    let loss = policy_loss + config.value_coef * value_loss - config.entropy_coef * entropy;
    PpoLoss {
        loss: loss * weight,
        policy_loss: policy_loss * weight,
        value_loss: value_loss * weight,
        entropy: entropy * weight,
        approx_kl: approx_kl * weight,
        clip_frac: clip_frac * weight,
    }
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{RngTree, below, normal};

    use super::*;

    const CONFIG: PpoLossConfig = PpoLossConfig { clip: 0.2, value_coef: 0.5, entropy_coef: 0.03, value_beta: 0.7 };

    /// Random rows: logits, actions, old log-probabilities, advantages, values, targets.
    type Rows = (Vec<f32>, Vec<u32>, [Vec<f32>; 4]);

    fn random(rows: usize, num_actions: usize) -> Rows {
        let mut rng = RngTree::new(3).stream("test", rows as u64);
        let actions = (0..rows).map(|_| below(&mut rng, num_actions as u32)).collect();
        let mut draw =
            |n: usize, mean: f64, sd: f64| (0..n).map(|_| (mean + sd * normal(&mut rng)) as f32).collect::<Vec<_>>();
        let logits = draw(rows * num_actions, 0.0, 0.3);
        let mean_log_prob = -(num_actions as f64).ln();
        (
            logits,
            actions,
            [draw(rows, mean_log_prob, 0.3), draw(rows, 0.0, 1.0), draw(rows, 0.0, 1.0), draw(rows, 0.0, 1.0)],
        )
    }

    fn loss(logits: &[f32], values: &[f32], (_, actions, rest): &Rows) -> (PpoLoss, Vec<f32>, Vec<f32>) {
        let (mut d_logits, mut d_values) = (vec![f32::NAN; logits.len()], vec![f32::NAN; values.len()]);
        let [old_log_prob, advantages, _, targets] = rest;
        let rows = PpoRows { logits, actions, old_log_prob, advantages, values, targets };
        (ppo_clip(&rows, &CONFIG, &mut d_logits, &mut d_values), d_logits, d_values)
    }

    /// Central difference of the loss in the number `x[i]`.
    fn slope(x: &[f32], i: usize, loss: impl Fn(&[f32]) -> f64) -> f64 {
        let (mut up, mut down) = (x.to_vec(), x.to_vec());
        up[i] += 1e-3;
        down[i] -= 1e-3;
        (loss(&up) - loss(&down)) / (f64::from(up[i]) - f64::from(down[i]))
    }

    #[test]
    fn gradients_equal_finite_differences_with_the_entropy_term() {
        let rows = random(40, 4);
        let (logits, values) = (rows.0.clone(), rows.2[2].clone());
        let (figures, d_logits, d_values) = loss(&logits, &values, &rows);
        assert!(figures.clip_frac > 0.2 && figures.clip_frac < 0.8, "both branches must occur: {figures:?}");
        for (i, got) in d_logits.iter().enumerate() {
            let expected = slope(&logits, i, |z| loss(z, &values, &rows).0.loss);
            assert!((f64::from(*got) - expected).abs() < 1e-6, "logit {i}: {got} against {expected}");
        }
        for (i, got) in d_values.iter().enumerate() {
            let expected = slope(&values, i, |v| loss(&logits, v, &rows).0.loss);
            assert!((f64::from(*got) - expected).abs() < 1e-5, "value {i}: {got} against {expected}");
        }
    }

    #[test]
    fn an_unchanged_policy_has_no_divergence_and_an_even_one_the_largest_entropy() {
        let even = -(3f32.ln());
        let rows = (vec![0.5; 6], vec![0, 2], [vec![even; 2], vec![1.0, -1.0], vec![0.0; 2], vec![0.0; 2]]);
        let (figures, _, d_values) = loss(&rows.0, &[0.0, 0.0], &rows);
        assert!(figures.approx_kl.abs() < 1e-12 && figures.clip_frac == 0.0);
        assert!((figures.entropy - 3f64.ln()).abs() < 1e-12);
        assert_eq!((figures.value_loss, d_values), (0.0, vec![0.0; 2]));
    }

    #[test]
    fn an_impossible_action_does_not_spoil_the_gradient_of_the_others() {
        let logits = [0.0, f32::NEG_INFINITY, 1.0];
        let rows = (logits.to_vec(), vec![0], [vec![-1.0], vec![1.0], vec![0.0], vec![0.0]]);
        let (figures, d_logits, _) = loss(&logits, &[0.0], &rows);
        assert!(
            figures.loss.is_finite() && d_logits.iter().all(|d| d.is_finite()) && d_logits[1] == 0.0,
            "{d_logits:?}"
        );
    }
}
