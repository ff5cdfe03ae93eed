//! Nothing that an environment shows, pays or fills depends on rows that its rules have not reached (promise R9).

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
#[derive(Debug, PartialEq)]
struct Seen {
    observation: Vec<f32>,
    reward: f64,
    fills: Vec<Fill>,
}

/// The first `steps` steps of the whole segment with the same actions whatever the market.
fn play(config: &dyn EnvironmentConfig, market: Market, steps: usize) -> Vec<Seen> {
    let segment = Segment { first: config.window() as u32 - 1, ..market.segments[0] };
    let copies = config.build(Arc::new(market), segment, EpisodeMode::Whole).expect("a game");
    let mut env = copies.batch(0..1, &RngTree::new(1));
    let spec = env.spec().action.clone();
    let mut rng = RngTree::new(2).stream("actor", 0);
    let mut seen = Vec::new();
    for _ in 0..steps {
        let mut observation = Vec::new();
        env.observations().extend_flat(0, &mut observation);
        env.record_fills(true);
        let reward = env.step(&action(&spec, &mut rng)).rewards[0];
        seen.push(Seen { observation, reward, fills: env.fills()[0].clone() });
    }
    seen
}

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

/// The market with other features and prices behind this row.
fn changed_behind(row: usize, assets: usize) -> Market {
    let mut market = market(assets);
    let mut features = market.frame.window(ROWS as u32 - 1, ROWS).to_vec();
    features[(row + 1) * FEATURES..].iter_mut().for_each(|x| *x = 7.0 - *x);
    market.frame = Frame::new(FEATURES, features);
    let PriceTable { open, high, low, close, vwap, .. } = &mut market.prices;
    for column in [open, high, low, close, vwap.as_mut().expect("set above")] {
        column[(row + 1) * assets..].iter_mut().for_each(|price| *price *= 1.5);
    }
    market
}

#[test]
fn defaults_see_and_pay_nothing_that_lies_ahead() {
    for entry in ENVIRONMENTS {
        for fill in FILLS {
            let config = entry.parse_text(&format!("fill = \"{fill}\"")).expect(entry.name);
            let (assets, first) = (config.assets(), config.window() - 1);
            for cut in [first, first + 1, first + 40, ROWS - 2] {
                let steps = cut - first;
                // The decision at the cut is the last one that must be the same; its step reaches behind it.
                let mut one = play(&*config, market(assets), steps + 1);
                let mut other = play(&*config, changed_behind(cut, assets), steps + 1);
                let last = (one.pop().expect("a step"), other.pop().expect("a step"));
                assert_eq!(one, other, "{} with {fill}, cut at {cut}", entry.name);
                assert_eq!(last.0.observation, last.1.observation, "{} with {fill}, cut at {cut}", entry.name);
            }
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
                let fills = |market| play(&*config, market, 1).remove(0).fills;
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
        let fills: Vec<Fill> = play(&*config, market, 60).into_iter().flat_map(|seen| seen.fills).collect();
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
        let observations = |market| play(&*config, market, cut - first + 1).into_iter().map(|seen| seen.observation);
        let (one, other) = (observations(market(assets)), observations(changed_behind(cut, assets)));
        let changed: Vec<usize> =
            one.zip(other).map(|(a, b)| a != b).enumerate().filter(|x| x.1).map(|x| x.0).collect();
        let expected: Vec<usize> = (cut - first + 1 - ahead..=cut - first).collect();
        assert_eq!(changed, expected, "{name}");
    }
}
