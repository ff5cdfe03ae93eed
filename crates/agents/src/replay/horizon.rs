use std::collections::VecDeque;

use pavlov_rl_core::Status;
use serde::{Deserialize, Serialize};

use super::{Replay, Seen, Transition};

/// Steps whose returns are not complete yet: makes transitions over `n` steps of one environment.
///
/// `reward = sum over k < n of discount^k r_k`; fewer steps where the episode ends (Sutton and Barto 2018, section 7.1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Horizon {
    n: usize,
    discount: f64,
    open: VecDeque<Open>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    row: u32,
    account: Vec<f32>,
    action: u32,
    reward: f64,
    steps: u8,
}

impl Horizon {
    /// Nothing yet.
    pub fn new(n: usize, discount: f64) -> Self {
        Self { n, discount, open: VecDeque::new() }
    }

    /// Takes in a step (a transition over one step); transitions that are complete go to `replay`, the oldest first.
    pub fn push(&mut self, step: &Transition<'_>, replay: &mut Replay) {
        let Transition { before: Seen { row, account }, action, reward, status, after, .. } = *step;
        self.open.push_back(Open { row, account: account.to_vec(), action, reward: 0.0, steps: 0 });
        for open in &mut self.open {
            open.reward += self.discount.powi(i32::from(open.steps)) * f64::from(reward);
            open.steps += 1;
        }
        while self.open.front().is_some_and(|open| usize::from(open.steps) == self.n || status != Status::Running) {
            let Some(Open { row, account, action, reward, steps }) = self.open.pop_front() else { break };
            let before = Seen { row, account: &account };
            replay.push(&Transition { before, action, reward: reward as f32, steps, status, after });
        }
    }

    /// Whether what was saved can go on here.
    pub fn fits(&self, saved: &Self, account: usize) -> bool {
        let open = |open: &Open| open.account.len() == account && usize::from(open.steps) < self.n;
        (self.n, self.discount) == (saved.n, saved.discount) && saved.open.iter().all(open)
    }
}
