//! Whether the result holds: every seed, what commissions leave of it, and how many strategies were tried.

use pavlov_evaluation::Summary;

use super::forest::Axis;
use super::format::{compact, escape, grouped, percent};
use super::markup::{figure, number, number_or_dash, section, table};
use super::results::seeds;
use super::{FeeRow, FeeSweep, Report, TrialReport};

/// The section of the page.
pub(super) fn robust(report: &Report) -> String {
    let body = [
        format!("<h3 class=\"part\">Every seed</h3>{}", seeds(report)),
        report.fee_sweep.as_ref().map_or(String::new(), |sweep| fees(report, sweep)),
        report.trials.as_ref().map_or(String::new(), trials),
    ];
    let under = "The runs behind the means: same config, same data, another seed. Then what other commissions leave, and how \
                 many strategies were tried on the same bars.";
    section("robust", "Is it robust?", under, &body.concat())
}

/// Returns by commission: a plot and a table.
fn fees(report: &Report, sweep: &FeeSweep) -> String {
    let benchmark = report.verdict.benchmark.as_str();
    let ends = |row: &FeeRow| {
        [row.returns.mean, row.returns.ci95.map(|i| i[0]), row.returns.ci95.map(|i| i[1]), row.benchmark_return]
    };
    let axis = Axis::over(sweep.rows.iter().flat_map(ends).flatten());
    let plot: String = sweep.rows.iter().map(|row| fee_plot(row, &axis)).collect();
    let plot = format!("<div class=\"forest rows\">{plot}<div class=\"scale\">{}</div></div>", axis.marks());
    let own = |row: &FeeRow| if row.own { "<small>this run</small>" } else { "" };
    let rows: String = sweep
        .rows
        .iter()
        .map(|row| {
            format!(
                "<tr><th scope=\"row\">{}{}</th><td>{}</td><td>{}</td><td><b>{}</b></td><td>{}</td><td>{}</td></tr>",
                commission(row),
                own(row),
                over_seeds(&row.returns, |x| percent(x, true)),
                number_or_dash(row.benchmark_return, |x| percent(x, true)),
                number_or_dash(row.edge, |x| percent(x, true).trim_end_matches(" %").to_owned()),
                over_seeds(&row.sharpe, |x| grouped(x, 2)),
                number_or_dash(row.benchmark_sharpe, |x| grouped(x, 2)),
            )
        })
        .collect();
    let (other_return, other_sharpe) = (format!("{benchmark}, return"), format!("{benchmark}, Sharpe"));
    let heads = ["Commission", "Agent, return", &other_return, "Difference, points", "Agent, Sharpe", &other_sharpe];
    let caption = format!(
        "The trained agents play the test span anew with another commission. {} Dots are the agent's mean return with its \
         95 % interval over the seeds, upright marks `{benchmark}`.",
        sweep.sentence
    );
    figure("tabular forest", "What commissions leave", &caption, &[plot, table(&heads, &rows)].concat())
}

fn commission(row: &FeeRow) -> String {
    let text = format!("{} %", compact(100.0 * row.commission));
    let more = if row.other_parts { " and more" } else { "" };
    format!("{}{more}", number(row.commission, &text))
}

fn fee_plot(row: &FeeRow, axis: &Axis) -> String {
    let whisker = row.returns.ci95.map_or(String::new(), |[low, high]| {
        let (low, high) = (axis.share(low), axis.share(high));
        format!("<line class=\"whisker\" x1=\"{low:.2}%\" x2=\"{high:.2}%\" y1=\"50%\" y2=\"50%\"/>")
    });
    let dot = row
        .returns
        .mean
        .map_or(String::new(), |mean| format!("<circle cx=\"{:.2}%\" cy=\"50%\" r=\"5\"/>", axis.share(mean)));
    let mark = row.benchmark_return.map_or(String::new(), |held| {
        let at = axis.share(held);
        format!("<line class=\"held\" x1=\"{at:.2}%\" x2=\"{at:.2}%\" y1=\"25%\" y2=\"75%\"/>")
    });
    let zero = axis.share(0.0);
    format!(
        "<div class=\"row agent\"><div class=\"who\">{}</div><svg aria-hidden=\"true\">\
         <line class=\"zero\" x1=\"{zero:.2}%\" x2=\"{zero:.2}%\" y1=\"0\" y2=\"100%\"/>{mark}{whisker}{dot}</svg>\
         <div class=\"what\"></div></div>",
        commission(row)
    )
}

/// The mean with its interval below it.
fn over_seeds(summary: &Summary, text: impl Fn(f64) -> String) -> String {
    let interval = summary.ci95.map_or(String::new(), |[low, high]| {
        let bare = text(low).trim_end_matches(" %").to_owned();
        format!("<small>{} to {}</small>", number(low, &bare), number(high, &text(high)))
    });
    number_or_dash(summary.mean, &text) + &interval
}

/// What the number of trials leaves of the Sharpe ratio.
fn trials(trials: &TrialReport) -> String {
    let ratio = |x: f64| grouped(x, 4);
    let share = |x: f64| percent(x, false);
    let rows = [
        ("Other configs tried on these bars", number(trials.others as f64, &grouped(trials.others as f64, 0))),
        ("Sharpe ratio of a period, money split over the seeds", number_or_dash(trials.sharpe, ratio)),
        ("What the best of as many without skill would show", number_or_dash(trials.best_without_skill, ratio)),
        (
            "Confidence that it is above 0 (probabilistic Sharpe ratio)",
            number_or_dash(trials.probabilistic_sharpe, share),
        ),
        (
            "Confidence that it is above the best without skill (deflated Sharpe ratio)",
            number_or_dash(trials.deflated_sharpe, share),
        ),
        (
            "Periods that it would take to stand above 0 at 95 %",
            number_or_dash(trials.minimum_periods, |x| grouped(x, 0)),
        ),
        ("Periods of the test span", number(trials.periods as f64, &grouped(trials.periods as f64, 0))),
    ];
    let rows: String = rows
        .iter()
        .map(|(what, value)| format!("<tr><th scope=\"row\">{}</th><td>{value}</td></tr>", escape(what)))
        .collect();
    let caption = "The best of many attempts looks skilled by chance. Bailey and Lopez de Prado, \"The deflated Sharpe ratio\" (2014).";
    figure(
        "tabular",
        "How many were tried",
        caption,
        &format!("<div class=\"scroll wrap\"><table><tbody>{rows}</tbody></table></div>"),
    )
}
