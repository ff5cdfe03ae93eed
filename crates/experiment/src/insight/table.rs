//! `insight.parquet`: what an agent expected and attended to, for other tools.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, TimestampNanosecondArray};

use super::Insight;
use super::column::Column;
use crate::error::ExperimentError;
use crate::plan::Plan;
use crate::tables::encode;
use crate::world::World;

/// A row for each decision on the test span: its time, that of the next bar, each column as it was expected and as it came,
/// and the shares of attention.
///
/// # Errors
/// [`ExperimentError::Encode`].
pub(crate) fn table(plan: &Plan, world: &World, insight: &Insight) -> Result<Vec<u8>, ExperimentError> {
    let (frame, decisions) = (&world.market.frame, insight.decisions());
    let times = |rows: &[u32]| -> ArrayRef {
        let times: Vec<i64> = rows.iter().map(|row| world.market.times[*row as usize]).collect();
        Arc::new(TimestampNanosecondArray::from(times).with_timezone("UTC"))
    };
    let mut columns: Vec<(String, ArrayRef)> =
        vec![("time".into(), times(&insight.rows[..decisions])), ("next_time".into(), times(&insight.rows[1..]))];
    let forecasts = if insight.forecast.is_empty() { Vec::new() } else { Column::all(plan, &world.scaler) };
    for column in forecasts {
        let expected = (0..decisions).map(|d| column.value(insight.forecast_at(d, frame.cols())));
        let came = insight.rows[1..].iter().map(|row| column.value(frame.row(*row as usize)));
        columns.push((format!("forecast {}", column.name), Arc::new(expected.collect::<Float64Array>())));
        columns.push((format!("came {}", column.name), Arc::new(came.collect::<Float64Array>())));
    }
    for part in &insight.attention {
        for (i, label) in part.labels.iter().enumerate() {
            let shares = part.shares.iter().skip(i).step_by(part.labels.len()).copied();
            let name = format!("attention {} {label}", part.of);
            columns.push((name, Arc::new(shares.map(Some).collect::<Float32Array>())));
        }
    }
    encode("insight.parquet", columns)
}
