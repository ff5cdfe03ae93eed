//! Nothing that an environment shows, pays or fills depends on rows that its rules have not reached (promise R8).

use std::sync::Arc;

use pavlov_envs::{ENVIRONMENTS, EnvironmentConfig, EpisodeMode, environment};
use pavlov_rl_core::{
    ActionBatch, ActionSpec, Fill, Frame, Market, PriceTable, Rng, RngTree, Segment, below, uniform_f32,
};
use pavlov_testkit::synthetic;

const ROWS: usize = 120;
const FEATURES: usize = 5;
const FILLS: [&str; 5] = ["next_open", "next_close", "inside_next", "vwap", "decision_close"];

/// What one step showed before its decision, and what it brought.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    observation: Vec<f32>,
    reward: f64,
    fills: Vec<Fill>,
}

/// A planted look-ahead: spoils what a step at a row showed.
type Leak = fn(&Market, usize, &mut Seen);

/// The first `steps` steps of the whole segment with the same actions whatever the market, and what is seen after them.
fn play(config: &dyn EnvironmentConfig, market: Market, steps: usize, leak: Leak) -> Vec<Seen> {
    let segment = Segment { first: config.window() as u32 - 1, ..market.segments[0] };
    let copies = config.build(Arc::new(market.clone()), &[segment], EpisodeMode::Whole).expect("a game");
    let mut env = copies.batch(0..1, &RngTree::new(1));
    let spec = env.spec().action.clone();
    let mut rng = RngTree::new(2).stream("actor", 0);
    let mut seen = vec![Seen::default()];
    for step in 0..=steps {
        let row = env.observations().last_row[0] as usize;
        env.observations().extend_flat(0, &mut seen[step].observation);
        if step < steps {
            env.record_fills(true);
            seen[step].reward = env.step(&action(&spec, &mut rng)).rewards[0];
            seen[step].fills = env.fills()[0].clone();
            seen.push(Seen::default());
        }
        leak(&market, row, &mut seen[step]);
    }
    seen
}

fn no_leak(_: &Market, _: usize, _: &mut Seen) {}

fn action(spec: &ActionSpec, rng: &mut Rng) -> ActionBatch {
    match spec {
        ActionSpec::Discrete { names } => ActionBatch::Discrete(vec![below(rng, names.len() as u32)]),
        ActionSpec::Continuous { low, high } => {
            let values = low.iter().zip(high).map(|(low, high)| low + (high - low) * uniform_f32(rng)).collect();
            ActionBatch::Continuous { width: low.len(), values }
        }
    }
}

fn market(assets: usize) -> Market {
    let mut market = synthetic::random_walk(ROWS, assets, FEATURES, 3);
    let PriceTable { open, close, .. } = &market.prices;
    market.prices.vwap = Some(open.iter().zip(close).map(|(open, close)| 0.3 * open + 0.7 * close).collect());
    market
}

/// Another future.
#[derive(Clone, Copy, Debug)]
enum Future {
    Noise,
    Times1000,
    /// No number in the features; prices cannot be played then.
    NotANumber,
    Removed,
}

const FUTURES: [Future; 4] = [Future::Noise, Future::Times1000, Future::NotANumber, Future::Removed];

/// The market with another future behind this row.
fn changed_behind(row: usize, assets: usize, future: Future) -> Market {
    let mut market = market(assets);
    let rows = if matches!(future, Future::Removed) { row + 1 } else { ROWS };
    let mut rng = RngTree::new(row as u64).stream("future", 0);
    let mut features = market.frame.window(rows as u32 - 1, rows).to_vec();
    for x in &mut features[(row + 1) * FEATURES..] {
        *x = match future {
            Future::Noise => 10.0 * uniform_f32(&mut rng),
            Future::Times1000 => 1_000.0 * (*x + 2.0),
            Future::NotANumber | Future::Removed => f32::NAN,
        };
    }
    market.frame = Frame::new(FEATURES, features);
    let PriceTable { open, high, low, close, volume, vwap, .. } = &mut market.prices;
    for column in [open, high, low, close, volume, vwap.as_mut().expect("set above")] {
        column.truncate(rows * assets);
        for price in &mut column[(row + 1) * assets..] {
            *price *=
                if matches!(future, Future::Times1000) { 1_000.0 } else { 0.5 + f64::from(uniform_f32(&mut rng)) };
        }
    }
    market.times.truncate(rows);
    market.segments[0].end = rows as u32;
    market
}

/// Whether nothing up to a row depends on what lies behind it.
fn is_blind(config: &dyn EnvironmentConfig, cut: usize, future: Future, leak: Leak) -> bool {
    let (assets, steps) = (config.assets(), cut + 1 - config.window());
    let mut pair = [market(assets), changed_behind(cut, assets, future)].map(|m| play(config, m, steps, leak));
    if matches!(future, Future::Removed) {
        // Where the data end, the next episode is seen.
        pair.iter_mut().for_each(|seen| drop(seen.pop()));
    }
    format!("{:?}", pair[0]) == format!("{:?}", pair[1])
}

#[test]
fn defaults_see_and_pay_nothing_that_lies_ahead() {
    let mut rng = RngTree::new(4).stream("cut", 0);
    for entry in ENVIRONMENTS {
        for fill in FILLS {
            let config = entry.parse_text(&format!("fill = \"{fill}\"")).expect(entry.name);
            for future in FUTURES {
                let steps = [1, 2 + below(&mut rng, 40), 42 + below(&mut rng, 40)];
                for cut in steps.map(|steps| config.window() - 1 + steps as usize) {
                    let blind = is_blind(&*config, cut, future, no_leak);
                    assert!(blind, "R8 broken: {} with {fill} sees {future:?} behind row {cut}", entry.name);
                }
            }
        }
    }
}

#[test]
fn planted_look_ahead_is_caught() {
    let planted: [(&str, Leak); 5] = [
        ("the next row of features", |market, row, seen| {
            seen.observation.push(market.frame.row((row + 1).min(market.frame.rows() - 1))[0]);
        }),
        ("a scaler over all rows", |market, _, seen| {
            let rows = market.frame.rows();
            let highest = market.frame.window(rows as u32 - 1, rows).iter().fold(f32::MIN, |most, x| most.max(*x));
            seen.observation.iter_mut().for_each(|x| *x /= highest);
        }),
        ("a gap filled backwards", |market, row, seen| {
            seen.observation[0] = market.prices.close[(row + 5).min(market.frame.rows() - 1)] as f32;
        }),
        ("a reward of two bars", |market, row, seen| {
            seen.reward += market.prices.close[(row + 2).min(market.frame.rows() - 1)];
        }),
        ("the best price of the next bars", |market, row, seen| {
            let best = market.prices.low[row..].iter().take(3).fold(f64::MAX, |least, low| least.min(*low));
            seen.fills.iter_mut().for_each(|fill| fill.price = best);
        }),
    ];
    let config = environment("bitcoin").expect("registered").parse_text("").expect("the defaults");
    for (name, leak) in planted {
        for future in [Future::Noise, Future::Times1000] {
            let caught = (40..60).any(|cut| !is_blind(&*config, cut, future, leak));
            assert!(caught, "not caught by {future:?}: {name}");
        }
    }
}

#[test]
fn a_fill_depends_on_the_price_of_its_rule_only() {
    type Column = fn(&mut PriceTable) -> &mut Vec<f64>;
    let columns: [(&str, Column); 3] = [
        ("next_open", |prices| &mut prices.open),
        ("next_close", |prices| &mut prices.close),
        ("vwap", |prices| prices.vwap.as_mut().expect("set above")),
    ];
    for entry in ENVIRONMENTS {
        for (fill, own) in columns {
            let config = entry.parse_text(&format!("fill = \"{fill}\"")).expect(entry.name);
            let assets = config.assets();
            let row = config.window();
            for (name, column) in columns {
                let mut other = market(assets);
                column(&mut other.prices)[row * assets..].iter_mut().for_each(|price| *price *= 1.5);
                let fills = |market| play(&*config, market, 1, no_leak).remove(0).fills;
                let same = fills(market(assets)) == fills(other);
                let traded = !fills(market(assets)).is_empty();
                let is_own = own(&mut market(assets).prices) == column(&mut market(assets).prices);
                assert!(traded && same != is_own, "{}: {fill} and the column of {name}", entry.name);
            }
        }
    }
}

#[test]
fn every_environment_draws_its_fills_inside_the_next_bar_on_demand() {
    for entry in ENVIRONMENTS {
        let config = entry.parse_text("fill = \"inside_next\"").expect(entry.name);
        let market = market(config.assets());
        let PriceTable { assets, open, close, .. } = market.prices.clone();
        let fills: Vec<Fill> = play(&*config, market, 60, no_leak).into_iter().flat_map(|seen| seen.fills).collect();
        let place = |fill: &Fill| {
            let cell = fill.row as usize * assets + fill.asset as usize;
            (fill.price - open[cell]) / (close[cell] - open[cell])
        };
        let places: Vec<f64> = fills.iter().map(place).collect();
        assert!(places.iter().all(|x| *x > 0.0 && *x < 1.0), "{}: {places:?}", entry.name);
        let spread = places.iter().fold((1.0_f64, 0.0_f64), |(low, high), x| (low.min(*x), high.max(*x)));
        assert!(places.len() > 10 && spread.0 < 0.3 && spread.1 > 0.7, "{}: {places:?}", entry.name);
    }
}

#[test]
fn published_windows_show_as_many_later_bars_as_was_published() {
    for (name, keys, ahead) in [("leverage_inverse", "stop_loss_frac = 1.0", 9), ("stock_order", "", 5)] {
        let text = format!("{keys}\nvariant = \"as_published\"");
        let config = environment(name).expect("registered").parse_text(&text).expect(name);
        let (assets, first, cut) = (config.assets(), config.window() - 1, 60);
        let observations =
            |market| play(&*config, market, cut - first, no_leak).into_iter().map(|seen| seen.observation);
        let (one, other) = (observations(market(assets)), observations(changed_behind(cut, assets, Future::Noise)));
        let changed: Vec<usize> =
            one.zip(other).map(|(a, b)| a != b).enumerate().filter(|x| x.1).map(|x| x.0).collect();
        let expected: Vec<usize> = (cut - first + 1 - ahead..=cut - first).collect();
        assert_eq!(changed, expected, "{name}");
    }
}
