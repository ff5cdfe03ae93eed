//! What on-policy agents keep between two updates.

use pavlov_rl_core::{ActionBatch, Checkpoint, Experience, Frame, Memory, ObservationSpec, Snapshot, Status};

/// The steps of `N` environments since the last update, time-major.
///
/// Windows are kept as row indices of the frame and gathered when a batch is made.
#[derive(Default)]
pub struct Rollout {
    num_envs: usize,
    steps: usize,
    /// What was seen before each step; buffers past `steps` are kept for the next rollout.
    seen: Vec<Snapshot>,
    actions: Vec<u32>,
    log_probs: Vec<f32>,
    rewards: Vec<f32>,
    statuses: Vec<Status>,
    end_values: Vec<f32>,
    memory: Memory,
    after: Snapshot,
    frame: Option<Frame>,
}

/// Some environments of a rollout, ready for a forward pass over `T + 1` rows of time.
///
/// The last row holds the observations after the last step: their values are the bootstrap.
pub struct RolloutBatch {
    /// Steps `T`.
    pub steps: usize,
    /// Environments `B`.
    pub envs: usize,
    /// Flattened observations `[T + 1, B, O]`.
    pub observations: Vec<f32>,
    /// Where an episode starts inside the rollout, `[T + 1, B]`.
    pub starts: Vec<bool>,
    /// Memory rows before the first step, `[B, width]`.
    pub memory: Vec<f32>,
    /// Actions `[T, B]`.
    pub actions: Vec<u32>,
    /// Log-probabilities of the actions when they were taken, `[T, B]`.
    pub log_probs: Vec<f32>,
    /// Rewards `[T, B]`.
    pub rewards: Vec<f32>,
    /// Statuses after each step, `[T, B]`.
    pub statuses: Vec<Status>,
    /// Value of the observation that a truncated episode ended with, `[T, B]`; 0 elsewhere.
    pub end_values: Vec<f32>,
}

impl Rollout {
    /// Room for `num_envs` environments.
    pub fn new(num_envs: usize) -> Self {
        Self { num_envs, ..Self::default() }
    }

    /// Steps kept of each environment.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether every environment's episode ended with the last step.
    pub fn all_ended(&self) -> bool {
        let last = self.statuses.len().saturating_sub(self.num_envs);
        !self.statuses.is_empty() && self.statuses[last..].iter().all(|s| *s != Status::Running)
    }

    /// Takes in one step; `end_value` gives the value of the last observation of a truncated episode.
    pub fn push(&mut self, step: &Experience<'_>, mut end_value: impl FnMut(usize) -> f32) {
        if self.steps == 0 {
            self.memory.copy_from(step.memory_before);
            self.frame = Some(step.after.next.frame.clone());
        }
        let ActionBatch::Discrete(actions) = &step.decisions.actions else {
            unreachable!("the agent refused other actions when it was built")
        };
        if self.seen.len() == self.steps {
            self.seen.push(Snapshot::default());
        }
        self.seen[self.steps].copy_from(step.before.view(&step.after.next.frame, step.after.next.spec));
        self.steps += 1;
        self.actions.extend_from_slice(actions);
        self.log_probs.extend_from_slice(&step.decisions.log_prob);
        self.rewards.extend(step.after.rewards.iter().map(|r| *r as f32));
        self.statuses.extend_from_slice(step.after.statuses);
        for (i, status) in step.after.statuses.iter().enumerate() {
            self.end_values.push(if *status == Status::Truncated { end_value(i) } else { 0.0 });
        }
        self.after.copy_from(step.after.next);
    }

    /// Forgets all steps.
    pub fn clear(&mut self) {
        self.steps = 0;
        self.actions.clear();
        self.log_probs.clear();
        self.rewards.clear();
        self.statuses.clear();
        self.end_values.clear();
    }

    /// The steps of the environments `envs`, in that order.
    ///
    /// # Panics
    /// If nothing was pushed since the last update.
    pub fn batch(&self, envs: &[usize], spec: ObservationSpec) -> RolloutBatch {
        let frame = self.frame.as_ref().expect("a batch is made of pushed steps");
        let (steps, n) = (self.steps, self.num_envs);
        let mut observations = Vec::with_capacity((steps + 1) * envs.len() * spec.flat_len());
        let mut starts = Vec::with_capacity((steps + 1) * envs.len());
        for (t, seen) in self.seen[..steps].iter().chain([&self.after]).enumerate() {
            let seen = seen.view(frame, spec);
            for &i in envs {
                seen.extend_flat(i, &mut observations);
                starts.push(t > 0 && self.statuses[(t - 1) * n + i] != Status::Running);
            }
        }
        RolloutBatch {
            steps,
            envs: envs.len(),
            observations,
            starts,
            memory: envs.iter().flat_map(|&i| self.memory.row(i)).copied().collect(),
            actions: pick(&self.actions, n, envs),
            log_probs: pick(&self.log_probs, n, envs),
            rewards: pick(&self.rewards, n, envs),
            statuses: pick(&self.statuses, n, envs),
            end_values: pick(&self.end_values, n, envs),
        }
    }
}

impl RolloutBatch {
    /// Writes the batch as named arrays, statuses as 0 (running), 1 (terminated), 2 (truncated).
    pub fn save(&self, spec: ObservationSpec, to: &mut Checkpoint) {
        let Self { steps, envs, .. } = *self;
        let status = |s: &Status| match s {
            Status::Running => 0.0,
            Status::Terminated => 1.0,
            Status::Truncated => 2.0,
        };
        let actions: Vec<f32> = self.actions.iter().map(|a| *a as f32).collect();
        let statuses: Vec<f32> = self.statuses.iter().map(status).collect();
        to.put_f32("observations", &[steps + 1, envs, spec.flat_len()], &self.observations);
        to.put_f32("memory", &[envs, self.memory.len() / envs], &self.memory);
        let columns = [
            ("actions", &actions),
            ("log_probs", &self.log_probs),
            ("rewards", &self.rewards),
            ("statuses", &statuses),
            ("end_values", &self.end_values),
        ];
        for (name, numbers) in columns {
            to.put_f32(name, &[steps, envs], numbers);
        }
    }
}

/// Columns `envs` of a table `[T, N]`, as `[T, B]`.
fn pick<T: Copy>(table: &[T], n: usize, envs: &[usize]) -> Vec<T> {
    table.chunks_exact(n).flat_map(|row| envs.iter().map(|&i| row[i])).collect()
}
