//! What an agent expected and attended to on the test span: recorded while it is judged, then compared with what came.

mod attention;
mod column;
mod forecast;
mod table;
#[cfg(test)]
pub(crate) mod tests;

use pavlov_agents::{Agent, AgentError};
use pavlov_rl_core::{Explanation, Memory, Observations};

use crate::episode::EpisodeRecord;
use crate::judge::Played;
use crate::plan::Plan;
use crate::report::{InsightCurves, InsightReport};
use crate::world::World;

pub(crate) use column::Column;
pub(crate) use table::table;

/// What an agent said at each of the `D` decisions of an episode.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Insight {
    /// Row that each decision saw last, then the row that the last one led to, `[D + 1]`.
    pub rows: Vec<u32>,
    /// Whether it forecasts.
    pub forecasts: bool,
    /// The next row as each decision expected it, in the numbers of the frame, `[D, F]`; empty if it did not say.
    pub forecast: Vec<f32>,
    /// The parts of the agent that attend to something.
    pub attention: Vec<PartAttention>,
}

/// How a part of an agent spread its attention.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PartAttention {
    /// The part.
    pub of: &'static str,
    /// What it saw, `[L]`.
    pub labels: Vec<String>,
    /// Shares at each decision, `[D, L]`.
    pub shares: Vec<f32>,
}

/// Asks an agent before each decision what it expects; one that does not say so at the first is not asked again.
pub(crate) struct Recorder<'a> {
    agent: &'a dyn Agent,
    begun: bool,
    insight: Option<Insight>,
}

impl<'a> Recorder<'a> {
    pub fn new(agent: &'a dyn Agent) -> Self {
        Self { agent, begun: false, insight: None }
    }

    /// Takes in what the next decision starts from.
    ///
    /// # Panics
    /// If the agent speaks of other things than at its first decision, or of other columns than the frame has.
    pub fn watch(&mut self, seen: Observations<'_>, memory: &Memory) -> Result<(), AgentError> {
        if self.begun && self.insight.is_none() {
            return Ok(());
        }
        let explanation = self.agent.explain(seen, memory)?;
        if !self.begun {
            self.begun = true;
            self.insight = Insight::like(&explanation);
        }
        if let Some(insight) = &mut self.insight {
            insight.add(explanation, seen.frame.cols());
        }
        Ok(())
    }

    /// All of it, for the episode that was watched; `None` if the agent did not say.
    pub fn insight(self, record: &EpisodeRecord) -> Option<Insight> {
        self.insight.map(|insight| Insight { rows: record.rows.clone(), ..insight })
    }
}

impl Insight {
    /// Nothing yet, of an agent that speaks of these things.
    fn like(first: &Explanation) -> Option<Self> {
        let parts = first.attention.iter().filter(|part| !part.labels.is_empty());
        let attention =
            parts.map(|part| PartAttention { of: part.of, labels: part.labels.clone(), shares: Vec::new() });
        let attention: Vec<PartAttention> = attention.collect();
        let says = !first.forecast.is_empty() || !attention.is_empty();
        says.then_some(Self {
            rows: Vec::new(),
            forecasts: !first.forecast.is_empty(),
            forecast: Vec::new(),
            attention,
        })
    }

    fn add(&mut self, said: Explanation, features: usize) {
        let forecast = said.forecast.len();
        let columns = if self.forecasts { features } else { 0 };
        assert_eq!(forecast, columns, "columns of a forecast, as at the first decision and as many as the frame has");
        self.forecast.extend(said.forecast);
        let mut parts = said.attention.into_iter().filter(|part| !part.labels.is_empty());
        for kept in &mut self.attention {
            let part = parts.next().unwrap_or_default();
            assert_eq!((kept.of, &kept.labels), (part.of, &part.labels), "what an agent attends to has changed");
            assert_eq!(part.labels.len(), part.shares.len(), "a share for each thing that is attended to");
            kept.shares.extend(part.shares);
        }
    }

    /// Number of decisions `D`.
    fn decisions(&self) -> usize {
        self.rows.len().saturating_sub(1)
    }

    /// What decision `d` expected of each column.
    fn forecast_at(&self, d: usize, features: usize) -> &[f32] {
        &self.forecast[d * features..(d + 1) * features]
    }
}

/// What the report says of it and the series behind the pictures; `None` if the agents do not speak.
pub(crate) fn joined(plan: &Plan, world: &World, played: &[Played<'_>]) -> Option<(InsightReport, InsightCurves)> {
    let seeds: Vec<&Insight> = played.iter().filter_map(|p| p.insight.as_ref()).collect();
    let longest = seeds.iter().max_by_key(|seed| seed.decisions())?;
    let columns = Column::all(plan, &world.scaler);
    let test = forecast::Test {
        market: &world.market,
        training: &world.training_rows,
        columns: &columns,
        money: plan.environment.units().0,
        draws: plan.runs.seed,
    };
    let (forecast, forecast_curve) = forecast::compared(&test, &seeds).unzip();
    let (attention, attention_curves) = attention::over_seeds(&seeds).into_iter().unzip();
    let time = |row: &u32| world.market.times[*row as usize];
    let times = longest.rows.iter().map(time).collect();
    let curves = InsightCurves { times, forecast: forecast_curve, attention: attention_curves };
    Some((InsightReport { seeds: seeds.len(), forecast, attention }, curves))
}
