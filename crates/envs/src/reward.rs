use serde::{Deserialize, Serialize};

use crate::Account;

/// What the net worth is measured against; the reward is the change of the difference, in money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardKind {
    /// Against the initial account, had it been held: 0 while nothing is traded.
    #[default]
    RelativeToInitialAccount,
    /// Against nothing: the change of the net worth.
    Absolute,
}

impl RewardKind {
    /// The account whose net worth is taken off.
    pub fn reference(self, initial: Account) -> Account {
        match self {
            Self::RelativeToInitialAccount => initial,
            Self::Absolute => Account::default(),
        }
    }
}
