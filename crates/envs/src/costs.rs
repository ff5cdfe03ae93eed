use serde::{Deserialize, Serialize};

/// Proportional commission, as a fraction of the traded value: 0.00075 is 0.075 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commission(pub f64);

impl Commission {
    /// Commission on this value, in money.
    #[inline(always)]
    pub fn fee(self, value: f64) -> f64 {
        self.0 * value
    }

    /// What is left of this value to trade with once its commission is paid.
    #[inline(always)]
    pub fn net(self, value: f64) -> f64 {
        (1.0 - self.0) * value
    }

    /// Notes a commission outside `0..1`.
    pub fn validate(self, problems: &mut Vec<String>) {
        if !(0.0..1.0).contains(&self.0) {
            problems.push(format!("commission must lie in 0..1, got {}", self.0));
        }
    }
}
