use pavlov_rl_core::{Rng, uniform_f64};

/// An action and what a policy thinks of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Its number.
    pub action: u32,
    /// Its log-probability, nats.
    pub log_prob: f32,
}

/// The largest logit and the sum of `e^(z - max)`, taken from it so that nothing overflows.
fn largest_and_sum(logits: &[f32]) -> (f64, f64) {
    let max = logits.iter().fold(f64::NEG_INFINITY, |m, z| m.max(f64::from(*z)));
    (max, logits.iter().map(|z| (f64::from(*z) - max).exp()).sum())
}

/// Probabilities `e^z_j / sum(e^z)` of the actions with these logits, and their logarithms.
///
/// # Panics
/// If the lengths differ.
pub fn softmax(logits: &[f32], probs: &mut [f64], log_probs: &mut [f64]) {
    assert!(logits.len() == probs.len() && logits.len() == log_probs.len(), "one probability per logit");
    let max = logits.iter().fold(f64::NEG_INFINITY, |m, z| m.max(f64::from(*z)));
    let mut sum = 0.0;
    for (p, z) in probs.iter_mut().zip(logits) {
        *p = (f64::from(*z) - max).exp();
        sum += *p;
    }
    let log_sum = sum.ln();
    for ((p, l), z) in probs.iter_mut().zip(log_probs).zip(logits) {
        *p /= sum;
        *l = f64::from(*z) - max - log_sum;
    }
}

/// Log-probability `z_j - log(sum(e^z))` of one action.
///
/// # Panics
/// If there is no such action.
pub fn log_softmax_at(logits: &[f32], action: u32) -> f32 {
    let (max, sum) = largest_and_sum(logits);
    (f64::from(logits[action as usize]) - max - sum.ln()) as f32
}

/// Draws an action in proportion to `e^z`, with one uniform number.
///
/// # Panics
/// If there are no logits.
pub fn sample(logits: &[f32], rng: &mut Rng) -> Choice {
    assert!(!logits.is_empty(), "a draw from no actions");
    let (max, sum) = largest_and_sum(logits);
    let mut left = uniform_f64(rng) * sum;
    let mut last = 0;
    for (action, z) in logits.iter().enumerate() {
        let weight = (f64::from(*z) - max).exp();
        if weight > 0.0 {
            last = action;
        }
        if left < weight {
            break;
        }
        left -= weight;
    }
    Choice { action: last as u32, log_prob: (f64::from(logits[last]) - max - sum.ln()) as f32 }
}

/// The most probable action, the first of equals.
///
/// # Panics
/// If there are no logits.
pub fn greedy(logits: &[f32]) -> Choice {
    assert!(!logits.is_empty(), "a choice among no actions");
    let action = (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best }) as u32;
    Choice { action, log_prob: log_softmax_at(logits, action) }
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::RngTree;

    use super::*;

    #[test]
    fn draws_follow_the_probabilities_and_report_them() {
        let logits = [1.0f32, -1.0, 0.5, f32::NEG_INFINITY];
        let (mut probs, mut log_probs) = ([0.0; 4], [0.0; 4]);
        softmax(&logits, &mut probs, &mut log_probs);
        assert!(probs.iter().zip(&log_probs).all(|(p, l)| (p - l.exp()).abs() < 1e-15), "{probs:?}");
        assert!((log_probs[..3].iter().map(|l| l.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
        let (mut rng, n) = (RngTree::new(1).stream("policy", 0), 100_000);
        let mut count = [0u32; 4];
        for _ in 0..n {
            let Choice { action, log_prob } = sample(&logits, &mut rng);
            assert_eq!(log_prob, log_softmax_at(&logits, action));
            assert_eq!(log_prob, log_probs[action as usize] as f32);
            count[action as usize] += 1;
        }
        for (c, l) in count.iter().zip(log_probs) {
            let sigma = (l.exp() * (1.0 - l.exp()) / f64::from(n)).sqrt();
            assert!((f64::from(*c) / f64::from(n) - l.exp()).abs() <= 4.0 * sigma, "{count:?}");
        }
    }

    #[test]
    fn huge_logits_do_not_overflow_and_ties_go_to_the_first() {
        let (mut probs, mut log_probs) = ([0.0; 3], [0.0; 3]);
        softmax(&[1e30, 1e30, -1e30], &mut probs, &mut log_probs);
        assert_eq!(probs, [0.5, 0.5, 0.0]);
        assert!((log_probs[0] + 2f64.ln()).abs() < 1e-12 && log_probs[2] < -1e29);
        assert_eq!(greedy(&[0.0, 2.0, 2.0]).action, 1);
        assert_eq!(greedy(&[-3.0]), Choice { action: 0, log_prob: 0.0 });
    }

    #[test]
    fn a_logit_that_is_not_a_number_shows_in_the_log_probability() {
        let mut rng = RngTree::new(1).stream("policy", 0);
        let logits = [0.0, f32::NAN];
        assert!(sample(&logits, &mut rng).log_prob.is_nan() && greedy(&logits).log_prob.is_nan());
    }
}
