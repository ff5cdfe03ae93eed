//! The full metric set on 10,000 returns with 1,000 fills and a benchmark.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pavlov_evaluation::{Benchmark, Episode, EquityCurve, TradeRecord, evaluate};

fn walk(points: usize, mut state: u64) -> Vec<f64> {
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let step = |w: &mut f64, _| {
        *w *= 1.0 + 0.02 * (next() + next() + next() - 1.499);
        Some(*w)
    };
    (0..points).scan(1e5, step).collect()
}

fn metrics(c: &mut Criterion) {
    const HOUR: i64 = 3_600_000_000_000;
    let times: Vec<i64> = (0..10_001).map(|t| t * HOUR).collect();
    let worth = walk(10_001, 1);
    let held = worth.iter().enumerate().map(|(t, w)| if t % 3 == 0 { 0.0 } else { 0.9 * w }).collect();
    let index = walk(10_001, 2);
    let curve = EquityCurve::new(times.clone(), worth, held).expect("a walk above 0");
    let benchmark = Benchmark::new(&times, &index).expect("a walk above 0");
    let trade = |i: i64| TradeRecord { time: i * 10 * HOUR, shares: 1.0, price: 1e4, fee: 7.5 };
    let trades: Vec<_> = (0..1_000).map(trade).collect();
    let mut group = c.benchmark_group("metrics");
    group.throughput(Throughput::Elements(1));
    group.bench_function(BenchmarkId::new("full_set", 10_000), |b| {
        b.iter(|| evaluate(&Episode::new(&curve, &trades, 0.02).against(&benchmark)));
    });
    group.finish();
}

criterion_group!(benches, metrics);
criterion_main!(benches);
