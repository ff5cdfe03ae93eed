//! The charts of the accounts on one span: equity, profit, rewards, drawdown, rolling Sharpe ratio.

use pavlov_evaluation::Summary;
use pavlov_evaluation::metrics::drawdowns;

use super::Report;
use super::chart::Chart;
use super::curves::{AgentCurve, SpanCurves};
use super::figures::{line, period, stamps};
use super::format::{compact, grouped, plus, typographic};
use super::panel::{Band, Line, Panel, Scale, XAxis};
use super::profit::{ProfitSummary, absolute_profit, relative_profit};
use super::sheet::{Rolling, Sheet};
use super::table::ordered_baselines;
use crate::baselines::INITIAL_ACCOUNT;

/// A highest value this many times the lowest asks for a logarithmic axis.
const LOG_FROM: f64 = 15.0;
/// Seeds from which on their middle half is shown.
const HALF_FROM: usize = 4;

/// What the charts of a span need to know.
pub(super) struct SpanFigures<'a> {
    /// The span in a title: `test span`.
    pub(super) name: &'static str,
    pub(super) report: &'a Report,
    pub(super) curves: &'a SpanCurves,
    pub(super) sheet: &'a Sheet,
    /// The agent's profit at the end.
    pub(super) profit: ProfitSummary,
}

impl<'a> SpanFigures<'a> {
    /// What each account was worth, as a part of what it began with.
    pub(super) fn equity(&self) -> Option<Chart> {
        let growth = |worth: &[f64]| worth.iter().map(|w| w / worth[0]).collect::<Vec<f64>>();
        let agents: Vec<Vec<f64>> = self.of_agents(|agent| &agent.net_worth)?.into_iter().map(growth).collect();
        let baselines = self.baselines(|name| self.matters(name), growth);
        let all = baselines.iter().map(|line| &line.ys).chain(&agents).flatten().copied();
        let log = scale_of(all) == Scale::Log;
        let shift = |ys: Vec<f64>| if log { ys } else { ys.into_iter().map(|y| y - 1.0).collect() };
        let mut panel = match log {
            true => Panel::new("net worth, times the first one, logarithmic", Scale::Log, 340),
            false => Panel::new("return since the start", Scale::Percent, 340).with_zero(),
        };
        panel.lines = self.others(growth).into_iter().chain(baselines).map(|l| Line { ys: shift(l.ys), ..l }).collect();
        self.add_agent(&mut panel, &agents.into_iter().map(shift).collect::<Vec<_>>());
        let caption = format!("What each account made of its first net worth, costs paid. {}", self.seeds_caption());
        Some(self.chart("Equity", &caption, vec![panel]))
    }

    /// What was made, and below it, if the account began with more than cash, how much more than by keeping it.
    pub(super) fn profit(&self) -> Option<Chart> {
        let worths = self.of_agents(|agent| &agent.net_worth)?;
        let kept = self.curves.baseline(INITIAL_ACCOUNT)?;
        let benchmark = self.report.verdict.benchmark.as_str();
        let money = &self.report.subject.money;
        let panel = |label: &str, shown: &[&str], of: &dyn Fn(&[f64]) -> Vec<f64>| {
            let mut panel = Panel::new(&format!("{label}, {money}"), Scale::Linear, 220).with_zero();
            panel.lines = self.baselines(|name| shown.contains(&name), of);
            self.add_agent(&mut panel, &worths.iter().map(|worth| of(worth)).collect::<Vec<_>>());
            panel
        };
        let mut panels = vec![panel("absolute", &[benchmark, INITIAL_ACCOUNT], &absolute_profit)];
        let mut terms = "Absolute: net worth less the net worth at the start.".to_owned();
        if kept.iter().any(|worth| *worth != kept[0]) {
            panels.push(panel("relative", &[benchmark], &|worth| relative_profit(worth, kept)));
            terms += " Relative: net worth less what the initial account would be worth by then; the two differ by what \
                      the price alone made of that account.";
        }
        Some(self.chart("Profit", &format!("{terms} {} {}", self.seeds_caption(), self.at_the_end()), panels))
    }

    /// The agent's profits at the end of the span; they are the report's.
    fn at_the_end(&self) -> String {
        let money = |profit: Summary| {
            let text = grouped(profit.mean.unwrap_or(f64::NAN), 0);
            typographic(&format!("{}{text}", plus(&text, true)))
        };
        let relative = match self.profit.relative.mean {
            Some(_) => format!(", {} relative", money(self.profit.relative)),
            None => String::new(),
        };
        let (whose, unit) = (if self.curves.agents.len() == 1 { "" } else { ", mean" }, &self.report.subject.money);
        format!("At the end{whose}: {} {unit} absolute{relative}.", money(self.profit.absolute))
    }

    /// What the agent was to make large.
    pub(super) fn rewards(&self) -> Option<Chart> {
        let sums = |rewards: &[f64]| {
            let mut sum = 0.0;
            let add = rewards.iter().map(|reward| {
                sum += reward;
                sum
            });
            std::iter::once(0.0).chain(add.collect::<Vec<_>>()).collect::<Vec<f64>>()
        };
        let agents: Vec<Vec<f64>> = self.of_agents(|agent| &agent.rewards)?.into_iter().map(sums).collect();
        let mut panel = Panel::new("sum of the rewards so far", Scale::Linear, 220).with_zero();
        let times = stamps(&self.curves.times);
        panel.lines = self.places(
            |name| self.matters(name),
            |class, baseline| {
                let rewards = Some(&baseline.rewards).filter(|rewards| !rewards.is_empty())?;
                Some(line(&baseline.name, class, &times, sums(rewards)))
            },
        );
        self.add_agent(&mut panel, &agents);
        let caption = format!(
            "What the agent was trained to make large, in the unit of the environment's reward, before it is scaled for \
             learning. Investors who decide once take no steps and earn no rewards. {}",
            self.seeds_caption()
        );
        Some(self.chart("Rewards", &caption, vec![panel]))
    }

    /// How far the median seed and the benchmark were below their own peaks.
    pub(super) fn underwater(&self) -> Option<Chart> {
        let depth = |worth: &[f64]| drawdowns(worth).into_iter().map(|d| -d).collect::<Vec<f64>>();
        let agent = self.median()?;
        let (xs, ys) = (stamps(&self.curves.times), depth(&agent.net_worth));
        let mut panel = Panel::new("below the highest net worth so far", Scale::Percent, 220).with_zero();
        panel.lines = self.baselines(|name| name == self.report.verdict.benchmark, depth);
        panel.bands.push(Band {
            label: String::new(),
            class: "c0".into(),
            xs: xs.clone(),
            low: ys.clone(),
            high: vec![0.0; ys.len()],
        });
        panel.lines.push(line(&self.median_label(), "c0 agent", &xs, ys));
        let caption = format!("How far below its own peak each account stood. {}", self.median_caption());
        Some(self.chart("Drawdown", &caption, vec![panel]))
    }

    /// The Sharpe ratio of the last bars.
    pub(super) fn rolling(&self) -> Option<Chart> {
        let summary = self.sheet.rolling_sharpe?;
        let benchmark = self.report.verdict.benchmark.as_str();
        let worth = Some(self.median()?.net_worth.as_slice());
        let rolling = Rolling::of(&self.curves.times, worth, self.curves.baseline(benchmark), summary.risk_free)?;
        let xs = stamps(&self.curves.times);
        let mut panel = Panel::new("Sharpe ratio of the window that ends here, a year", Scale::Linear, 220).with_zero();
        panel.lines = self.places(
            |name| name == benchmark,
            |class, baseline| Some(line(&baseline.name, class, &xs, rolling.benchmark.clone())),
        );
        panel.lines.push(line(&self.median_label(), "c0 agent", &xs, rolling.agent));
        let days =
            if summary.window_days == 1.0 { "1 day".into() } else { format!("{} days", compact(summary.window_days)) };
        let caption = format!(
            "Window of {} periods ({days}), annualised with {} periods a year as the data have them. A short window swings \
             widely by chance alone. {}",
            grouped(summary.window_periods as f64, 0),
            grouped(summary.periods_per_year, 0),
            self.median_caption()
        );
        Some(self.chart("Rolling Sharpe ratio", &caption, vec![panel]))
    }

    pub(super) fn chart(&self, what: &str, caption: &str, panels: Vec<Panel>) -> Chart {
        let (title, caption) = (format!("{what} on the {}", self.name), caption.to_owned());
        Chart { title, caption, x: XAxis::Time, panels }
    }

    /// The account of the seed in the middle.
    pub(super) fn median(&self) -> Option<&'a AgentCurve> {
        self.curves.agent(self.sheet.median_seed?)
    }

    fn median_label(&self) -> String {
        match (self.curves.agents.len(), self.sheet.median_seed) {
            (2.., Some(seed)) => format!("agent, seed {seed}"),
            _ => "agent".into(),
        }
    }

    /// Which seed a chart of a single account shows.
    pub(super) fn median_caption(&self) -> String {
        match (self.curves.agents.len(), self.sheet.median_seed) {
            (n @ 2.., Some(seed)) => format!("Seed {seed}, the one in the middle of {n} by its end on the test span."),
            _ => "One seed.".into(),
        }
    }

    fn add_agent(&self, panel: &mut Panel, seeds: &[Vec<f64>]) {
        add_agent(panel, stamps(&self.curves.times), seeds);
    }

    /// Whether a baseline has a line of its own: the benchmark, the account that is kept, the random policy, what seeds
    /// collapsed to, and the one that did best.
    fn matters(&self, name: &str) -> bool {
        let verdict = &self.report.verdict;
        let end = |name: &str| self.curves.baseline(name).and_then(|worth| Some(worth.last()? / worth.first()?));
        let rivals = self.curves.baselines.iter().map(|b| b.name.as_str()).filter(|rival| *rival != verdict.benchmark);
        let best = rivals.max_by(|a, b| end(a).unwrap_or(0.0).total_cmp(&end(b).unwrap_or(0.0)));
        [verdict.benchmark.as_str(), INITIAL_ACCOUNT, "random"].contains(&name)
            || verdict.collapsed.contains_key(name)
            || best == Some(name)
    }

    /// Faint lines of the baselines that have none of their own.
    fn others(&self, of: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Line> {
        let mut lines = self.baselines(|name| !self.matters(name), of);
        for (i, line) in lines.iter_mut().enumerate() {
            line.class = "ink thin".into();
            line.label = (i == 0).then(|| "other baselines".to_owned());
        }
        lines
    }

    /// The lines of some baselines, in the colours and the order of their places in the table.
    fn baselines(&self, shown: impl Fn(&str) -> bool, of: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Line> {
        let times = stamps(&self.curves.times);
        self.places(shown, |class, baseline| Some(line(&baseline.name, class, &times, of(&baseline.net_worth))))
    }

    /// A line for each baseline that is shown.
    fn places(
        &self,
        shown: impl Fn(&str) -> bool,
        of: impl Fn(&str, &super::BaselineCurve) -> Option<Line>,
    ) -> Vec<Line> {
        let places = ordered_baselines(self.report).into_iter().enumerate();
        let line = |(place, (name, _)): (usize, (&str, _))| {
            let curve = self.curves.baselines.iter().find(|b| b.name == name && shown(name))?;
            of(&baseline_class(place), curve)
        };
        places.filter_map(line).collect()
    }

    fn of_agents(&self, of: impl Fn(&AgentCurve) -> &Vec<f64>) -> Option<Vec<&[f64]>> {
        let columns = self.curves.agents.iter().map(|agent| of(agent).as_slice()).filter(|c| !c.is_empty());
        Some(columns.collect::<Vec<_>>()).filter(|columns| !columns.is_empty())
    }

    pub(super) fn seeds_caption(&self) -> String {
        let who = match self.curves.agents.len() {
            1 => "One seed".to_owned(),
            n => format!("Median and range of {n} seeds"),
        };
        format!("{who}, {}.", period(&self.curves.times))
    }
}

/// The agent's median over the seeds, `[S][T]`, on top; the range of the seeds, and of their middle half, below everything.
pub(super) fn add_agent(panel: &mut Panel, xs: Vec<f64>, seeds: &[Vec<f64>]) {
    let across: Vec<Vec<f64>> = (0..xs.len()).map(|t| sorted(seeds.iter().filter_map(|seed| seed.get(t)))).collect();
    let at = |share: f64| across.iter().map(|values| quantile(values, share)).collect::<Vec<f64>>();
    let label = if seeds.len() == 1 { "agent" } else { "agent, median" };
    panel.lines.push(line(label, "c0 agent", &xs, at(0.5)));
    let band = |label: &str, class: &str, [low, high]: [f64; 2]| Band {
        label: label.into(),
        class: class.into(),
        xs: xs.clone(),
        low: at(low),
        high: at(high),
    };
    if seeds.len() > 1 {
        panel.bands.push(band("all seeds", "c0 wide", [0.0, 1.0]));
    }
    if seeds.len() >= HALF_FROM {
        panel.bands.push(band("middle half of the seeds", "c0", [0.25, 0.75]));
    }
}

/// Baselines that have a colour and a dash of their own in `style.css`.
pub(super) const LOOKS: usize = 11;

/// The look of a baseline's line by its place in the table, from 0.
pub(super) fn baseline_class(place: usize) -> String {
    format!("c{}", 1 + place % LOOKS)
}

fn scale_of(values: impl Iterator<Item = f64>) -> Scale {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > 0.0 && high / low >= LOG_FROM { Scale::Log } else { Scale::Linear }
}

pub(super) fn sorted<'a>(values: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.copied().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The value below which a share of sorted values lies, on the straight between two of them; NaN for none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_seeds() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&values, share)), [1.0, 1.75, 3.0, 5.0, 8.0]);
        assert_eq!(quantile(&[5.0], 0.75), 5.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_logarithmic_axis_is_for_values_far_apart_and_above_zero() {
        assert!(scale_of([1.0, 20.0].into_iter()) == Scale::Log);
        assert!(
            scale_of([1.0, 2.0].into_iter()) == Scale::Linear && scale_of([-1.0, 20.0].into_iter()) == Scale::Linear
        );
    }
}
