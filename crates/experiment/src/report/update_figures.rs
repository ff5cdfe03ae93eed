//! What the agent itself logged at every update: losses, values, rates; one small chart each.

use super::chart::Chart;
use super::curves::LearningCurve;
use super::downsample::blocks;
use super::figures::line;
use super::panel::{Band, Panel, Scale, XAxis};
use super::span_figures::quantile;

/// Parts that the updates are averaged over.
const BLOCKS: usize = 200;

/// A chart of one or several figures of the same unit.
struct Shown {
    title: &'static str,
    axis: &'static str,
    /// Names in the log, with what they are called in the legend.
    figures: &'static [(&'static str, &'static str)],
}

/// The figures that are known, in the order of the page; others follow by name.
const SHOWN: [Shown; 17] = [
    one("Loss", "what is minimised", &[("loss", "loss")]),
    one("Policy loss", "clipped surrogate, negated", &[("policy_loss", "policy loss")]),
    one("Value loss", "smooth L1, in scaled rewards", &[("value_loss", "value loss")]),
    one("Entropy", "nats: 0 is certain", &[("entropy", "entropy")]),
    one("Divergence from the policy that acted", "approximate KL, nats", &[("approx_kl", "approximate KL")]),
    one("Clipped rows", "share of the rows", &[("clip_frac", "clipped")]),
    one(
        "Explained variance",
        "1 is perfect, 0 no better than a constant",
        &[("explained_variance", "explained variance")],
    ),
    one(
        "Q values",
        "scaled rewards, discounted",
        &[
            ("q_online", "online, action taken"),
            ("q_target", "its target"),
            ("q_online_max", "online, best action"),
            ("q_target_max", "target network, best action"),
        ],
    ),
    one("Error of the Q values", "mean distance from the target", &[("abs_td_error", "distance")]),
    one("Norm of the gradient", "before clipping", &[("grad_norm", "norm")]),
    one("Learning rate", "after its schedule", &[("learning_rate", "learning rate")]),
    one("Exploration", "chance of a random action, epsilon", &[("epsilon", "epsilon")]),
    one("Replay", "transitions held", &[("replay_len", "transitions")]),
    one("Standard deviation of the actions", "of the policy's normal distribution", &[("std", "deviation")]),
    one(
        "Advantages",
        "extremes of what is learned from",
        &[("advantage_max", "largest"), ("advantage_min", "smallest")],
    ),
    one("Episodes that the game ended", "share, before their last step", &[("episode_terminated", "terminated")]),
    one("Error of the forecast", "Huber, in the frame's numbers", &[("forecast_loss", "manager")]),
];

const fn one(title: &'static str, axis: &'static str, figures: &'static [(&'static str, &'static str)]) -> Shown {
    Shown { title, axis, figures }
}

/// A chart for every figure that was logged.
pub(super) fn updates(curves: &[LearningCurve]) -> Vec<Chart> {
    let known = SHOWN.iter().filter_map(|shown| {
        chart(curves, shown.title, shown.axis, shown.figures.iter().map(|(name, label)| (*name, *label)))
    });
    let names = curves.first().map_or(Vec::new(), |curve| curve.figures.keys().collect());
    let listed = |name: &str| SHOWN.iter().flat_map(|shown| shown.figures).any(|(figure, _)| *figure == name);
    let others = names.into_iter().filter(|name| !listed(name));
    let others =
        others.filter_map(|name| chart(curves, &name.replace('_', " "), name, [(name.as_str(), name.as_str())]));
    known.chain(others).collect()
}

fn chart<'a>(
    curves: &[LearningCurve],
    title: &str,
    axis: &str,
    figures: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Option<Chart> {
    let mut panel = Panel::new(axis, Scale::Linear, 130);
    for (i, (name, label)) in figures.into_iter().enumerate() {
        let Some((xs, seeds)) = on_blocks(curves, name) else { continue };
        let across = |share: f64| (0..xs.len()).map(|t| quantile(&sorted(&seeds, t), share)).collect::<Vec<f64>>();
        let class = format!("c{i}");
        if seeds.len() > 1 && i == 0 {
            let band = Band {
                label: "all seeds".into(),
                class: class.clone(),
                xs: xs.clone(),
                low: across(0.0),
                high: across(1.0),
            };
            panel.bands.push(band);
        }
        let label = if seeds.len() > 1 { format!("{label}, median") } else { label.to_owned() };
        panel.lines.push(line(&label, &class, &xs, across(0.5)));
    }
    // A legend begins with the last line: the first figure is drawn on top.
    let several = panel.lines.len() > 1;
    panel.lines.rotate_left(usize::from(several));
    let capital = title[..1].to_uppercase() + &title[1..];
    (!panel.lines.is_empty()).then(|| Chart {
        title: capital,
        caption: String::new(),
        x: XAxis::Steps,
        panels: vec![panel],
    })
}

/// A figure's means over blocks of updates, by seed, at the places of the first one; seeds take the same number of updates.
fn on_blocks(curves: &[LearningCurve], name: &str) -> Option<(Vec<f64>, Vec<Vec<f64>>)> {
    let seed = |curve: &LearningCurve| {
        let steps: Vec<f64> = curve.update_steps.iter().map(|steps| *steps as f64).collect();
        let (places, means, ..) = blocks(&steps, curve.figures.get(name)?, BLOCKS);
        (places.len() > 1).then_some((places, means))
    };
    let seeds: Vec<(Vec<f64>, Vec<f64>)> = curves.iter().filter_map(seed).collect();
    let points = seeds.iter().map(|(places, _)| places.len()).min()?;
    let places = seeds[0].0[..points].to_vec();
    Some((places, seeds.into_iter().map(|(_, means)| means[..points].to_vec()).collect()))
}

fn sorted(seeds: &[Vec<f64>], t: usize) -> Vec<f64> {
    let mut values: Vec<f64> = seeds.iter().map(|seed| seed[t]).collect();
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn curve(figures: &[(&str, &[f64])]) -> LearningCurve {
        let figures: BTreeMap<String, Vec<f64>> = figures.iter().map(|(n, v)| ((*n).to_owned(), v.to_vec())).collect();
        LearningCurve { update_steps: vec![10, 20, 30], figures, ..LearningCurve::default() }
    }

    #[test]
    fn known_figures_come_first_and_an_unknown_one_under_its_name() {
        let seed = curve(&[("own_figure", &[1.0, 2.0, 3.0]), ("loss", &[3.0, 2.0, 1.0]), ("q_target", &[0.0; 3])]);
        let charts = updates(&[seed]);
        let titles: Vec<&str> = charts.iter().map(|c| c.title.as_str()).collect();
        assert_eq!(titles, ["Loss", "Q values", "Own figure"]);
        assert_eq!(charts[0].panels[0].lines[0].ys, [3.0, 2.0, 1.0]);
    }

    #[test]
    fn seeds_are_joined_to_a_median_and_a_range() {
        let charts = updates(&[curve(&[("loss", &[1.0, 2.0, 3.0])]), curve(&[("loss", &[3.0, 2.0, f64::NAN])])]);
        let panel = &charts[0].panels[0];
        assert_eq!((&panel.lines[0].ys[..], &panel.bands[0].low[..]), (&[2.0, 2.0][..], &[1.0, 2.0][..]));
        assert!(updates(&[]).is_empty());
    }
}
