use crate::nn::Activation;
use crate::nn::numerics::{CHUNK_ROWS, Isa, Kernel, Lane, Outer, Panels, Product, Simd, ZERO, add_rows, copy_column};

/// Gradients of a scalar with respect to the inputs of a layer.
pub(super) struct Gradients {
    /// With respect to `x` `[rows, in]`, if asked for.
    pub(super) x: Option<Vec<f32>>,
    /// With respect to the weight `[out, in]`.
    pub(super) weight: Vec<f32>,
    /// With respect to the bias `[out]`.
    pub(super) bias: Vec<f32>,
}

/// Carries the gradient `grad_y` `[rows, out]` back through a layer.
///
/// With `dz = dy act'(z)`: `dW = dz^T x`, `db = sum of the rows of dz`, `dx = dz W`. `weight` is given if the gradient of
/// `x` is wanted, `output` is `y` and the activation that it ends in, of which the slope follows: 1 where ReLU is above 0,
/// `1 - y^2` for tanh.
///
/// # Panics
/// If the lengths do not fit.
pub(super) fn backward(
    [inputs, outputs]: [usize; 2],
    isa: Isa,
    x: &[f32],
    weight: Option<&[f32]>,
    output: (Activation, &[f32]),
    grad_y: &[f32],
) -> Gradients {
    let (rows, panels) = (x.len() / inputs, outputs.div_ceil(16));
    assert_eq!(grad_y.len(), rows * outputs, "the gradient of y is [rows, out]");
    let weight = weight.map(|w| Panels::from_rows(outputs, inputs, |n| Some(&w[n * inputs..][..inputs])));
    let mut sums = Sums {
        z: vec![ZERO; CHUNK_ROWS.min(rows) * panels],
        weight: vec![ZERO; inputs * panels],
        bias: vec![ZERO; panels],
        x: vec![0.0; if weight.is_some() { x.len() } else { 0 }],
    };
    isa.run(Backward { inputs, outputs, x, weight: weight.as_ref(), output, grad_y, sums: &mut sums });
    let mut grad_weight = vec![0.0; outputs * inputs];
    for (n, row) in grad_weight.chunks_exact_mut(inputs).enumerate() {
        copy_column(&sums.weight, panels, n, row);
    }
    let bias = sums.bias.as_flattened()[..outputs].to_vec();
    Gradients { x: weight.is_some().then_some(sums.x), weight: grad_weight, bias }
}

/// Gradients while they are summed.
struct Sums {
    /// Of `x W^T + b`, for the rows of one chunk `[rows, panels]`.
    z: Vec<Lane>,
    /// Of `W^T` `[in, panels]`.
    weight: Vec<Lane>,
    /// Of the bias `[panels]`.
    bias: Vec<Lane>,
    /// Of `x` `[rows, in]`, or empty.
    x: Vec<f32>,
}

struct Backward<'a> {
    inputs: usize,
    outputs: usize,
    x: &'a [f32],
    weight: Option<&'a Panels>,
    output: (Activation, &'a [f32]),
    grad_y: &'a [f32],
    sums: &'a mut Sums,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { inputs, outputs, sums, .. } = self;
        let chunks = self.x.chunks(CHUNK_ROWS * inputs).zip(self.grad_y.chunks(CHUNK_ROWS * outputs));
        for (i, (x, grad_y)) in chunks.enumerate() {
            let (first, rows) = (i * CHUNK_ROWS, x.len() / inputs);
            let d_z = &mut sums.z[..rows * outputs.div_ceil(16)];
            let (activation, y) = self.output;
            // Without an activation its output is not looked at.
            let y = y.get(first * outputs..(first + rows) * outputs).unwrap_or_default();
            before::<S>(grad_y, (activation, y), outputs, d_z);
            add_rows(d_z, &mut sums.bias);
            S::add_outer(Outer::new(x, inputs, d_z, &mut sums.weight));
            if let Some(weight) = self.weight {
                let d_x = &mut sums.x[first * inputs..][..x.len()];
                S::add_product(Product::new(d_z.as_flattened(), outputs.div_ceil(16) * 16, weight, d_x));
            }
        }
    }
}

/// Pads the rows of `grad_y` to whole lanes, times the slope of the activation. NaN stays visible.
#[inline(always)]
fn before<S: Simd>(grad_y: &[f32], (activation, y): (Activation, &[f32]), outputs: usize, d_z: &mut [Lane]) {
    let panels = outputs.div_ceil(16);
    for (row, (lanes, grad_y)) in d_z.chunks_exact_mut(panels).zip(grad_y.chunks_exact(outputs)).enumerate() {
        for (lane, part) in lanes.iter_mut().zip(grad_y.chunks(16)) {
            *lane = S::load(part);
        }
        if activation == Activation::Identity {
            continue;
        }
        for (lane, part) in lanes.iter_mut().zip(y[row * outputs..][..outputs].chunks(16)) {
            let y = S::load(part);
            match activation {
                Activation::Identity => {}
                Activation::Tanh => {
                    for k in 0..16 {
                        lane[k] *= 1.0 - y[k] * y[k];
                    }
                }
                Activation::Relu => {
                    for k in 0..16 {
                        lane[k] = if y[k] <= 0.0 { 0.0 } else { lane[k] };
                    }
                }
            }
        }
    }
}
