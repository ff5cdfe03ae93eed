//! The map of actions: what each seed did at each bar, below the price.

use super::conduct::{action_classes, legend};
use super::curves::{AgentCurve, Curves};
use super::heat::HeatMap;
use super::sheet::Counter;
use super::span_figures::SpanFigures;

/// Parts that the bars of a span are joined to at most.
const BLOCKS: usize = 400;

/// A map for the action, or for each number of a continuous one.
pub(super) fn action_maps(span: &SpanFigures<'_>, curves: &Curves) -> String {
    let counters = Counter::all(&curves.actions);
    counters.iter().filter_map(|counter| action_map(span, curves, counter)).collect()
}

fn action_map(span: &SpanFigures<'_>, curves: &Curves, counter: &Counter) -> Option<String> {
    let agents = &span.curves.agents;
    let steps = agents.iter().map(|agent| agent.actions.len()).max().filter(|steps| *steps > 0)?;
    let num_blocks = BLOCKS.min(steps);
    let bounds: Vec<usize> = (0..=num_blocks).map(|i| i * steps / num_blocks).collect();
    let of_seed = |agent: &AgentCurve| {
        bounds.windows(2).map(|pair| most_taken(&counter.count(&agent.actions, pair[0]..pair[1]))).collect()
    };
    let what = match counter.of.as_str() {
        "action" => format!("Map of actions on the {}", span.name),
        other => format!("Map of actions on the {}, {other}", span.name),
    };
    let bars = steps.div_ceil(num_blocks);
    let shown = match bars {
        1 => "The action of each seed at each bar".to_owned(),
        _ => format!("The action that each seed took most often in each block of about {bars} bars"),
    };
    let classes = action_classes(span.report, curves.actions.names(), counter.labels.len());
    // Several assets have no price in common.
    let close = span.curves.close.first().filter(|_| span.curves.close.len() == 1);
    let below = if close.is_some() { ", below the price" } else { "" };
    HeatMap {
        title: what,
        caption: format!("{shown}{below}. Bars stand side by side; nights and weekends without bars take no room."),
        times: &span.curves.times,
        rows: agents.iter().map(|agent| format!("seed {}", agent.seed)).collect(),
        bounds: &bounds,
        cells: agents.iter().map(of_seed).collect(),
        legend: legend(&classes, &counter.labels),
        classes: classes.iter().map(|class| format!("band stack {class}")).collect(),
        above: close.map(|close| (format!("price, {}", span.report.subject.money), close.as_slice())),
    }
    .render()
}

/// The action with the highest count, the first of several; `None` where there was no step.
fn most_taken(counts: &[u64]) -> Option<usize> {
    let most = counts.iter().max().filter(|most| **most > 0)?;
    counts.iter().position(|count| count == most)
}
