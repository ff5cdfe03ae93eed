//! Random actions on prices of your own: `cargo run -p pavlov-envs --example random_bitcoin`.
#![allow(clippy::print_stdout)]

use std::sync::Arc;

use pavlov_envs::{EpisodeMode, environment};
use pavlov_rl_core::{ActionBatch, Frame, Market, PriceTable, RngTree, Segment, Status, below};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Your bars: any source will do, as long as the prices are positive.
    let close: Vec<f64> = (0..1_000).map(|t| 9_000.0 + 500.0 * (f64::from(t) / 40.0).sin()).collect();
    let open: Vec<f64> = [&close[..1], &close[..999]].concat();
    let high = open.iter().zip(&close).map(|(o, c)| o.max(*c)).collect();
    let low = open.iter().zip(&close).map(|(o, c)| o.min(*c)).collect();

    // One feature: the relative change of the close. Row t knows bar t and nothing later.
    let change = open.iter().zip(&close).map(|(o, c)| (100.0 * (c / o - 1.0)) as f32).collect();
    let times = (0..1_000).map(|t| t * 3_600_000_000_000).collect();
    let all = Segment { start: 0, first: 0, end: 1_000 };
    let prices = PriceTable { assets: 1, open, high, low, volume: vec![1.0; 1_000], close, vwap: None };
    let market = Market::new(Frame::new(1, change), prices, times, vec![all])?;

    let config = environment("bitcoin").expect("a registered name").parse_text("sample_len = 200")?;
    let copies = config.build(Arc::new(market), &[all], EpisodeMode::Sampled)?;
    let rng = RngTree::new(7);
    let mut env = copies.batch(0..8, &rng);
    let mut actions = rng.stream("actions", 0);
    let mut totals = [0.0; 8];
    for _ in 0..200 {
        let step = env.step(&ActionBatch::Discrete((0..8).map(|_| below(&mut actions, 3)).collect()));
        for (i, total) in totals.iter_mut().enumerate() {
            *total += step.rewards[i];
            if step.statuses[i] != Status::Running {
                println!("copy {i}: {:+9.2} over holding, fees {:.2}", *total, step.end_ledgers[i].fees);
            }
        }
    }
    Ok(())
}
