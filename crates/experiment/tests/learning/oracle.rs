//! What whoever reads the planted column can make of the test span, played in the environment itself.

use std::sync::Arc;

use pavlov_envs::{BatchFactory, EpisodeMode, environment};
use pavlov_features::{FeatureTable, FittedScaler, Scaling, feature, fold, market};
use pavlov_market_data::{Bars, Manifest, Sources, load_dataset};
use pavlov_rl_core::{ActionBatch, RngTree, Segment, Status};
use pavlov_testkit::oracle::{Cue, Plan, foresight};

use crate::game::{Game, SPANS};

const BUY: u32 = 1;
const SELL: u32 = 2;

/// The test span of a game.
pub struct Arena {
    pub bars: Bars,
    /// The columns that agents see.
    pub table: FeatureTable,
    pub segment: Segment,
    commission: f64,
    game: Box<dyn BatchFactory>,
}

/// Log growth of the test span by those who read the planted column.
pub struct Oracle {
    /// Buys at a cue of a rise, sells at one of a fall.
    pub rule: f64,
    /// Does what is best in expectation, by dynamic programming.
    pub plan: f64,
    /// Log growth that the plan expects of as many bars.
    pub plan_expects: f64,
    /// Knows all prices in advance; no reader of a cue can do this.
    pub foresight: f64,
}

impl Oracle {
    /// The better of the two who know no more than the cue.
    pub fn best(&self) -> f64 {
        self.rule.max(self.plan)
    }
}

impl Arena {
    pub fn new(game: &Game) -> Self {
        let manifest = Manifest::parse(&game.manifest(), "generated.toml".as_ref()).unwrap();
        let sources = Sources { disk: Arc::new(pavlov_store::OsDisk), cache_dir: None, data_dir: None };
        let bars = load_dataset(&manifest, &sources).unwrap().bars;
        assert_eq!(game.spans, SPANS);
        let july = 1_530_403_200_000_000_000;
        let rows = bars.opening_between(july, i64::MAX);
        let segment = Segment { start: 0, first: rows.start as u32, end: rows.end as u32 };
        Self::on(bars, segment, game.commission)
    }

    /// The same span of another environment, with keys beside its commission.
    pub fn of(self, environment: &str, keys: &str) -> Self {
        Self::in_game(self.bars, self.segment, self.commission, (environment, keys))
    }

    fn on(bars: Bars, segment: Segment, commission: f64) -> Self {
        Self::in_game(bars, segment, commission, ("bitcoin", ""))
    }

    fn in_game(bars: Bars, segment: Segment, commission: f64, (name, keys): (&str, &str)) -> Self {
        let columns = [
            ("returns", "of = 'open'\nkind = 'percent'"),
            ("returns", "of = 'close'\nkind = 'percent'"),
            ("volume_change", "kind = 'percent'\nclip = 300.0"),
        ];
        let columns = columns.map(|(name, keys)| feature(name).unwrap().parse_text(keys).unwrap());
        let table = fold(&bars, &columns).unwrap();
        let scaler =
            FittedScaler::fit(&Scaling::None, &columns, &bars, std::slice::from_ref(&(0..segment.first as usize)))
                .unwrap();
        let market = Arc::new(market(&bars, &[], &columns, &scaler, vec![segment]).unwrap());
        let config = environment(name).unwrap().parse_text(&format!("commission = {commission}\n{keys}")).unwrap();
        let game = config.build(market, &[segment], EpisodeMode::Whole).unwrap();
        Self { bars, table, segment, commission, game }
    }

    /// The relative move of a bar.
    pub fn change(&self, row: usize) -> f64 {
        self.bars.close()[row] / self.bars.open()[row] - 1.0
    }

    /// Whether the volume of a bar tells of a rise.
    pub fn tells_rise(&self, row: usize) -> bool {
        self.bars.volume()[row] >= 1_000.0
    }

    /// Log growth of a policy of the row and the share of coins.
    pub fn play(&self, mut policy: impl FnMut(usize, f64) -> u32) -> f64 {
        let mut env = self.game.batch(0..1, &RngTree::new(0));
        let mut books = Vec::new();
        env.ledgers(&mut books);
        let start = books[0].net_worth();
        loop {
            env.ledgers(&mut books);
            let row = env.observations().last_row[0] as usize;
            let action = policy(row, books[0].holdings_value / books[0].net_worth());
            let step = env.step(&ActionBatch::Discrete(vec![action]));
            if step.statuses[0] != Status::Running {
                return (step.end_ledgers[0].net_worth() / start).ln();
            }
        }
    }

    /// Plays the test span with the cue of `lag` bars ago, which is right with probability `hit_rate`.
    pub fn oracle(&self, lag: usize, hit_rate: f64) -> Oracle {
        let Segment { first, end, .. } = self.segment;
        let (plan, growth) = Plan::settled(self.law(hit_rate), self.commission);
        let cue = |row: usize| usize::from(self.tells_rise(row - lag));
        Oracle {
            rule: self.play(|row, _| [SELL, BUY][cue(row)]),
            plan: self.play(|row, share| plan.choose(cue(row), share)),
            plan_expects: growth * f64::from(end - 1 - first),
            foresight: self.foresight(),
        }
    }

    /// The law of the market: sizes are those of the training span, in 32 equally likely groups; a cue is a fair coin.
    fn law(&self, hit_rate: f64) -> Vec<Cue> {
        const GROUPS: usize = 32;
        let mut sizes: Vec<f64> = (0..self.segment.first as usize).map(|row| self.change(row).abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let group = |i: usize| &sizes[i * sizes.len() / GROUPS..(i + 1) * sizes.len() / GROUPS];
        let mean = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
        let sizes: Vec<f64> = (0..GROUPS).map(|i| mean(group(i))).collect();
        let moves = |up: f64| {
            let signed = |size: &f64| [(up / GROUPS as f64, *size), ((1.0 - up) / GROUPS as f64, -size)];
            sizes.iter().flat_map(signed).collect()
        };
        [1.0 - hit_rate, hit_rate].map(|up| Cue { chance: 0.5, moves: moves(up) }).into()
    }

    /// Log growth of whoever knows all prices of the segment; the account begins with 10,000 dollars and 1 coin.
    fn foresight(&self) -> f64 {
        let Segment { first, end, .. } = self.segment;
        let moves: Vec<f64> = (first as usize + 1..end as usize).map(|row| self.change(row)).collect();
        let close = self.bars.close()[first as usize];
        foresight(&moves, close / (10_000.0 + close), self.commission)
    }
}

/// The account that the dynamic programming reckons with is that of the environment, fills and commission included.
#[test]
fn foresight_equals_the_best_of_all_sequences_in_the_environment() {
    const STEPS: u32 = 8;
    for commission in [0.0, 0.00075, 0.01] {
        let mode = ("planted_signal", "hit_rate = 1.0");
        let game = Game { mode, volatility: 0.005, market: 5, commission, spans: SPANS, body: "lstm", updates: 1 };
        let whole = Arena::new(&game);
        let segment = Segment { end: whole.segment.first + STEPS + 1, ..whole.segment };
        let short = Arena::on(whole.bars, segment, commission);
        let first = segment.first as usize;
        let sequence = |code: u32| short.play(|row, _| code / 3_u32.pow((row - first) as u32) % 3);
        let best = (0..3_u32.pow(STEPS)).map(sequence).fold(f64::MIN, f64::max);
        let foreseen = short.foresight();
        assert!((foreseen - best).abs() < 1e-6, "{foreseen} where all sequences give {best}");
    }
}

/// Where trading is dear, the plan waits and the rule does not; where it is cheap, they agree.
#[test]
fn the_plan_keeps_what_it_expects_and_beats_the_rule_where_trading_is_dear() {
    for (commission, gain) in [(0.0, -0.01), (0.00075, -0.01), (0.006, 0.5)] {
        let mode = ("planted_signal", "hit_rate = 0.9");
        let game = Game { mode, volatility: 0.005, market: 6, commission, spans: SPANS, body: "lstm", updates: 1 };
        let Oracle { rule, plan, plan_expects, foresight } = Arena::new(&game).oracle(0, 0.9);
        println!(
            "oracle: commission {commission}: rule {rule:.3}, plan {plan:.3} of {plan_expects:.3} expected, foresight {foresight:.3}"
        );
        // 1,487 bars, each of which deviates by 0.005 at most.
        assert!((plan - plan_expects).abs() < 4.0 * 0.005 * 1_487_f64.sqrt(), "{plan}, expected {plan_expects}");
        assert!(plan >= rule + gain && foresight > plan, "rule {rule}, plan {plan}, foresight {foresight}");
    }
}
