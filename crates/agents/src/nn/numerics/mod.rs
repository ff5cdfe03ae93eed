//! Kernels over `f32` that use what the machine has: one body, compiled once per instruction set.
//!
//! A kernel is a value with a `run` that is generic over the instruction set; an [`Isa`] picks the compilation at run
//! time. Element-wise bodies are plain loops over lanes of 16 numbers, which the compiler turns into vector
//! instructions; matrix products keep their sums in vectors that are spelled out. Results differ between instruction
//! sets in the last bits (fused multiply-add, order of sums); on one machine they are the same bits at every call.

mod isa;
mod math;
mod product;
mod rows;

pub use isa::Isa;
pub(crate) use isa::{Kernel, Simd};
pub(crate) use math::{Lane, ZERO, load, sigmoids, store, tanhs};
pub(crate) use product::{Line, Outer, Panels, Product};
pub(crate) use rows::{CHUNK_ROWS, add_rows, copy_column};
