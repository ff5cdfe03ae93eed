//! What an agent expects of the next bar and attends to in the state that is asked about.

use pavlov_features::FittedScaler;
use pavlov_rl_core::Explanation;
use serde::Serialize;

use super::text::number;
use super::{Acted, Feature};

/// The forecast and the attention of a seed, or the means of all seeds.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Insight {
    /// The next row as it is expected, by column.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) forecast: Vec<Feature>,
    /// The parts that attend to something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) attention: Vec<Attention>,
}

/// How a part of an agent spreads its attention.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Attention {
    /// The part.
    pub(super) of: String,
    /// What it sees, in its order.
    pub(super) shares: Vec<Share>,
}

/// The share of one thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) label: String,
    pub(super) share: f32,
}

impl Insight {
    /// What an explanation says of it; the columns have the names of `features` and are scaled by `scaler`.
    pub(super) fn of(explanation: &Explanation, features: &[Feature], scaler: &FittedScaler) -> Self {
        let column = |(col, (scaled, feature)): (usize, (&f32, &Feature))| Feature {
            name: feature.name.clone(),
            unscaled: scaler.unscaled(col, *scaled),
            scaled: *scaled,
        };
        let part = |part: &pavlov_rl_core::Attention| Attention {
            of: part.of.to_owned(),
            shares: part.labels.iter().zip(&part.shares).map(|(l, s)| Share { label: l.clone(), share: *s }).collect(),
        };
        Self {
            forecast: explanation.forecast.iter().zip(features).enumerate().map(column).collect(),
            attention: explanation.attention.iter().map(part).collect(),
        }
    }

    /// Means over the seeds, which all speak of the same things.
    pub(super) fn mean(seeds: &[&Self]) -> Self {
        let Some(first) = seeds.first() else { return Self::default() };
        let mean = |number: &dyn Fn(&Self) -> f64| seeds.iter().map(|s| number(s)).sum::<f64>() / seeds.len() as f64;
        let column = |(i, feature): (usize, &Feature)| Feature {
            name: feature.name.clone(),
            unscaled: mean(&|seed| seed.forecast[i].unscaled),
            scaled: mean(&|seed| f64::from(seed.forecast[i].scaled)) as f32,
        };
        let part = |(p, part): (usize, &Attention)| {
            let share = |(i, share): (usize, &Share)| Share {
                label: share.label.clone(),
                share: mean(&|seed| f64::from(seed.attention[p].shares[i].share)) as f32,
            };
            Attention { of: part.of.clone(), shares: part.shares.iter().enumerate().map(share).collect() }
        };
        Self {
            forecast: first.forecast.iter().enumerate().map(column).collect(),
            attention: first.attention.iter().enumerate().map(part).collect(),
        }
    }
}

/// A table of the forecasts and one of each part's attention; the means come first if there are several seeds.
pub(super) fn tables(acted: &Acted) -> Vec<Vec<Vec<String>>> {
    let several = acted.seeds.len() > 1;
    let mean = several.then_some(("mean".to_owned(), &acted.together.insight));
    let seeds = acted.seeds.iter().map(|seed| (format!("seed {}", seed.seed), &seed.insight));
    let all: Vec<(String, &Insight)> = mean.into_iter().chain(seeds).collect();
    let Some((_, first)) = all.first() else { return Vec::new() };
    let forecast = (!first.forecast.is_empty()).then(|| forecasts(&all));
    forecast.into_iter().chain((0..first.attention.len()).map(|part| attention(&all, part))).collect()
}

/// Both numbers of the only seed or of the means; of several seeds the unscaled ones follow.
fn forecasts(all: &[(String, &Insight)]) -> Vec<Vec<String>> {
    let ((who, first), seeds) = (&all[0], &all[1..]);
    let prefix = if seeds.is_empty() { String::new() } else { format!("{who} ") };
    let heads = ["forecast of the next row".to_owned(), format!("{prefix}unscaled"), format!("{prefix}scaled")];
    let heads = heads.into_iter().chain(seeds.iter().map(|(who, _)| who.clone()));
    let line = |(i, feature): (usize, &Feature)| {
        let own = [feature.name.clone(), number(feature.unscaled), number(f64::from(feature.scaled))];
        own.into_iter().chain(seeds.iter().map(|(_, insight)| number(insight.forecast[i].unscaled))).collect()
    };
    [heads.collect()].into_iter().chain(first.forecast.iter().enumerate().map(line)).collect()
}

fn attention(all: &[(String, &Insight)], part: usize) -> Vec<Vec<String>> {
    let Attention { of, shares } = &all[0].1.attention[part];
    let heads = [format!("attention of the {of}")].into_iter().chain(all.iter().map(|(who, _)| who.clone()));
    let line = |(i, share): (usize, &Share)| {
        let shares = all.iter().map(|(_, insight)| insight.attention[part].shares[i].share);
        let percent = |share: f32| format!("{:.2} %", 100.0 * share);
        [share.label.clone()].into_iter().chain(shares.map(percent)).collect()
    };
    [heads.collect()].into_iter().chain(shares.iter().enumerate().map(line)).collect()
}
