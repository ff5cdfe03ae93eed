//! The decisions of a state as a page of text.

use std::fmt::Write as _;

use pavlov_rl_core::ActMode;

use super::{Acted, Chosen, Feature, Figures, insight};

/// A page for a terminal: the state, then a line for each seed, then all of them together.
pub(super) fn text(acted: &Acted) -> String {
    let mut out = state(acted);
    out.push('\n');
    out.push_str(&table(&features(acted)));
    out.push('\n');
    for lines in insight::tables(acted) {
        out.push_str(&table(&lines));
        out.push('\n');
    }
    out.push_str(&table(&seeds(acted)));
    if let Some(line) = vote(acted) {
        out.push_str(&line);
    }
    for note in &acted.notes {
        let _ = writeln!(out, "note: {note}");
    }
    out
}

fn features(acted: &Acted) -> Vec<Vec<String>> {
    let heads = vec![format!("feature (the last of {} rows)", acted.window), "unscaled".into(), "scaled".into()];
    let line = |f: &Feature| vec![f.name.clone(), number(f.unscaled), number(f64::from(f.scaled))];
    [heads].into_iter().chain(acted.features.iter().map(line)).collect()
}

fn state(acted: &Acted) -> String {
    let Acted { name, agent, environment, dataset, bar, account, memory, .. } = acted;
    let mut out = format!("{name}: {agent} in {environment}\n");
    let from = acted.bars.as_ref().map_or_else(String::new, |file| format!(" from {file}"));
    let _ = writeln!(out, "bar of {dataset}{from} that opens at {}, known from {} on", bar.opens, bar.known_from);
    let _ = writeln!(out, "close {}", bar.close);
    for (asset, close) in &bar.traded {
        let _ = writeln!(out, "close of {asset} {close}");
    }
    let money = &account.money;
    let _ = writeln!(
        out,
        "account: assumed {}, as at the start of an episode: cash {:.2} {money}, holdings worth {:.2} {money}",
        account.assumed, account.cash, account.holdings_value
    );
    if !account.seen.is_empty() {
        let seen: Vec<String> = account.seen.iter().map(|x| number(f64::from(*x))).collect();
        let _ = writeln!(out, "account as it is seen: {}", seen.join(", "));
    }
    if memory.asked > 0 {
        let _ =
            writeln!(out, "memory: warmed on {} bars before ([eval] memory_warm_bars = {})", memory.bars, memory.asked);
    }
    let how = match acted.mode {
        ActMode::Greedy => "the best action is taken",
        ActMode::Sample => "the action is drawn, as in the evaluation",
    };
    let _ = writeln!(out, "mode: {how}");
    out
}

/// A line for each seed, and one with the means if there are several.
fn seeds(acted: &Acted) -> Vec<Vec<String>> {
    let Figures { of_actions, of_state } = &acted.together.figures;
    let of_actions =
        of_actions.keys().flat_map(|figure| acted.actions.iter().map(move |action| format!("{figure} {action}")));
    let heads = of_actions.chain(of_state.keys().cloned());
    let mut lines = vec![["seed".to_owned()].into_iter().chain(heads).chain(["action".to_owned()]).collect()];
    let line = |label: String, figures: &Figures, action: String| -> Vec<String> {
        let of_actions = figures.of_actions.values().flatten();
        let numbers = of_actions.chain(figures.of_state.values()).map(|x| number(f64::from(*x)));
        [label].into_iter().chain(numbers).chain([action]).collect()
    };
    for seed in &acted.seeds {
        let action = match &seed.action {
            Chosen::Choice(name) => name.clone(),
            Chosen::Numbers(numbers) => joined(numbers),
        };
        lines.push(line(seed.seed.to_string(), &seed.figures, action));
    }
    if acted.seeds.len() > 1 {
        let action = acted.together.mean_action.as_deref().map_or_else(String::new, joined);
        lines.push(line("mean".into(), &acted.together.figures, action));
    }
    lines
}

/// How many seeds take which choice, the most wanted first.
fn vote(acted: &Acted) -> Option<String> {
    let mut votes: Vec<_> = acted.together.votes.iter().collect();
    votes.sort_by_key(|(_, votes)| std::cmp::Reverse(**votes));
    let all = acted.seeds.len();
    let votes: Vec<String> = votes.into_iter().map(|(name, votes)| format!("{name} {votes} of {all}")).collect();
    (all > 1 && !votes.is_empty()).then(|| format!("vote: {}\n", votes.join(", ")))
}

fn joined(numbers: &[f32]) -> String {
    numbers.iter().map(|x| number(f64::from(*x))).collect::<Vec<_>>().join(" ")
}

/// Six significant digits, plainly where that is short.
pub(super) fn number(x: f64) -> String {
    match x.abs() {
        0.0 => "0".into(),
        size if (1e-4..1e9).contains(&size) => {
            let decimals = (5 - size.log10().floor() as i32).clamp(0, 9) as usize;
            format!("{x:.decimals$}")
        }
        _ => format!("{x:.5e}"),
    }
}

/// Aligned columns: the first to the left, the others to the right.
fn table(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |c: usize| lines.iter().filter_map(|line| line.get(c)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for line in lines {
        let cells = line.iter().enumerate().map(|(c, cell)| match c {
            0 => format!("{cell:<width$}", width = widths[c]),
            _ => format!("{cell:>width$}", width = widths[c]),
        });
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out
}
