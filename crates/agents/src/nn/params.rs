use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use pavlov_rl_core::{AgentError, Checkpoint};

use super::host::{compute_error, host};

/// The parameters of a network, visited in the order of their names.
///
/// Sums over parameters, random draws and optimiser steps follow this order, so they are the same in every process.
///
/// ```
/// use candle_core::Device;
/// use pavlov_agents::nn::Params;
/// let mut params = Params::new(&Device::Cpu);
/// params.insert("value.weight", &[1, 2], vec![0.5, -0.5])?;
/// assert_eq!(params.tensor("value.weight").dims(), [1, 2]);
/// # Ok::<(), pavlov_rl_core::AgentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Params {
    device: Device,
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    var: Var,
    parts: Vec<Part>,
}

/// A named stretch of a parameter, as it stands in a checkpoint.
#[derive(Clone, Debug)]
struct Part {
    name: String,
    shape: Vec<usize>,
}

impl Part {
    fn count(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Params {
    /// No parameters yet; they will live on `device`.
    pub fn new(device: &Device) -> Self {
        Self { device: device.clone(), entries: BTreeMap::new() }
    }

    /// Where the parameters live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Adds a parameter.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the device cannot hold it.
    ///
    /// # Panics
    /// If the name is taken or the shape does not hold as many numbers as there are.
    pub fn insert(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Result<(), AgentError> {
        let part = Part { name: name.to_owned(), shape: shape.to_vec() };
        assert_eq!(part.count(), values.len(), "shape {shape:?} of parameter `{name}`");
        self.add(name, shape, vec![part], values)
    }

    /// Adds a parameter that a checkpoint shows as parts, one after the other, each with its name and shape.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the device cannot hold it.
    ///
    /// # Panics
    /// If the name is taken, or the parts or the shape do not hold as many numbers as there are.
    pub fn insert_packed(
        &mut self,
        name: &str,
        shape: &[usize],
        parts: &[(String, Vec<usize>)],
        values: Vec<f32>,
    ) -> Result<(), AgentError> {
        let parts: Vec<Part> =
            parts.iter().map(|(name, shape)| Part { name: name.clone(), shape: shape.clone() }).collect();
        let counts = (parts.iter().map(Part::count).sum::<usize>(), shape.iter().product::<usize>());
        assert_eq!(counts, (values.len(), values.len()), "parts and shape of parameter `{name}`");
        self.add(name, shape, parts, values)
    }

    fn add(&mut self, name: &str, shape: &[usize], parts: Vec<Part>, values: Vec<f32>) -> Result<(), AgentError> {
        let var = Var::from_vec(values, shape, &self.device).map_err(compute_error("storing a parameter"))?;
        let before = self.entries.insert(name.to_owned(), Entry { var, parts });
        assert!(before.is_none(), "parameter `{name}` exists already");
        Ok(())
    }

    /// The parameter called `name`; later updates are seen through the returned tensor and its clones.
    ///
    /// # Panics
    /// If there is no such parameter.
    pub fn tensor(&self, name: &str) -> &Tensor {
        match self.entries.get(name) {
            Some(entry) => entry.var.as_tensor(),
            None => panic!("no parameter `{name}`; there are {:?}", self.entries.keys().collect::<Vec<_>>()),
        }
    }

    /// Names and parameters in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), &entry.var))
    }

    /// The numbers of a parameter in row-major order.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if they cannot be read from the device.
    ///
    /// # Panics
    /// If there is no such parameter.
    pub fn host(&self, name: &str) -> Result<Vec<f32>, AgentError> {
        host(self.tensor(name))
    }

    /// A copy that later updates do not reach.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the device cannot hold it.
    pub fn duplicate(&self) -> Result<Self, AgentError> {
        let copy = |entry: &Entry| -> candle_core::Result<Entry> {
            Ok(Entry { var: Var::from_tensor(&entry.var.as_tensor().copy()?)?, parts: entry.parts.clone() })
        };
        let copy = |(name, entry): (&String, &Entry)| Ok((name.clone(), copy(entry)?));
        let entries = self.entries.iter().map(copy).collect::<candle_core::Result<_>>();
        Ok(Self { device: self.device.clone(), entries: entries.map_err(compute_error("copying parameters"))? })
    }

    /// Moves every parameter by `share` of the way to that of another network; 1 makes them equal.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if the networks differ in shape.
    pub fn move_towards(&mut self, other: &Self, share: f64) -> Result<(), AgentError> {
        for (to, from) in self.entries.values().zip(other.entries.values()) {
            let (now, aim) = (to.var.as_tensor(), from.var.as_tensor());
            let moved = || if share == 1.0 { aim.copy() } else { now + ((aim - now)? * share)? };
            let moved = moved().and_then(|moved| to.var.set(&moved.detach()));
            moved.map_err(compute_error("following the online network"))?;
        }
        Ok(())
    }

    /// Writes every parameter as `<prefix><name>`.
    ///
    /// # Errors
    /// [`AgentError::Compute`] if a parameter cannot be read from the device.
    pub fn save(&self, prefix: &str, to: &mut Checkpoint) -> Result<(), AgentError> {
        for (name, entry) in &self.entries {
            let values = self.host(name)?;
            let mut rest = values.as_slice();
            for part in &entry.parts {
                let (values, after) = rest.split_at(part.count());
                to.put_f32(&format!("{prefix}{}", part.name), &part.shape, values);
                rest = after;
            }
        }
        Ok(())
    }

    /// Takes up what [`Params::save`] wrote; every entry is read before the first parameter changes.
    ///
    /// # Errors
    /// [`AgentError::Checkpoint`] if an entry is missing or has another shape.
    pub fn restore(&mut self, prefix: &str, from: &Checkpoint) -> Result<(), AgentError> {
        let mut read = Vec::with_capacity(self.entries.len());
        for entry in self.entries.values() {
            let mut values = Vec::with_capacity(entry.var.elem_count());
            for part in &entry.parts {
                values.extend(from.f32(&format!("{prefix}{}", part.name), &part.shape)?);
            }
            let shape = entry.var.shape().clone();
            read.push(Tensor::from_vec(values, shape, &self.device).map_err(compute_error("restoring a parameter"))?);
        }
        for (entry, values) in self.entries.values().zip(&read) {
            entry.var.set(values).map_err(compute_error("restoring a parameter"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(scale: f32) -> Params {
        let mut params = Params::new(&Device::Cpu);
        params.insert("b.weight", &[2, 2], vec![1.0 * scale, 2.0, 3.0, 4.0]).unwrap();
        let parts = [("a.left".to_owned(), vec![1, 2]), ("a.right".to_owned(), vec![1])];
        params.insert_packed("a.packed", &[3], &parts, vec![5.0, 6.0 * scale, 7.0]).unwrap();
        params
    }

    #[test]
    fn saved_parameters_come_back_and_a_tensor_taken_before_sees_them() {
        let (from, mut to) = (sample(1.0), sample(-1.0));
        let view = to.tensor("b.weight").clone();
        let mut checkpoint = Checkpoint::default();
        from.save("net/", &mut checkpoint).unwrap();
        assert_eq!(checkpoint.names().collect::<Vec<_>>(), ["net/a.left", "net/a.right", "net/b.weight"]);
        to.restore("net/", &checkpoint).unwrap();
        for name in ["a.packed", "b.weight"] {
            assert_eq!(to.host(name).unwrap(), from.host(name).unwrap());
        }
        assert_eq!(view.to_vec2::<f32>().unwrap(), [[1.0, 2.0], [3.0, 4.0]]);
    }

    #[test]
    fn a_copy_stands_still_until_it_is_moved() {
        let mut online = sample(1.0);
        let mut target = online.duplicate().unwrap();
        let mut checkpoint = Checkpoint::default();
        sample(3.0).save("", &mut checkpoint).unwrap();
        online.restore("", &checkpoint).unwrap();
        assert_eq!(target.host("b.weight").unwrap(), [1.0, 2.0, 3.0, 4.0]);
        target.move_towards(&online, 0.25).unwrap();
        assert_eq!(target.host("b.weight").unwrap(), [1.5, 2.0, 3.0, 4.0]);
        target.move_towards(&online, 1.0).unwrap();
        assert_eq!(target.host("a.packed").unwrap(), online.host("a.packed").unwrap());
    }

    #[test]
    fn a_checkpoint_of_another_network_changes_nothing() {
        let mut checkpoint = Checkpoint::default();
        sample(1.0).save("net/", &mut checkpoint).unwrap();
        checkpoint.put_f32("net/b.weight", &[4], &[0.0; 4]);
        let mut to = sample(-1.0);
        let error = to.restore("net/", &checkpoint).unwrap_err();
        assert!(error.to_string().contains("net/b.weight"), "{error}");
        assert!(to.restore("other/", &checkpoint).unwrap_err().to_string().contains("other/a.left"));
        assert_eq!(to.host("a.packed").unwrap(), [5.0, -6.0, 7.0]);
    }

    #[test]
    fn parameters_are_visited_by_name() {
        assert_eq!(sample(1.0).iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a.packed", "b.weight"]);
    }
}
