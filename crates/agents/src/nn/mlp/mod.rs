//! A network of fully connected layers with batch normalisation, leaky ReLU and dropout, learnt without a graph.
//!
//! Forward and backward pass are explicit steps on buffers that are kept, and all parameters lie in one array in the
//! order in which the kernels read them: the gradient, the optimiser's moments and a copy for a target network have
//! the same layout. A checkpoint shows them as PyTorch does.

mod between;
mod layout;
mod pass;
mod products;

use pavlov_rl_core::{AgentError, Checkpoint, Rng};
use serde::{Deserialize, Serialize};

pub(crate) use self::layout::Layout;
use self::layout::{Layer, Norm};
pub use self::pass::{Inference, Pass};
use super::init::Init;
use super::numerics::{Isa, Line};

/// Sizes of a network, and what stands between its layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MlpShape {
    /// Numbers of an input.
    pub inputs: usize,
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Numbers of an output.
    pub outputs: usize,
    /// Whether hidden layers are normalised by batch.
    pub batch_norm: bool,
    /// Slope of the leaky ReLU below 0.
    pub leaky_slope: f32,
    /// Share of the hidden units that a training pass leaves out.
    pub dropout: f32,
}

/// `(linear -> batch norm -> leaky ReLU -> dropout) * L -> linear`.
///
/// ```
/// use pavlov_agents::nn::{Inference, Mlp, MlpShape, init::Init};
/// use pavlov_rl_core::RngTree;
/// let shape =
///     MlpShape { inputs: 3, hidden: vec![8, 8], outputs: 2, batch_norm: true, leaky_slope: 0.01, dropout: 0.2 };
/// let mlp = Mlp::new(shape, Init::HeNormal, &mut RngTree::new(1).stream("init", 0));
/// let mut scratch = Inference::default();
/// assert_eq!(mlp.infer(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], &mut scratch).count(), 2);
/// ```
#[derive(Clone, Debug)]
pub struct Mlp {
    shape: MlpShape,
    layout: Layout,
    params: Vec<Line>,
    running: Vec<Line>,
    isa: Isa,
}

/// A gradient of a scalar with respect to all parameters, in their layout.
#[derive(Clone, Debug)]
pub struct MlpGradient(pub(crate) Vec<Line>);

impl Mlp {
    /// A network with weights drawn layer by layer.
    ///
    /// # Panics
    /// If a size is 0 or `dropout` lies outside `0..1`.
    pub fn new(shape: MlpShape, init: Init, rng: &mut Rng) -> Self {
        assert!(shape.inputs > 0 && shape.outputs > 0 && !shape.hidden.contains(&0), "sizes of {shape:?}");
        assert!((0.0..1.0).contains(&shape.dropout), "dropout of {shape:?}");
        let layout = Layout::new(&shape);
        let (params, running) = (vec![Line::ZERO; layout.len], vec![Line::ZERO; layout.running_len]);
        let mut mlp = Self { shape, params, running, isa: Isa::best(), layout };
        let last = mlp.layout.layers.len() - 1;
        for (i, layer) in mlp.layout.layers.clone().into_iter().enumerate() {
            mlp.draw(&layer, init, i == last, rng);
        }
        mlp
    }

    fn draw(&mut self, layer: &Layer, init: Init, is_head: bool, rng: &mut Rng) {
        let depth = products::depth(layer.inputs);
        let draw = init.layer(layer.inputs, layer.outputs, is_head);
        for n in 0..layer.outputs {
            for k in 0..layer.inputs {
                self.params[layer.weight + n / 16 * depth + k].0[n % 16] = draw.weight(rng);
            }
        }
        for n in 0..layer.outputs {
            self.params[layer.bias + n / 16].0[n % 16] = draw.bias(rng);
            if let Some(Norm { gamma, var, .. }) = layer.norm {
                self.params[gamma + n / 16].0[n % 16] = 1.0;
                self.running[var + n / 16].0[n % 16] = 1.0;
            }
        }
    }

    /// Sizes of the network.
    pub fn shape(&self) -> &MlpShape {
        &self.shape
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn params_mut(&mut self) -> &mut [Line] {
        &mut self.params
    }

    /// A gradient of zeros.
    pub fn gradient(&self) -> MlpGradient {
        MlpGradient(vec![Line::ZERO; self.params.len()])
    }

    /// Takes the parameters and running statistics of another network of the same shape.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn copy_from(&mut self, other: &Self) {
        assert_eq!(self.shape, other.shape, "a copy of another network");
        self.params.copy_from_slice(&other.params);
        self.running.copy_from_slice(&other.running);
    }

    /// Moves the parameters by `share` of the way to those of another network, and takes its running statistics: they
    /// are means already.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn move_towards(&mut self, other: &Self, share: f32) {
        assert_eq!(self.shape, other.shape, "a move towards another network");
        for (to, from) in Line::flat_mut(&mut self.params).iter_mut().zip(Line::flat(&other.params)) {
            *to += share * (from - *to);
        }
        self.running.copy_from_slice(&other.running);
    }

    /// Writes parameters and running statistics as tensors `<prefix><name>`.
    pub fn save(&self, prefix: &str, to: &mut Checkpoint) {
        self.layout.save(prefix, &self.params, to);
        self.layout.save_running(prefix, &self.running, to);
    }

    /// Writes a gradient as tensors `<prefix><name>`.
    pub fn save_gradient(&self, gradient: &MlpGradient, prefix: &str, to: &mut Checkpoint) {
        self.layout.save(prefix, &gradient.0, to);
    }

    /// Takes up what [`Mlp::save`] wrote; unchanged if an entry does not fit.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] if an entry is missing or has another shape.
    pub fn restore(&mut self, prefix: &str, from: &Checkpoint) -> Result<(), AgentError> {
        let (params, running) = (self.layout.read(prefix, from)?, self.layout.read_running(prefix, from)?);
        (self.params, self.running) = (params, running);
        Ok(())
    }

    /// The same network computed with another instruction set.
    #[cfg(test)]
    fn on(self, isa: Isa) -> Self {
        Self { isa, ..self }
    }
}

#[cfg(test)]
mod tests;
