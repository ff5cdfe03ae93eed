use super::ppo::huber;

/// Mean of Huber's distance of a forecast to what came, over all numbers of `[B, F]`, and its gradient with respect to the
/// forecast.
///
/// `huber(e)` is `e^2 / 2` for `|e| <= delta`, else `delta (|e| - delta / 2)` (PyTorch, `torch.nn.HuberLoss`).
///
/// # Panics
/// If the lengths differ or are 0.
pub fn forecast_huber(forecast: &[f32], came: &[f32], delta: f64, d_forecast: &mut [f32]) -> f64 {
    assert!(
        !came.is_empty() && forecast.len() == came.len() && d_forecast.len() == came.len(),
        "numbers of a forecast"
    );
    let mean = 1.0 / came.len() as f64;
    let rows = forecast.iter().zip(came).zip(d_forecast);
    let losses = rows.map(|((forecast, came), d)| {
        let (loss, slope) = huber(f64::from(*forecast) - f64::from(*came), delta);
        *d = (mean * slope) as f32;
        loss
    });
    losses.sum::<f64>() * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_errors_count_squared_and_large_ones_linearly_and_the_gradient_is_the_slope() {
        let (forecast, came) = ([1.0, 0.5, -3.0, 2.0], [1.0, 1.0, 1.0, -0.5]);
        let mut d = [f32::NAN; 4];
        let loss = forecast_huber(&forecast, &came, 1.0, &mut d);
        assert!((loss - (0.0 + 0.125 + 3.5 + 2.0) / 4.0).abs() < 1e-12);
        assert_eq!(d, [0.0, -0.125, -0.25, 0.25]);
    }
}
