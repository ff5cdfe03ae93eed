//! What on-policy agents keep between two updates.

use pavlov_rl_core::{
    ActionBatch, Checkpoint, Decisions, Experience, Frame, Memory, ObservationSpec, Observations, Snapshot, Status,
};

use crate::returns;

/// The steps of `N` environments since the last update, time-major.
///
/// Windows are kept as row indices of the frame and gathered when a batch is made.
#[derive(Default)]
pub struct Rollout {
    num_envs: usize,
    steps: usize,
    /// What was seen before each step; buffers past `steps` are kept for the next rollout.
    seen: Vec<Snapshot>,
    /// Choices, or the numbers that were drawn.
    actions: Option<ActionBatch>,
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
    /// What was seen, `[T + 1, B]`.
    pub seen: Snapshot,
    /// The table that its windows lie in.
    pub frame: Frame,
    /// Lengths of a single observation.
    pub spec: ObservationSpec,
    /// Where an episode starts inside the rollout, `[T + 1, B]`.
    pub starts: Vec<bool>,
    /// Memory rows before the first step, `[B, width]`.
    pub memory: Vec<f32>,
    /// Actions `[T, B]`: choices, or the numbers that were drawn before they were brought within their bounds.
    pub actions: ActionBatch,
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

    /// Environments `N`.
    pub fn num_envs(&self) -> usize {
        self.num_envs
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
        if self.seen.len() == self.steps {
            self.seen.push(Snapshot::default());
        }
        self.seen[self.steps].copy_from(step.before.view(step.after.next.frame, step.after.next.spec));
        self.steps += 1;
        self.push_actions(step.decisions);
        self.log_probs.extend_from_slice(&step.decisions.log_prob);
        self.rewards.extend(step.after.rewards.iter().map(|r| *r as f32));
        self.statuses.extend_from_slice(step.after.statuses);
        for (i, status) in step.after.statuses.iter().enumerate() {
            self.end_values.push(if *status == Status::Truncated { end_value(i) } else { 0.0 });
        }
        self.after.copy_from(step.after.next);
    }

    fn push_actions(&mut self, decisions: &Decisions) {
        let kept = self.actions.get_or_insert_with(|| match &decisions.actions {
            ActionBatch::Discrete(_) => ActionBatch::Discrete(Vec::new()),
            ActionBatch::Continuous { width, .. } => ActionBatch::Continuous { width: *width, values: Vec::new() },
        });
        match (kept, &decisions.actions) {
            (ActionBatch::Discrete(kept), ActionBatch::Discrete(choices)) => kept.extend_from_slice(choices),
            (ActionBatch::Continuous { values, .. }, _) => values.extend_from_slice(&decisions.drawn),
            (ActionBatch::Discrete(_), _) => unreachable!("an environment has one kind of actions"),
        }
    }

    /// Discounted rewards `[T, N]` up to the end of each episode, or of the rollout.
    pub fn returns(&self, discount: f64) -> Vec<f32> {
        let ended: Vec<bool> = self.statuses.iter().map(|s| *s != Status::Running).collect();
        let mut returns = vec![0.0; self.rewards.len()];
        returns::discounted(&self.rewards, &ended, self.num_envs, discount, &mut returns);
        returns
    }

    /// Forgets all steps.
    pub fn clear(&mut self) {
        self.steps = 0;
        self.actions = None;
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
        let mut all = Snapshot::default();
        let mut starts = Vec::with_capacity((steps + 1) * envs.len());
        for (t, seen) in self.seen[..steps].iter().chain([&self.after]).enumerate() {
            let seen = seen.view(frame, spec);
            for &i in envs {
                all.last_row.push(seen.last_row[i]);
                all.account.extend_from_slice(seen.account(i));
                starts.push(t > 0 && self.statuses[(t - 1) * n + i] != Status::Running);
            }
        }
        RolloutBatch {
            steps,
            envs: envs.len(),
            seen: all,
            frame: frame.clone(),
            spec,
            starts,
            memory: envs.iter().flat_map(|&i| self.memory.row(i)).copied().collect(),
            actions: match self.actions.as_ref().expect("a batch is made of pushed steps") {
                ActionBatch::Discrete(choices) => ActionBatch::Discrete(pick(choices, n, envs)),
                ActionBatch::Continuous { width, values } => {
                    let rows: Vec<&[f32]> = values.chunks_exact(*width).collect();
                    ActionBatch::Continuous { width: *width, values: pick(&rows, n, envs).concat() }
                }
            },
            log_probs: pick(&self.log_probs, n, envs),
            rewards: pick(&self.rewards, n, envs),
            statuses: pick(&self.statuses, n, envs),
            end_values: pick(&self.end_values, n, envs),
        }
    }
}

impl RolloutBatch {
    /// What was seen, `[T + 1, B]`.
    pub fn observations(&self) -> Observations<'_> {
        self.seen.view(&self.frame, self.spec)
    }

    /// Writes the batch as named arrays, statuses as 0 (running), 1 (terminated), 2 (truncated).
    pub fn save(&self, to: &mut Checkpoint) {
        let Self { steps, envs, .. } = *self;
        let status = |s: &Status| match s {
            Status::Running => 0.0,
            Status::Terminated => 1.0,
            Status::Truncated => 2.0,
        };
        let (actions, width) = match &self.actions {
            ActionBatch::Discrete(choices) => (choices.iter().map(|a| *a as f32).collect(), None),
            ActionBatch::Continuous { width, values } => (values.clone(), Some(*width)),
        };
        let shape: Vec<usize> = [steps, envs].into_iter().chain(width).collect();
        to.put_f32("actions", &shape, &actions);
        let statuses: Vec<f32> = self.statuses.iter().map(status).collect();
        let mut observations = Vec::new();
        self.observations().flatten(&mut observations);
        to.put_f32("observations", &[steps + 1, envs, self.spec.flat_len()], &observations);
        to.put_f32("memory", &[envs, self.memory.len() / envs], &self.memory);
        let columns = [
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
pub(crate) fn pick<T: Copy>(table: &[T], n: usize, envs: &[usize]) -> Vec<T> {
    table.chunks_exact(n).flat_map(|row| envs.iter().map(|&i| row[i])).collect()
}
