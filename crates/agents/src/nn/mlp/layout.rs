use pavlov_rl_core::{AgentError, Checkpoint};

use super::MlpShape;
use super::products::depth;
use crate::nn::numerics::Line;

/// Where the parameters of a network lie, in lines.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(super) layers: Vec<Layer>,
    /// Lines of all parameters.
    pub(super) len: usize,
    /// Lines of all running statistics.
    pub(super) running_len: usize,
    params: Vec<Entry>,
    running: Vec<Entry>,
}

/// A fully connected layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Panels of 16 outputs.
    pub(super) panels: usize,
    pub(super) weight: usize,
    pub(super) bias: usize,
    pub(super) norm: Option<Norm>,
}

/// The normalisation behind a layer: offsets of scale and shift, and of the running mean; the variance follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm {
    pub(super) gamma: usize,
    pub(super) beta: usize,
    pub(super) mean: usize,
    pub(super) var: usize,
}

/// A named tensor among the lines.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    at: usize,
    /// Lines from a panel to the next.
    depth: usize,
}

impl Entry {
    fn inputs(&self) -> usize {
        self.shape.get(1).copied().unwrap_or(1)
    }

    /// Line and place in it of each number, in row-major order.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.shape[0])
            .flat_map(move |n| (0..self.inputs()).map(move |k| (self.at + n / 16 * self.depth + k, n % 16)))
    }
}

impl Layout {
    pub(super) fn new(shape: &MlpShape) -> Self {
        let mut layout = Self { layers: Vec::new(), len: 0, running_len: 0, params: Vec::new(), running: Vec::new() };
        let mut inputs = shape.inputs;
        for (i, &units) in shape.hidden.iter().enumerate() {
            let (name, norm) = (format!("hidden.{i}"), shape.batch_norm.then(|| format!("norm.{i}")));
            layout.add(&name, norm.as_deref(), inputs, units);
            inputs = units;
        }
        layout.add("head", None, inputs, shape.outputs);
        layout
    }

    fn add(&mut self, name: &str, norm: Option<&str>, inputs: usize, outputs: usize) {
        let panels = outputs.div_ceil(16);
        let weight = self.param(format!("{name}.weight"), &[outputs, inputs]);
        let bias = self.param(format!("{name}.bias"), &[outputs]);
        let norm = norm.map(|name| Norm {
            gamma: self.param(format!("{name}.weight"), &[outputs]),
            beta: self.param(format!("{name}.bias"), &[outputs]),
            mean: place(&mut self.running, &mut self.running_len, format!("{name}.running_mean"), &[outputs]),
            var: place(&mut self.running, &mut self.running_len, format!("{name}.running_var"), &[outputs]),
        });
        self.layers.push(Layer { inputs, outputs, panels, weight, bias, norm });
    }

    fn param(&mut self, name: String, shape: &[usize]) -> usize {
        place(&mut self.params, &mut self.len, name, shape)
    }

    /// Writes a number for each parameter as tensors `<prefix><name>`, shaped like PyTorch's.
    pub(crate) fn save(&self, prefix: &str, lines: &[Line], to: &mut Checkpoint) {
        save(&self.params, prefix, lines, to);
    }

    /// Reads what [`Layout::save`] wrote.
    pub(crate) fn read(&self, prefix: &str, from: &Checkpoint) -> Result<Vec<Line>, AgentError> {
        read(&self.params, self.len, prefix, from)
    }

    pub(super) fn save_running(&self, prefix: &str, lines: &[Line], to: &mut Checkpoint) {
        save(&self.running, prefix, lines, to);
    }

    pub(super) fn read_running(&self, prefix: &str, from: &Checkpoint) -> Result<Vec<Line>, AgentError> {
        read(&self.running, self.running_len, prefix, from)
    }
}

/// Appends an entry; its first line.
fn place(entries: &mut Vec<Entry>, len: &mut usize, name: String, shape: &[usize]) -> usize {
    let (at, depth) = (*len, shape.get(1).map_or(1, |inputs| depth(*inputs)));
    *len += shape[0].div_ceil(16) * depth;
    entries.push(Entry { name, shape: shape.to_vec(), at, depth });
    at
}

fn save(entries: &[Entry], prefix: &str, lines: &[Line], to: &mut Checkpoint) {
    for entry in entries {
        let values: Vec<f32> = entry.places().map(|(line, k)| lines[line].0[k]).collect();
        to.put_f32(&format!("{prefix}{}", entry.name), &entry.shape, &values);
    }
}

fn read(entries: &[Entry], len: usize, prefix: &str, from: &Checkpoint) -> Result<Vec<Line>, AgentError> {
    let mut lines = vec![Line::ZERO; len];
    for entry in entries {
        let values = from.f32(&format!("{prefix}{}", entry.name), &entry.shape)?;
        entry.places().zip(values).for_each(|((line, k), value)| lines[line].0[k] = value);
    }
    Ok(lines)
}
