/// Rows that the loss is the mean of: `B` transitions with `A` actions.
#[derive(Clone, Copy, Debug)]
pub struct DoubleQRows<'a> {
    /// Values of all actions in the first state, by the online network, `[B, A]`.
    pub q: &'a [f32],
    /// Actions taken `[B]`.
    pub actions: &'a [u32],
    /// What followed, up to the next state, `[B]`.
    pub rewards: &'a [f32],
    /// What a value in the next state counts in the first: the discount, 0 where nothing follows, `[B]`.
    pub discounts: &'a [f32],
    /// Values in the next state by the online network, which chooses, `[B, A]`.
    pub next_online: &'a [f32],
    /// Values in the next state by the target network, which values the choice, `[B, A]`.
    pub next_target: &'a [f32],
    /// Weight of each row in the mean `[B]`; 1 where rows were drawn evenly.
    pub weights: &'a [f32],
}

/// Figures of a loss, each the mean over its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DoubleQLoss {
    /// What is minimised.
    pub loss: f64,
    /// Value of the actions taken, by the online network.
    pub q_online: f64,
    /// What they should be.
    pub q_target: f64,
    /// Distance of both.
    pub abs_error: f64,
}

/// The loss of Double Q-learning (van Hasselt, Guez and Silver 2016, "Deep reinforcement learning with double Q-learning",
/// equation 4) with Huber's distance, and its gradient with respect to `q` `[B, A]`.
///
/// ```text
/// target = reward + discount * next_target[argmax next_online]
/// loss   = mean(weight * huber(target - q[action]))
/// ```
///
/// `huber(e)` is `e^2 / 2` for `|e| <= delta`, else `delta (|e| - delta / 2)` (PyTorch, `torch.nn.HuberLoss`). `errors`
/// becomes `target - q[action]` `[B]`. The target has no gradient.
///
/// # Panics
/// If the arrays are empty, differ in length, or an action is not below `A`.
pub fn double_q(rows: &DoubleQRows<'_>, delta: f64, d_q: &mut [f32], errors: &mut [f32]) -> DoubleQLoss {
    let num_actions = check(rows, d_q, errors);
    let mean = 1.0 / rows.actions.len() as f64;
    let mut sum = DoubleQLoss::default();
    d_q.fill(0.0);
    for (i, &action) in rows.actions.iter().enumerate() {
        let of = |values: &[f32], action: usize| f64::from(values[i * num_actions..][..num_actions][action]);
        let best = best(&rows.next_online[i * num_actions..][..num_actions]);
        let follows = match rows.discounts[i] {
            0.0 => 0.0,
            discount => f64::from(discount) * of(rows.next_target, best),
        };
        let (q, target) = (of(rows.q, action as usize), f64::from(rows.rewards[i]) + follows);
        let (error, weight) = (target - q, f64::from(rows.weights[i]));
        let quadratic = error.abs() <= delta;
        sum.loss += weight * if quadratic { 0.5 * error * error } else { delta * (error.abs() - 0.5 * delta) };
        let slope = if quadratic { error } else { delta * error.signum() };
        d_q[i * num_actions + action as usize] = (-mean * weight * slope) as f32;
        errors[i] = error as f32;
        sum.q_online += q;
        sum.q_target += target;
        sum.abs_error += error.abs();
    }
    let DoubleQLoss { loss, q_online, q_target, abs_error } = sum;
    DoubleQLoss { loss: loss * mean, q_online: q_online * mean, q_target: q_target * mean, abs_error: abs_error * mean }
}

fn check(rows: &DoubleQRows<'_>, d_q: &[f32], errors: &[f32]) -> usize {
    let len = rows.actions.len();
    assert!(len > 0 && rows.q.len().is_multiple_of(len), "{} values for {len} rows", rows.q.len());
    let each = [rows.rewards.len(), rows.discounts.len(), rows.weights.len(), errors.len()];
    assert!(each.iter().all(|l| *l == len), "{len} actions, but {each:?} other numbers");
    let values = [rows.next_online.len(), rows.next_target.len(), d_q.len()];
    assert!(values.iter().all(|l| *l == rows.q.len()), "{} values, but {values:?} others", rows.q.len());
    rows.q.len() / len
}

/// The action of the largest value, the first of equals.
///
/// # Panics
/// If there are no values.
pub fn best(values: &[f32]) -> usize {
    assert!(!values.is_empty(), "a choice among no actions");
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: DoubleQRows<'static> = DoubleQRows {
        q: &[0.5, -1.0, 0.25, 2.0, 0.0, 1.0],
        actions: &[0, 1, 1],
        rewards: &[1.0, -0.5, 0.25],
        discounts: &[0.9, 0.0, 0.81],
        next_online: &[1.0, 2.0, f32::NAN, 1.0, 3.0, 0.0],
        next_target: &[5.0, -1.0, f32::NAN, 1.0, 0.5, 9.0],
        weights: &[1.0, 0.5, 2.0],
    };

    #[test]
    fn the_online_network_chooses_the_target_network_values_and_nothing_follows_an_end() {
        let (mut d_q, mut errors) = ([f32::NAN; 6], [0.0; 3]);
        let loss = double_q(&ROWS, 1.0, &mut d_q, &mut errors);
        let expected = [1.0 - 0.9 - 0.5, -0.5 - 2.0, 0.25 + 0.81 * 0.5 - 1.0];
        assert!(errors.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{errors:?}");
        let huber = [0.5 * 0.16, 0.5 * 2.0, 2.0 * 0.5 * f64::from(expected[2]).powi(2)];
        assert!((loss.loss - huber.iter().sum::<f64>() / 3.0).abs() < 1e-6);
        assert_eq!([d_q[1], d_q[2], d_q[4]], [0.0; 3]);
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let (mut d_q, mut errors) = ([0.0; 6], [0.0; 3]);
        double_q(&ROWS, 1.0, &mut d_q, &mut errors);
        for (i, got) in d_q.iter().enumerate() {
            let at = |h: f32| {
                let mut q = ROWS.q.to_vec();
                q[i] += h;
                let (mut d_q, mut errors) = ([0.0; 6], [0.0; 3]);
                (double_q(&DoubleQRows { q: &q, ..ROWS }, 1.0, &mut d_q, &mut errors).loss, f64::from(q[i]))
            };
            let ((up, high), (down, low)) = (at(1e-3), at(-1e-3));
            assert!((f64::from(*got) - (up - down) / (high - low)).abs() < 1e-5, "value {i}");
        }
    }
}
