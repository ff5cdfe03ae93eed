//! The charts of a report: which series go where.

use pavlov_evaluation::metrics::drawdowns;

use super::chart::{Band, Chart, Line, Scale, XAxis, YAxis};
use super::curves::{AgentCurve, Curves, SpanCurves};
use super::learning::Learning;
use super::table::ordered_baselines;
use super::ticks::day_of;
use super::{Report, downsample};

/// A highest value this many times the lowest asks for a logarithmic axis.
const LOG_FROM: f64 = 15.0;

/// All charts as HTML, in the order of the page; what has no data is left out.
pub(super) fn figures(report: &Report, curves: &Curves) -> String {
    let names: Vec<&str> = ordered_baselines(report).into_iter().map(|(name, _)| name).collect();
    let page = Page { report, names };
    let charts = [
        page.net_worth("Net worth on the test span", &curves.test),
        page.net_worth("Net worth on the training span", &curves.train),
        page.drawdown(&curves.test),
        page.price(&curves.test),
        page.position(&curves.test),
        page.learning(curves),
    ];
    charts.into_iter().flatten().filter_map(|chart| chart.render()).collect()
}

/// What every chart needs to know of the report.
struct Page<'a> {
    report: &'a Report,
    /// Baselines in the order of their colours.
    names: Vec<&'a str>,
}

impl Page<'_> {
    fn net_worth(&self, title: &str, span: &SpanCurves) -> Option<Chart> {
        let worths = columns(span, |agent| &agent.net_worth)?;
        let times = stamps(span);
        let shown = span.baselines.iter().map(|b| b.net_worth.as_slice()).chain(worths.iter().copied());
        let scale = scale_of(shown.flatten().copied());
        let mut chart = self.over_time(title, span, scale, &self.report.subject.money);
        if scale == Scale::Log {
            chart.y.label += ", logarithmic";
        }
        chart.caption = format!("{} Costs are paid.", self.seeds_caption(span, worths.len()));
        chart.lines = self.baseline_lines(span, &times, |worth| worth.to_vec());
        chart.add_agent(&times, &worths);
        Some(chart)
    }

    fn drawdown(&self, span: &SpanCurves) -> Option<Chart> {
        let depth = |worth: &[f64]| drawdowns(worth).into_iter().map(|d| -d).collect::<Vec<f64>>();
        let depths: Vec<Vec<f64>> = columns(span, |agent| &agent.net_worth)?.into_iter().map(depth).collect();
        let times = stamps(span);
        let mut chart =
            self.over_time("Drawdown on the test span", span, Scale::Percent, "below the highest net worth so far");
        chart.y.zero = true;
        chart.height_px = 200;
        chart.caption =
            format!("How far below its own peak each account stood. {}", self.seeds_caption(span, depths.len()));
        chart.lines = self.baseline_lines(span, &times, depth);
        let benchmark = self.names.first().copied();
        chart.lines.retain(|line| line.label.as_deref() == benchmark);
        chart.add_agent(&times, &depths.iter().map(Vec::as_slice).collect::<Vec<_>>());
        Some(chart)
    }

    fn price(&self, span: &SpanCurves) -> Option<Chart> {
        let asset = &self.report.subject.asset;
        let label = format!("{} for one {asset}", self.report.subject.money);
        let mut chart = self.over_time("Price on the test span", span, Scale::Linear, &label);
        chart.height_px = 180;
        chart.caption = format!("Close of every bar, {}.", period(span));
        chart.lines = vec![line("price", "ink", &stamps(span), span.close.clone())];
        (!span.close.is_empty()).then_some(chart)
    }

    fn position(&self, span: &SpanCurves) -> Option<Chart> {
        let asset = &self.report.subject.asset;
        let positions = columns(span, |agent| &agent.position)?;
        let mut chart = self.over_time(&format!("{asset} held on the test span"), span, Scale::Linear, asset);
        chart.y.zero = true;
        chart.height_px = 200;
        chart.caption = format!("On the time axis of the price above. {}", self.seeds_caption(span, positions.len()));
        chart.add_agent(&stamps(span), &positions);
        Some(chart)
    }

    fn learning(&self, curves: &Curves) -> Option<Chart> {
        let learning = Learning::new(&curves.learning)?;
        let (xs, ys): (Vec<f64>, Vec<f64>) = learning.episodes.iter().copied().unzip();
        let spread = downsample::band(&xs, &ys, &ys);
        let n = learning.seeds.len();
        let mut lines: Vec<Line> =
            learning.seeds.into_iter().map(|(xs, ys)| Line { label: None, class: "c0 thin".into(), xs, ys }).collect();
        lines[0].label = (n > 1).then(|| "each seed, moving average".into());
        let (mean_xs, mean_ys) = learning.mean;
        let label = if n > 1 { format!("mean of {n} seeds") } else { "moving average".into() };
        lines.push(line(&label, "c0 agent", &mean_xs, mean_ys));
        let band = Band {
            label: "range of the episodes".into(),
            class: "ink".into(),
            xs: spread.iter().map(|p| p.0).collect(),
            low: spread.iter().map(|p| p.1).collect(),
            high: spread.iter().map(|p| p.2).collect(),
        };
        Some(Chart {
            title: "Episode profit over training".into(),
            caption: format!(
                "Profit of every training episode; moving averages over {} episodes of a seed.",
                learning.window
            ),
            x: XAxis::Steps,
            y: YAxis {
                label: format!("{} an episode, by environment steps", self.report.subject.money),
                scale: Scale::Linear,
                zero: true,
            },
            height_px: 260,
            bands: vec![band],
            lines,
        })
    }

    fn over_time(&self, title: &str, span: &SpanCurves, scale: Scale, label: &str) -> Chart {
        Chart {
            title: title.to_owned(),
            caption: period(span),
            x: XAxis::Time,
            y: YAxis { label: label.to_owned(), scale, zero: false },
            height_px: 320,
            bands: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// The baselines' lines in the colours of their place in the table.
    fn baseline_lines(&self, span: &SpanCurves, times: &[f64], of: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Line> {
        let place = |name: &str| self.names.iter().position(|n| *n == name).unwrap_or(self.names.len());
        let mut lines: Vec<(usize, Line)> = span
            .baselines
            .iter()
            .map(|b| (place(&b.name), line(&b.name, &format!("c{}", 1 + place(&b.name) % 7), times, of(&b.net_worth))))
            .collect();
        lines.sort_by_key(|(place, _)| *place);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn seeds_caption(&self, span: &SpanCurves, seeds: usize) -> String {
        let who = match seeds {
            1 => "One seed".to_owned(),
            n => format!("Mean and range of {n} seeds"),
        };
        format!("{who}, {}.", period(span))
    }
}

impl Chart {
    /// The agent's mean over the seeds on top, the range of the seeds below everything.
    fn add_agent(&mut self, times: &[f64], seeds: &[&[f64]]) {
        let across = |t: usize| seeds.iter().filter_map(move |seed| seed.get(t)).copied();
        let mean = |t: usize| across(t).sum::<f64>() / across(t).count() as f64;
        let label = if seeds.len() == 1 { "agent" } else { "agent, mean" };
        self.lines.push(line(label, "c0 agent", times, (0..times.len()).map(mean).collect()));
        if seeds.len() > 1 {
            self.bands.push(Band {
                label: "agent, range of the seeds".into(),
                class: "c0".into(),
                xs: times.to_vec(),
                low: (0..times.len()).map(|t| across(t).fold(f64::INFINITY, f64::min)).collect(),
                high: (0..times.len()).map(|t| across(t).fold(f64::NEG_INFINITY, f64::max)).collect(),
            });
        }
    }
}

fn line(label: &str, class: &str, xs: &[f64], ys: Vec<f64>) -> Line {
    Line { label: Some(label.to_owned()), class: class.to_owned(), xs: xs.to_vec(), ys }
}

fn columns<'a>(span: &'a SpanCurves, of: impl Fn(&'a AgentCurve) -> &'a Vec<f64>) -> Option<Vec<&'a [f64]>> {
    let columns: Vec<&[f64]> = span.agents.iter().map(|agent| of(agent).as_slice()).filter(|c| !c.is_empty()).collect();
    (!columns.is_empty()).then_some(columns)
}

fn stamps(span: &SpanCurves) -> Vec<f64> {
    span.times.iter().map(|&t| t as f64).collect()
}

fn period(span: &SpanCurves) -> String {
    match (span.times.first(), span.times.last()) {
        (Some(&first), Some(&last)) => format!("{} to {}, UTC", day_of(first as f64), day_of(last as f64)),
        _ => String::new(),
    }
}

fn scale_of(values: impl Iterator<Item = f64>) -> Scale {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > 0.0 && high / low >= LOG_FROM { Scale::Log } else { Scale::Linear }
}
