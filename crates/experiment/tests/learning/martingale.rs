//! R10: where nothing can be earned, nothing is; and the same test fires where something can.

use pavlov_experiment::report::Report;
use pavlov_testkit::scale::nightly;

use crate::game::{Game, SIGNIFICANT, agents, figures, gross_t, least, most, t_statistics};

/// Six months to learn from, 54,000 bars to be judged on.
const SPANS: [&str; 3] = ["2012-01-01", "2012-07-01", "2018-09-01"];
/// The same six months, and the first two of the same test. Who sees the next return multiplies the account by e every
/// few weeks; after two months its size has left everything that training showed.
const CONTROL_SPANS: [&str; 3] = ["2012-01-01", "2012-07-01", "2012-09-01"];

fn run(keys: &'static str, market: u64, spans: [&'static str; 3]) -> Report {
    let mode = ("martingale", keys);
    let game = Game { mode, volatility: 0.005, market, commission: 0.00075, spans, body: "lstm", updates: 120 };
    let report = game.run();
    assert_eq!(report.runs.len() as u64, agents());
    report
}

fn markets() -> std::ops::Range<u64> {
    21..if nightly() { 24 } else { 22 }
}

#[test]
fn a_martingale_with_commission_pays_nothing() {
    for market in markets() {
        let report = run("next_shown = false", market, SPANS);
        let t = t_statistics(&report);
        println!("R10: martingale, market {market}, {} bars: t: {}", report.verdict.periods, figures(&t));
        assert!(report.verdict.periods >= 50_000, "{} bars", report.verdict.periods);
        assert!(most(&t) < SIGNIFICANT, "PROMISE=R10 market {market}: a martingale cannot pay, yet t = {t:.2?}");
        let gross = gross_t(&report);
        println!("R10: market {market}, the same without commission: mean t {gross:.2}");
        assert!(gross.abs() < SIGNIFICANT, "PROMISE=R10 market {market}: without commission t = {gross:.2}");
        // Where nothing can be earned, not trading is right, and the report says what that is.
        let collapsed = report.subject.notes.iter().filter(|note| note.starts_with("Collapsed"));
        assert!(collapsed.count() > 0, "{:?}", report.subject.notes);
    }
}

/// The positive control: same prices, same agent, same budget, same statistic on fewer bars; only the next return is shown.
#[test]
fn the_same_martingale_pays_whoever_sees_the_next_return() {
    for market in markets() {
        let report = run("next_shown = true", market, CONTROL_SPANS);
        let t = t_statistics(&report);
        println!("R10: positive control, market {market}, {} bars: t: {}", report.verdict.periods, figures(&t));
        assert!(least(&t) > SIGNIFICANT, "PROMISE=R10 market {market}: the control does not fire, t = {t:.2?}");
    }
}
