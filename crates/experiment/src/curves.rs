//! From the books of both spans and the metrics logs to the series behind the charts.

use pavlov_rl_core::{ActionBatch, ActionSpec, Ledger, Market};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::baselines::Baseline;
use crate::episode::EpisodeRecord;
use crate::error::ExperimentError;
use crate::judge::Played;
use crate::plan::Plan;
use crate::report::{Actions, AgentCurve, BaselineCurve, Curves, LearningCurve, PriceCurve, SpanCurves, Trade};
use crate::train::Trained;
use crate::world::World;

/// All series of a run.
///
/// # Errors
/// [`ExperimentError`] if a line of a metrics log cannot be read.
pub(crate) fn curves(
    plan: &Plan,
    world: &World,
    played: &[Played<'_>],
    baselines: &[Baseline],
) -> Result<Curves, ExperimentError> {
    // A fold may train on what lies behind its test.
    let first = world.train.first.min(world.test.first) as usize;
    let rows: Vec<usize> = (first..world.train.end.max(world.test.end) as usize).collect();
    Ok(Curves {
        assets: assets(plan),
        price: PriceCurve {
            times: rows.iter().map(|row| world.market.times[*row]).collect(),
            close: closes(&world.market, &rows),
        },
        train: span(&world.market, played, baselines, |p| &p.train, |b| &b.train),
        test: span(&world.market, played, baselines, |p| &p.test, |b| &b.test),
        actions: match &world.training.spec().action {
            ActionSpec::Discrete { names } => Actions::Named(names.iter().map(|name| (*name).to_owned()).collect()),
            ActionSpec::Continuous { low, high } => {
                Actions::Numbers(low.iter().zip(high).map(|(low, high)| [f64::from(*low), f64::from(*high)]).collect())
            }
        },
        learning: played.iter().map(|p| learning(p.trained)).collect::<Result<_, _>>()?,
        insight: None,
    })
}

/// Names of the traded assets: the unit where there is one, else the names of their datasets.
fn assets(plan: &Plan) -> Vec<String> {
    match plan.environment.assets() {
        1 => vec![plan.environment.units().1.to_owned()],
        _ => plan.data.assets.clone(),
    }
}

/// Closes of some rows by asset, `[N][T]`.
fn closes(market: &Market, rows: &[usize]) -> Vec<Vec<f64>> {
    let assets = market.prices.assets;
    let of = |asset| rows.iter().map(|row| market.prices.close[row * assets + asset]).collect();
    (0..assets).map(of).collect()
}

fn span<'a>(
    market: &Market,
    played: &'a [Played<'_>],
    baselines: &'a [Baseline],
    of_agent: impl Fn(&'a Played<'_>) -> &'a EpisodeRecord,
    of_baseline: impl Fn(&'a Baseline) -> &'a Vec<EpisodeRecord>,
) -> SpanCurves {
    let rows: Vec<usize> = of_baseline(&baselines[0])[0].rows.iter().map(|row| *row as usize).collect();
    let means = baselines.iter().map(|b| {
        let worths: Vec<Vec<f64>> = of_baseline(b).iter().map(net_worths).collect();
        let rewards: Vec<&[f64]> = of_baseline(b).iter().map(|record| record.rewards.as_slice()).collect();
        let worths: Vec<&[f64]> = worths.iter().map(Vec::as_slice).collect();
        BaselineCurve { name: b.name.clone(), net_worth: mean(&worths), rewards: mean(&rewards) }
    });
    SpanCurves {
        times: rows.iter().map(|row| market.times[*row]).collect(),
        close: closes(market, &rows),
        agents: played.iter().map(|p| agent(market, p.trained.seed, of_agent(p))).collect(),
        baselines: means.collect(),
    }
}

fn agent(market: &Market, seed: u64, record: &EpisodeRecord) -> AgentCurve {
    let bought = record.fills.iter().filter(|fill| fill.shares != 0.0);
    let trade = |fill: &pavlov_rl_core::Fill| Trade {
        time: market.times[fill.row as usize],
        asset: fill.asset as usize,
        shares: fill.shares,
        price: fill.price,
    };
    AgentCurve {
        seed,
        net_worth: net_worths(record),
        weights: weights(market, record),
        trades: bought.map(trade).collect(),
        actions: record.actions.clone().unwrap_or(ActionBatch::Discrete(Vec::new())),
        rewards: record.rewards.clone(),
    }
}

pub(crate) fn net_worths(record: &EpisodeRecord) -> Vec<f64> {
    record.ledgers.iter().map(Ledger::net_worth).collect()
}

/// Value of each asset as a fraction of the net worth, `[N][T]`.
///
/// Books hold the value of all holdings together. With several assets the shares of each come from the fills, and those of
/// the start from what the fills leave open.
pub(crate) fn weights(market: &Market, record: &EpisodeRecord) -> Vec<Vec<f64>> {
    let weight = |value: f64, t: usize| value / record.ledgers[t].net_worth();
    let all = || record.ledgers.iter().enumerate();
    if market.prices.assets == 1 {
        return vec![all().map(|(t, ledger)| weight(ledger.holdings_value, t)).collect()];
    }
    let rows: Vec<usize> = record.rows.iter().map(|row| *row as usize).collect();
    let close = closes(market, &rows);
    let mut held: Vec<Vec<f64>> = (0..close.len()).map(|asset| bought(record, asset)).collect();
    let value = |held: &[Vec<f64>], t: usize| held.iter().zip(&close).map(|(h, c)| h[t] * c[t]).sum::<f64>();
    let open: Vec<f64> = all().map(|(t, ledger)| ledger.holdings_value - value(&held, t)).collect();
    let opening = combination(&close, &open);
    held.iter_mut().zip(opening).for_each(|(held, first)| held.iter_mut().for_each(|shares| *shares += first));
    let of = |(held, close): (&Vec<f64>, &Vec<f64>)| (0..rows.len()).map(|t| weight(held[t] * close[t], t)).collect();
    held.iter().zip(&close).map(of).collect()
}

/// Shares of an asset bought since the start, less those sold, at each row.
fn bought(record: &EpisodeRecord, asset: usize) -> Vec<f64> {
    let mut fills = record.fills.iter().filter(|fill| fill.asset as usize == asset).peekable();
    let mut held = 0.0;
    let mut at = |row: u32| {
        while let Some(fill) = fills.next_if(|fill| fill.row <= row) {
            held += fill.shares;
        }
        held
    };
    record.rows.iter().map(|row| at(*row)).collect()
}

/// The factors of the columns whose sum is nearest to `target` (least squares); 0 for a column that adds nothing.
fn combination(columns: &[Vec<f64>], target: &[f64]) -> Vec<f64> {
    let n = columns.len();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut rows: Vec<Vec<f64>> =
        columns.iter().map(|a| columns.iter().map(|b| product(a, b)).chain([product(a, target)]).collect()).collect();
    for pivot in 0..n {
        let scale = product(&columns[pivot], &columns[pivot]);
        if rows[pivot][pivot] <= 1e-12 * scale {
            rows[pivot].fill(0.0);
            rows[pivot][pivot] = 1.0;
            continue;
        }
        let head = rows[pivot].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != pivot) {
            let factor = row[pivot] / head[pivot];
            row.iter_mut().zip(&head).skip(pivot).for_each(|(x, h)| *x -= factor * h);
        }
    }
    (0..n).map(|i| rows[i][n] / rows[i][i]).collect()
}

/// Mean of curves by bar, as far as all of them go.
fn mean(curves: &[&[f64]]) -> Vec<f64> {
    let len = curves.iter().map(|curve| curve.len()).min().unwrap_or(0);
    (0..len).map(|t| curves.iter().map(|c| c[t]).sum::<f64>() / curves.len() as f64).collect()
}

/// The learning curve in a seed's metrics log.
fn learning(trained: &Trained) -> Result<LearningCurve, ExperimentError> {
    let mut curve = LearningCurve { seed: trained.seed, ..LearningCurve::default() };
    for line in trained.log.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        let line: Logged = serde_json::from_slice(line).map_err(|e| {
            ExperimentError::checkpoint(trained.seed, format!("a line of its metrics log cannot be read: {e}"))
        })?;
        for (name, value) in &line.figures {
            let column = curve.figures.entry(name.clone()).or_default();
            column.resize(curve.update_steps.len(), f64::NAN);
            column.push(value.as_f64().unwrap_or(f64::NAN));
        }
        curve.update_steps.push(line.env_steps);
        let (Some(profit), Some(actions)) = (line.episode_profit, line.episode_actions) else { continue };
        curve.env_steps.push(line.env_steps);
        curve.episodes.push(line.episodes);
        curve.episode_profit.push(profit);
        curve.episode_actions.resize(actions.len(), Vec::new());
        curve.episode_actions.iter_mut().zip(actions).for_each(|(column, count)| column.push(count));
    }
    let updates = curve.update_steps.len();
    curve.figures.values_mut().for_each(|column| column.resize(updates, f64::NAN));
    Ok(curve)
}

/// What the report takes from a line of a metrics log; the means are `None` where no episode ended.
#[derive(Deserialize)]
struct Logged {
    env_steps: u64,
    episodes: u64,
    episode_profit: Option<f64>,
    episode_actions: Option<Vec<f64>>,
    #[serde(rename = "update")]
    _update: u64,
    #[serde(rename = "action_share")]
    _action_share: Vec<f64>,
    /// All the others: those of the agent.
    #[serde(flatten)]
    figures: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::{Fill, Frame, PriceTable};

    use super::*;

    /// Two assets: 3 shares of the first and 5 of the second from the start, then 3 of the first are sold for 2 of the other.
    #[test]
    fn the_weights_of_several_assets_come_from_the_fills_and_the_opening_account() {
        let close = [[10.0, 4.0], [12.0, 5.0], [9.0, 6.0], [11.0, 3.0]];
        let shares = [[3.0, 5.0], [3.0, 5.0], [0.0, 7.0], [0.0, 7.0]];
        let column: Vec<f64> = close.concat();
        let prices = PriceTable {
            assets: 2,
            open: column.clone(),
            high: column.clone(),
            low: column.clone(),
            volume: column.clone(),
            close: column,
            vwap: None,
        };
        let market = Market::new(Frame::new(1, vec![0.0; 4]), prices, vec![1, 2, 3, 4], Vec::new()).unwrap();
        let value = |t: usize| shares[t][0] * close[t][0] + shares[t][1] * close[t][1];
        let ledger = |t: usize| Ledger { cash: 50.0, holdings_value: value(t), fees: 0.0 };
        let fill = |asset, shares| Fill { row: 2, asset, shares, price: 9.0, fee: 0.0 };
        let fills = vec![fill(0, -3.0), fill(1, 2.0)];
        let record = EpisodeRecord::of_books((0..4).collect(), (0..4).map(ledger).collect(), fills);
        let found = weights(&market, &record);
        for (asset, weights) in found.iter().enumerate() {
            for (t, weight) in weights.iter().enumerate() {
                let expected = shares[t][asset] * close[t][asset] / (50.0 + value(t));
                assert!((weight - expected).abs() < 1e-9, "asset {asset}, row {t}: {weight}, not {expected}");
            }
        }
    }

    #[test]
    fn what_no_column_adds_to_is_nothing() {
        assert_eq!(combination(&[vec![1.0, 2.0], vec![2.0, 4.0]], &[3.0, 6.0]), [3.0, 0.0]);
        assert_eq!(combination(&[vec![1.0, 2.0], vec![2.0, 5.0]], &[0.0, 0.0]), [0.0, 0.0]);
    }
}
