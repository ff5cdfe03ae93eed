use serde::{Deserialize, Serialize};

use crate::{
    ActionBatch, ActionSpec, Checkpoint, CheckpointError, Observations, Outcomes, Rng, Snapshot, Status, StepBatch,
};

/// Recurrent state of a policy, `[N, width]`, owned by whoever steps the environments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    width: usize,
    rows: Vec<f32>,
}

impl Memory {
    /// Zero memory for `n` environments; `width` 0 for a policy without memory.
    pub fn zeros(n: usize, width: usize) -> Self {
        Self { width, rows: vec![0.0; n * width] }
    }

    /// All rows `[N, width]`.
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// All rows `[N, width]`, to write.
    pub fn rows_mut(&mut self) -> &mut [f32] {
        &mut self.rows
    }

    /// Numbers per environment.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Row of environment `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.rows[i * self.width..(i + 1) * self.width]
    }

    /// Overwrites this memory; allocates only while it grows.
    pub fn copy_from(&mut self, other: &Memory) {
        self.width = other.width;
        self.rows.clear();
        self.rows.extend_from_slice(&other.rows);
    }

    /// Zeroes the rows of episodes that ended.
    pub fn forget_ended(&mut self, statuses: &[Status]) {
        for (i, status) in statuses.iter().enumerate() {
            if *status != Status::Running {
                self.rows[i * self.width..(i + 1) * self.width].fill(0.0);
            }
        }
    }
}

/// How a policy chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActMode {
    /// Draws from its distribution.
    Sample,
    /// Takes the most probable (or best valued) action.
    Greedy,
}

/// What a policy decided for `N` environments, with what learning needs of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decisions {
    /// The actions `[N]`.
    pub actions: ActionBatch,
    /// Where actions are numbers, those that the policy drew before it brought them within their bounds, `[N, width]`.
    pub drawn: Vec<f32>,
    /// Log-probability of each action `[N]`; 0 where the policy has none.
    pub log_prob: Vec<f32>,
    /// Estimated value of each state `[N]`; 0 where the policy has none.
    pub value: Vec<f32>,
}

impl Decisions {
    /// Room for the decisions of `n` environments.
    pub fn new(spec: &ActionSpec, n: usize) -> Self {
        let width = match spec {
            ActionSpec::Discrete { .. } => 0,
            ActionSpec::Continuous { low, .. } => low.len(),
        };
        let drawn = vec![0.0; n * width];
        Self { actions: ActionBatch::new(spec, n), drawn, log_prob: vec![0.0; n], value: vec![0.0; n] }
    }
}

/// What happened in one step of `N` environments.
#[derive(Clone, Copy, Debug)]
pub struct Experience<'a> {
    /// What was seen before the decision.
    pub before: &'a Snapshot,
    /// Memory that the decision started from.
    pub memory_before: &'a Memory,
    /// The decision.
    pub decisions: &'a Decisions,
    /// Memory after the decision, not yet forgotten for ended episodes.
    pub memory_after: &'a Memory,
    /// Other actions from the same states and what they would have led to.
    pub mirrored: Option<(&'a ActionBatch, &'a Outcomes)>,
    /// What the step returned.
    pub after: StepBatch<'a>,
}

/// What a decision rests on, in names and numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// Figures of which there is one for each choice, or for each number of an action: `("q", [A])`.
    pub of_actions: Vec<(&'static str, Vec<f32>)>,
    /// Figures of the state: `("value", 1.5)`.
    pub of_state: Vec<(&'static str, f32)>,
    /// What the agent expects the next row of the frame to be, in the numbers of the frame, `[F]`; empty if it does not say.
    pub forecast: Vec<f32>,
    /// What the agent looks at, a part of it at a time; empty if it does not say.
    pub attention: Vec<Attention>,
}

/// How much of its attention a part of an agent gives to each thing that it sees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attention {
    /// The part of the agent.
    pub of: &'static str,
    /// What each thing is, `[L]`.
    pub labels: Vec<String>,
    /// Its share, `[L]`; the shares add up to 1.
    pub shares: Vec<f32>,
}

/// Named figures of one update of an agent, in a fixed order.
pub type UpdateStats = Vec<(&'static str, f64)>;

/// Why an agent cannot act, learn or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The tensor library failed.
    #[error("{what} failed: {message}")]
    Compute {
        /// What was computed.
        what: &'static str,
        /// The library's message, first line.
        message: String,
    },
    /// A loss, gradient or weight is not a finite number.
    #[error("{what} is {value} in update {update}: learning diverged; lower the learning rate or clip harder")]
    NotFinite {
        /// What was computed.
        what: &'static str,
        /// Its value.
        value: f64,
        /// Number of the update, from 0.
        update: u64,
        /// What went into it: the weights, the batch and what was made of it, to be looked at.
        batch: Box<Checkpoint>,
    },
    /// The environment's actions or observations do not suit the agent.
    #[error("agent `{agent}` cannot play this environment: {reason}")]
    Mismatch {
        /// Name of the agent.
        agent: &'static str,
        /// What does not fit, and the cure.
        reason: String,
    },
    /// The checkpoint is not one of this agent.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// Decides. Evaluation needs no more than this; `act` takes `&self`, so that an evaluation in the
/// middle of a rollout disturbs nothing.
pub trait Policy: Send + Sync {
    /// Zero memory for `n` environments.
    fn memory(&self, n: usize) -> Memory;

    /// Decides for every environment and moves its memory on by one step.
    ///
    /// # Errors
    /// [`AgentError`] if the computation fails.
    fn act(
        &self,
        seen: Observations<'_>,
        memory: &mut Memory,
        mode: ActMode,
        rng: &mut Rng,
        out: &mut Decisions,
    ) -> Result<(), AgentError>;
}

/// Decides and learns.
pub trait Agent: Policy {
    /// Writes other actions whose outcomes the agent wants to see too; `false` if it wants none.
    fn mirror(&self, decisions: &Decisions, out: &mut ActionBatch) -> bool;

    /// Takes in one step.
    ///
    /// # Errors
    /// [`AgentError`] if the computation fails.
    fn observe(&mut self, step: Experience<'_>) -> Result<(), AgentError>;

    /// Learns if an update is due; `None` if not.
    ///
    /// # Errors
    /// [`AgentError`], also when a loss or gradient is not finite.
    fn update(&mut self, rng: &mut Rng) -> Result<Option<UpdateStats>, AgentError>;

    /// What a decision for copy 0 of `seen` rests on, its memory being row 0 of `memory`; nothing moves.
    ///
    /// # Errors
    /// [`AgentError`] if the computation fails.
    fn explain(&self, seen: Observations<'_>, memory: &Memory) -> Result<Explanation, AgentError>;

    /// Writes weights, moments, counters and buffers.
    ///
    /// # Errors
    /// [`AgentError`] if a tensor cannot be read.
    fn save(&self, to: &mut Checkpoint) -> Result<(), AgentError>;

    /// Takes up what `save` wrote.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] if an entry is missing or has another shape.
    fn restore(&mut self, from: &Checkpoint) -> Result<(), AgentError>;
}
