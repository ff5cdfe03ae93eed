//! Advantages and value targets of finished rollouts, as pure functions of arrays.

/// What [`gae`] reads of a rollout; all arrays are `[T, N]`, time first.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    /// Number of environments `N`; 1 for one environment's column.
    pub num_envs: usize,
    /// Reward of each step.
    pub rewards: &'a [f32],
    /// Estimated value of the state before each step.
    pub values: &'a [f32],
    /// Estimated value of the state after each step, before any new episode.
    pub next_values: &'a [f32],
    /// 0 where the step terminated the episode, so that nothing follows it; else 1.
    pub alive: &'a [f32],
    /// True where the episode ended, terminated or truncated: later steps do not count for this one.
    pub cut: &'a [bool],
}

/// Generalised advantage estimation (Schulman et al. 2016, "High-dimensional continuous control using generalized
/// advantage estimation", equation 16), with the one-step value target:
///
/// ```text
/// target_t    = r_t + gamma * V(s_tp1) * alive_t
/// delta_t     = target_t - V(s_t)
/// advantage_t = delta_t + gamma * lambda * advantage_tp1      (delta_t alone where cut_t, and at the end)
/// ```
///
/// Sums run in `f64`.
///
/// ```
/// use pavlov_agents::returns::{Steps, gae};
/// let steps = Steps {
///     num_envs: 1,
///     rewards: &[1.0, 1.0],
///     values: &[0.0, 0.0],
///     next_values: &[0.0, 4.0],
///     alive: &[1.0, 1.0],
///     cut: &[false, false],
/// };
/// let (mut advantages, mut targets) = ([0.0; 2], [0.0; 2]);
/// gae(&steps, 0.5, 1.0, &mut advantages, &mut targets);
/// assert_eq!((advantages, targets), ([2.5, 3.0], [1.0, 3.0]));
/// ```
///
/// # Panics
/// If the arrays differ in length or do not make whole rows.
pub fn gae(steps: &Steps<'_>, gamma: f64, lambda: f64, advantages: &mut [f32], targets: &mut [f32]) {
    let Steps { num_envs, rewards, values, next_values, alive, cut } = *steps;
    let len = rewards.len();
    let lengths = [values.len(), next_values.len(), alive.len(), cut.len(), advantages.len(), targets.len()];
    assert!(lengths.iter().all(|l| *l == len), "{len} rewards, but {lengths:?} other numbers");
    assert!(num_envs > 0 && len.is_multiple_of(num_envs), "{len} steps do not make rows of {num_envs} environments");
    for env in 0..num_envs {
        let mut advantage = 0.0;
        for i in (env..len).step_by(num_envs).rev() {
            let target = f64::from(rewards[i]) + gamma * f64::from(next_values[i]) * f64::from(alive[i]);
            let later = if cut[i] { 0.0 } else { gamma * lambda * advantage };
            advantage = target - f64::from(values[i]) + later;
            advantages[i] = advantage as f32;
            targets[i] = target as f32;
        }
    }
}

/// Discounted rewards `[T, N]`, `return_t = r_t + gamma * return_tp1`, where `return_tp1` counts as 0 behind the end of an
/// episode and of the rollout.
///
/// # Panics
/// If the arrays differ in length or do not make whole rows.
pub fn discounted(rewards: &[f32], ended: &[bool], num_envs: usize, gamma: f64, returns: &mut [f32]) {
    let len = rewards.len();
    assert!(ended.len() == len && returns.len() == len, "one end and return a reward");
    assert!(num_envs > 0 && len.is_multiple_of(num_envs), "{len} steps do not make rows of {num_envs} environments");
    for env in 0..num_envs {
        let mut later = 0.0;
        for i in (env..len).step_by(num_envs).rev() {
            later = f64::from(rewards[i]) + if ended[i] { 0.0 } else { gamma * later };
            returns[i] = later as f32;
        }
    }
}

/// Which deviation numbers are divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviations {
    /// Taken off the number of values.
    pub ddof: usize,
    /// Added to the deviation.
    pub eps: f64,
}

impl Deviations {
    /// Of the values themselves.
    pub const POPULATION: Self = Self { ddof: 0, eps: 1e-8 };
    /// Of what they are a sample of; the KOSPI notebook's.
    pub const SAMPLE: Self = Self { ddof: 1, eps: 1e-7 };
}

/// Brings values to mean 0 and deviation 1, in `f64`.
pub fn normalise(values: &mut [f32], by: Deviations) {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let squares = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>();
    let variance = squares / values.len().saturating_sub(by.ddof).max(1) as f64;
    let factor = 1.0 / (variance.sqrt() + by.eps);
    values.iter_mut().for_each(|v| *v = ((f64::from(*v) - mean) * factor) as f32);
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{Rng, RngTree, below, normal};

    use super::*;

    fn draw(rng: &mut Rng, len: usize) -> Vec<f32> {
        (0..len).map(|_| normal(rng) as f32).collect()
    }

    /// The definition, equation 16: a discounted sum of later errors up to the end of the episode.
    fn direct(s: &Steps<'_>, i: usize, gamma: f64, lambda: f64) -> f64 {
        let (mut sum, mut factor) = (0.0, 1.0);
        for j in (i..s.rewards.len()).step_by(s.num_envs) {
            let next = f64::from(s.next_values[j]) * f64::from(s.alive[j]);
            sum += factor * (f64::from(s.rewards[j]) + gamma * next - f64::from(s.values[j]));
            if s.cut[j] {
                break;
            }
            factor *= gamma * lambda;
        }
        sum
    }

    #[test]
    fn advantages_equal_the_direct_sum_for_random_rollouts_with_ends_anywhere() {
        let cases = if std::env::var("PAVLOV_TEST_SCALE").is_ok_and(|s| s == "nightly") { 10_000 } else { 256 };
        for case in 0..cases {
            let mut rng = RngTree::new(11).stream("test", case);
            let (num_envs, len) = (1 + below(&mut rng, 4) as usize, 1 + below(&mut rng, 30) as usize);
            let n = num_envs * len;
            let ends: Vec<u32> = (0..n).map(|_| below(&mut rng, 6)).collect();
            let alive: Vec<f32> = ends.iter().map(|e| if *e == 0 { 0.0 } else { 1.0 }).collect();
            let cut: Vec<bool> = ends.iter().map(|e| *e <= 1).collect();
            let (rewards, values, next_values) = (draw(&mut rng, n), draw(&mut rng, n), draw(&mut rng, n));
            let steps = Steps {
                num_envs,
                rewards: &rewards,
                values: &values,
                next_values: &next_values,
                alive: &alive,
                cut: &cut,
            };
            let (mut advantages, mut targets) = (vec![f32::NAN; n], vec![f32::NAN; n]);
            gae(&steps, 0.98, 0.95, &mut advantages, &mut targets);
            for i in 0..n {
                let expected = direct(&steps, i, 0.98, 0.95);
                let error = (f64::from(advantages[i]) - expected).abs();
                assert!(
                    error <= 1e-6 * expected.abs().max(1.0),
                    "case {case}, step {i}: {} against {expected}",
                    advantages[i]
                );
                assert_eq!(targets[i], (f64::from(rewards[i]) + 0.98 * f64::from(next_values[i] * alive[i])) as f32);
            }
        }
    }
}
