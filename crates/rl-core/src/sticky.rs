use serde::{Deserialize, Serialize};

use crate::{
    ActionBatch, ActionSpec, BatchEnv, EnvSpec, Fill, Ledger, Observations, Outcomes, Rng, RngTree, StateError, Status,
    StepBatch, uniform_f64,
};

/// Copies of an environment in which an action is now and then replaced by the one before it.
///
/// At each step but the first of an episode, each copy repeats the action that it took last with a fixed probability. Machado
/// et al., "Revisiting the arcade learning environment", Journal of Artificial Intelligence Research 61 (2018),
/// section 5.2. What will be repeated is drawn a step ahead, so that a peek sees what the step brings.
pub struct StickyActions {
    inner: Box<dyn BatchEnv>,
    probability: f64,
    state: StickyState,
    taken: ActionBatch,
}

/// What sticky actions remember.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct StickyState {
    rngs: Vec<Rng>,
    repeats: Vec<bool>,
    choices: Vec<u32>,
    values: Vec<f32>,
}

impl StickyActions {
    /// Wraps freshly reset copies whose numbers start at `first`, each with the stream `"sticky"` of its number.
    ///
    /// # Panics
    /// If the probability lies outside `0..1`.
    pub fn new(inner: Box<dyn BatchEnv>, probability: f64, first: u64, rng: &RngTree) -> Self {
        assert!(
            (0.0..1.0).contains(&probability),
            "an action is repeated with a probability in 0..1, got {probability}"
        );
        let n = inner.len();
        let taken = ActionBatch::new(&inner.spec().action, n);
        let (choices, values) = match &taken {
            ActionBatch::Discrete(choices) => (choices.clone(), Vec::new()),
            ActionBatch::Continuous { values, .. } => (Vec::new(), values.clone()),
        };
        let rngs = (0..n as u64).map(|i| rng.stream("sticky", first + i)).collect();
        Self { inner, probability, state: StickyState { rngs, repeats: vec![false; n], choices, values }, taken }
    }

    /// Writes the actions that the copies take when these are asked for.
    fn choose(&mut self, asked: &ActionBatch) {
        match (asked, &mut self.taken) {
            (ActionBatch::Discrete(asked), ActionBatch::Discrete(taken)) => {
                choose(&self.state.repeats, asked, &self.state.choices, 1, taken);
            }
            (ActionBatch::Continuous { width, values: asked }, ActionBatch::Continuous { values: taken, .. }) => {
                choose(&self.state.repeats, asked, &self.state.values, *width, taken);
            }
            _ => panic!("the actions are of another kind than the specification's"),
        }
    }

    /// Checks that the remembered actions are some that the specification allows.
    fn check(&self, state: &StickyState) -> Result<(), StateError> {
        let lengths = (state.choices.len(), state.values.len()) == (self.state.choices.len(), self.state.values.len());
        let allowed = match &self.spec().action {
            ActionSpec::Discrete { names } => state.choices.iter().all(|&choice| (choice as usize) < names.len()),
            ActionSpec::Continuous { low, high } => {
                let bounds = low.iter().zip(high).cycle();
                state.values.iter().zip(bounds).all(|(value, (low, high))| (low..=high).contains(&value))
            }
        };
        if lengths && allowed { Ok(()) } else { Err(StateError::Value("actions to repeat that there are not".into())) }
    }
}

fn choose<T: Copy>(repeats: &[bool], asked: &[T], last: &[T], width: usize, taken: &mut [T]) {
    assert_eq!(asked.len(), repeats.len() * width, "a batch takes one action per copy");
    for (i, repeat) in repeats.iter().enumerate() {
        let row = i * width..(i + 1) * width;
        taken[row.clone()].copy_from_slice(if *repeat { &last[row] } else { &asked[row] });
    }
}

impl BatchEnv for StickyActions {
    fn len(&self) -> usize {
        self.inner.len()
    }

    fn spec(&self) -> &EnvSpec {
        self.inner.spec()
    }

    fn observations(&self) -> Observations<'_> {
        self.inner.observations()
    }

    fn step(&mut self, actions: &ActionBatch) -> StepBatch<'_> {
        self.choose(actions);
        let state = &mut self.state;
        match &self.taken {
            ActionBatch::Discrete(taken) => state.choices.copy_from_slice(taken),
            ActionBatch::Continuous { values, .. } => state.values.copy_from_slice(values),
        }
        let step = self.inner.step(&self.taken);
        for ((repeat, rng), status) in state.repeats.iter_mut().zip(&mut state.rngs).zip(step.statuses) {
            *repeat = uniform_f64(rng) < self.probability && *status == Status::Running;
        }
        step
    }

    fn peek(&mut self, actions: &ActionBatch, out: &mut Outcomes) {
        self.choose(actions);
        self.inner.peek(&self.taken, out);
    }

    fn ledgers(&self, out: &mut Vec<Ledger>) {
        self.inner.ledgers(out);
    }

    fn record_fills(&mut self, on: bool) {
        self.inner.record_fills(on);
    }

    fn fills(&self) -> &[Vec<Fill>] {
        self.inner.fills()
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&(&self.state, self.inner.save())).expect("encoding plain numbers into memory cannot fail")
    }

    fn restore(&mut self, from: &[u8]) -> Result<(), StateError> {
        let (saved, rest): ((StickyState, Vec<u8>), _) =
            postcard::take_from_bytes(from).map_err(|e| StateError::Decode(e.to_string()))?;
        if !rest.is_empty() {
            return Err(StateError::Decode(format!("{} bytes too many", rest.len())));
        }
        let (state, inner) = saved;
        for got in [state.rngs.len(), state.repeats.len()] {
            if got != self.len() {
                return Err(StateError::Count { got, expected: self.len() });
            }
        }
        self.check(&state)?;
        self.inner.restore(&inner)?;
        self.state = state;
        Ok(())
    }
}
