//! Tables and numbers as Markdown.

use pavlov_evaluation::Summary;

use crate::published::Figure;
use crate::report::format::grouped;

/// A table under construction.
pub struct Grid {
    heads: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

/// Words stand left, numbers right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

impl Grid {
    pub fn new(heads: Vec<(String, Align)>) -> Self {
        Self { heads, rows: Vec::new() }
    }

    /// Adds a row, a text for each column.
    pub fn push(&mut self, row: Vec<String>) {
        assert_eq!(row.len(), self.heads.len(), "a text for each column");
        self.rows.push(row);
    }

    /// The table without the columns that have nothing in any row.
    pub fn to_text(&self) -> String {
        let used = |column: &usize| self.rows.iter().any(|row| !row[*column].is_empty());
        let columns: Vec<usize> = (0..self.heads.len()).filter(used).collect();
        let cell = |text: String| if text.is_empty() { " |".to_owned() } else { format!(" {text} |") };
        let line = |texts: Vec<String>| format!("|{}\n", texts.into_iter().map(cell).collect::<String>());
        let heads = line(columns.iter().map(|column| escape(&self.heads[*column].0)).collect());
        let rule = columns.iter().map(|column| if self.heads[*column].1 == Align::Left { "---|" } else { "---:|" });
        let rule = format!("|{}\n", rule.collect::<String>());
        let rows = self.rows.iter().map(|row| line(columns.iter().map(|column| escape(&row[*column])).collect()));
        heads + &rule + &rows.collect::<String>()
    }
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

/// How numbers of a kind are written.
#[derive(Clone, Copy)]
pub enum Unit {
    /// A fraction as percent, without the sign.
    Percent,
    /// Two decimals.
    Ratio,
    /// Whole unless they are small means.
    Count,
    /// A number of a publication's own kind.
    Published,
}

impl Unit {
    fn scale(self) -> f64 {
        match self {
            Self::Percent => 100.0,
            _ => 1.0,
        }
    }

    /// Decimals of numbers whose largest is this, as they are written.
    fn decimals(self, largest: f64) -> usize {
        match self {
            Self::Percent | Self::Count => usize::from(largest < 99.95),
            Self::Ratio => 2,
            Self::Published => crate::published::decimals(largest),
        }
    }

    /// One number.
    pub fn one(self, value: f64) -> String {
        self.all(&[value]).remove(0)
    }

    /// A number or nothing.
    pub fn maybe(self, value: Option<f64>) -> String {
        value.map_or(String::new(), |value| self.one(value))
    }

    /// Mean with its 95 % interval, which is left out where all values are the same; says in how many of `seeds` the metric
    /// is defined if not in all.
    pub fn summary(self, summary: &Summary, seeds: usize) -> String {
        let Some(mean) = summary.mean else { return "undefined".to_owned() };
        let text = match summary.ci95.filter(|[low, high]| low < high) {
            Some(ci95) => self.with_interval(mean, ci95),
            None => self.one(mean),
        };
        if summary.n < seeds { format!("{text} in {} of {seeds}", summary.n) } else { text }
    }

    /// `1.2 [0.8, 1.6]`.
    pub fn with_interval(self, mean: f64, [low, high]: [f64; 2]) -> String {
        let texts = self.all(&[mean, low, high]);
        format!("{} [{}, {}]", texts[0], texts[1], texts[2])
    }

    /// A published figure, with its deviation if there is one.
    pub fn figure(self, figure: Option<Figure>) -> String {
        match figure {
            None => String::new(),
            Some(Figure::Value(value)) => self.one(value),
            Some(Figure::MeanStd(pair)) => self.all(&pair).join(" \u{b1} "),
        }
    }

    /// Numbers with the same decimals.
    fn all(self, values: &[f64]) -> Vec<String> {
        let scaled: Vec<f64> = values.iter().map(|value| self.scale() * value).collect();
        let largest = scaled.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let whole = matches!(self, Self::Count) && scaled.iter().all(|value| value.fract() == 0.0);
        let decimals = if whole { 0 } else { self.decimals(largest) };
        scaled.iter().map(|value| grouped(*value, decimals)).collect()
    }
}
