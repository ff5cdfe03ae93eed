//! R10 and R11: every agent finds what can be found and nothing where nothing is, judged on bars that it never saw.
//!
//! Every figure is printed in one line, with the id of its promise; `docs/results.md` shows those of a long run.
#![allow(clippy::print_stdout)]

#[path = "../common/mod.rs"]
mod common;
mod double_dqn;
mod game;
mod gates;
mod gaussian_ppo;
mod manager_order;
mod martingale;
mod memory;
mod oracle;
mod planted;
