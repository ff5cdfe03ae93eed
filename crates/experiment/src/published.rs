//! Section `[published]`: figures of a publication beside ours, by the publication's own definitions.

use std::collections::BTreeMap;

use pavlov_evaluation::Summary;
use pavlov_evaluation::compat::{ArticleInput, NamedMetrics, PaperInput, ddqn_article, tdqn_paper};
use pavlov_rl_core::Ledger;
use serde::{Deserialize, Serialize};

use crate::baselines::Baseline;
use crate::episode::EpisodeRecord;
use crate::plan::Plan;
use crate::report::format::{escape, grouped, typographic};
use crate::report::markup::section;
use crate::source::suggestion;
use crate::world::World;

/// Section `[published]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedConfig {
    /// Where the figures stand, as a sentence or a citation. Required.
    pub source: String,
    /// Whose definitions of the metrics are computed. Required.
    pub definitions: Definitions,
    /// The figures by the names of the definitions. Default none: ours are shown alone.
    #[serde(default)]
    pub values: BTreeMap<String, Figure>,
}

/// A published set of definitions of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Definitions {
    /// Theate and Ernst 2021, "An application of deep reinforcement learning to algorithmic trading".
    TdqnPaper,
    /// Darmanin, "Deep Q-Learning Applied to Algorithmic Trading".
    DdqnArticle,
}

/// A published figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Figure {
    /// One number.
    Value(f64),
    /// Mean and standard deviation over the publication's runs.
    MeanStd([f64; 2]),
}

impl Figure {
    /// The number, or the mean.
    pub(crate) fn mean(self) -> f64 {
        match self {
            Self::Value(value) | Self::MeanStd([value, _]) => value,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Value(value) => number(value),
            Self::MeanStd([mean, std]) => format!("{} \u{b1} {}", number(mean), number(std)),
        }
    }
}

/// Days that the article has in a year.
const TRADING_DAYS: f64 = 252.0;

impl Definitions {
    /// The metrics of a history: net worth by row, from the first row of the test span on.
    fn metrics(self, times: &[i64], books: &[Ledger], risk_free: f64) -> NamedMetrics {
        let money: Vec<f64> = books.iter().map(Ledger::net_worth).collect();
        let side = |books: &Ledger| if books.holdings_value == 0.0 { 0.0 } else { books.holdings_value.signum() };
        let positions: Vec<f64> = books.iter().map(side).collect();
        match self {
            Self::TdqnPaper => {
                let opened = |t: usize| positions[t] != 0.0 && (t == 0 || positions[t] != positions[t - 1]);
                let traded: Vec<bool> = (0..books.len()).map(opened).collect();
                tdqn_paper(&PaperInput { times, money: &money, traded: &traded })
            }
            Self::DdqnArticle => {
                let first = std::iter::once(0.0);
                let returns: Vec<f64> = first.chain(money.windows(2).map(|pair| pair[1] / pair[0] - 1.0)).collect();
                let (market_close, trading_days) = (None, TRADING_DAYS);
                let input =
                    ArticleInput { returns: &returns, positions: &positions, market_close, risk_free, trading_days };
                ddqn_article(&input)
            }
        }
    }

    /// The names of the metrics, in the order of the publication.
    fn names(self) -> Vec<&'static str> {
        let books = Ledger { cash: 1.0, holdings_value: 0.0, fees: 0.0 };
        self.metrics(&[0, 1, 2], &[books; 3], 0.0).into_iter().map(|(name, _)| name).collect()
    }
}

/// What is wrong with the section; each message begins with the key.
pub fn check(config: &PublishedConfig) -> Vec<String> {
    let names = config.definitions.names();
    let unknown = config.values.keys().filter(|name| !names.contains(&name.as_str()));
    let unknown =
        unknown.map(|name| format!("values has `{name}`, which these definitions lack{}", suggestion(name, &names)));
    let empty = config.source.trim().is_empty().then(|| "source must say where the figures stand".to_owned());
    empty.into_iter().chain(unknown).collect()
}

/// Ours by the publication's definitions, beside its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedReport {
    /// Where the figures stand.
    pub source: String,
    /// Whose definitions these are.
    pub definitions: Definitions,
    /// The metrics in the order of the publication.
    pub metrics: Vec<PublishedMetric>,
}

/// One metric by the publication's definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedMetric {
    /// Its name in the publication.
    pub name: String,
    /// The published figure, if there is one.
    pub published: Option<Figure>,
    /// Ours by seed, in the order of the runs.
    pub values: Vec<Option<f64>>,
    /// Ours over the seeds.
    pub summary: Summary,
    /// Of every baseline; the mean over the seeds where it draws.
    pub baselines: BTreeMap<String, Option<f64>>,
}

/// Measures agents and baselines on the test span by the definitions of the plan, if it has some.
pub fn report(
    plan: &Plan,
    world: &World,
    agents: &[&EpisodeRecord],
    baselines: &[Baseline],
) -> Option<PublishedReport> {
    let config = plan.published.as_ref()?;
    let measure = |record: &EpisodeRecord| measure(plan, world, config.definitions, record);
    let agents: Vec<NamedMetrics> = agents.iter().map(|record| measure(record)).collect();
    let baselines: Vec<(&String, Vec<NamedMetrics>)> =
        baselines.iter().map(|b| (&b.name, b.test.iter().map(measure).collect())).collect();
    let metric = |(k, name): (usize, &'static str)| {
        let values: Vec<Option<f64>> = agents.iter().map(|metrics| metrics[k].1.ok()).collect();
        let mean = |runs: &[NamedMetrics]| Summary::of(runs.iter().filter_map(|metrics| metrics[k].1.ok())).mean;
        PublishedMetric {
            name: name.to_owned(),
            published: config.values.get(name).copied(),
            summary: Summary::of(values.iter().copied().flatten()),
            values,
            baselines: baselines.iter().map(|(name, runs)| ((*name).clone(), mean(runs))).collect(),
        }
    };
    let metrics = config.definitions.names().into_iter().enumerate().map(metric).collect();
    Some(PublishedReport { source: config.source.clone(), definitions: config.definitions, metrics })
}

/// The publications count every row of the test span, also those before the first decision.
fn measure(plan: &Plan, world: &World, definitions: Definitions, record: &EpisodeRecord) -> NamedMetrics {
    let times = &world.market.times;
    let first = record.rows[0] as usize;
    let start = times.partition_point(|time| *time <= plan.data.test.from_ns).max(world.test.start as usize).min(first);
    let idle = std::iter::repeat_n(record.ledgers[0], first - start);
    let books: Vec<Ledger> = idle.chain(record.ledgers.iter().copied()).collect();
    definitions.metrics(&times[start..start + books.len()], &books, plan.eval.risk_free)
}

fn number(value: f64) -> String {
    typographic(&grouped(value, decimals(value)))
}

/// Three decimals below 10, one below 1,000, none above: a publication's metrics have no unit that would say.
pub(crate) fn decimals(value: f64) -> usize {
    match value.abs() {
        v if v < 9.9995 => 3,
        v if v < 999.95 => 1,
        _ => 0,
    }
}

fn ours(metric: &PublishedMetric) -> String {
    let interval = metric
        .summary
        .ci95
        .map_or(String::new(), |[low, high]| format!("<small>{} to {}</small>", number(low), number(high)));
    metric.summary.mean.map_or("-".to_owned(), |mean| format!("{}{interval}", number(mean)))
}

/// A cell of the matrix's table: the metrics that have a published figure.
pub fn cell_html(report: &PublishedReport) -> String {
    let line = |metric: &PublishedMetric| {
        let figure = metric.published?;
        Some(format!("<div>{} {}, ours {}</div>", escape(&metric.name), figure.text(), ours(metric)))
    };
    format!("<td>{}</td>", report.metrics.iter().filter_map(line).collect::<String>())
}

/// The section of a run's page; empty without a report.
pub fn section_html(report: Option<&PublishedReport>) -> String {
    let Some(report) = report else { return String::new() };
    let names: Vec<&String> = report.metrics.first().map_or(Vec::new(), |metric| metric.baselines.keys().collect());
    let heads: String = names.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name))).collect();
    let row = |metric: &PublishedMetric| {
        let baselines = names.iter().map(|name| metric.baselines.get(*name).copied().flatten());
        let baselines: String =
            baselines.map(|value| format!("<td>{}</td>", value.map_or("-".to_owned(), number))).collect();
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"agent-col\">{}</td>{baselines}</tr>",
            escape(&metric.name),
            metric.published.map_or("-".to_owned(), Figure::text),
            ours(metric)
        )
    };
    let rows: String = report.metrics.iter().map(row).collect();
    let under = format!(
        "{} Ours are computed by the publication's definitions, with its percentages, over the seeds; they differ from \
         those above where its definitions do.",
        report.source
    );
    let table = format!(
        "<div class=\"scroll\" tabindex=\"0\"><table><thead><tr><th>Metric</th><th scope=\"col\">Published</th>\
         <th scope=\"col\" class=\"agent-col\">Ours</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>\n"
    );
    section("published", "Beside what was published", &under, &table)
}
