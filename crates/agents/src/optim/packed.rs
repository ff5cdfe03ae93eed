use pavlov_rl_core::{AgentError, Checkpoint};

use super::{AdamConfig, Constants};
use crate::nn::numerics::{Isa, Kernel, Line, Simd};
use crate::nn::{Mlp, MlpGradient};

/// [`super::Adam`] for the parameters of an [`Mlp`], which lie in one array: one pass over all of them.
///
/// ```
/// use pavlov_agents::nn::{Mlp, MlpShape, Pass, init::Init};
/// use pavlov_agents::optim::{AdamConfig, PackedAdam};
/// use pavlov_rl_core::RngTree;
/// let shape =
///     MlpShape { inputs: 1, hidden: vec![4], outputs: 1, batch_norm: false, leaky_slope: 0.01, dropout: 0.0 };
/// let mut rng = RngTree::new(1).stream("init", 0);
/// let mut mlp = Mlp::new(shape, Init::HeNormal, &mut rng);
/// let mut adam = PackedAdam::new(&mlp, AdamConfig::default());
/// let (mut pass, mut gradient) = (Pass::default(), mlp.gradient());
/// for _ in 0..500 {
///     mlp.train(&[1.0], &mut pass, &mut rng);
///     let error = pass.outputs()[0] - 3.0;
///     mlp.backward(&[error], &mut pass, &mut gradient, None);
///     adam.step(&mut mlp, &gradient, 0.02, 1.0);
/// }
/// assert!((pass.outputs()[0] - 3.0).abs() < 0.1);
/// ```
#[derive(Clone, Debug)]
pub struct PackedAdam {
    config: AdamConfig,
    steps: u64,
    mean: Vec<Line>,
    square: Vec<Line>,
}

impl PackedAdam {
    /// An optimiser of this network that has not stepped yet.
    pub fn new(mlp: &Mlp, config: AdamConfig) -> Self {
        let zeros = mlp.gradient().0;
        Self { config, steps: 0, mean: zeros.clone(), square: zeros }
    }

    /// Moves the parameters against their gradient times `scale` (the factor of [`super::clip_factor`], or 1).
    ///
    /// # Panics
    /// If this is not the network that the optimiser was made for.
    pub fn step(&mut self, mlp: &mut Mlp, gradient: &MlpGradient, lr: f64, scale: f32) {
        let params = mlp.params_mut();
        assert!(params.len() == self.mean.len() && params.len() == gradient.0.len(), "another network");
        self.steps += 1;
        let constants = Constants::new(self.config, self.steps, lr, scale);
        let Self { mean, square, .. } = self;
        Isa::best().run(PackedUpdate { constants, params, gradient: &gradient.0, mean, square });
    }

    /// Writes `<prefix>steps`, `<prefix>mean/<name>` and `<prefix>square/<name>` of the network's parameters.
    pub fn save(&self, prefix: &str, mlp: &Mlp, to: &mut Checkpoint) {
        to.put_value(&format!("{prefix}steps"), &self.steps);
        mlp.layout().save(&format!("{prefix}mean/"), &self.mean, to);
        mlp.layout().save(&format!("{prefix}square/"), &self.square, to);
    }

    /// Takes up what [`PackedAdam::save`] wrote; unchanged if an entry does not fit.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] if an entry is missing or has another shape.
    pub fn restore(&mut self, prefix: &str, mlp: &Mlp, from: &Checkpoint) -> Result<(), AgentError> {
        let steps = from.value(&format!("{prefix}steps"))?;
        let mean = mlp.layout().read(&format!("{prefix}mean/"), from)?;
        let square = mlp.layout().read(&format!("{prefix}square/"), from)?;
        (self.steps, self.mean, self.square) = (steps, mean, square);
        Ok(())
    }
}

impl MlpGradient {
    /// Euclidean norm of the whole gradient: partial sums of a few lines in `f32`, of these in `f64`.
    pub fn norm(&self) -> f64 {
        Isa::best().run(Squares(&self.0)).sqrt()
    }
}

struct Squares<'a>(&'a [Line]);

impl Kernel for Squares<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let mut total = 0.0;
        for lines in self.0.chunks(64) {
            let mut sums = [S::splat(0.0); 4];
            for part in lines.chunks(4) {
                for (sum, line) in sums.iter_mut().zip(part) {
                    let line = S::read(&line.0);
                    *sum = S::multiply_add(line, line, *sum);
                }
            }
            total += f64::from(S::total(S::sum(S::sum(sums[0], sums[1]), S::sum(sums[2], sums[3]))));
        }
        total
    }
}

struct PackedUpdate<'a> {
    constants: Constants,
    params: &'a mut [Line],
    gradient: &'a [Line],
    mean: &'a mut [Line],
    square: &'a mut [Line],
}

impl Kernel for PackedUpdate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let k = self.constants;
        let inv_root = 1.0 / k.root_correction;
        let moments = self.mean.iter_mut().zip(self.square);
        for ((w, g), (m, v)) in self.params.iter_mut().zip(self.gradient).zip(moments) {
            for i in 0..16 {
                let decayed = w.0[i] * k.shrink;
                let g = g.0[i] * k.scale + k.l2 * decayed;
                m.0[i] = k.beta1 * m.0[i] + k.one_minus_beta1 * g;
                v.0[i] = k.beta2 * v.0[i] + k.one_minus_beta2 * g * g;
                w.0[i] = decayed - k.step_size * (m.0[i] / (v.0[i].sqrt() * inv_root + k.eps));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor, backprop::GradStore};
    use pavlov_rl_core::RngTree;

    use super::super::{Adam, Decay};
    use super::*;
    use crate::nn::init::Init;
    use crate::nn::{MlpShape, Params, Pass};

    fn network() -> Mlp {
        let shape =
            MlpShape { inputs: 5, hidden: vec![20], outputs: 3, batch_norm: true, leaky_slope: 0.01, dropout: 0.1 };
        Mlp::new(shape, Init::Pytorch, &mut RngTree::new(1).stream("init", 0))
    }

    /// Weights by name as the plain optimiser keeps them; running statistics left out.
    fn named(mlp: &Mlp) -> Checkpoint {
        let mut saved = Checkpoint::default();
        mlp.layout().save("", mlp.clone().params_mut(), &mut saved);
        saved
    }

    #[test]
    fn steps_norm_and_checkpoint_are_those_of_adam_over_named_parameters() {
        for decay in [Decay::L2, Decay::Decoupled] {
            let config = AdamConfig { weight_decay: 0.1, decay, ..AdamConfig::default() };
            let (mut mlp, mut rng) = (network(), RngTree::new(2).stream("dropout", 0));
            let mut packed = PackedAdam::new(&mlp, config);
            let mut params = Params::new(&Device::Cpu);
            let start = named(&mlp);
            for name in start.names() {
                let shape = start.shape(name).unwrap();
                params.insert(name, shape, start.f32(name, shape).unwrap()).unwrap();
            }
            let mut adam = Adam::new(&params, config);
            let (mut pass, mut gradient) = (Pass::default(), mlp.gradient());
            for step in 0..20 {
                let x: Vec<f32> = (0..40).map(|i| ((i * 7 + step * 3) as f32).sin()).collect();
                mlp.train(&x, &mut pass, &mut rng);
                let d: Vec<f32> = pass.outputs().iter().map(|y| y - 1.0).collect();
                mlp.backward(&d, &mut pass, &mut gradient, None);
                let mut grads = GradStore::default();
                let mut saved = Checkpoint::default();
                mlp.save_gradient(&gradient, "", &mut saved);
                for (name, var) in params.iter() {
                    let values = saved.f32(name, var.dims()).unwrap();
                    grads.insert(var, Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap());
                }
                let norm = super::super::global_norm(&params, &grads).unwrap();
                assert!((gradient.norm() / norm - 1.0).abs() < 1e-6, "{} against {norm}", gradient.norm());
                adam.step(&params, &grads, 0.01, 0.5).unwrap();
                packed.step(&mut mlp, &gradient, 0.01, 0.5);
            }
            let now = named(&mlp);
            for (name, var) in params.iter() {
                let (a, b) = (now.f32(name, var.dims()).unwrap(), params.host(name).unwrap());
                assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5), "{name}: {a:?} against {b:?}");
            }
            let (mut one, mut other) = (Checkpoint::default(), Checkpoint::default());
            packed.save("adam/", &mlp, &mut one);
            adam.save("adam/", &mut other).unwrap();
            assert!(one.names().eq(other.names()));
            let mut again = PackedAdam::new(&mlp, config);
            again.restore("adam/", &mlp, &one).unwrap();
            let mut saved = Checkpoint::default();
            again.save("adam/", &mlp, &mut saved);
            assert_eq!(saved, one);
        }
    }
}
