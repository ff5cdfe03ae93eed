//! What holds for every registered feature: promises R8, R8b and R14 of docs/reliability.md.

mod common;

use common::{bars, column, every_feature, series, walk};
use pavlov_features::{
    Feature, FeatureConfig, FeatureError, FeatureTable, FittedScaler, Inputs, Scaling, fold, fold_all, market,
};
use pavlov_market_data::Bars;
use pavlov_rl_core::{RngTree, Segment, below};
use pavlov_testkit::scale::seeds;

const LEN: usize = 300;

/// Values of some features, as bits.
fn bits(table: &FeatureTable) -> Vec<u64> {
    table.values.iter().map(|value| value.to_bits()).collect()
}

/// The features of bars, with series beside them.
fn folded(bars: &Bars, features: &[Box<dyn FeatureConfig>]) -> Result<FeatureTable, FeatureError> {
    fold(Inputs::new(bars, &series(bars)), features)
}

fn fitted(scaling: &Scaling, features: &[Box<dyn FeatureConfig>], bars: &Bars, rows: usize) -> FittedScaler {
    FittedScaler::fit(scaling, features, Inputs::new(bars, &series(bars)), std::slice::from_ref(&(0..rows))).unwrap()
}

fn frame_bits(bars: &Bars, features: &[Box<dyn FeatureConfig>], scaler: &FittedScaler) -> Vec<u32> {
    let all = Segment { start: 0, first: 0, end: bars.len() as u32 };
    let frame = market(Inputs::new(bars, &series(bars)), &[], features, scaler, vec![all]).unwrap().frame;
    (0..frame.rows()).flat_map(|t| frame.row(t)).map(|value| value.to_bits()).collect()
}

#[test]
fn nothing_after_a_bar_changes_its_features_or_a_scaler_fitted_before() {
    let features = every_feature();
    let width: usize = features.iter().map(|f| f.columns().len()).sum();
    let divide_by = vec![3.0; width];
    let mut scalings =
        [Scaling::Standard, Scaling::MinMax, Scaling::Robust, Scaling::Tdqn, Scaling::Constants { divide_by }]
            .into_iter()
            .cycle();
    for seed in seeds(200, 20_000) {
        let rows = walk(LEN, seed);
        let cut = 1 + below(&mut RngTree::new(seed).stream("cut", 0), LEN as u32 - 1) as usize;
        let changed = rows.iter().enumerate().map(|(t, row)| row.map(|x| if t < cut { x } else { 1e3 * x + 7.0 }));
        let (full, short, changed) = (bars(rows.clone()), bars(rows[..cut].to_vec()), bars(changed));
        let expected = bits(&folded(&short, &features).unwrap());
        for other in [&full, &changed] {
            let got = bits(&folded(other, &features).unwrap());
            assert!(
                got[..cut * width] == expected,
                "PROMISE=R8 SEED={seed}: a feature before {cut} saw the bars behind"
            );
        }
        let scaling = scalings.next().expect("a cycle");
        let expected = fitted(&scaling, &features, &short, cut);
        for other in [&full, &changed] {
            let again = fitted(&scaling, &features, other, cut);
            assert_eq!(again, expected, "PROMISE=R8 SEED={seed}: {scaling:?} saw the bars behind {cut}");
        }
        let [got, expected] = [&full, &short].map(|bars| frame_bits(bars, &features, &expected));
        assert!(got[..cut * width] == expected, "PROMISE=R8 SEED={seed}: a frame before {cut} saw the bars behind");
    }
}

#[test]
fn symbols_side_by_side_are_the_symbols_one_by_one_whatever_the_threads() {
    let features = every_feature();
    let symbols: Vec<Bars> = (0..9).map(|seed| bars(walk(LEN + 10 * seed as usize, seed))).collect();
    let beside: Vec<_> = symbols.iter().map(series).collect();
    let inputs: Vec<_> = symbols.iter().zip(&beside).map(|(bars, series)| Inputs::new(bars, series)).collect();
    let expected: Vec<_> = inputs.iter().map(|inputs| bits(&fold(*inputs, &features).unwrap())).collect();
    for num_threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(num_threads).build().unwrap();
        let got = pool.install(|| fold_all(&inputs, &features)).unwrap();
        assert!(got.iter().map(bits).eq(expected.iter().cloned()), "PROMISE=R14: {num_threads} threads");
    }
    let alone: Vec<Inputs<'_>> = symbols.iter().map(Inputs::from).collect();
    assert!(matches!(fold_all(&alone, &features), Err(FeatureError::NoSeries { .. })));
}

#[test]
fn where_the_data_begin_does_not_matter_after_the_warm_up() {
    for feature in every_feature() {
        // A warm-up of the user's choice promises nothing.
        if feature.to_toml().contains_key("warm_up") {
            continue;
        }
        let smooth = ["ema", "macd", "atr", "rsi"].contains(&feature.name());
        let (warm_up, tolerance) = (feature.warm_up(), if smooth { 1e-6 } else { 1e-11 });
        let features = [feature];
        for seed in seeds(50, 2_000) {
            let rows = walk(5 * warm_up + 100, seed);
            let full = folded(&bars(rows.clone()), &features).unwrap();
            let width = full.columns.len();
            for start in [
                1,
                warm_up + 1,
                3 * warm_up,
                4 * warm_up + below(&mut RngTree::new(seed).stream("start", 0), 99) as usize,
            ] {
                // Stamps count from the first bar; take the later bars with their own.
                let late = folded(&bars(rows.clone()).slice(start..rows.len()), &features).unwrap();
                for col in 0..width {
                    let (full, late) = (&column(&full, col)[start + warm_up..], &column(&late, col)[warm_up..]);
                    let size = full.iter().fold(0.0_f64, |size, x| size.max(x.abs()));
                    let worst = full.iter().zip(late).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                    assert!(
                        worst <= tolerance * size,
                        "PROMISE=R8b SEED={seed}: {} from bar {start} on differs by {worst:e} of {size:e}",
                        features[0].columns()[col]
                    );
                }
            }
        }
    }
}

/// Series that indicators trip over.
fn hard_series(seed: u64) -> Vec<(&'static str, Vec<[f64; 5]>)> {
    let walk = walk(120, seed);
    let scaled = |by: f64| walk.iter().map(|row| row.map(|x| x * by)).collect::<Vec<_>>();
    let flat = |price: f64, volume: f64| vec![[price, price, price, price, volume]; 120];
    let mut rng = RngTree::new(seed).stream("jumps", 0);
    let mut jumps = Vec::new();
    for _ in 0..120 {
        let price = [1e-12, 1e-3, 1.0, 1e3, 1e12][below(&mut rng, 5) as usize];
        jumps.push([price, price * 1.5, price * 0.5, price, price]);
    }
    vec![
        ("flat", flat(0.1, 7.0)),
        ("flat without volume", flat(1e12, 0.0)),
        ("flat at 0", flat(0.0, 0.0)),
        ("no volume", walk.iter().map(|[o, h, l, c, _]| [*o, *h, *l, *c, 0.0]).collect()),
        ("huge", scaled(1e10)),
        ("tiny", scaled(1e-14)),
        ("negative", walk.iter().map(|[o, h, l, c, v]| [-o, -l, -h, -c, *v]).collect()),
        ("through 0", walk.iter().map(|row| row.map(|x| x - 100.0)).collect()),
        (
            "x 1000",
            walk.iter().enumerate().map(|(t, row)| row.map(|x| if t % 40 < 20 { x } else { x * 1e3 })).collect(),
        ),
        ("jumps", jumps),
        (
            "flat, then a walk",
            flat(100.0, 1.0).into_iter().chain(walk.iter().copied()).chain(flat(90.0, 0.0)).collect(),
        ),
        ("one bar", walk[..1].to_vec()),
        ("two bars", walk[..2].to_vec()),
    ]
}

#[test]
fn values_are_finite_and_in_their_range_whatever_the_prices_are() {
    let features = every_feature();
    for seed in seeds(50, 5_000) {
        for (what, rows) in hard_series(seed) {
            let bars = bars(rows);
            let series = series(&bars);
            let inputs = Inputs::new(&bars, &series);
            let table = fold(inputs, &features).unwrap_or_else(|e| panic!("PROMISE=R14 SEED={seed} {what}: {e}"));
            for scaling in [Scaling::None, Scaling::Standard, Scaling::MinMax, Scaling::Robust, Scaling::Tdqn] {
                let scaled = FittedScaler::fit(&scaling, &features, inputs, std::slice::from_ref(&(0..bars.len())))
                    .and_then(|scaler| {
                        let all = Segment { start: 0, first: 0, end: bars.len() as u32 };
                        market(inputs, &[], &features, &scaler, vec![all])
                    });
                assert!(scaled.is_ok(), "PROMISE=R14 SEED={seed} {what} {scaling:?}: {scaled:?}");
            }
            for (col, name) in table.columns.iter().enumerate() {
                let range = match name.split(['(', '.']).next().unwrap() {
                    "rsi" => 0.0..=100.0,
                    "close_position" => 0.0..=1.0,
                    "time_of_day" | "weekday" => -1.0..=1.0,
                    "atr" | "volatility" | "high_low" => 0.0..=f64::MAX,
                    _ => continue,
                };
                if what == "through 0" && name == "close_position" {
                    continue;
                }
                let outside = column(&table, col).into_iter().find(|value| !range.contains(value));
                assert_eq!(outside, None, "PROMISE=R14 SEED={seed} {what}: {name}");
            }
        }
    }
}

/// Feeds bars one at a time, saving and going on in a fresh stream after `cut` of them.
fn streamed(feature: &dyn FeatureConfig, bars: &Bars, cut: usize) -> Vec<u64> {
    let mut stream: Box<dyn Feature> = feature.stream();
    let mut row = vec![0.0; feature.columns().len()];
    let mut values = Vec::new();
    let series = series(bars);
    let followed = Inputs::new(bars, &series).followed(feature).unwrap();
    for t in 0..bars.len() {
        if t == cut {
            let saved = stream.save();
            stream = feature.stream();
            stream.restore(&saved).unwrap();
        }
        stream.update(&followed.bar(t), &mut row);
        values.extend(row.iter().map(|value| value.to_bits()));
    }
    values
}

#[test]
fn a_stream_gives_the_bits_of_the_fold_also_when_it_was_saved_in_between() {
    for (i, feature) in every_feature().into_iter().enumerate() {
        for seed in seeds(5, 500) {
            let len = 40 + 7 * (seed as usize % 20) + i;
            let bars = bars(walk(len, seed));
            let cut = below(&mut RngTree::new(seed).stream("cut", i as u64), len as u32) as usize;
            let got = streamed(&*feature, &bars, cut);
            let name = feature.columns().join(", ");
            let expected = bits(&folded(&bars, std::slice::from_ref(&feature)).unwrap());
            assert!(got == expected, "SEED={seed}: {name}, saved before bar {cut}");
        }
    }
}

#[test]
fn bytes_that_are_no_state_are_refused_and_change_nothing() {
    let rows = bars(walk(30, 1));
    for feature in every_feature() {
        let [mut stream, mut untouched] = [feature.stream(), feature.stream()];
        let width = feature.columns().len();
        let [mut got, mut expected] = [vec![0.0; width], vec![0.0; width]];
        for t in 0..30 {
            let saved = stream.save();
            let longer = [&saved[..], &[0]].concat();
            assert!(stream.restore(&longer).is_err(), "{}", feature.name());
            if let Some((_, shorter)) = saved.split_last() {
                let shorter = &saved[..shorter.len()];
                assert!(stream.restore(shorter).is_err(), "{}", feature.name());
            }
            stream.update(&rows.bar(t), &mut got);
            untouched.update(&rows.bar(t), &mut expected);
            assert_eq!(got, expected, "{}", feature.name());
        }
    }
}

#[test]
fn a_feature_on_a_series_sees_its_values_and_a_missing_series_is_named() {
    let bars = bars(walk(70, 3));
    let feature = common::one("macro", "series = 'vix'\ntransform = 'level'");
    let features = [common::one("returns", ""), feature];
    let table = folded(&bars, &features).unwrap();
    assert_eq!(table.columns, ["returns", "macro(series=vix,transform=level)"]);
    assert_eq!(column(&table, 1), bars.volume());
    let error = fold(&bars, &features).unwrap_err();
    assert_eq!(error.to_string(), "there is no series `vix` beside the bars");
}
