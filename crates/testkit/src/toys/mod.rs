//! Toy environments that hold the contract open for more than the registered environments use.

mod portfolio;

pub use portfolio::{Portfolio, PortfolioState};
