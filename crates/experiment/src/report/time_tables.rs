//! Tables of a span by time: the worst drawdowns, and the returns by month, week or day.

use super::format::{escape, grouped, percent};
use super::markup::{figure, number, number_or_dash, table};
use super::sheet::{Calendar, CalendarUnit, Drawdown, PeriodReturn};
use super::span_figures::SpanFigures;

/// The worst drawdowns of the median seed.
pub(super) fn worst_drawdowns(span: &SpanFigures<'_>) -> String {
    let stamps = |d: &Drawdown| [Some(d.begin.clone()), Some(d.bottom.clone()), d.recovery.clone()];
    let daily = span.sheet.drawdowns.iter().flat_map(stamps).flatten().all(|stamp| stamp.ends_with("T00:00:00Z"));
    let len = if daily { 10 } else { 16 };
    let rows: String = span.sheet.drawdowns.iter().enumerate().map(|(i, fall)| drawdown_row(i, fall, len)).collect();
    if rows.is_empty() {
        return String::new();
    }
    let heads = ["", "Depth", "Begin", "Bottom", "Recovery", "To the bottom, days", "Length, days"];
    let caption = format!("From the peak before to the return to it. {} Times are UTC.", span.median_caption());
    figure("tabular", &format!("Worst drawdowns on the {}", span.name), &caption, &table(&heads, &rows))
}

fn drawdown_row(i: usize, drawdown: &Drawdown, len: usize) -> String {
    let time = |stamp: &str| time(stamp, len);
    let Drawdown { begin, bottom, recovery, depth, days, days_to_bottom } = drawdown;
    let recovery = recovery.as_ref().map_or("not yet".to_owned(), |at| time(at));
    format!(
        "<tr><th scope=\"row\">{}</th><td><b>{}</b></td><td>{}</td><td>{}</td><td>{recovery}</td><td>{}</td><td>{}</td></tr>",
        i + 1,
        number(*depth, &percent(-depth, false)),
        time(begin),
        time(bottom),
        number(*days_to_bottom, &grouped(*days_to_bottom, 1)),
        number(*days, &grouped(*days, 1)),
    )
}

/// The first `len` characters of a stamp: its day, or that and the minute.
fn time(stamp: &str, len: usize) -> String {
    let text = stamp.get(..len).unwrap_or(stamp).replace('T', " ");
    format!("<time datetime=\"{}\">{}</time>", escape(stamp), escape(&text))
}

/// The returns by calendar: a row a period, or a row a year with its months.
pub(super) fn calendar(span: &SpanFigures<'_>) -> String {
    let Calendar { unit, periods, years } = &span.sheet.calendar;
    if periods.is_empty() {
        return String::new();
    }
    let deepest = periods.iter().flat_map(|p| [p.agent, p.benchmark]).flatten().fold(0.0_f64, |m, r| m.max(r.abs()));
    let shade = Shade { deepest };
    let benchmark = span.report.verdict.benchmark.as_str();
    let (what, body) = match unit {
        CalendarUnit::Month => ("Monthly", by_month(periods, years, benchmark, shade)),
        CalendarUnit::Week => ("Weekly", by_period("Week from", periods, benchmark, shade)),
        CalendarUnit::Day => ("Daily", by_period("Day", periods, benchmark, shade)),
    };
    let mean = match span.curves.agents.len() {
        1 => "one seed".to_owned(),
        n => format!("mean of {n} seeds"),
    };
    let caption = format!(
        "Percent, {mean}, beside `{benchmark}`. The first and the last may be incomplete. The darker, the further from 0: blue above, \
         orange below."
    );
    figure("tabular calendar", &format!("{what} returns on the {}", span.name), &caption, &body)
}

/// How strongly a return is coloured.
#[derive(Clone, Copy)]
struct Shade {
    deepest: f64,
}

impl Shade {
    fn cell(self, value: Option<f64>, text: impl Fn(f64) -> String) -> String {
        let Some(value) = value else { return "<td class=\"none\">\u{2013}</td>".to_owned() };
        let strength = if self.deepest > 0.0 { (60.0 * value.abs() / self.deepest).round() } else { 0.0 };
        let side = if value < 0.0 { "loss" } else { "gain" };
        format!("<td class=\"{side}\" style=\"--s:{strength:.0}%\">{}</td>", number(value, &text(value)))
    }
}

fn signed(value: f64) -> String {
    percent(value, true)
}

/// Percent without its sign, where many numbers stand side by side.
fn points(value: f64) -> String {
    signed(value).trim_end_matches(" %").to_owned()
}

fn by_period(head: &str, periods: &[PeriodReturn], benchmark: &str, shade: Shade) -> String {
    let row = |period: &PeriodReturn| {
        let (agent, other) = (shade.cell(period.agent, signed), shade.cell(period.benchmark, signed));
        format!("<tr><th scope=\"row\">{}</th>{agent}{other}</tr>", escape(&period.from))
    };
    let rows: String = periods.iter().map(row).collect();
    table(&[head, "agent", benchmark], &rows)
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn by_month(periods: &[PeriodReturn], years: &[PeriodReturn], benchmark: &str, shade: Shade) -> String {
    let line = |year: &PeriodReturn, who: &str, of: fn(&PeriodReturn) -> Option<f64>| {
        let number_of = year.year_and_month().map_or(0, |(year, _)| year);
        let month = |m: i8| periods.iter().find(|p| p.year_and_month() == Some((number_of, m)));
        let cell = |m: i8| month(m).map_or("<td></td>".to_owned(), |period| shade.cell(of(period), points));
        let cells: String = (1..=12).map(cell).collect();
        let total = number_or_dash(of(year), points);
        format!(
            "<tr><th scope=\"row\">{number_of}<small>{}</small></th>{cells}<td><b>{total}</b></td></tr>",
            escape(who)
        )
    };
    let rows = years.iter().flat_map(|year| [line(year, "agent", |p| p.agent), line(year, benchmark, |p| p.benchmark)]);
    let heads: Vec<&str> = [""].into_iter().chain(MONTHS).chain(["Year"]).collect();
    table(&heads, &rows.collect::<String>())
}
