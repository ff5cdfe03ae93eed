//! The result of an audit for a terminal.

use std::fmt::Write as _;

use jiff::Timestamp;
use pavlov_audit::Leak;

use super::Audit;
use super::warm_up::TOLERANCE;

/// What was checked, the warm-ups, the assumptions and the leaks.
pub(super) fn table(audit: &Audit) -> String {
    let games: Vec<String> = audit.games.iter().map(|(name, cuts)| format!("{cuts} in the {name}")).collect();
    let mut out = format!("{}: look-ahead audit, cuts: {}\n\n", audit.name, games.join(", "));
    let _ = writeln!(out, "{:<30}{:>15}{:>13}", "checked", "comparisons", "differences");
    for (check, count) in &audit.findings.counts {
        let _ = writeln!(out, "{:<30}{:>15}{:>13}", check.name(), thousands(count.comparisons), count.differences);
    }
    let widest = audit.warm_ups.iter().map(|w| w.column.chars().count()).max().unwrap_or(0).max(6);
    let _ = writeln!(
        out,
        "\n{:<widest$}{:>10}   largest difference after it, of {TOLERANCE:e} promised",
        "column", "warm-up"
    );
    for w in &audit.warm_ups {
        let _ = writeln!(out, "{:<widest$}{:>10}   {:.1e}", w.column, w.warm_up, w.largest);
    }
    out += "\nassumptions\n";
    for assumption in &audit.assumptions {
        let _ = writeln!(out, "- {assumption}");
    }
    if audit.is_clean() {
        return out + "\nclean: nothing known at a cut changes with what comes after it\n";
    }
    let _ = writeln!(out, "\nleaks: {}", audit.findings.leaks.len());
    for leak in &audit.findings.leaks {
        let _ = writeln!(out, "- {}", leak.sentence(time(audit, leak).as_deref()));
    }
    out
}

/// Close of the row that a leak was found at.
fn time(audit: &Audit, leak: &Leak) -> Option<String> {
    let ns = audit.times.get(leak.first.row as usize)?;
    Some(Timestamp::from_nanosecond(i128::from(*ns)).ok()?.to_string())
}

/// Digits in groups of three.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
