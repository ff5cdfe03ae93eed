use std::ops::Range;

use candle_core::{Device, Tensor};
use pavlov_rl_core::{AgentError, Observations, Rng};

use super::config::{Deviation, GaussianPpoConfig};
use crate::lstm_ppo::Body;
use crate::nn::{Activation, DenseLayer, Linear, Params, Windows, compute_error, init, lstm};
use crate::rollout::RolloutBatch;

const LOG_STD: &str = "log_std";

/// Actor, critic and deviations for learning.
pub(super) struct Network {
    pub(super) params: Params,
    actor: Tower,
    critic: Tower,
    /// `ln` of the deviations if they are not learned.
    fixed: Option<Vec<f32>>,
}

/// Dense layers, perhaps an LSTM, and a linear head.
struct Tower {
    name: &'static str,
    dense: Vec<usize>,
    activation: Activation,
    /// Units of the LSTM; 0 for none.
    hidden: usize,
    /// Where a row of memory holds its state.
    memory: Range<usize>,
}

impl Network {
    /// Fresh weights for observations of `inputs` numbers and actions of `width`.
    pub(super) fn new(
        config: &GaussianPpoConfig,
        [inputs, width]: [usize; 2],
        device: &Device,
        rng: &mut Rng,
    ) -> Result<Self, AgentError> {
        let mut params = Params::new(device);
        let actor = Tower::new(config, "actor", 0);
        let critic = Tower::new(config, "critic", actor.memory.end);
        actor.draw(&mut params, inputs, width, rng)?;
        critic.draw(&mut params, inputs, 1, rng)?;
        let log_std = vec![config.std.start().ln() as f32; width];
        let fixed = match config.std {
            Deviation::Fixed(_) => Some(log_std),
            Deviation::Learned(_) => {
                params.insert(LOG_STD, &[width], log_std)?;
                None
            }
        };
        Ok(Self { params, actor, critic, fixed })
    }

    /// Numbers that an environment's memory holds: `h` and `c` of the actor, then of the critic.
    pub(super) fn memory_width(&self) -> usize {
        self.critic.memory.end
    }

    /// `ln` of the deviations, `[D]`.
    pub(super) fn log_std(&self) -> Result<Vec<f32>, AgentError> {
        self.fixed.clone().map_or_else(|| self.params.host(LOG_STD), Ok)
    }

    /// The parameter that holds them, if they are learned.
    pub(super) fn learned_log_std(&self) -> Option<&Tensor> {
        self.fixed.is_none().then(|| self.params.tensor(LOG_STD))
    }

    /// Outputs of the actor `[T + 1, B, D]` and of the critic `[T + 1, B, 1]`, each in one pass.
    pub(super) fn forward(&self, batch: &RolloutBatch, windows: &mut Windows) -> Result<[Tensor; 2], AgentError> {
        let x = windows.flat(batch.observations())?;
        let x = x.reshape((batch.steps + 1, batch.envs, ())).map_err(compute_error("the forward pass"))?;
        let width = self.memory_width();
        Ok([self.actor.forward(&self.params, &x, batch, width)?, self.critic.forward(&self.params, &x, batch, width)?])
    }

    /// A copy of the weights as they are now, laid out for acting.
    pub(super) fn acting(&self) -> Result<Acting, AgentError> {
        let copy = |tower: &Tower| tower.acting(&self.params);
        let width = self.memory_width();
        Ok(Acting { actor: copy(&self.actor)?, critic: copy(&self.critic)?, log_std: self.log_std()?, width })
    }
}

impl Tower {
    fn new(config: &GaussianPpoConfig, name: &'static str, memory_from: usize) -> Self {
        let mut dense = config.sizes.clone();
        let hidden = match config.body {
            Body::Dense => 0,
            Body::Lstm => dense.pop().unwrap_or_default(),
        };
        let memory = memory_from..memory_from + 2 * hidden;
        Self { name, dense, activation: config.activation.into(), hidden, memory }
    }

    fn part(&self, part: impl std::fmt::Display) -> String {
        format!("{}.{part}", self.name)
    }

    fn draw(&self, params: &mut Params, mut inputs: usize, outputs: usize, rng: &mut Rng) -> Result<(), AgentError> {
        for (i, &units) in self.dense.iter().enumerate() {
            init::linear(params, &self.part(i), inputs, units, rng)?;
            inputs = units;
        }
        if self.hidden > 0 {
            init::lstm(params, &self.part("lstm"), inputs, self.hidden, rng)?;
            inputs = self.hidden;
        }
        init::linear(params, &self.part("head"), inputs, outputs, rng)
    }

    fn forward(&self, params: &Params, x: &Tensor, batch: &RolloutBatch, width: usize) -> Result<Tensor, AgentError> {
        let mut x = x.clone();
        for i in 0..self.dense.len() {
            x = Linear::new(&self.part(i)).then(self.activation).forward(params, &x)?;
        }
        if self.hidden > 0 {
            let rows = batch.memory.chunks_exact(width).flat_map(|row| &row[self.memory.clone()]);
            let memory: Vec<f32> = rows.copied().collect();
            x = lstm::from_memory(&x, params.tensor(&self.part("lstm.packed")), &memory, &batch.starts)?;
        }
        Linear::new(&self.part("head")).forward(params, &x)
    }

    fn acting(&self, params: &Params) -> Result<ActingTower, AgentError> {
        let layer = |i: usize| DenseLayer::from_params(params, &self.part(i), self.activation);
        let head = DenseLayer::from_params(params, &self.part("head"), Activation::Identity)?;
        let packed = self.part("lstm.packed");
        let cell = (self.hidden > 0).then(|| {
            let packed = params.host(&packed)?;
            // 4 H (I + H + 2) parameters.
            let inputs = packed.len() / (4 * self.hidden) - self.hidden - 2;
            Ok::<_, AgentError>((lstm::Cell::new(inputs, self.hidden, &packed), self.hidden))
        });
        Ok(ActingTower {
            dense: (0..self.dense.len()).map(layer).collect::<Result<_, _>>()?,
            cell: cell.transpose()?,
            head,
            memory: self.memory.clone(),
        })
    }
}

/// The weights on the host.
pub(super) struct Acting {
    actor: ActingTower,
    critic: ActingTower,
    pub(super) log_std: Vec<f32>,
    /// Numbers of a memory row.
    width: usize,
}

struct ActingTower {
    dense: Vec<DenseLayer>,
    /// With its number of units.
    cell: Option<(lstm::Cell, usize)>,
    head: DenseLayer,
    memory: Range<usize>,
}

/// Buffers of [`Acting::step`], kept between calls.
#[derive(Default)]
pub(super) struct Scratch {
    observations: Vec<f32>,
    work: Work,
    means: Vec<f32>,
    values: Vec<f32>,
}

#[derive(Default)]
struct Work {
    x: Vec<f32>,
    y: Vec<f32>,
    memory: Vec<f32>,
    state: Vec<f32>,
    gates: Vec<f32>,
}

impl Acting {
    /// One step for the observations `rows` of `seen`; moves their memory rows on. Returns the outputs of the actor
    /// `[N, D]` and of the critic `[N]`.
    pub(super) fn step<'s>(
        &self,
        seen: Observations<'_>,
        rows: Range<usize>,
        memory: &mut [f32],
        scratch: &'s mut Scratch,
    ) -> (&'s [f32], &'s [f32]) {
        let Scratch { observations, work, means, values } = scratch;
        observations.clear();
        rows.for_each(|i| seen.extend_flat(i, observations));
        self.actor.step(observations, (memory, self.width), work, means);
        self.critic.step(observations, (memory, self.width), work, values);
        (means, values)
    }
}

impl ActingTower {
    fn step(&self, seen: &[f32], (memory, width): (&mut [f32], usize), work: &mut Work, out: &mut Vec<f32>) {
        let Work { x, y, state, gates, memory: own } = work;
        x.clear();
        x.extend_from_slice(seen);
        for layer in &self.dense {
            layer.forward(x, y);
            std::mem::swap(x, y);
        }
        let Some((cell, hidden)) = &self.cell else { return self.head.forward(x, out) };
        own.clear();
        memory.chunks_exact(width).for_each(|row| own.extend_from_slice(&row[self.memory.clone()]));
        state.resize(own.len(), 0.0);
        lstm::split_memory(own, *hidden, state);
        let (h, c) = state.split_at_mut(own.len() / 2);
        cell.step(x, h, c, gates);
        self.head.forward(h, out);
        lstm::join_memory(state, *hidden, own);
        for (row, own) in memory.chunks_exact_mut(width).zip(own.chunks_exact(2 * hidden)) {
            row[self.memory.clone()].copy_from_slice(own);
        }
    }
}
