//! Gaussian PPO on the environment of two funds as the KOSPI notebook plays it, on one thread: 200 steps of one copy, then
//! 80 passes over them; actor and critic are 60-128-64-1 with tanh.
//!
//! `gaussian_ppo/whole` acts, steps, observes and learns; an iteration is 200 environment steps. `gaussian_ppo/acting` is
//! the same without learning.

mod common;

use common::OneCopy;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pavlov_agents::gaussian_ppo::{Bound, GaussianPpoConfig};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const STEPS: u32 = 200;
const ROWS: usize = 3_000;
const FEATURES: usize = 6;

fn whole(c: &mut Criterion) {
    let config = GaussianPpoConfig { bound: Bound::AsPublished, max_grad_norm: 0.0, ..GaussianPpoConfig::default() };
    let mut group = c.benchmark_group("gaussian_ppo");
    group.throughput(Throughput::Elements(u64::from(STEPS)));
    for (name, learns) in [("whole", true), ("acting", false)] {
        let game = ("leverage_inverse", "variant = \"as_published\"");
        let mut run = OneCopy::new(&config, game, [ROWS, FEATURES], STEPS);
        group.bench_function(name, |b| b.iter(|| (0..STEPS).for_each(|_| run.step(learns))));
    }
    group.finish();
}

criterion_group!(benches, whole);
criterion_main!(benches);
