use std::ops::Range;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Frame, ObservationSpec, Rng};

/// What an environment shows and what it accepts.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvSpec {
    /// Lengths of an observation.
    pub observation: ObservationSpec,
    /// Kind and bounds of an action.
    pub action: ActionSpec,
}

/// Kind and bounds of an action.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionSpec {
    /// One of `n` choices, with the name of each.
    Discrete {
        /// Names of the choices, in order.
        names: &'static [&'static str],
    },
    /// A row of numbers, each within its bounds.
    Continuous {
        /// Lower bounds.
        low: Box<[f32]>,
        /// Upper bounds.
        high: Box<[f32]>,
    },
}

/// The action of one environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'a> {
    /// Index of a choice.
    Discrete(u32),
    /// A row of numbers.
    Continuous(&'a [f32]),
}

/// The actions of `N` environments.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionBatch {
    /// Index of a choice each, `[N]`.
    Discrete(Vec<u32>),
    /// A row of `width` numbers each, `[N, width]`.
    Continuous {
        /// Numbers per action.
        width: usize,
        /// All rows.
        values: Vec<f32>,
    },
}

impl ActionBatch {
    /// Room for `n` actions of the given kind, all zero.
    pub fn new(spec: &ActionSpec, n: usize) -> Self {
        match spec {
            ActionSpec::Discrete { .. } => Self::Discrete(vec![0; n]),
            ActionSpec::Continuous { low, .. } => {
                Self::Continuous { width: low.len(), values: vec![0.0; n * low.len()] }
            }
        }
    }

    /// The action of environment `i`.
    #[inline(always)]
    pub fn at(&self, i: usize) -> Action<'_> {
        match self {
            Self::Discrete(choices) => Action::Discrete(choices[i]),
            Self::Continuous { width, values } => Action::Continuous(&values[i * width..(i + 1) * width]),
        }
    }

    /// Number of actions.
    pub fn len(&self) -> usize {
        match self {
            Self::Discrete(choices) => choices.len(),
            Self::Continuous { width, values } => values.len().checked_div(*width).unwrap_or(0),
        }
    }

    /// Whether there are no actions.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whether an episode goes on after a step. Only `Terminated` stops the bootstrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// The episode goes on.
    #[default]
    Running,
    /// The game is over (ruin): nothing follows.
    Terminated,
    /// The episode was cut (end of the data or of its length): something would have followed.
    Truncated,
}

/// What a step returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Reward of the action, in the environment's unit.
    pub reward: f64,
    /// Whether the episode goes on.
    pub status: Status,
}

/// One trade that took place, or a charge on what is held: a fee without shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// Row whose bar the fill happened in (or at whose close, under `decision_close`).
    pub row: u32,
    /// Index of the asset.
    pub asset: u32,
    /// Signed number of shares or coins: positive is a purchase.
    pub shares: f64,
    /// Price of one share.
    pub price: f64,
    /// Commission or charge in money.
    pub fee: f64,
}

/// Where fills go.
pub trait Fills {
    /// Takes one fill.
    fn fill(&mut self, fill: Fill);
}

/// Forgets fills; costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFills;

impl Fills for NoFills {
    #[inline(always)]
    fn fill(&mut self, _: Fill) {}
}

impl Fills for Vec<Fill> {
    fn fill(&mut self, fill: Fill) {
        self.push(fill);
    }
}

/// The books of an account, in money. Never clamped.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ledger {
    /// Cash.
    pub cash: f64,
    /// Value of all holdings at the last close.
    pub holdings_value: f64,
    /// Commission and charges paid since the episode began.
    pub fees: f64,
}

impl Ledger {
    /// Cash plus the value of the holdings.
    pub fn net_worth(&self) -> f64 {
        self.cash + self.holdings_value
    }
}

/// Where a step of `N` copies goes.
#[derive(Debug)]
pub struct StepColumns<'a> {
    /// Rewards `[N]`.
    pub rewards: &'a mut [f64],
    /// Statuses `[N]`.
    pub statuses: &'a mut [Status],
    /// Last visible rows `[N]`.
    pub last_row: &'a mut [u32],
    /// Account numbers `[N, A]`.
    pub account: &'a mut [f32],
}

/// Why saved states cannot be taken up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The bytes are not a saved batch of this environment.
    #[error("the saved environment states cannot be decoded: {0}")]
    Decode(String),
    /// The batch has another number of copies.
    #[error("the saved batch has {got} environments, this one has {expected}")]
    Count {
        /// Copies in the bytes.
        got: usize,
        /// Copies of this batch.
        expected: usize,
    },
    /// A value is outside what the environment can reach.
    #[error("a saved environment state is impossible: {0}")]
    Value(String),
}

/// The rules of a market game: immutable, shared by all its copies. What changes lives in `State`.
pub trait Environment: Send + Sync {
    /// What changes during an episode.
    type State: Clone + Send + Sync + Serialize + DeserializeOwned;

    /// What is shown and what is accepted.
    fn spec(&self) -> &EnvSpec;
    /// The table that observations are windows of.
    fn frame(&self) -> &Frame;
    /// A state that has yet to be reset; the only place that allocates.
    fn new_state(&self) -> Self::State;
    /// Starts an episode in place.
    fn reset(&self, state: &mut Self::State, rng: &mut Rng);
    /// Takes one action; reports its fills.
    fn step<F: Fills>(&self, state: &mut Self::State, action: Action<'_>, fills: &mut F) -> Step;
    /// Takes one action in every copy and writes what each shows; the same numbers as [`step`](Self::step) and
    /// [`observe`](Self::observe) copy by copy, which is what it does unless an environment knows a faster way.
    #[inline(always)]
    fn step_all(&self, states: &mut [Self::State], actions: &ActionBatch, out: &mut StepColumns<'_>) {
        self.step_range(states, actions, out, 0..states.len());
    }
    /// Some of the copies of [`step_all`](Self::step_all), one after the other.
    #[inline(always)]
    fn step_range(
        &self,
        states: &mut [Self::State],
        actions: &ActionBatch,
        out: &mut StepColumns<'_>,
        copies: Range<usize>,
    ) {
        let a = self.spec().observation.account;
        for i in copies {
            let step = self.step(&mut states[i], actions.at(i), &mut NoFills);
            out.rewards[i] = step.reward;
            out.statuses[i] = step.status;
            out.last_row[i] = self.observe(&states[i], &mut out.account[i * a..(i + 1) * a]);
        }
    }
    /// Writes the account row `[A]` and returns the last visible row.
    fn observe(&self, state: &Self::State, account: &mut [f32]) -> u32;
    /// The books.
    fn ledger(&self, state: &Self::State) -> Ledger;
    /// Checks a decoded state, which is foreign data.
    ///
    /// # Errors
    /// [`StateError::Value`] if this environment cannot reach the state.
    fn check(&self, state: &Self::State) -> Result<(), StateError>;
}
