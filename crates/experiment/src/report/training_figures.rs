//! The charts of the training: what episodes brought, and what was done in them.

use super::chart::Chart;
use super::curves::{Curves, LearningCurve};
use super::figures::line;
use super::format::grouped;
use super::learning::Learning;
use super::panel::{Band, Line, Panel, Scale, XAxis};
use super::span_figures::baseline_class;
use super::table::ordered_baselines;
use super::{Report, downsample};

/// Profit of the episodes: their range, every seed's moving average and the mean of these.
pub(super) fn profits(report: &Report, curves: &[LearningCurve]) -> Option<Chart> {
    let learning = Learning::new(curves, |c| &c.episode_profit)?;
    let (xs, ys): (Vec<f64>, Vec<f64>) = learning.points.iter().copied().unzip();
    let spread = downsample::band(&xs, &ys, &ys);
    let single = curves.iter().flat_map(|c| &c.episodes).all(|n| *n == 1);
    let money = &report.subject.money;
    let mut panel = Panel::new(&format!("{money} per episode, by environment steps"), Scale::Linear, 260).with_zero();
    panel.bands = vec![Band {
        label: if single { "range of the episodes" } else { "range of the updates" }.into(),
        class: "ink".into(),
        xs: spread.iter().map(|p| p.0).collect(),
        low: spread.iter().map(|p| p.1).collect(),
        high: spread.iter().map(|p| p.2).collect(),
    }];
    let n = learning.seeds.len();
    let mean = learning.mean();
    let mut lines: Vec<Line> =
        learning.seeds.into_iter().map(|(xs, ys)| Line { label: None, class: "c0 thin".into(), xs, ys }).collect();
    lines[0].label = (n > 1).then(|| "each seed, moving average".into());
    let label = if n > 1 { format!("mean of {n} seeds") } else { "moving average".into() };
    lines.push(line(&label, "c0 agent", &learning.grid, mean));
    panel.lines = lines;
    let point = match single {
        true => "Sum of rewards of every training episode.",
        false => "Sum of rewards of a training episode, mean of those that ended in the same update.",
    };
    let caption = format!("{point} Moving averages over {}.", episodes(learning.window));
    Some(Chart { title: "Episode profit over training".into(), caption, x: XAxis::Steps, panels: vec![panel] })
}

/// How often an episode took each action, in the colours of the policies that always take it.
pub(super) fn actions(report: &Report, curves: &Curves) -> Option<Chart> {
    let learnt = (0..curves.actions.len())
        .map(|action| Learning::new(&curves.learning, |c| c.episode_actions.get(action).map_or(&[], Vec::as_slice)));
    let learnt: Vec<Learning> = learnt.collect::<Option<_>>()?;
    let first = learnt.first()?;
    let mut panel = Panel::new("actions per episode, by environment steps", Scale::Linear, 260).with_zero();
    let places = ordered_baselines(report);
    let class = |action: usize| {
        let always = format!("always {}", curves.actions[action]);
        baseline_class(places.iter().position(|(name, _)| *name == always).unwrap_or(action))
    };
    let several = first.seeds.len() > 1;
    let each = learnt.iter().enumerate().filter(|_| several).flat_map(|(action, learning)| {
        let class = format!("{} thin", class(action));
        let seed =
            move |ys: &Vec<f64>| Line { label: None, class: class.clone(), xs: learning.grid.clone(), ys: ys.clone() };
        learning.on_grid.iter().map(seed)
    });
    // The first action comes last, since a legend begins with the last line.
    let means = (1..learnt.len()).chain([0]).map(|action| {
        let learning = &learnt[action];
        line(&curves.actions[action], &format!("{} agent", class(action)), &learning.grid, learning.mean())
    });
    panel.lines = each.chain(means).collect();
    let caption = format!(
        "How often a training episode took each action, also where the order was too small to fill. Moving averages \
         over {}{}.",
        episodes(first.window),
        if several { format!(": thin each seed, thick the mean of {}", first.seeds.len()) } else { String::new() }
    );
    Some(Chart { title: "Actions per episode over training".into(), caption, x: XAxis::Steps, panels: vec![panel] })
}

fn episodes(window: u64) -> String {
    match window {
        1 => "1 episode of a seed".into(),
        n => format!("{} episodes of a seed", grouped(n as f64, 0)),
    }
}
