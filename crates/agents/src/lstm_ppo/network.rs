use candle_core::{Device, Tensor};
use pavlov_rl_core::{AgentError, Observations, Rng};

use super::config::{Body, LstmPpoConfig};
use crate::nn::{Activation, DenseLayer, Linear, Params, Windows, compute_error, init, lstm};
use crate::rollout::RolloutBatch;

const FC: &str = "fc";
const LSTM: &str = "lstm";
const DENSE: &str = "dense";
const POLICY: &str = "policy";
const VALUE: &str = "value";
/// Policy and value as one layer: a single product gives the logits, then the value.
const HEADS: &str = "heads";

/// `fc -> ReLU -> body -> {policy, value}` for learning.
pub(super) struct Network {
    pub(super) params: Params,
    body: Body,
    hidden: usize,
}

impl Network {
    /// Fresh weights for observations of `inputs` numbers.
    pub(super) fn new(
        config: &LstmPpoConfig,
        inputs: usize,
        num_actions: usize,
        device: &Device,
        rng: &mut Rng,
    ) -> Result<Self, AgentError> {
        let LstmPpoConfig { fc, hidden, body, .. } = *config;
        let mut params = Params::new(device);
        init::linear(&mut params, FC, inputs, fc, rng)?;
        match body {
            Body::Lstm => init::lstm(&mut params, LSTM, fc, hidden, rng)?,
            Body::Dense => init::linear(&mut params, DENSE, fc, hidden, rng)?,
        }
        init::stacked(&mut params, HEADS, hidden, &[(POLICY, num_actions), (VALUE, 1)], rng)?;
        Ok(Self { params, body, hidden })
    }

    /// Numbers that an environment's memory holds: `h`, then `c`.
    pub(super) fn memory_width(&self) -> usize {
        match self.body {
            Body::Lstm => 2 * self.hidden,
            Body::Dense => 0,
        }
    }

    /// Logits and value of every row in one pass, `[T + 1, B, A + 1]`.
    pub(super) fn forward(&self, batch: &RolloutBatch, windows: &mut Windows) -> Result<Tensor, AgentError> {
        let x = windows.flat(batch.observations())?;
        let x = x.reshape((batch.steps + 1, batch.envs, ())).map_err(compute_error("the forward pass"))?;
        let x = Linear::new(FC).then(Activation::Relu).forward(&self.params, &x)?;
        let y = match self.body {
            Body::Lstm => {
                lstm::from_memory(&x, self.params.tensor(&format!("{LSTM}.packed")), &batch.memory, &batch.starts)?
            }
            Body::Dense => Linear::new(DENSE).then(Activation::Relu).forward(&self.params, &x)?,
        };
        Linear::new(HEADS).forward(&self.params, &y)
    }

    /// A copy of the weights as they are now, laid out for acting.
    pub(super) fn actor(&self) -> Result<Actor, AgentError> {
        let params = &self.params;
        let fc = DenseLayer::from_params(params, FC, Activation::Relu)?;
        let body = match self.body {
            Body::Lstm => ActorBody::Lstm(lstm::Cell::from_params(params, LSTM, fc.outputs(), self.hidden)?),
            Body::Dense => ActorBody::Dense(DenseLayer::from_params(params, DENSE, Activation::Relu)?),
        };
        Ok(Actor {
            hidden: self.hidden,
            fc,
            body,
            heads: DenseLayer::from_params(params, HEADS, Activation::Identity)?,
        })
    }
}

/// The weights on the host.
pub(super) struct Actor {
    hidden: usize,
    fc: DenseLayer,
    body: ActorBody,
    heads: DenseLayer,
}

enum ActorBody {
    Lstm(lstm::Cell),
    Dense(DenseLayer),
}

/// Buffers of [`Actor::step`], kept between calls.
#[derive(Default)]
pub(super) struct Scratch {
    x: Vec<f32>,
    features: Vec<f32>,
    state: Vec<f32>,
    gates: Vec<f32>,
    heads: Vec<f32>,
}

impl Actor {
    /// One step for the observations `rows` of `seen`; moves their memory rows on. Returns a row of logits and the
    /// value for each, `[N, A + 1]`.
    pub(super) fn step<'s>(
        &self,
        seen: Observations<'_>,
        rows: std::ops::Range<usize>,
        memory: &mut [f32],
        scratch: &'s mut Scratch,
    ) -> &'s [f32] {
        let Scratch { x, features, state, gates, heads } = scratch;
        x.clear();
        rows.for_each(|i| seen.extend_flat(i, x));
        self.fc.forward(x, features);
        match &self.body {
            ActorBody::Lstm(cell) => {
                state.resize(memory.len(), 0.0);
                lstm::split_memory(memory, self.hidden, state);
                let (h, c) = state.split_at_mut(memory.len() / 2);
                cell.step(features, h, c, gates);
                self.heads.forward(h, heads);
                lstm::join_memory(state, self.hidden, memory);
            }
            ActorBody::Dense(layer) => {
                layer.forward(features, state);
                self.heads.forward(state, heads);
            }
        }
        heads
    }
}
