use serde::{Deserialize, Serialize};

use crate::Status;

/// Divides the rewards that an agent learns from by the running standard deviation of their discounted sums.
///
/// `R <- discount R + reward` is carried on in each copy and starts at 0 in each episode; the variance of all `R` seen so far
/// is taken by Welford's recursion. Engstrom et al., "Implementation matters in deep policy gradients", ICLR 2020,
/// section 3. It belongs to learning: reports show the environment's own rewards. Serialisable, so that a run goes on
/// where it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RewardScaler {
    discount: f64,
    sums: Vec<f64>,
    count: f64,
    mean: f64,
    squares: f64,
}

impl RewardScaler {
    /// A scaler for `n` copies that has seen nothing; `discount` as in learning.
    pub fn new(n: usize, discount: f64) -> Self {
        Self { discount, sums: vec![0.0; n], count: 0.0, mean: 0.0, squares: 0.0 }
    }

    /// Takes in the rewards `[N]` of a step and writes them scaled; unscaled while all sums are equal.
    ///
    /// # Panics
    /// If a slice has another length than the number of copies.
    pub fn scale(&mut self, rewards: &[f64], statuses: &[Status], out: &mut [f64]) {
        let n = self.sums.len();
        assert_eq!([rewards.len(), statuses.len(), out.len()], [n; 3], "one reward and status per copy");
        for (sum, reward) in self.sums.iter_mut().zip(rewards) {
            *sum = self.discount * *sum + reward;
            self.count += 1.0;
            let off = *sum - self.mean;
            self.mean += off / self.count;
            self.squares += off * (*sum - self.mean);
        }
        let deviation = (self.squares / self.count).sqrt();
        let scale = if deviation > 0.0 { deviation.recip() } else { 1.0 };
        out.iter_mut().zip(rewards).for_each(|(out, reward)| *out = reward * scale);
        for (sum, status) in self.sums.iter_mut().zip(statuses) {
            if *status != Status::Running {
                *sum = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RngTree, normal};

    #[test]
    fn scaled_rewards_make_discounted_sums_of_unit_deviation() {
        let (n, discount) = (8, 0.9);
        let mut scaler = RewardScaler::new(n, discount);
        let mut rng = RngTree::new(1).stream("rewards", 0);
        let mut out = vec![0.0; n];
        let (mut sums, mut square, mut count) = (vec![0.0; n], 0.0, 0.0);
        for t in 0..20_000 {
            let rewards: Vec<f64> = (0..n).map(|_| 0.003 * normal(&mut rng)).collect();
            scaler.scale(&rewards, &vec![Status::Running; n], &mut out);
            for (sum, reward) in sums.iter_mut().zip(&out) {
                *sum = discount * *sum + reward;
                if t > 2_000 {
                    (square, count) = (square + *sum * *sum, count + 1.0);
                }
            }
        }
        let deviation = f64::sqrt(square / count);
        assert!((deviation - 1.0).abs() < 0.02, "{deviation}");
    }

    #[test]
    fn a_saved_scaler_goes_on_bit_for_bit_and_an_ended_episode_starts_from_0() {
        let mut scaler = RewardScaler::new(2, 0.5);
        let mut out = [0.0; 2];
        scaler.scale(&[1.0, 1.0], &[Status::Running; 2], &mut out);
        assert_eq!(out, [1.0, 1.0], "equal sums have no deviation");
        scaler.scale(&[3.0, 5.0], &[Status::Running, Status::Terminated], &mut out);
        assert_eq!(scaler.sums, [3.5, 0.0]);
        let bytes = postcard::to_stdvec(&scaler).unwrap();
        let mut again: RewardScaler = postcard::from_bytes(&bytes).unwrap();
        let (mut a, mut b) = ([0.0; 2], [0.0; 2]);
        scaler.scale(&[2.0, -1.0], &[Status::Running; 2], &mut a);
        again.scale(&[2.0, -1.0], &[Status::Running; 2], &mut b);
        assert_eq!((a, scaler), (b, again));
    }
}
