//! What happened between two updates of a training, counted for the metrics log.

use pavlov_rl_core::{ActionBatch, ActionSpec, Status, StepBatch};
use serde::{Deserialize, Serialize};

/// The episodes that have not ended; part of a checkpoint, since an episode may outlast an update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningEpisodes {
    /// Sum of rewards so far, `[N]`.
    rewards: Vec<f64>,
    /// How often each discrete action was taken so far, `[N, A]`.
    actions: Vec<u64>,
}

impl RunningEpisodes {
    /// `num_envs` episodes that begin.
    pub fn new(spec: &ActionSpec, num_envs: usize) -> Self {
        Self { rewards: vec![0.0; num_envs], actions: vec![0; num_envs * num_actions(spec)] }
    }
}

/// Number of discrete actions `A`; 0 if actions are not discrete.
fn num_actions(spec: &ActionSpec) -> usize {
    match spec {
        ActionSpec::Discrete { names } => names.len(),
        ActionSpec::Continuous { .. } => 0,
    }
}

/// Counts since the last update.
pub struct Tally {
    /// Sum of rewards of each episode that ended.
    profits: Vec<f64>,
    /// Of these, those that the game ended before their last step.
    terminated: usize,
    /// Discrete actions taken, `[A]`.
    actions: Vec<u64>,
    /// Discrete actions that the ended episodes took from their start to their end, `[A]`.
    ended: Vec<u64>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(spec: &ActionSpec) -> Self {
        let none = vec![0; num_actions(spec)];
        Self { profits: Vec::new(), terminated: 0, actions: none.clone(), ended: none }
    }

    /// Counts a step of all environments.
    pub fn step(&mut self, actions: &ActionBatch, after: StepBatch<'_>, running: &mut RunningEpisodes) {
        let width = self.actions.len();
        if let ActionBatch::Discrete(choices) = actions {
            for (env, &choice) in choices.iter().enumerate() {
                self.actions[choice as usize] += 1;
                running.actions[env * width + choice as usize] += 1;
            }
        }
        for (env, (reward, status)) in after.rewards.iter().zip(after.statuses).enumerate() {
            running.rewards[env] += reward;
            if *status != Status::Running {
                self.profits.push(std::mem::take(&mut running.rewards[env]));
                self.terminated += usize::from(*status == Status::Terminated);
                let taken = &mut running.actions[env * width..][..width];
                self.ended.iter_mut().zip(taken).for_each(|(ended, n)| *ended += std::mem::take(n));
            }
        }
    }

    /// Episodes that ended.
    pub fn episodes(&self) -> usize {
        self.profits.len()
    }

    /// Mean sum of rewards of the episodes that ended.
    pub fn mean_profit(&self) -> Option<f64> {
        (!self.profits.is_empty()).then(|| self.profits.iter().sum::<f64>() / self.profits.len() as f64)
    }

    /// Share of the episodes that ended that the game ended before their last step: by a stop loss, or ruin.
    pub fn terminated(&self) -> Option<f64> {
        (!self.profits.is_empty()).then(|| self.terminated as f64 / self.profits.len() as f64)
    }

    /// Share of each discrete action in all steps, `[A]`.
    pub fn action_share(&self) -> Vec<f64> {
        let total = self.actions.iter().sum::<u64>().max(1) as f64;
        self.actions.iter().map(|n| *n as f64 / total).collect()
    }

    /// How often an episode that ended took each discrete action, mean, `[A]`.
    pub fn episode_actions(&self) -> Option<Vec<f64>> {
        let episodes = self.profits.len() as f64;
        (episodes > 0.0).then(|| self.ended.iter().map(|n| *n as f64 / episodes).collect())
    }
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{Frame, ObservationSpec, Observations};

    use super::*;

    const SPEC: ActionSpec = ActionSpec::Discrete { names: &["hold", "buy", "sell"] };

    fn step(tally: &mut Tally, running: &mut RunningEpisodes, choices: [u32; 2], rewards: [f64; 2], ends: [bool; 2]) {
        let frame = Frame::new(1, Vec::new());
        let spec = ObservationSpec { window: 1, features: 1, account: 0 };
        let none = Observations { frame: &frame, spec, last_row: &[], account: &[] };
        let ended = if rewards[0] < 0.0 { Status::Terminated } else { Status::Truncated };
        let statuses = ends.map(|end| if end { ended } else { Status::Running });
        let after = StepBatch { rewards: &rewards, statuses: &statuses, next: none, end: none, end_ledgers: &[] };
        tally.step(&ActionBatch::Discrete(choices.to_vec()), after, running);
    }

    #[test]
    fn an_episode_is_counted_from_its_start_although_updates_come_between() {
        let mut running = RunningEpisodes::new(&SPEC, 2);
        let mut first = Tally::new(&SPEC);
        step(&mut first, &mut running, [1, 0], [5.0, 1.0], [false, false]);
        step(&mut first, &mut running, [1, 1], [2.0, 1.0], [false, true]);
        assert_eq!((first.episodes(), first.mean_profit(), first.terminated()), (1, Some(2.0), Some(0.0)));
        assert_eq!(first.episode_actions(), Some(vec![1.0, 1.0, 0.0]));
        assert_eq!(first.action_share(), [0.25, 0.75, 0.0]);

        let mut second = Tally::new(&SPEC);
        assert_eq!((second.mean_profit(), second.episode_actions(), second.terminated()), (None, None, None));
        step(&mut second, &mut running, [2, 2], [-1.0, 4.0], [true, true]);
        assert_eq!((second.episodes(), second.mean_profit(), second.terminated()), (2, Some(5.0), Some(1.0)));
        assert_eq!(second.episode_actions(), Some(vec![0.0, 1.0, 1.0]));
        assert_eq!(running, RunningEpisodes::new(&SPEC, 2));
    }
}
