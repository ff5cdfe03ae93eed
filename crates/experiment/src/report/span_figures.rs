//! The charts of one span: net worth, profit, drawdown, what was held against the price.

use pavlov_evaluation::Summary;
use pavlov_evaluation::metrics::drawdowns;

use super::chart::Chart;
use super::curves::{AgentCurve, SpanCurves};
use super::figures::{line, period, stamps};
use super::format::{grouped, plus, typographic};
use super::panel::{Band, Line, Panel, Scale, XAxis};
use super::profit::{absolute_profit, relative_profit};
use super::table::ordered_baselines;
use super::{ProfitSummary, Report};
use crate::baselines::INITIAL_ACCOUNT;

/// A highest value this many times the lowest asks for a logarithmic axis.
const LOG_FROM: f64 = 15.0;

/// What the charts of a span need to know.
pub(super) struct SpanFigures<'a> {
    /// The span in a title: `test span`.
    pub(super) name: &'static str,
    pub(super) report: &'a Report,
    pub(super) curves: &'a SpanCurves,
    /// The agent's profit at the end.
    pub(super) profit: ProfitSummary,
}

impl SpanFigures<'_> {
    pub(super) fn charts(&self) -> Vec<Option<Chart>> {
        vec![self.net_worth(), self.profit(), self.drawdown(), self.held()]
    }

    fn net_worth(&self) -> Option<Chart> {
        let worths = self.of_agents(|agent| &agent.net_worth)?;
        let shown = self.curves.baselines.iter().map(|b| b.net_worth.as_slice()).chain(worths.iter().copied());
        let scale = scale_of(shown.flatten().copied());
        let money = &self.report.subject.money;
        let label = if scale == Scale::Log { format!("{money}, logarithmic") } else { money.clone() };
        let mut panel = Panel::new(&label, scale, 320);
        panel.lines = self.baselines(|_| true, |worth| worth.to_vec());
        self.add_agent(&mut panel, &worths);
        Some(self.chart("Net worth", &format!("{} Costs are paid.", self.seeds_caption()), vec![panel]))
    }

    /// What was made, and below it, if the account began with more than cash, how much more than by keeping it.
    fn profit(&self) -> Option<Chart> {
        let worths = self.of_agents(|agent| &agent.net_worth)?;
        let kept = &self.curves.baselines.iter().find(|b| b.name == INITIAL_ACCOUNT)?.net_worth;
        let benchmark = self.report.verdict.benchmark.as_str();
        let money = &self.report.subject.money;
        let panel = |label: &str, shown: &[&str], of: &dyn Fn(&[f64]) -> Vec<f64>| {
            let mut panel = Panel::new(&format!("{label}, {money}"), Scale::Linear, 220).with_zero();
            panel.lines = self.baselines(|name| shown.contains(&name), of);
            let seeds: Vec<Vec<f64>> = worths.iter().map(|worth| of(worth)).collect();
            self.add_agent(&mut panel, &seeds.iter().map(Vec::as_slice).collect::<Vec<_>>());
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
        format!(
            "At the end: {} {} absolute, {} relative.",
            money(self.profit.absolute),
            self.report.subject.money,
            money(self.profit.relative)
        )
    }

    fn drawdown(&self) -> Option<Chart> {
        let depth = |worth: &[f64]| drawdowns(worth).into_iter().map(|d| -d).collect::<Vec<f64>>();
        let depths: Vec<Vec<f64>> = self.of_agents(|agent| &agent.net_worth)?.into_iter().map(depth).collect();
        let mut panel = Panel::new("below the highest net worth so far", Scale::Percent, 200).with_zero();
        panel.lines = self.baselines(|name| name == self.report.verdict.benchmark, depth);
        self.add_agent(&mut panel, &depths.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let caption = format!("How far below its own peak each account stood. {}", self.seeds_caption());
        Some(self.chart("Drawdown", &caption, vec![panel]))
    }

    fn held(&self) -> Option<Chart> {
        let (money, asset) = (&self.report.subject.money, &self.report.subject.asset);
        let positions = self.of_agents(|agent| &agent.position)?;
        let mut price = Panel::new(&format!("price, {money} for one {asset}"), Scale::Linear, 150);
        price.lines = vec![line("price", "ink", &stamps(&self.curves.times), self.curves.close.clone())];
        let mut held = Panel::new(&format!("held, {asset}"), Scale::Linear, 200).with_zero();
        self.add_agent(&mut held, &positions);
        let caption = format!("Close of every bar, and what the agent held at it. {}", self.seeds_caption());
        Some(self.chart(&format!("{asset} held against the price"), &caption, vec![price, held]))
    }

    fn chart(&self, what: &str, caption: &str, panels: Vec<Panel>) -> Chart {
        let (title, caption) = (format!("{what} on the {}", self.name), caption.to_owned());
        Chart { title, caption, x: XAxis::Time, panels }
    }

    /// The agent's mean over the seeds on top, the range of the seeds below everything.
    fn add_agent(&self, panel: &mut Panel, seeds: &[&[f64]]) {
        let xs = stamps(&self.curves.times);
        let across = |t: usize| seeds.iter().filter_map(move |seed| seed.get(t)).copied();
        let mean = |t: usize| across(t).sum::<f64>() / across(t).count() as f64;
        let label = if seeds.len() == 1 { "agent" } else { "agent, mean" };
        panel.lines.push(line(label, "c0 agent", &xs, (0..xs.len()).map(mean).collect()));
        if seeds.len() > 1 {
            panel.bands.push(Band {
                label: "agent, range of the seeds".into(),
                class: "c0".into(),
                low: (0..xs.len()).map(|t| across(t).fold(f64::INFINITY, f64::min)).collect(),
                high: (0..xs.len()).map(|t| across(t).fold(f64::NEG_INFINITY, f64::max)).collect(),
                xs,
            });
        }
    }

    /// The lines of some baselines, in the colours and the order of their places in the table.
    fn baselines(&self, shown: impl Fn(&str) -> bool, of: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Line> {
        let times = stamps(&self.curves.times);
        let places = ordered_baselines(self.report).into_iter().enumerate();
        let line = |(place, (name, _)): (usize, (&str, _))| {
            let curve = self.curves.baselines.iter().find(|b| b.name == name && shown(name))?;
            Some(line(name, &baseline_class(place), &times, of(&curve.net_worth)))
        };
        places.filter_map(line).collect()
    }

    fn of_agents(&self, of: impl Fn(&AgentCurve) -> &Vec<f64>) -> Option<Vec<&[f64]>> {
        let columns = self.curves.agents.iter().map(|agent| of(agent).as_slice()).filter(|c| !c.is_empty());
        Some(columns.collect::<Vec<_>>()).filter(|columns| !columns.is_empty())
    }

    fn seeds_caption(&self) -> String {
        let who = match self.curves.agents.len() {
            1 => "One seed".to_owned(),
            n => format!("Mean and range of {n} seeds"),
        };
        format!("{who}, {}.", period(&self.curves.times))
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
