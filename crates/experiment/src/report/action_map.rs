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

#[cfg(test)]
mod tests {
    use pavlov_rl_core::ActionBatch;

    use super::super::render_html;
    use super::super::sample::sample_of;
    use super::*;

    #[test]
    fn each_seed_has_a_row_with_its_actions_as_far_as_it_played() {
        let (report, mut curves) = sample_of(2, 300, 101);
        curves.test.agents[0].actions = ActionBatch::Discrete([[1; 50], [2; 50]].concat());
        // This one was ruined.
        curves.test.agents[1].actions = ActionBatch::Discrete(vec![2; 25]);
        let page = render_html(&report, &curves, "", &[]);
        let map = page.split("<figure class=\"heat\">").nth(1).unwrap().split("</figure>").next().unwrap();
        assert!(map.contains("Map of actions on the test span") && map.contains("price, USD"), "{map}");
        let classes = action_classes(&report, curves.actions.names(), 3);
        for (class, cells) in
            [(&classes[1], "M0 0H5000v5000H0z"), (&classes[2], "M5000 0H10000v5000H5000zM0 5000H2500v5000H0z")]
        {
            assert!(
                map.contains(&format!("<path class=\"cell band stack {class}\" d=\"{cells}\"/>")),
                "{cells} in {map}"
            );
        }
    }

    #[test]
    fn a_block_has_the_action_taken_most_often() {
        assert_eq!([[1, 3, 3], [0, 0, 1], [0, 0, 0]].map(|counts| most_taken(&counts)), [Some(1), Some(2), None]);
    }
}
