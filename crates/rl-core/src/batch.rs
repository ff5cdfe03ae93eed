use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    ActionBatch, EnvSpec, Environment, Fill, Frame, Ledger, NoFills, ObservationSpec, Observations, Rng, RngTree,
    StateError, Status, StepColumns,
};

/// `N` copies of an environment in lock step behind one virtual call per batch.
///
/// An episode that ends is started anew in the same step; what it ended with stands in [`StepBatch::end`].
pub trait BatchEnv: Send + Sync {
    /// Number of copies `N`.
    fn len(&self) -> usize;
    /// Whether there are no copies.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// What each copy shows and accepts.
    fn spec(&self) -> &EnvSpec;
    /// What the copies show now.
    fn observations(&self) -> Observations<'_>;
    /// Takes one action in each copy.
    ///
    /// # Panics
    /// If there are not `N` actions or they are of another kind than the specification's.
    fn step(&mut self, actions: &ActionBatch) -> StepBatch<'_>;
    /// The outcomes of other actions from the same states; nothing moves and no episode is started anew.
    fn peek(&mut self, actions: &ActionBatch, out: &mut Outcomes);
    /// The books of every copy.
    fn ledgers(&self, out: &mut Vec<Ledger>);
    /// Whether fills are kept from now on; kept fills are forgotten when this is called.
    fn record_fills(&mut self, on: bool);
    /// Fills of each copy since recording began.
    fn fills(&self) -> &[Vec<Fill>];
    /// All states and random positions as bytes; the caller guards them with a hash.
    fn save(&self) -> Vec<u8>;
    /// Goes on from saved bytes.
    ///
    /// # Errors
    /// [`StateError`] if the bytes are not a batch of this environment; the batch is then unchanged.
    fn restore(&mut self, from: &[u8]) -> Result<(), StateError>;
}

/// What a step of `N` copies returned.
#[derive(Clone, Copy, Debug)]
pub struct StepBatch<'a> {
    /// Rewards `[N]`.
    pub rewards: &'a [f64],
    /// Statuses `[N]`.
    pub statuses: &'a [Status],
    /// What is seen now: for an ended episode, the first observation of the next one.
    pub next: Observations<'a>,
    /// For copies whose status is not `Running`: the last observation of the ended episode.
    pub end: Observations<'a>,
    /// For copies whose status is not `Running`: the books that the episode ended with.
    pub end_ledgers: &'a [Ledger],
}

/// Kept outcomes of a [`BatchEnv::peek`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes {
    /// Last visible rows `[N]`.
    pub last_row: Vec<u32>,
    /// Account numbers `[N, A]`.
    pub account: Vec<f32>,
    /// Rewards `[N]`.
    pub rewards: Vec<f64>,
    /// Statuses `[N]`.
    pub statuses: Vec<Status>,
}

#[derive(Default)]
struct Buffers {
    last_row: Vec<u32>,
    account: Vec<f32>,
    rewards: Vec<f64>,
    statuses: Vec<Status>,
    end_row: Vec<u32>,
    end_account: Vec<f32>,
    end_ledgers: Vec<Ledger>,
}

/// Copies of one environment with their states, random streams and output buffers.
pub struct Batch<E: Environment> {
    env: Arc<E>,
    states: Vec<E::State>,
    scratch: E::State,
    rngs: Vec<Rng>,
    buffers: Buffers,
    recording: bool,
    fills: Vec<Vec<Fill>>,
}

#[derive(Serialize)]
struct SavedRef<'a, S> {
    states: &'a [S],
    rngs: &'a [Rng],
}

#[derive(Deserialize)]
struct Saved<S> {
    states: Vec<S>,
    rngs: Vec<Rng>,
}

impl<E: Environment> Batch<E> {
    /// The copies numbered `copies`, each with the stream `"env"` of its number, freshly reset.
    pub fn new(env: Arc<E>, copies: Range<u64>, rng: &RngTree) -> Self {
        let mut rngs: Vec<Rng> = copies.map(|i| rng.stream("env", i)).collect();
        let mut states: Vec<E::State> = rngs.iter().map(|_| env.new_state()).collect();
        for (state, rng) in states.iter_mut().zip(&mut rngs) {
            env.reset(state, rng);
        }
        let (n, a) = (states.len(), env.spec().observation.account);
        let buffers = Buffers {
            last_row: vec![0; n],
            account: vec![0.0; n * a],
            rewards: vec![0.0; n],
            statuses: vec![Status::Running; n],
            end_row: vec![0; n],
            end_account: vec![0.0; n * a],
            end_ledgers: vec![Ledger::default(); n],
        };
        let mut batch =
            Self { scratch: env.new_state(), env, states, rngs, buffers, recording: false, fills: vec![Vec::new(); n] };
        batch.observe_all();
        batch.buffers.end_row.copy_from_slice(&batch.buffers.last_row);
        batch
    }

    fn observe_all(&mut self) {
        let a = self.env.spec().observation.account;
        for (i, state) in self.states.iter().enumerate() {
            self.buffers.last_row[i] = self.env.observe(state, &mut self.buffers.account[i * a..(i + 1) * a]);
        }
    }
}

impl Buffers {
    fn columns(&mut self) -> StepColumns<'_> {
        StepColumns {
            rewards: &mut self.rewards,
            statuses: &mut self.statuses,
            last_row: &mut self.last_row,
            account: &mut self.account,
        }
    }
}

/// Copies from which on it pays to step them side by side.
const SIDE_BY_SIDE: usize = 8;

/// Steps all copies with AVX2 where the machine has it: the same operations on the same numbers, only more at a time.
fn step_all<E: Environment>(env: &E, states: &mut [E::State], actions: &ActionBatch, out: &mut StepColumns<'_>) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn step_all_avx2<E: Environment>(
            env: &E,
            states: &mut [E::State],
            actions: &ActionBatch,
            out: &mut StepColumns<'_>,
        ) {
            env.step_all(states, actions, out);
        }
        if states.len() >= SIDE_BY_SIDE && is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2.
            return unsafe { step_all_avx2(env, states, actions, out) };
        }
    }
    env.step_all(states, actions, out);
}

/// Keeps what an episode ended with and starts the next one in its place.
fn start_anew<E: Environment>(env: &E, state: &mut E::State, rng: &mut Rng, b: &mut Buffers, i: usize) {
    let a = env.spec().observation.account;
    let account = &mut b.account[i * a..(i + 1) * a];
    b.end_row[i] = b.last_row[i];
    b.end_account[i * a..(i + 1) * a].copy_from_slice(account);
    b.end_ledgers[i] = env.ledger(state);
    env.reset(state, rng);
    b.last_row[i] = env.observe(state, account);
}

fn view<'a>(frame: &'a Frame, spec: ObservationSpec, last_row: &'a [u32], account: &'a [f32]) -> Observations<'a> {
    Observations { frame, spec, last_row, account }
}

impl<E: Environment> BatchEnv for Batch<E> {
    fn len(&self) -> usize {
        self.states.len()
    }

    fn spec(&self) -> &EnvSpec {
        self.env.spec()
    }

    fn observations(&self) -> Observations<'_> {
        view(self.env.frame(), self.env.spec().observation, &self.buffers.last_row, &self.buffers.account)
    }

    fn step(&mut self, actions: &ActionBatch) -> StepBatch<'_> {
        assert_eq!(actions.len(), self.states.len(), "a batch takes one action per copy");
        let env = &*self.env;
        if self.recording {
            let a = env.spec().observation.account;
            let b = &mut self.buffers;
            for (i, state) in self.states.iter_mut().enumerate() {
                let step = env.step(state, actions.at(i), &mut self.fills[i]);
                (b.rewards[i], b.statuses[i]) = (step.reward, step.status);
                b.last_row[i] = env.observe(state, &mut b.account[i * a..(i + 1) * a]);
            }
        } else {
            step_all(env, &mut self.states, actions, &mut self.buffers.columns());
        }
        for i in 0..self.states.len() {
            if self.buffers.statuses[i] != Status::Running {
                start_anew(env, &mut self.states[i], &mut self.rngs[i], &mut self.buffers, i);
            }
        }
        let (frame, spec, b) = (env.frame(), env.spec().observation, &self.buffers);
        StepBatch {
            rewards: &b.rewards,
            statuses: &b.statuses,
            next: view(frame, spec, &b.last_row, &b.account),
            end: view(frame, spec, &b.end_row, &b.end_account),
            end_ledgers: &b.end_ledgers,
        }
    }

    fn peek(&mut self, actions: &ActionBatch, out: &mut Outcomes) {
        let (n, a) = (self.states.len(), self.env.spec().observation.account);
        assert_eq!(actions.len(), n, "a batch takes one action per copy");
        out.last_row.resize(n, 0);
        out.account.resize(n * a, 0.0);
        out.rewards.resize(n, 0.0);
        out.statuses.resize(n, Status::Running);
        for (i, state) in self.states.iter().enumerate() {
            self.scratch.clone_from(state);
            let step = self.env.step(&mut self.scratch, actions.at(i), &mut NoFills);
            out.rewards[i] = step.reward;
            out.statuses[i] = step.status;
            out.last_row[i] = self.env.observe(&self.scratch, &mut out.account[i * a..(i + 1) * a]);
        }
    }

    fn ledgers(&self, out: &mut Vec<Ledger>) {
        out.clear();
        out.extend(self.states.iter().map(|state| self.env.ledger(state)));
    }

    fn record_fills(&mut self, on: bool) {
        self.recording = on;
        self.fills.iter_mut().for_each(Vec::clear);
    }

    fn fills(&self) -> &[Vec<Fill>] {
        &self.fills
    }

    fn save(&self) -> Vec<u8> {
        let saved = SavedRef { states: &self.states, rngs: &self.rngs };
        postcard::to_stdvec(&saved).expect("encoding plain numbers into memory cannot fail")
    }

    fn restore(&mut self, from: &[u8]) -> Result<(), StateError> {
        let (saved, rest): (Saved<E::State>, _) =
            postcard::take_from_bytes(from).map_err(|e| StateError::Decode(e.to_string()))?;
        if !rest.is_empty() {
            return Err(StateError::Decode(format!("{} bytes too many", rest.len())));
        }
        for got in [saved.states.len(), saved.rngs.len()] {
            if got != self.states.len() {
                return Err(StateError::Count { got, expected: self.states.len() });
            }
        }
        for state in &saved.states {
            self.env.check(state)?;
        }
        (self.states, self.rngs) = (saved.states, saved.rngs);
        self.observe_all();
        Ok(())
    }
}
