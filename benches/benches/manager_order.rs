//! The manager and order networks (two-way LSTM of 64, attention; windows of 6 bars, batch 32) on orders for one stock, on one
//! thread.
//!
//! `manager_order/loop` acts, steps, observes and learns; `manager_order/acting` is the same without learning. The
//! difference is a learning step: drawing from the replay, both pairs of networks on next states, the gradient with its
//! norms, Adam, and the host copy of the new weights.

mod common;

use common::OneCopy;
use criterion::{Criterion, criterion_group, criterion_main};
use pavlov_agents::manager_order::ManagerOrderConfig;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 8_000;
const FEATURES: usize = 5;
/// More than the steps before the first batch is learnt from.
const BEFORE: u32 = 200;

fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("manager_order");
    for (name, learns) in [("loop", true), ("acting", false)] {
        let mut run = OneCopy::new(&ManagerOrderConfig::default(), ("stock_order", ""), [ROWS, FEATURES], 100);
        (0..BEFORE).for_each(|_| run.step(learns));
        group.bench_function(name, |b| b.iter(|| run.step(learns)));
    }
    group.finish();
}

criterion_group!(benches, whole);
criterion_main!(benches);
