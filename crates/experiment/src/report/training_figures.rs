//! The charts of the training: what episodes brought, and what was done in them.

use super::Report;
use super::chart::Chart;
use super::conduct::action_classes;
use super::curves::{Curves, LearningCurve};
use super::figures::line;
use super::format::grouped;
use super::learning::Learning;
use super::panel::{Band, Line, Panel, Scale, XAxis};

/// Profit of the episodes: their range, every seed's moving average and the mean of these.
pub(super) fn profits(report: &Report, curves: &[LearningCurve]) -> Option<Chart> {
    let learning = Learning::new(curves, |c| &c.episode_profit)?;
    let (what, point) = match one_by_one(curves) {
        true => ("episode", "Sum of rewards of every training episode."),
        false => ("update", "Sum of rewards of a training episode, mean of those that ended in the same update."),
    };
    let xs: Vec<f64> = learning.range.iter().map(|p| p.0).collect();
    let (low, high) = learning.range.iter().map(|p| (p.1, p.2)).unzip();
    let money = &report.subject.money;
    let mut panel = Panel::new(&format!("{money} per episode, by environment steps"), Scale::Linear, 260).with_zero();
    match learning.seeds.len() {
        1 => panel.lines.push(line(&format!("every {what}"), "ink thin", &xs, low)),
        _ => panel.bands.push(Band { label: format!("range of the {what}s"), class: "ink".into(), xs, low, high }),
    }
    let (n, mean) = (learning.seeds.len(), learning.mean());
    if n > 1 {
        let thin = |(xs, ys)| Line { label: None, class: "c0 thin".into(), xs, ys };
        panel.lines = learning.seeds.into_iter().map(thin).collect();
        panel.lines[0].label = Some("each seed, moving average".into());
    }
    let label = if n > 1 { format!("mean of {n} seeds") } else { "moving average".into() };
    panel.lines.push(line(&label, "c0 agent", &learning.grid, mean));
    let caption = format!("{point} Moving averages over {}.", episodes(curves, learning.window));
    Some(Chart { title: "Episode profit over training".into(), caption, x: XAxis::Steps, panels: vec![panel] })
}

/// How often an episode took each action, in the colours of the policies that always take it.
pub(super) fn actions(report: &Report, curves: &Curves) -> Option<Chart> {
    let names = curves.actions.names();
    let learnt = (0..names.len())
        .map(|action| Learning::new(&curves.learning, |c| c.episode_actions.get(action).map_or(&[], Vec::as_slice)));
    let learnt: Vec<Learning> = learnt.collect::<Option<_>>()?;
    let first = learnt.first()?;
    let mut panel = Panel::new("actions per episode, by environment steps", Scale::Linear, 260).with_zero();
    let classes = action_classes(report, names, learnt.len());
    let several = first.seeds.len() > 1;
    let each = learnt.iter().enumerate().filter(|_| several).flat_map(|(action, learning)| {
        let class = format!("{} thin", classes[action]);
        let seed =
            move |ys: &Vec<f64>| Line { label: None, class: class.clone(), xs: learning.grid.clone(), ys: ys.clone() };
        learning.on_grid.iter().map(seed)
    });
    // The first action comes last, since a legend begins with the last line.
    let means = (1..learnt.len()).chain([0]).map(|action| {
        let learning = &learnt[action];
        line(&names[action], &format!("{} agent", classes[action]), &learning.grid, learning.mean())
    });
    panel.lines = each.chain(means).collect();
    let caption = format!(
        "How often a training episode took each action, also where the order was too small to fill. Moving averages \
         over {}{}.",
        episodes(&curves.learning, first.window),
        if several { ": thin each seed, thick their mean" } else { "" }
    );
    Some(Chart { title: "Actions per episode over training".into(), caption, x: XAxis::Steps, panels: vec![panel] })
}

/// Whether every point of the curves is a single episode.
fn one_by_one(curves: &[LearningCurve]) -> bool {
    curves.iter().flat_map(|c| &c.episodes).all(|n| *n == 1)
}

/// What a moving average reaches over; episodes that ended together are not parted.
fn episodes(curves: &[LearningCurve], window: u64) -> String {
    let least = if one_by_one(curves) { "" } else { "at least " };
    let plural = if window == 1 { "" } else { "s" };
    format!("{least}{} episode{plural} of a seed", grouped(window as f64, 0))
}
