use pavlov_rl_core::{Rng, uniform_f64};

/// `z -> z - log(sum(e^z))`, taken from the largest logit so that nothing overflows.
fn normaliser(logits: &[f32]) -> impl Fn(f32) -> f64 {
    let max = logits.iter().fold(f64::NEG_INFINITY, |m, z| m.max(f64::from(*z)));
    let log_sum = logits.iter().map(|z| (f64::from(*z) - max).exp()).sum::<f64>().ln();
    move |z| f64::from(z) - max - log_sum
}

/// Log-probabilities `z_j - log(sum(e^z))` of the actions with these logits.
///
/// # Panics
/// If the lengths differ.
pub fn log_softmax(logits: &[f32], out: &mut [f64]) {
    assert_eq!(logits.len(), out.len(), "one log-probability per logit");
    let log_prob = normaliser(logits);
    for (out, z) in out.iter_mut().zip(logits) {
        *out = log_prob(*z);
    }
}

/// Log-probability of one action.
///
/// # Panics
/// If there is no such action.
pub fn log_softmax_at(logits: &[f32], action: u32) -> f32 {
    normaliser(logits)(logits[action as usize]) as f32
}

/// Draws an action in proportion to `e^z`, with one uniform number.
///
/// # Panics
/// If there are no logits.
pub fn sample(logits: &[f32], rng: &mut Rng) -> u32 {
    assert!(!logits.is_empty(), "a draw from no actions");
    let log_prob = normaliser(logits);
    let mut left = uniform_f64(rng);
    let mut last = 0;
    for (action, z) in logits.iter().enumerate() {
        let prob = log_prob(*z).exp();
        if prob > 0.0 {
            last = action;
        }
        if left < prob {
            break;
        }
        left -= prob;
    }
    last as u32
}

/// The most probable action, the first of equals.
///
/// # Panics
/// If there are no logits.
pub fn argmax(logits: &[f32]) -> u32 {
    assert!(!logits.is_empty(), "a choice among no actions");
    (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best }) as u32
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::RngTree;

    use super::*;

    #[test]
    fn draws_follow_the_probabilities_and_report_them() {
        let logits = [1.0f32, -1.0, 0.5, f32::NEG_INFINITY];
        let mut log_probs = [0.0; 4];
        log_softmax(&logits, &mut log_probs);
        assert!((log_probs[..3].iter().map(|l| l.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
        let (mut rng, n) = (RngTree::new(1).stream("policy", 0), 100_000);
        let mut count = [0u32; 4];
        for _ in 0..n {
            let action = sample(&logits, &mut rng);
            assert_eq!(log_softmax_at(&logits, action), log_probs[action as usize] as f32);
            count[action as usize] += 1;
        }
        for (c, l) in count.iter().zip(log_probs) {
            let sigma = (l.exp() * (1.0 - l.exp()) / f64::from(n)).sqrt();
            assert!((f64::from(*c) / f64::from(n) - l.exp()).abs() <= 4.0 * sigma, "{count:?}");
        }
    }

    #[test]
    fn huge_logits_do_not_overflow_and_ties_go_to_the_first() {
        let mut out = [0.0; 3];
        log_softmax(&[1e30, 1e30, -1e30], &mut out);
        assert!((out[0] + 2f64.ln()).abs() < 1e-12 && out[2] < -1e29);
        assert_eq!(argmax(&[0.0, 2.0, 2.0]), 1);
        assert_eq!((argmax(&[-3.0]), log_softmax_at(&[-3.0], 0)), (0, 0.0));
    }

    #[test]
    fn a_logit_that_is_not_a_number_shows_in_the_log_probability() {
        let mut rng = RngTree::new(1).stream("policy", 0);
        let logits = [0.0, f32::NAN];
        let action = sample(&logits, &mut rng);
        assert!(log_softmax_at(&logits, action).is_nan() && log_softmax_at(&logits, argmax(&logits)).is_nan());
    }
}
