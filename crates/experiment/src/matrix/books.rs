//! The test books of a seed, read back from its tables.

use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use pavlov_evaluation::TradeRecord;
use pavlov_store::Disk;

use crate::error::ExperimentError;
use crate::tables;

/// What an account was worth on the test span, and its trades.
pub struct Books {
    /// Closes of the bars, UTC ns, `[T]`.
    pub times: Vec<i64>,
    /// Money, `[T]`.
    pub net_worth: Vec<f64>,
    /// Money, signed, `[T]`.
    pub holdings_value: Vec<f64>,
    pub trades: Vec<TradeRecord>,
}

impl Books {
    /// Reads `equity.parquet` and `fills.parquet` of a seed's folder.
    ///
    /// # Errors
    /// [`ExperimentError`] if a table cannot be read.
    pub fn read(disk: &dyn Disk, seed: &Path) -> Result<Self, ExperimentError> {
        let equity = table(disk, &seed.join("equity.parquet"))?;
        let fills = table(disk, &seed.join("fills.parquet"))?;
        let trades = fills.times("time")?.into_iter().zip(fills.numbers("shares")?);
        let trades = trades.zip(fills.numbers("price")?.into_iter().zip(fills.numbers("fee")?));
        Ok(Self {
            times: equity.times("time")?,
            net_worth: equity.numbers("net_worth")?,
            holdings_value: equity.numbers("holdings_value")?,
            trades: trades.map(|((time, shares), (price, fee))| TradeRecord { time, shares, price, fee }).collect(),
        })
    }

    /// Returns by period, as fractions, `[T - 1]`.
    pub fn returns(&self) -> Vec<f64> {
        self.net_worth.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect()
    }
}

/// The rows of the test span of a table.
struct Table {
    path: PathBuf,
    batch: RecordBatch,
    test: Vec<bool>,
}

fn table(disk: &dyn Disk, path: &Path) -> Result<Table, ExperimentError> {
    let decoded = tables::decode(pavlov_store::read(disk, path)?);
    let batch = decoded.map_err(|reason| unreadable(path, reason))?;
    let spans = batch.column_by_name("span").and_then(|column| column.as_string_opt::<i32>());
    let spans = spans.ok_or_else(|| unreadable(path, "it has no column `span`".into()))?;
    let test = (0..spans.len()).map(|row| spans.value(row) == "test").collect();
    Ok(Table { path: path.to_owned(), batch, test })
}

impl Table {
    fn numbers(&self, name: &str) -> Result<Vec<f64>, ExperimentError> {
        let column = self.batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Float64Type>());
        let column = column.ok_or_else(|| unreadable(&self.path, format!("it has no column `{name}`")))?;
        Ok(self.taken(column.values()))
    }

    fn times(&self, name: &str) -> Result<Vec<i64>, ExperimentError> {
        let column =
            self.batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<TimestampNanosecondType>());
        let column = column.ok_or_else(|| unreadable(&self.path, format!("it has no column `{name}`")))?;
        Ok(self.taken(column.values()))
    }

    fn taken<T: Copy>(&self, values: &[T]) -> Vec<T> {
        values.iter().zip(&self.test).filter(|(_, test)| **test).map(|(value, _)| *value).collect()
    }
}

fn unreadable(path: &Path, reason: String) -> ExperimentError {
    ExperimentError::Table { path: path.to_owned(), reason }
}
