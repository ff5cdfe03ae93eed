//! Parameters that several features share.

use serde::{Deserialize, Serialize};

/// A column of a bar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BarField {
    Open,
    High,
    Low,
    #[default]
    Close,
    Volume,
}

/// How a change is expressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    /// `x[t] / x[t-1] - 1`
    #[default]
    Simple,
    /// `ln(x[t] / x[t-1])`
    Log,
    /// `100 (x[t] / x[t-1] - 1)`
    Percent,
}

/// The change from one bar to the next, cut to a largest size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    kind: ChangeKind,
    clip: f64,
    before: Option<f64>,
}

impl Change {
    pub(crate) fn new(kind: ChangeKind, clip: Option<f64>) -> Self {
        Self { kind, clip: clip.unwrap_or(f64::INFINITY), before: None }
    }

    /// The change since the value before; 0 for the first one and where it is not defined.
    #[inline(always)]
    pub(crate) fn update(&mut self, now: f64) -> f64 {
        let change = match self.before.replace(now) {
            Some(before) if before != 0.0 => match self.kind {
                ChangeKind::Simple => now / before - 1.0,
                ChangeKind::Percent => 100.0 * (now / before - 1.0),
                ChangeKind::Log if now / before > 0.0 => (now / before).ln(),
                ChangeKind::Log => 0.0,
            },
            _ => 0.0,
        };
        change.clamp(-self.clip, self.clip)
    }
}

/// What a spread of numbers around `level` may be though they are all equal: rounding.
pub(crate) fn rounding_noise(level: f64) -> f64 {
    64.0 * f64::EPSILON * level.abs()
}

/// The complaint about a window outside `least..=100000`, if there is one.
pub(crate) fn check_window(key: &str, got: u32, least: u32) -> Option<String> {
    (!(least..=100_000).contains(&got)).then(|| format!("{key} must lie in {least}..=100000, got {got}"))
}

/// The complaint about a limit that is not positive, if there is one.
pub(crate) fn check_clip(clip: Option<f64>) -> Option<String> {
    clip.filter(|clip| clip.is_nan() || *clip <= 0.0).map(|clip| format!("clip must be positive, got {clip}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(kind: ChangeKind, clip: Option<f64>, values: &[f64]) -> Vec<f64> {
        let mut change = Change::new(kind, clip);
        values.iter().map(|x| change.update(*x)).collect()
    }

    #[test]
    fn a_change_from_zero_is_zero_and_the_clip_holds_on_both_sides() {
        use ChangeKind::{Log, Percent, Simple};
        assert_eq!(changes(Percent, None, &[0.0, 5.0, 0.0, 0.0, 2.0, 3.0]), [0.0, 0.0, -100.0, 0.0, 0.0, 50.0]);
        assert_eq!(changes(Percent, Some(40.0), &[1.0, 2.0, 0.5]), [0.0, 40.0, -40.0]);
        assert_eq!(changes(Simple, None, &[4.0, 5.0]), [0.0, 0.25]);
        assert_eq!(changes(Log, None, &[1.0, std::f64::consts::E, 0.0, 1.0, -1.0]), [0.0, 1.0, 0.0, 0.0, 0.0]);
    }
}
