//! Episode profits over training, smoothed so that a trend can be seen.

use super::curves::LearningCurve;

/// Points of the common grid that the seeds' averages are joined on.
const GRID: usize = 400;

/// Smoothed profits of all seeds.
pub(super) struct Learning {
    /// Episodes in one moving average.
    pub(super) window: usize,
    /// Per seed: environment steps and the moving average of the episodes up to there.
    pub(super) seeds: Vec<(Vec<f64>, Vec<f64>)>,
    /// Environment steps and the mean of the seeds' moving averages.
    pub(super) mean: (Vec<f64>, Vec<f64>),
    /// All episodes of all seeds by environment steps.
    pub(super) episodes: Vec<(f64, f64)>,
}

impl Learning {
    /// Smooths over a twentieth of the shortest seed's episodes, or `None` if there are fewer than 2 episodes.
    pub(super) fn new(curves: &[LearningCurve]) -> Option<Self> {
        let curves: Vec<&LearningCurve> = curves.iter().filter(|c| !c.episode_profit.is_empty()).collect();
        let shortest = curves.iter().map(|c| c.episode_profit.len()).min().filter(|len| *len >= 2)?;
        let window = (shortest / 20).max(1);
        let smooth = |c: &&LearningCurve| (steps(c), moving_average(&c.episode_profit, window));
        let seeds: Vec<_> = curves.iter().map(smooth).collect();
        let mut episodes: Vec<(f64, f64)> =
            curves.iter().flat_map(|c| steps(c).into_iter().zip(c.episode_profit.iter().copied())).collect();
        episodes.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mean = mean_over_seeds(&seeds);
        Some(Self { window, seeds, mean, episodes })
    }
}

fn steps(curve: &LearningCurve) -> Vec<f64> {
    curve.env_steps.iter().map(|&s| s as f64).collect()
}

/// The mean of the last `window` values at every point, of all so far at the start.
fn moving_average(values: &[f64], window: usize) -> Vec<f64> {
    let mean = |end: usize| {
        let part = &values[(end + 1).saturating_sub(window)..=end];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..values.len()).map(mean).collect()
}

/// On a grid where every seed has begun and none has ended, the mean of their latest values.
fn mean_over_seeds(seeds: &[(Vec<f64>, Vec<f64>)]) -> (Vec<f64>, Vec<f64>) {
    let from = seeds.iter().filter_map(|s| s.0.first()).copied().fold(f64::NEG_INFINITY, f64::max);
    let to = seeds.iter().filter_map(|s| s.0.last()).copied().fold(f64::INFINITY, f64::min);
    let grid: Vec<f64> = (0..GRID).map(|i| from + (to - from) * i as f64 / (GRID - 1) as f64).collect();
    let latest = |(steps, values): &(Vec<f64>, Vec<f64>), at: f64| {
        values[steps.partition_point(|s| *s <= at).clamp(1, values.len()) - 1]
    };
    let means =
        grid.iter().map(|&at| seeds.iter().map(|seed| latest(seed, at)).sum::<f64>() / seeds.len() as f64).collect();
    (grid, means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_joins_seeds_whose_episodes_end_at_different_steps() {
        let one = LearningCurve { seed: 1, env_steps: vec![100, 200, 300], episode_profit: vec![1.0, 2.0, 3.0] };
        let two = LearningCurve { seed: 2, env_steps: vec![150, 350], episode_profit: vec![5.0, 7.0] };
        let learning = Learning::new(&[one, two]).unwrap();
        let (grid, mean) = &learning.mean;
        assert_eq!((learning.window, grid[0], grid[GRID - 1]), (1, 150.0, 300.0));
        assert_eq!((mean[0], mean[GRID - 1]), (3.0, 4.0));
        assert_eq!(learning.episodes.iter().map(|e| e.1).collect::<Vec<_>>(), [1.0, 5.0, 2.0, 3.0, 7.0]);
    }

    #[test]
    fn a_moving_average_looks_back_only() {
        assert_eq!(moving_average(&[3.0, 5.0, 10.0, 0.0], 2), [3.0, 4.0, 7.5, 5.0]);
    }

    #[test]
    fn too_few_episodes_are_no_curve() {
        assert!(Learning::new(&[]).is_none());
        let short = LearningCurve { seed: 1, env_steps: vec![9], episode_profit: vec![1.0] };
        assert!(Learning::new(&[short]).is_none());
    }
}
