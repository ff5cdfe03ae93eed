//! Initial weights as PyTorch draws them, from our own seeded stream.
//!
//! Source: PyTorch, `torch/nn/modules/linear.py` (`Linear.reset_parameters`: Kaiming-uniform with `a = sqrt(5)`, which is
//! `U(-1/sqrt(inputs), 1/sqrt(inputs))` for weight and bias) and `torch/nn/modules/rnn.py`
//! (`RNNBase.reset_parameters`: `U(-1/sqrt(hidden), 1/sqrt(hidden))` for all). Parameters of a layer are drawn in the
//! order of their names; layers in the order of the calls.

use pavlov_rl_core::{AgentError, Rng, normal, uniform_f32};
use serde::{Deserialize, Serialize};

use super::{Params, lstm::Dims};

/// Adds `<name>.bias` `[outputs]` and `<name>.weight` `[outputs, inputs]`.
///
/// # Errors
/// [`AgentError::Compute`] if the device cannot hold them.
pub fn linear(params: &mut Params, name: &str, inputs: usize, outputs: usize, rng: &mut Rng) -> Result<(), AgentError> {
    params.insert(&format!("{name}.bias"), &[outputs], uniform(inputs, outputs, rng))?;
    params.insert(&format!("{name}.weight"), &[outputs, inputs], uniform(inputs, outputs * inputs, rng))
}

/// Adds a matrix `name` `[outputs, inputs]` that is drawn as the weight of a [`linear`] layer.
///
/// # Errors
/// [`AgentError::Compute`] if the device cannot hold it.
pub fn weight(params: &mut Params, name: &str, inputs: usize, outputs: usize, rng: &mut Rng) -> Result<(), AgentError> {
    params.insert(name, &[outputs, inputs], uniform(inputs, outputs * inputs, rng))
}

/// Adds `<name>.packed`, the parameters of [`super::lstm::sequence`].
///
/// A checkpoint shows them as `<name>.weight_ih` `[4H, I]`, `.weight_hh` `[4H, H]`, `.bias_ih` `[4H]` and
/// `.bias_hh` `[4H]`, with the gates in the order i, f, g, o; they are drawn in this order.
///
/// # Errors
/// [`AgentError::Compute`] if the device cannot hold them.
pub fn lstm(params: &mut Params, name: &str, inputs: usize, hidden: usize, rng: &mut Rng) -> Result<(), AgentError> {
    let gates = 4 * hidden;
    let parts = [
        (format!("{name}.weight_ih"), vec![gates, inputs]),
        (format!("{name}.weight_hh"), vec![gates, hidden]),
        (format!("{name}.bias_ih"), vec![gates]),
        (format!("{name}.bias_hh"), vec![gates]),
    ];
    let values = uniform(hidden, Dims { inputs, hidden }.packed_len(), rng);
    params.insert_packed(&format!("{name}.packed"), &[values.len()], &parts, values)
}

/// Adds `<name>.bias` and `<name>.weight` of several layers (name and outputs of each) on the same inputs, stacked
/// into one.
///
/// Draws and a checkpoint's entries are those of a [`linear`] for each layer.
///
/// # Errors
/// [`AgentError::Compute`] if the device cannot hold them.
pub fn stacked(
    params: &mut Params,
    name: &str,
    inputs: usize,
    layers: &[(&str, usize)],
    rng: &mut Rng,
) -> Result<(), AgentError> {
    let (mut bias, mut weight) = (Vec::new(), Vec::new());
    for (_, outputs) in layers {
        bias.extend(uniform(inputs, *outputs, rng));
        weight.extend(uniform(inputs, outputs * inputs, rng));
    }
    let outputs = bias.len();
    let parts = |kind: &str, shape: &dyn Fn(usize) -> Vec<usize>| -> Vec<_> {
        layers.iter().map(|(layer, outputs)| (format!("{layer}.{kind}"), shape(*outputs))).collect()
    };
    params.insert_packed(&format!("{name}.bias"), &[outputs], &parts("bias", &|n| vec![n]), bias)?;
    let parts = parts("weight", &|n| vec![n, inputs]);
    params.insert_packed(&format!("{name}.weight"), &[outputs, inputs], &parts, weight)
}

/// `len` numbers of `U(-1/sqrt(fan), 1/sqrt(fan))`.
fn uniform(fan: usize, len: usize, rng: &mut Rng) -> Vec<f32> {
    let bound = 1.0 / (fan as f32).sqrt();
    (0..len).map(|_| (2.0 * uniform_f32(rng) - 1.0) * bound).collect()
}

/// A named way to draw the first weights of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Variance `2 / inputs` for hidden layers (He et al. 2015, "Delving deep into rectifiers", section 2.2), `2 / (inputs +
    /// outputs)` for the last one (Glorot and Bengio 2010, section 4.2), from a normal distribution cut at two
    /// deviations; biases 0.
    HeNormal,
    /// `U(+-sqrt(6 / (inputs + outputs)))` (Glorot and Bengio 2010, equation 16); biases as PyTorch draws them.
    #[default]
    GlorotUniform,
    /// PyTorch's linear layer: `U(+-1 / sqrt(inputs))`, biases too.
    Pytorch,
}

/// The laws that weights and biases of one layer are drawn from.
pub(crate) struct LayerInit {
    weight: Law,
    bias: Law,
}

#[derive(Clone, Copy)]
enum Law {
    Zero,
    Uniform { bound: f32 },
    CutNormal { deviation: f64 },
}

impl Init {
    /// The laws for a layer of these sizes.
    pub(crate) fn layer(self, inputs: usize, outputs: usize, is_last: bool) -> LayerInit {
        // What is left of the deviation of a normal distribution that is cut at two of them.
        const CUT: f64 = 0.879_625_661_034_239_8;
        let (fan_in, fan_both) = (inputs as f64, (inputs + outputs) as f64);
        let pytorch = Law::Uniform { bound: 1.0 / (inputs as f32).sqrt() };
        match self {
            Self::HeNormal => {
                let variance = if is_last { 2.0 / fan_both } else { 2.0 / fan_in };
                LayerInit { weight: Law::CutNormal { deviation: variance.sqrt() / CUT }, bias: Law::Zero }
            }
            Self::GlorotUniform => {
                LayerInit { weight: Law::Uniform { bound: (6.0 / fan_both).sqrt() as f32 }, bias: pytorch }
            }
            Self::Pytorch => LayerInit { weight: pytorch, bias: pytorch },
        }
    }
}

impl LayerInit {
    pub(crate) fn weight(&self, rng: &mut Rng) -> f32 {
        self.weight.draw(rng)
    }

    pub(crate) fn bias(&self, rng: &mut Rng) -> f32 {
        self.bias.draw(rng)
    }
}

impl Law {
    fn draw(self, rng: &mut Rng) -> f32 {
        match self {
            Self::Zero => 0.0,
            Self::Uniform { bound } => (2.0 * uniform_f32(rng) - 1.0) * bound,
            Self::CutNormal { deviation } => loop {
                let z = normal(rng);
                if z.abs() <= 2.0 {
                    return (deviation * z) as f32;
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use pavlov_rl_core::RngTree;

    use super::*;

    fn drawn(seed: u64) -> Params {
        let mut rng = RngTree::new(seed).stream("init", 0);
        let mut params = Params::new(&Device::Cpu);
        linear(&mut params, "fc", 400, 30, &mut rng).unwrap();
        lstm(&mut params, "lstm", 30, 100, &mut rng).unwrap();
        params
    }

    #[test]
    fn weights_fill_pytorchs_interval_evenly() {
        let params = drawn(1);
        for (name, bound, count) in [("fc.weight", 0.05, 12_000), ("fc.bias", 0.05, 30), ("lstm.packed", 0.1, 52_800)] {
            let values = params.host(name).unwrap();
            assert_eq!(values.len(), count);
            assert!(values.iter().all(|v| v.abs() <= bound), "{name}");
            let widest = values.iter().fold(0f32, |m, v| m.max(v.abs()));
            assert!(widest > 0.9 * bound, "{name} uses only {widest} of {bound}");
            let square: f32 = values.iter().map(|v| v * v).sum::<f32>() / count as f32;
            assert!(
                (square / (bound * bound / 3.0) - 1.0).abs() < 4.0 / (count as f32).sqrt(),
                "{name} variance {square}"
            );
        }
    }

    #[test]
    fn stacked_layers_are_the_layers_one_after_the_other() {
        let layers = [("policy", 3), ("value", 1)];
        let (mut one, mut each) = (Params::new(&Device::Cpu), Params::new(&Device::Cpu));
        stacked(&mut one, "heads", 5, &layers, &mut RngTree::new(1).stream("init", 0)).unwrap();
        let mut rng = RngTree::new(1).stream("init", 0);
        for (name, outputs) in layers {
            linear(&mut each, name, 5, outputs, &mut rng).unwrap();
        }
        let saved = |params: &Params| {
            let mut checkpoint = pavlov_rl_core::Checkpoint::default();
            params.save("", &mut checkpoint).unwrap();
            checkpoint
        };
        assert_eq!(saved(&one), saved(&each));
        assert_eq!((one.tensor("heads.weight").dims(), one.tensor("heads.bias").dims()), (&[4, 5][..], &[4][..]));
    }

    #[test]
    fn equal_seeds_give_equal_weights_and_other_seeds_others() {
        let host = |seed| drawn(seed).host("lstm.packed").unwrap();
        assert_eq!(host(1), host(1));
        assert_ne!(host(1), host(2));
    }
}
