//! One file a provider.

pub(crate) mod alpaca;
pub(crate) mod bitfinex;
pub(crate) mod fred;
pub(crate) mod noise;
pub(crate) mod remote;
pub(crate) mod synthetic;
pub(crate) mod yahoo;
