//! Rows per second from bars to a frame, one thread: MACD, ATR and three EMA over 1,000,000 bars, seven columns.
//!
//! `frame` is what an experiment trains on (scaled, 32 bits); `stream` feeds the same features one bar at a time, as
//! live trading does.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pavlov_features::{FeatureConfig, FittedScaler, Scaling, feature, frame};
use pavlov_market_data::{Bar, BarColumns, BarPolicy, Bars};
use pavlov_rl_core::{RngTree, uniform_f64};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 1_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

/// A random walk by the minute.
fn bars() -> Bars {
    let mut rng = RngTree::new(1).stream("bars", 0);
    let (mut columns, mut close) = (BarColumns::default(), 100.0);
    for minute in 1..=ROWS as i64 {
        let open = close;
        close *= 1.0 + 0.002 * (uniform_f64(&mut rng) - 0.5);
        let (high, low) = (f64::max(open, close) * 1.001, f64::min(open, close) * 0.999);
        columns.push(Bar { time: minute * MINUTE_NS, open, high, low, close, volume: 1_000.0 });
    }
    Bars::new("SYN", MINUTE_NS, columns, &BarPolicy::default()).expect("sound bars")
}

fn indicators() -> Vec<Box<dyn FeatureConfig>> {
    let chosen = [("macd", ""), ("atr", ""), ("ema", "window = 12"), ("ema", "window = 26"), ("ema", "window = 200")];
    let parse = |(name, text)| feature(name).and_then(|entry| entry.parse_text(text).ok()).expect("a valid feature");
    chosen.map(parse).into()
}

fn features(c: &mut Criterion) {
    let (bars, features) = (bars(), indicators());
    let scaler =
        FittedScaler::fit(&Scaling::Standard, &features, &bars, std::slice::from_ref(&(0..10_000))).expect("finite");
    let mut group = c.benchmark_group("features");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(30);
    group.bench_function("frame", |b| b.iter(|| frame(black_box(&bars), &features, &scaler).expect("finite")));
    group.bench_function("stream", |b| {
        b.iter(|| {
            let mut streams: Vec<_> = features.iter().map(|f| (f.stream(), vec![0.0; f.columns().len()])).collect();
            for row in 0..ROWS {
                let bar = bars.bar(row);
                streams.iter_mut().for_each(|(stream, out)| stream.update(&bar, out));
            }
            black_box(streams[0].1[0])
        });
    });
    group.finish();
}

criterion_group!(benches, features);
criterion_main!(benches);
