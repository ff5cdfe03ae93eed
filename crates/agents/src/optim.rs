//! Adam, gradient norms and clipping over named parameters, in the order of their names.
//!
//! ```
//! use candle_core::Device;
//! use pavlov_agents::nn::Params;
//! use pavlov_agents::optim::{Adam, AdamConfig, clip_factor, global_norm};
//! let mut params = Params::new(&Device::Cpu);
//! params.insert("w", &[2], vec![1.0, -1.0])?;
//! let mut adam = Adam::new(&params, AdamConfig::default());
//! let loss = params.tensor("w").sqr().unwrap().sum_all().unwrap();
//! let grads = loss.backward().unwrap();
//! let norm = global_norm(&params, &grads)?;
//! adam.step(&params, &grads, 0.1, clip_factor(norm, 0.5))?;
//! assert!(params.host("w")?[0] < 1.0);
//! # Ok::<(), pavlov_rl_core::AgentError>(())
//! ```

mod packed;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor, Var, bail};
use pavlov_rl_core::{AgentError, Checkpoint};
use serde::{Deserialize, Serialize};

pub use self::packed::PackedAdam;
use crate::nn::numerics::{Isa, Kernel, Simd};
use crate::nn::{Params, compute_error, slice, with_slice};

/// Constants of [`Adam`]; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Decay of the mean of gradients; default 0.9 (Kingma and Ba 2015).
    pub beta1: f64,
    /// Decay of the mean of squared gradients; default 0.999 (Kingma and Ba 2015).
    pub beta2: f64,
    /// Added to the root of the mean square; default 1e-8 (Kingma and Ba 2015).
    pub eps: f64,
    /// Strength of the weight decay; default 0 (PyTorch's Adam).
    pub weight_decay: f64,
    /// How weights decay; default L2 (PyTorch's Adam).
    pub decay: Decay,
}

/// How weights decay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// By the gradient of the penalty `weight_decay / 2 * |w|^2`: `torch.optim.Adam`.
    #[default]
    L2,
    /// By the factor `1 - lr * weight_decay` before the step (Loshchilov and Hutter 2019): `torch.optim.AdamW`.
    Decoupled,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0, decay: Decay::L2 }
    }
}

/// Adam (Kingma and Ba 2015, algorithm 1, in the form of PyTorch's `torch.optim.Adam`), one pass per parameter.
///
/// ```text
/// w = w * (1 - lr * weight_decay)         (decoupled)
/// g = scale * gradient + weight_decay * w  (L2; else without the second term)
/// m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
/// w = w - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
/// ```
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    steps: u64,
    moments: BTreeMap<String, Moments>,
}

#[derive(Clone, Debug)]
struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl Adam {
    /// An optimiser of these parameters that has not stepped yet.
    pub fn new(params: &Params, config: AdamConfig) -> Self {
        let zeros = |var: &Var| vec![0.0; var.elem_count()];
        let moments = params
            .iter()
            .map(|(name, var)| (name.to_owned(), Moments { mean: zeros(var), square: zeros(var) }))
            .collect();
        Self { config, steps: 0, moments }
    }

    /// Number of steps so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Moves the parameters against their gradients times `scale` (the factor of [`clip_factor`], or 1).
    ///
    /// The moments are in host memory: a parameter on another device comes here for its step and goes back.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if a parameter has no gradient, or cannot be moved.
    ///
    /// # Panics
    /// If these are not the parameters that the optimiser was made for.
    pub fn step(&mut self, params: &Params, grads: &GradStore, lr: f64, scale: f32) -> Result<(), AgentError> {
        assert!(self.moments.keys().map(String::as_str).eq(params.iter().map(|(name, _)| name)), "other parameters");
        self.steps += 1;
        let constants = Constants::new(self.config, self.steps, lr, scale);
        for ((name, var), moments) in params.iter().zip(self.moments.values_mut()) {
            let grad = gradient(name, var, grads)?;
            let stepped = match var.device().is_cpu() {
                true => step_in_place(var, grad, constants, moments),
                false => step_from_afar(var, grad, constants, moments),
            };
            stepped.map_err(compute_error("adam"))?;
        }
        Ok(())
    }

    /// Writes `<prefix>steps`, `<prefix>mean/<name>` and `<prefix>square/<name>`.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the moments cannot be read from the device.
    pub fn save(&self, prefix: &str, to: &mut Checkpoint) -> Result<(), AgentError> {
        to.put_value(&format!("{prefix}steps"), &self.steps);
        for (name, m) in &self.moments {
            to.put_f32(&format!("{prefix}mean/{name}"), &[m.mean.len()], &m.mean);
            to.put_f32(&format!("{prefix}square/{name}"), &[m.square.len()], &m.square);
        }
        Ok(())
    }

    /// Takes up what [`Adam::save`] wrote; unchanged if an entry does not fit.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] if an entry is missing or has another shape.
    pub fn restore(&mut self, prefix: &str, from: &Checkpoint) -> Result<(), AgentError> {
        let steps = from.value(&format!("{prefix}steps"))?;
        let mut moments = BTreeMap::new();
        for (name, m) in &self.moments {
            let read = |kind: &str| from.f32(&format!("{prefix}{kind}/{name}"), &[m.mean.len()]);
            moments.insert(name.clone(), Moments { mean: read("mean")?, square: read("square")? });
        }
        (self.steps, self.moments) = (steps, moments);
        Ok(())
    }
}

fn step_in_place(var: &Var, grad: &Tensor, constants: Constants, moments: &mut Moments) -> candle_core::Result<()> {
    let op = AdamOp { constants, moments: Mutex::new(moments) };
    var.as_tensor().inplace_op2(&grad.contiguous()?, &op)
}

/// The same for a parameter on another device.
fn step_from_afar(var: &Var, grad: &Tensor, constants: Constants, moments: &mut Moments) -> candle_core::Result<()> {
    let host = |tensor: &Tensor| with_slice(tensor, <[f32]>::to_vec);
    let (mut param, grad) = (host(var.as_tensor())?, host(grad)?);
    let Moments { mean, square } = moments;
    Isa::best().run(Update { constants, param: &mut param, grad: &grad, mean, square });
    var.set(&Tensor::from_vec(param, var.shape(), var.device())?)
}

fn gradient<'a>(name: &str, var: &Var, grads: &'a GradStore) -> Result<&'a Tensor, AgentError> {
    grads.get(var).ok_or_else(|| AgentError::Compute {
        what: "gradient",
        message: format!("parameter `{name}` has none; the loss does not depend on it"),
    })
}

/// Numbers of one step that all parameters share.
#[derive(Clone, Copy, Debug)]
struct Constants {
    scale: f32,
    shrink: f32,
    l2: f32,
    beta1: f32,
    one_minus_beta1: f32,
    beta2: f32,
    one_minus_beta2: f32,
    step_size: f32,
    root_correction: f32,
    eps: f32,
}

impl Constants {
    fn new(config: AdamConfig, steps: u64, lr: f64, scale: f32) -> Self {
        let AdamConfig { beta1, beta2, eps, weight_decay, decay } = config;
        let (shrink, l2) = match decay {
            Decay::L2 => (1.0, weight_decay),
            Decay::Decoupled => (1.0 - lr * weight_decay, 0.0),
        };
        Self {
            scale,
            shrink: shrink as f32,
            l2: l2 as f32,
            beta1: beta1 as f32,
            one_minus_beta1: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            one_minus_beta2: (1.0 - beta2) as f32,
            step_size: (lr / (1.0 - beta1.powf(steps as f64))) as f32,
            root_correction: (1.0 - beta2.powf(steps as f64)).sqrt() as f32,
            eps: eps as f32,
        }
    }
}

struct AdamOp<'a> {
    constants: Constants,
    moments: Mutex<&'a mut Moments>,
}

impl InplaceOp2 for AdamOp<'_> {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(
        &self,
        param: &mut CpuStorage,
        param_layout: &Layout,
        grad: &CpuStorage,
        grad_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(param), Some((start, end))) = (param, param_layout.contiguous_offsets()) else {
            bail!("expected a contiguous f32 parameter")
        };
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        let Moments { mean, square } = &mut **moments;
        let (param, grad) = (&mut param[start..end], slice(grad, grad_layout)?);
        if param.len() != grad.len() {
            bail!("{} parameters with {} gradients", param.len(), grad.len());
        }
        Isa::best().run(Update { constants: self.constants, param, grad, mean, square });
        Ok(())
    }
}

struct Update<'a> {
    constants: Constants,
    param: &'a mut [f32],
    grad: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Kernel for Update<'_> {
    type Output = ();

    /// No fused multiply-add: the same bits on every instruction set.
    #[inline(always)]
    fn run<S: Simd>(self) {
        let k = self.constants;
        let moments = self.mean.iter_mut().zip(self.square);
        for ((w, g), (m, v)) in self.param.iter_mut().zip(self.grad).zip(moments) {
            *w *= k.shrink;
            let g = g * k.scale + k.l2 * *w;
            *m = k.beta1 * *m + k.one_minus_beta1 * g;
            *v = k.beta2 * *v + k.one_minus_beta2 * g * g;
            *w -= k.step_size * (*m / (v.sqrt() / k.root_correction + k.eps));
        }
    }
}

/// Euclidean norm of all gradients together, summed in `f64` over the parameters in the order of their names.
///
/// # Errors
/// [`AgentError::Compute`] if a parameter has no gradient, or it cannot be read.
pub fn global_norm(params: &Params, grads: &GradStore) -> Result<f64, AgentError> {
    let mut sum = 0.0;
    for (name, var) in params.iter() {
        sum += with_slice(gradient(name, var, grads)?, sum_of_squares).map_err(compute_error("gradient norm"))?;
    }
    Ok(sum.sqrt())
}

/// Eight partial sums, so that an addition does not wait for the one before.
fn sum_of_squares(values: &[f32]) -> f64 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for (sum, v) in sums.iter_mut().zip(chunk) {
            *sum += f64::from(*v) * f64::from(*v);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>()
}

/// Factor that brings a gradient of this norm down to `max_norm`: `min(1, max_norm / (norm + 1e-6))`
/// (PyTorch, `torch.nn.utils.clip_grad_norm_`; Pascanu, Mikolov and Bengio 2013, section 3.2).
pub fn clip_factor(norm: f64, max_norm: f64) -> f32 {
    (max_norm / (norm + 1e-6)).min(1.0) as f32
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn sample() -> Params {
        let mut params = Params::new(&Device::Cpu);
        params.insert("a", &[3], vec![0.5, -0.3, 1.7]).unwrap();
        params.insert("b", &[2, 9], (0..18).map(|i| (i as f32 * 0.7).sin()).collect()).unwrap();
        params
    }

    fn step(params: &Params, adam: &mut Adam) {
        let a = params.tensor("a").sqr().unwrap().sum_all().unwrap();
        let b = params.tensor("b").sin().unwrap().sum_all().unwrap();
        let grads = (a + b).unwrap().backward().unwrap();
        let norm = global_norm(params, &grads).unwrap();
        adam.step(params, &grads, 0.01, clip_factor(norm, 0.5)).unwrap();
    }

    #[test]
    fn a_step_from_afar_is_the_same_step() {
        type Stepping = fn(&Var, &Tensor, Constants, &mut Moments) -> candle_core::Result<()>;
        let (near, far) = (sample(), sample());
        for (params, step) in [(&near, step_in_place as Stepping), (&far, step_from_afar as Stepping)] {
            let mut adam = Adam::new(params, AdamConfig { weight_decay: 0.01, ..AdamConfig::default() });
            for steps in 1..=3 {
                let constants = Constants::new(adam.config, steps, 0.01, 0.5);
                let grads = params.tensor("b").sin().unwrap().sum_all().unwrap().backward().unwrap();
                let (_, var) = params.iter().find(|(name, _)| *name == "b").unwrap();
                let moments = adam.moments.get_mut("b").unwrap();
                step(var, grads.get(var).unwrap(), constants, moments).unwrap();
            }
        }
        assert_eq!(near.host("b").unwrap(), far.host("b").unwrap());
        assert_ne!(near.host("b").unwrap(), sample().host("b").unwrap());
    }

    #[test]
    fn ten_steps_equal_five_then_a_checkpoint_then_five_bit_for_bit() {
        let config = AdamConfig { weight_decay: 0.01, ..AdamConfig::default() };
        let straight = sample();
        let mut adam = Adam::new(&straight, config);
        (0..10).for_each(|_| step(&straight, &mut adam));

        let first = sample();
        let mut adam = Adam::new(&first, config);
        (0..5).for_each(|_| step(&first, &mut adam));
        let mut checkpoint = Checkpoint::default();
        first.save("net/", &mut checkpoint).unwrap();
        adam.save("adam/", &mut checkpoint).unwrap();

        let checkpoint = Checkpoint::from_bytes(&checkpoint.to_bytes()).unwrap();
        let mut second = sample();
        let mut adam = Adam::new(&second, config);
        second.restore("net/", &checkpoint).unwrap();
        adam.restore("adam/", &checkpoint).unwrap();
        (0..5).for_each(|_| step(&second, &mut adam));
        for name in ["a", "b"] {
            let bits = |params: &Params| params.host(name).unwrap().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&straight), bits(&second), "parameter {name}");
        }
    }

    #[test]
    fn a_checkpoint_of_other_parameters_is_refused_and_changes_nothing() {
        let params = sample();
        let mut adam = Adam::new(&params, AdamConfig::default());
        step(&params, &mut adam);
        let mut checkpoint = Checkpoint::default();
        adam.save("adam/", &mut checkpoint).unwrap();
        checkpoint.put_f32("adam/square/b", &[2], &[0.0; 2]);
        let mut other = Adam::new(&params, AdamConfig::default());
        assert!(other.restore("adam/", &checkpoint).unwrap_err().to_string().contains("adam/square/b"));
        assert_eq!((other.steps(), adam.steps()), (0, 1));
    }

    #[test]
    fn a_parameter_that_the_loss_ignores_is_an_error_that_names_it() {
        let params = sample();
        let grads = params.tensor("a").sum_all().unwrap().backward().unwrap();
        for error in [
            global_norm(&params, &grads).unwrap_err(),
            Adam::new(&params, AdamConfig::default()).step(&params, &grads, 0.1, 1.0).unwrap_err(),
        ] {
            assert!(error.to_string().contains("`b`"), "{error}");
        }
    }
}
