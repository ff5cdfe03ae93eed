//! Kernels over `f32` that use what the machine has: one portable body, compiled once per instruction set.
//!
//! A kernel is a value whose [`Kernel::run`] is generic over [`Simd`]; [`Isa::run`] picks the compilation
//! at run time. Element-wise bodies are plain loops over [`Lane`]s of 16 numbers, which the compiler turns
//! into vector instructions; matrix products hold their sums in [`Simd::Vector`]s. Results differ between instruction sets in the last bits (fused multiply-add,
//! order of sums); on one machine they are the same bits at every call.

mod isa;
mod math;
mod product;

pub use isa::Isa;
pub(crate) use isa::{Kernel, Simd};
pub(crate) use math::{Lane, ZERO, load, sigmoids, store, tanhs};

pub(crate) use product::{Outer, Panels, Product};
