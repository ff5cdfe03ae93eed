//! The full metric set on 10,000 returns with 1,000 fills and a benchmark, and the resampling of its intervals.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pavlov_evaluation::stats::over_runs;
use pavlov_evaluation::{Benchmark, Episode, EquityCurve, Paths, TradeRecord, evaluate, interval_over_time};

/// That of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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

/// 50,000 replicates: over 30 runs, and over a test span of 864 bars of 5 seeds and a benchmark.
fn resampling(c: &mut Criterion) {
    const REPLICATES: usize = 50_000;
    let runs: Vec<f64> = walk(31, 3).windows(2).map(|w| w[1] / w[0] - 1.0).collect();
    let agent: Vec<Vec<f64>> = (0..5).map(|seed| walk(864, 10 + seed)).collect();
    let hold = [walk(864, 20)];
    let paths = Paths { agent: &agent, benchmark: &hold, replicates: REPLICATES, seed: 1 };
    let mut group = c.benchmark_group("resampling");
    group.sample_size(10).throughput(Throughput::Elements(REPLICATES as u64));
    group.bench_function("over_30_runs", |b| b.iter(|| over_runs(&[&runs], REPLICATES, 1)));
    group.bench_function("over_864_bars", |b| b.iter(|| interval_over_time(&paths, 5).expect("paths of one length")));
    group.finish();
}

criterion_group!(benches, metrics, resampling);
criterion_main!(benches);
