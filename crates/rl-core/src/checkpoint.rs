use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Serialize, de::DeserializeOwned};

/// Everything needed to go on, as named tensors and blobs, ordered by name.
///
/// The encoding is a safetensors file: weights can be opened elsewhere. Equal content gives equal
/// bytes. The format does not detect damage: guard the bytes with a hash before decoding.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Why a checkpoint cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The bytes are not a checkpoint.
    #[error("not a checkpoint: {0}")]
    Decode(String),
    /// There is no entry of this name.
    #[error("the checkpoint has no entry `{0}`; it was written by another agent or version")]
    Missing(String),
    /// The entry has another shape or type.
    #[error("entry `{name}` of the checkpoint is {got}, expected {expected}")]
    Shape {
        /// Name of the entry.
        name: String,
        /// What was expected.
        expected: String,
        /// What is there.
        got: String,
    },
}

impl Checkpoint {
    /// Names of the entries, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Shape of the entry called `name`.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`].
    pub fn shape(&self, name: &str) -> Result<&[usize], CheckpointError> {
        Ok(&self.entry(name)?.shape)
    }

    /// Stores a tensor of `f32`.
    ///
    /// # Panics
    /// If the shape does not hold as many numbers as there are.
    pub fn put_f32(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "shape of `{name}`");
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.entries.insert(name.to_owned(), Entry { dtype: Dtype::F32, shape: shape.to_vec(), bytes });
    }

    /// The tensor of `f32` called `name`, which must have this shape.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`] or [`CheckpointError::Shape`].
    pub fn f32(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let entry = self.entry(name)?;
        if entry.dtype != Dtype::F32 || entry.shape != shape {
            return Err(CheckpointError::Shape {
                name: name.to_owned(),
                expected: format!("F32 {shape:?}"),
                got: format!("{:?} {:?}", entry.dtype, entry.shape),
            });
        }
        Ok(entry.bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    /// Stores opaque bytes.
    pub fn put_bytes(&mut self, name: &str, bytes: Vec<u8>) {
        self.entries.insert(name.to_owned(), Entry { dtype: Dtype::U8, shape: vec![bytes.len()], bytes });
    }

    /// The bytes called `name`.
    ///
    /// # Errors
    /// [`CheckpointError::Missing`] or [`CheckpointError::Shape`].
    pub fn bytes(&self, name: &str) -> Result<&[u8], CheckpointError> {
        let entry = self.entry(name)?;
        if entry.dtype != Dtype::U8 {
            return Err(CheckpointError::Shape {
                name: name.to_owned(),
                expected: "U8 bytes".into(),
                got: format!("{:?} {:?}", entry.dtype, entry.shape),
            });
        }
        Ok(&entry.bytes)
    }

    /// Stores a value in a compact binary form.
    pub fn put_value<T: Serialize>(&mut self, name: &str, value: &T) {
        self.put_bytes(name, postcard::to_stdvec(value).expect("encoding plain data into memory cannot fail"));
    }

    /// The value called `name`.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is missing or of another type.
    pub fn value<T: DeserializeOwned>(&self, name: &str) -> Result<T, CheckpointError> {
        postcard::from_bytes(self.bytes(name)?).map_err(|e| CheckpointError::Decode(format!("entry `{name}`: {e}")))
    }

    /// The checkpoint as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let views = self.entries.iter().map(|(name, e)| {
            let view = TensorView::new(e.dtype, e.shape.clone(), &e.bytes).expect("the shape was checked on insertion");
            (name, view)
        });
        safetensors::serialize(views, None).expect("encoding into memory cannot fail")
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`CheckpointError::Decode`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| CheckpointError::Decode(e.to_string()))?;
        let entries = tensors
            .iter()
            .map(|(name, view)| {
                let entry = Entry { dtype: view.dtype(), shape: view.shape().to_vec(), bytes: view.data().to_vec() };
                (name.to_owned(), entry)
            })
            .collect();
        Ok(Self { entries })
    }

    fn entry(&self, name: &str) -> Result<&Entry, CheckpointError> {
        self.entries.get(name).ok_or_else(|| CheckpointError::Missing(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let mut c = Checkpoint::default();
        c.put_f32("weights/b", &[2, 2], &[1.0, -0.0, f32::MIN_POSITIVE, 3.5]);
        c.put_value("counter", &(7u64, "seven".to_owned()));
        c.put_bytes("env", vec![1, 2, 3]);
        c
    }

    #[test]
    fn what_was_stored_comes_back_and_equal_content_gives_equal_bytes() {
        let bytes = sample().to_bytes();
        assert_eq!(bytes, sample().to_bytes());
        let back = Checkpoint::from_bytes(&bytes).unwrap();
        assert_eq!(back, sample());
        assert_eq!(back.value::<(u64, String)>("counter").unwrap(), (7, "seven".to_owned()));
        assert_eq!(back.f32("weights/b", &[2, 2]).unwrap()[3], 3.5);
    }

    #[test]
    fn errors_name_the_entry() {
        let c = sample();
        assert!(c.f32("weights/c", &[1]).unwrap_err().to_string().contains("`weights/c`"));
        assert!(c.f32("weights/b", &[4]).unwrap_err().to_string().contains("[2, 2], expected F32 [4]"));
        assert!(c.bytes("weights/b").is_err());
        assert!(Checkpoint::from_bytes(b"not a checkpoint at all").is_err());
    }
}
