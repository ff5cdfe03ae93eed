//! Features that no registry knows, as users write them.

use std::sync::Arc;

use pavlov_features::{BLOCK, BarBlock, Feature, FeatureConfig, FeatureError, TdqnRange};
use pavlov_market_data::Bar;

use super::{audited, bars, only, with_feature};

/// What is wrong with a feature of one's own.
#[derive(Clone)]
enum Mine {
    /// Nothing: the height of the bar.
    Sound,
    /// Written for speed: the mean of a whole block of bars.
    MeanOfBlock,
    /// Labels that somebody computed beforehand, row by row.
    Table(Arc<Vec<f64>>),
    /// A mean of all closes so far that claims to need no warm-up.
    MeanOfAll,
}

impl FeatureConfig for Mine {
    fn name(&self) -> &'static str {
        "mine"
    }

    fn columns(&self) -> Vec<String> {
        vec!["mine".into()]
    }

    fn validate(&self) -> Vec<String> {
        Vec::new()
    }

    fn to_toml(&self) -> toml::Table {
        toml::Table::new()
    }

    fn warm_up(&self) -> usize {
        0
    }

    fn tdqn_range(&self) -> TdqnRange {
        TdqnRange::Magnitude
    }

    fn series(&self) -> Option<&str> {
        None
    }

    fn stream(&self) -> Box<dyn Feature> {
        Box::new(State { kind: self.clone(), seen: 0, sum: 0.0 })
    }
}

struct State {
    kind: Mine,
    seen: usize,
    sum: f64,
}

impl Feature for State {
    fn update(&mut self, bar: &Bar, out: &mut [f64]) {
        self.seen += 1;
        self.sum += bar.close;
        out[0] = match &self.kind {
            Mine::Sound | Mine::MeanOfBlock => bar.high / bar.low - 1.0,
            Mine::Table(labels) => labels[self.seen - 1],
            Mine::MeanOfAll => self.sum / self.seen as f64,
        };
    }

    fn fold(&mut self, block: &BarBlock<'_>, out: &mut [[f64; BLOCK]]) {
        let mut row = [0.0];
        for (i, value) in out[0].iter_mut().enumerate() {
            self.update(&block.bar(i), &mut row);
            *value = row[0];
        }
        if matches!(self.kind, Mine::MeanOfBlock) {
            out[0] = [(0..BLOCK).map(|i| block.bar(i).close).sum(); BLOCK];
        }
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: &[u8]) -> Result<(), FeatureError> {
        Ok(())
    }
}

#[test]
fn a_sound_feature_of_ones_own_is_clean() {
    let plan = with_feature(Box::new(Mine::Sound));
    let audit = audited(&plan, &plan);
    assert!(audit.is_clean(), "{}", audit.table());
}

#[test]
fn a_feature_that_looks_at_its_whole_block_is_caught() {
    let plan = with_feature(Box::new(Mine::MeanOfBlock));
    let audit = audited(&plan, &plan);
    let leak = only(&audit, &["column `mine`"]);
    let ahead = leak.ahead.expect("it is a matter of rows");
    assert!((1..BLOCK).contains(&ahead), "within one block: {leak:?}");
}

#[test]
fn a_feature_that_knows_the_data_from_elsewhere_is_named_among_the_assumptions() {
    let labels = bars("market", "1h", 1).bars.close()[1..].iter().copied().chain([0.0]).cycle().take(3_000).collect();
    let plan = with_feature(Box::new(Mine::Table(Arc::new(labels))));
    let table = audited(&plan, &plan).table();
    assert!(table.contains("column `mine` does not depend on prices, volumes or series"), "{table}");
}

#[test]
fn a_warm_up_that_is_too_short_is_caught() {
    let plan = with_feature(Box::new(Mine::MeanOfAll));
    let audit = audited(&plan, &plan);
    let leak = only(&audit, &["column `mine`"]);
    assert_eq!((leak.place.as_str(), leak.ahead), ("warm-up", None), "{}", audit.table());
    assert!(audit.warm_ups.iter().any(|w| w.column == "mine" && w.largest > 1e-6));
}
