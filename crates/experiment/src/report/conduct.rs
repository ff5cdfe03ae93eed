//! What was done on one span: trades on the price, what was held, which actions were taken and when.

use super::Report;
use super::action_map::action_maps;
use super::chart::{Chart, grid};
use super::curves::{AgentCurve, Curves};
use super::downsample::blocks;
use super::figures::{line, stamps};
use super::format::{escape, grouped, percent};
use super::markup::{figure, fold, number};
use super::panel::{Band, Mark, Panel, Scale, XAxis};
use super::sheet::{ActionShares, Counter, fractions};
use super::span_figures::{SpanFigures, add_agent, baseline_class};
use super::table::ordered_baselines;

/// Trades that can be told apart on a price.
const MARKS: usize = 120;
/// Parts that the trades of a span are counted in.
const TRADE_BLOCKS: usize = 90;
/// Parts that the actions of a span are counted in.
const ACTION_BLOCKS: usize = 60;
/// Parts that what was held is averaged over.
const HELD_BLOCKS: usize = 240;

/// The part of the page that says what was done.
pub(super) fn conduct(span: &SpanFigures<'_>, curves: &Curves) -> String {
    let charts = [trades(span, curves), held(span, curves)];
    let charts: String = charts.into_iter().flatten().filter_map(|chart| chart.render()).collect();
    let shares: String = span.sheet.actions.iter().map(|actions| shares(span, curves, actions)).collect();
    let over_time: String = over_time(span, curves).into_iter().filter_map(|chart| chart.render()).collect();
    [charts, fold("What every seed held", &each_seed(span)), shares, over_time, action_maps(span, curves)].concat()
}

/// The trades of the median seed on the price, how many there were when, and what was held.
fn trades(span: &SpanFigures<'_>, curves: &Curves) -> Option<Chart> {
    let agent = span.median()?;
    let counted = span.sheet.trades.iter().find(|count| count.seed == agent.seed)?;
    let mut panels = vec![price(span, curves)];
    if agent.trades.len() <= MARKS {
        panels[0].marks = agent.trades.iter().map(|trade| mark(span, trade)).collect();
    }
    let (counts, block) = counts(span, agent);
    let trades = match agent.trades.len() {
        0 => "It never traded.".to_owned(),
        n => {
            panels.push(counts);
            let drawn = match n <= MARKS {
                true => "Triangles: up a purchase, down a sale, at its price.",
                false => "They are too many to be drawn one by one: below the price, their number by block.",
            };
            let [buys, sells] = [counted.buys, counted.sells].map(|n| grouped(n as f64, 0));
            format!("{buys} purchases and {sells} sales. {drawn} Blocks are of {block}.")
        }
    };
    panels.push(weights(span, &curves.assets, agent));
    let caption = format!(
        "{trades} At the bottom the share of the net worth that was held; a short position is below 0. {}",
        span.median_caption()
    );
    Some(span.chart("Trades", &caption, panels))
}

/// The price, or several as multiples of their first ones.
fn price(span: &SpanFigures<'_>, curves: &Curves) -> Panel {
    let xs = stamps(&span.curves.times);
    prices(&curves.assets, &span.report.subject.money, &xs, &span.curves.close, 220)
}

/// Prices of some assets: one in money, several as multiples of their first ones.
pub(super) fn prices(assets: &[String], money: &str, xs: &[f64], close: &[Vec<f64>], height_px: u32) -> Panel {
    let [one] = close else {
        let indexed = close.iter().enumerate().map(|(i, close)| {
            let ys = close.iter().map(|price| price / close[0]).collect();
            line(assets.get(i).map_or("", String::as_str), &asset_class(i), xs, ys)
        });
        let lines = indexed.collect();
        return Panel { lines, ..Panel::new("prices, times the first ones", Scale::Linear, height_px) };
    };
    let asset = assets.first().map_or("", String::as_str);
    let label = format!("price, {money} for one {}", asset.strip_suffix('s').unwrap_or(asset));
    Panel { lines: vec![line("price", "ink", xs, one.clone())], ..Panel::new(&label, Scale::Linear, height_px) }
}

/// The look of an asset among several.
fn asset_class(asset: usize) -> String {
    format!("a{}", asset % 6)
}

fn mark(span: &SpanFigures<'_>, trade: &super::Trade) -> Mark {
    let base = match span.curves.close.len() {
        1 => 1.0,
        _ => span.curves.close.get(trade.asset).map_or(1.0, |close| close[0]),
    };
    Mark { x: trade.time as f64, y: trade.price / base, up: trade.shares > 0.0 }
}

/// Purchases upwards and sales downwards, by block of time, and how long a block is.
fn counts(span: &SpanFigures<'_>, agent: &AgentCurve) -> (Panel, String) {
    let times = &span.curves.times;
    let num_blocks = TRADE_BLOCKS.min(times.len().saturating_sub(1)).max(1);
    let (first, last) = (times[0] as f64, times[times.len() - 1] as f64);
    let width = (last - first) / num_blocks as f64;
    let edges: Vec<f64> = (0..=num_blocks).map(|i| first + width * i as f64).collect();
    let count = |up: bool| {
        let mut counts = vec![0.0; num_blocks];
        for trade in agent.trades.iter().filter(|trade| (trade.shares > 0.0) == up) {
            counts[(((trade.time as f64 - first) / width) as usize).min(num_blocks - 1)] += 1.0;
        }
        counts
    };
    let sells: Vec<f64> = count(false).into_iter().map(|n| -n).collect();
    let mut panel = Panel::new("purchases (up) and sales (down) in a block", Scale::Linear, 120).with_zero();
    panel.bands = vec![
        Band::bars("purchases", "buy stack", &edges, &count(true)),
        Band::bars("sales", "sell stack", &edges, &sells),
    ];
    let hours = width / 3600e9;
    let text = if hours < 48.0 {
        format!("{} hours", grouped(hours, 1))
    } else {
        format!("{} days", grouped(hours / 24.0, 1))
    };
    (panel, text)
}

/// What a seed held of each asset, as a share of its net worth: means of blocks of bars, and the range within them.
fn weights(span: &SpanFigures<'_>, assets: &[String], agent: &AgentCurve) -> Panel {
    let mut panel = Panel::new("held, share of the net worth", Scale::Percent, 130).with_zero();
    let xs = stamps(&span.curves.times);
    for (i, weights) in agent.weights.iter().enumerate() {
        let class = if agent.weights.len() == 1 { "c0".to_owned() } else { asset_class(i) };
        let name = assets.get(i).map_or("held", String::as_str);
        let (at, means, low, high) = blocks(&xs, weights, HELD_BLOCKS);
        if weights.len() > HELD_BLOCKS {
            panel.bands.push(Band { label: String::new(), class: class.clone(), xs: at.clone(), low, high });
        }
        panel.lines.push(line(&format!("{name} held"), &class, &at, means));
    }
    panel
}

/// What the seeds held, one beside the other.
fn held(span: &SpanFigures<'_>, curves: &Curves) -> Option<Chart> {
    let agents = &span.curves.agents;
    let assets = agents.first().filter(|_| agents.len() > 1)?.weights.len();
    let panel = |asset: usize| {
        let label = match assets {
            1 => "held, share of the net worth".to_owned(),
            _ => format!("{}, share of the net worth", curves.assets.get(asset).map_or("", String::as_str)),
        };
        let mut panel = Panel::new(&label, Scale::Percent, 180).with_zero();
        let bars = span.curves.times.len().div_ceil(HELD_BLOCKS).max(1);
        let means = |values: &[f64]| -> Vec<f64> {
            values.chunks(bars).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect()
        };
        // An account that is ruined ends early, in fewer parts.
        let seeds: Vec<Vec<f64>> = agents.iter().filter_map(|agent| Some(means(agent.weights.get(asset)?))).collect();
        add_agent(&mut panel, means(&stamps(&span.curves.times)), &seeds);
        panel
    };
    let caption =
        format!("What the agent held, means of at most {HELD_BLOCKS} blocks of bars. {}", span.seeds_caption());
    Some(span.chart("Held by the seeds", &caption, (0..assets).map(panel).collect()))
}

/// A small chart of what each seed held.
fn each_seed(span: &SpanFigures<'_>) -> String {
    if span.curves.agents.len() < 2 {
        return String::new();
    }
    grid(span.curves.agents.iter().map(|agent| {
        let mut panel = weights(span, &[], agent);
        panel.height_px = 90;
        panel.lines.iter_mut().for_each(|line| line.label = None);
        let counted = span.sheet.trades.iter().find(|count| count.seed == agent.seed);
        let caption = counted.map_or(String::new(), |c| {
            format!("{} purchases, {} sales.", grouped(c.buys as f64, 0), grouped(c.sells as f64, 0))
        });
        Chart { title: format!("Seed {}", agent.seed), caption, x: XAxis::Time, panels: vec![panel] }
    }))
}

/// The colours of actions: those of the policies that always take them, or a ramp from low to high.
pub(super) fn action_classes(report: &Report, names: &[String], labels: usize) -> Vec<String> {
    let places = ordered_baselines(report);
    let named = |(i, name): (usize, &String)| {
        let always = format!("always {name}");
        baseline_class(places.iter().position(|(baseline, _)| *baseline == always).unwrap_or(places.len() + i))
    };
    match names.is_empty() {
        true => (0..labels).map(|i| format!("r{}", (i * 10 / labels.max(1)).min(9))).collect(),
        false => names.iter().enumerate().map(named).collect(),
    }
}

/// A bar for each seed and one for all, cut into the shares of the actions.
fn shares(span: &SpanFigures<'_>, curves: &Curves, actions: &ActionShares) -> String {
    let classes = action_classes(span.report, curves.actions.names(), actions.labels.len());
    let part = |(share, (class, label)): (&f64, (&String, &String))| {
        let text = percent(*share, false);
        // A part that is too thin for its number has it in its title alone; on a phone more parts are.
        let shown = if *share >= 0.08 { number(*share, &text) } else { String::new() };
        let slim = if *share < 0.25 { " slim" } else { "" };
        format!(
            "<span class=\"{class}{slim}\" style=\"flex:{share:.5} 0 0\" title=\"{}: {text}\">{shown}</span>",
            escape(label)
        )
    };
    let bar = |who: &str, shares: &[f64]| {
        let parts: String =
            shares.iter().zip(classes.iter().zip(&actions.labels)).filter(|(s, _)| **s > 0.0).map(part).collect();
        let told: Vec<String> =
            actions.labels.iter().zip(shares).map(|(l, s)| format!("{l} {}", percent(*s, false))).collect();
        let told = escape(&told.join(", "));
        format!("<div class=\"who\">{who}</div><div class=\"bar\" role=\"img\" aria-label=\"{told}\">{parts}</div>")
    };
    let seeds = actions.seeds.iter().map(|seed| bar(&format!("seed {}", seed.seed), &seed.shares));
    let all = (actions.seeds.len() > 1).then(|| bar("<b>all</b>", &actions.all));
    let rows: String = all.into_iter().chain(seeds).collect();
    let legend = legend(&classes, &actions.labels);
    let title = match actions.of.as_str() {
        "action" => format!("Actions taken on the {}", span.name),
        other => format!("Actions taken on the {}, {other}", span.name),
    };
    let caption = "Share of each action in all steps, also where an order was too small to fill.";
    figure("shares", &title, caption, &format!("{legend}<div class=\"bars\">{rows}</div>"))
}

/// What the colours of actions mean.
pub(super) fn legend(classes: &[String], labels: &[String]) -> String {
    let key = |(class, label): (&String, &String)| {
        let mark = format!("<rect class=\"band stack {class}\" width=\"26\" height=\"10\"/>");
        format!("<li><svg width=\"26\" height=\"10\" aria-hidden=\"true\">{mark}</svg>{}</li>", escape(label))
    };
    format!("<ul class=\"legend\">{}</ul>", classes.iter().zip(labels).map(key).collect::<String>())
}

/// Shares of the actions of all seeds by block of time, one on the other.
fn over_time(span: &SpanFigures<'_>, curves: &Curves) -> Vec<Chart> {
    let counters = Counter::all(&curves.actions);
    counters.iter().filter_map(|counter| over_time_of(span, curves, counter)).collect()
}

fn over_time_of(span: &SpanFigures<'_>, curves: &Curves, counter: &Counter) -> Option<Chart> {
    let steps = span.curves.agents.iter().map(|agent| agent.actions.len()).max().filter(|steps| *steps > 1)?;
    let times = stamps(&span.curves.times);
    let num_blocks = ACTION_BLOCKS.min(steps);
    let bounds: Vec<usize> = (0..=num_blocks).map(|i| i * steps / num_blocks).collect();
    let block = |pair: &[usize]| {
        let mut sum = vec![0; counter.labels.len()];
        for agent in &span.curves.agents {
            let counts = counter.count(&agent.actions, pair[0]..pair[1]);
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        fractions(&sum)
    };
    let blocks: Vec<Vec<f64>> = bounds.windows(2).map(block).collect();
    let edges: Vec<f64> = bounds.iter().map(|step| times[*step]).collect();
    let classes = action_classes(span.report, curves.actions.names(), counter.labels.len());
    let mut panel = Panel::new("share of the steps", Scale::Percent, 200).with_zero();
    for (i, label) in counter.labels.iter().enumerate() {
        let below = |count: usize| blocks.iter().map(|shares| shares[..count].iter().sum::<f64>()).collect::<Vec<_>>();
        let twice = |heights: Vec<f64>| heights.into_iter().flat_map(|h| [h, h]).collect();
        panel.bands.push(Band {
            label: label.clone(),
            class: format!("{} stack", classes[i]),
            xs: edges.windows(2).flat_map(|edge| [edge[0], edge[1]]).collect(),
            low: twice(below(i)),
            high: twice(below(i + 1)),
        });
    }
    let seeds = span.curves.agents.len();
    let whose = if seeds == 1 { "the seed".into() } else { format!("all {seeds} seeds") };
    let caption =
        format!("Share of each action in the steps of {whose}, by block of about {} bars.", steps.div_ceil(num_blocks));
    let what = if counter.of == "action" {
        "Actions over time".to_owned()
    } else {
        format!("Actions over time, {}", counter.of)
    };
    Some(span.chart(&what, &caption, vec![panel]))
}
