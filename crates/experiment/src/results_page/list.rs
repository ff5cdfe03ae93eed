//! The experiments whose tables the documents show.

/// A table: one game, played by a config or by several forms of it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Name of its block in `docs/results.md`.
    pub name: &'static str,
    /// What the README's table calls it.
    pub title: &'static str,
    /// The forms, side by side; the first is the one that counts.
    pub forms: &'static [Form],
}

/// A config of a table.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// What tells it from the others of the table.
    pub label: &'static str,
    /// Its file in `configs/`, without the extension.
    pub config: &'static str,
}

/// Every table, in the order of the documents. To add one: a line here, and a block of its name in `docs/results.md`.
pub const TABLES: &[Table] = &[
    Table {
        name: "bitcoin",
        title: "Bitcoin by the hour, LSTM-PPO",
        forms: &[
            Form { label: "default", config: "bitcoin-lstm-ppo" },
            Form { label: "as published", config: "bitcoin-lstm-ppo-published" },
        ],
    },
    Table {
        name: "ddqn-tsla",
        title: "Tesla by the day, Double DQN, six experiments",
        forms: &[
            Form { label: "default", config: "ddqn-tsla" },
            Form { label: "as published", config: "ddqn-tsla-published" },
        ],
    },
    Table {
        name: "tdqn-aapl",
        title: "Apple by the day, Double DQN",
        forms: &[Form { label: "default", config: "tdqn-aapl" }],
    },
    Table {
        name: "tdqn-tsla",
        title: "Tesla by the day, Double DQN",
        forms: &[Form { label: "default", config: "tdqn-tsla" }],
    },
    Table {
        name: "kospi",
        title: "KOSPI leverage/inverse ratio by the day, Gaussian PPO",
        forms: &[
            Form { label: "default", config: "kospi-ratio-ppo" },
            Form { label: "as published", config: "kospi-ratio-ppo-published" },
        ],
    },
];
