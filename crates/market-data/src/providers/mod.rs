//! One file a provider.

pub(crate) mod noise;
pub(crate) mod synthetic;
