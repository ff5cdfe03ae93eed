//! Ten lines that step a game: `cargo run -p pavlov-rl-core --example step`.
#![allow(clippy::print_stdout)]

use std::sync::Arc;

use pavlov_rl_core::{ActionBatch, Batch, BatchEnv, RngTree};
use pavlov_testkit::{synthetic, toys::Portfolio};

fn main() {
    let game = Arc::new(Portfolio::new(Arc::new(synthetic::random_walk(500, 2, 4, 1))));
    let mut env = Batch::new(game, 0..3, &RngTree::new(1));
    for t in 0..5 {
        // For each asset: buy or sell this many shares, bid at most, offer at least (as fractions of the last close).
        let order = [1.0, 1.01, 0.99, -1.0, 1.01, 0.99];
        let step = env.step(&ActionBatch::Continuous { width: 6, values: order.repeat(3) });
        println!("step {t}: rows {:?}, rewards {:?}", step.next.last_row, step.rewards);
    }
}
