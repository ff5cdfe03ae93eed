//! Episodes over training, smoothed so that a trend can be seen.

use super::curves::LearningCurve;

/// Points of the common grid that the seeds' averages are joined on.
const GRID: usize = 400;

/// One number of the episodes of all seeds, smoothed.
pub(super) struct Learning {
    /// Episodes in one moving average.
    pub(super) window: u64,
    /// Per seed: environment steps and the moving average of the episodes up to there.
    pub(super) seeds: Vec<(Vec<f64>, Vec<f64>)>,
    /// Environment steps at which every seed has begun and none has ended, rising, `[G]`.
    pub(super) grid: Vec<f64>,
    /// The seeds' moving averages there, `[S][G]`.
    pub(super) on_grid: Vec<Vec<f64>>,
    /// The number itself: environment steps, and its lowest and highest value about there among the seeds.
    pub(super) range: Vec<(f64, f64, f64)>,
}

impl Learning {
    /// Smooths over a twentieth of the shortest seed's episodes, or `None` if there are fewer than 2 points.
    pub(super) fn new(curves: &[LearningCurve], of: impl Fn(&LearningCurve) -> &[f64]) -> Option<Self> {
        let curves: Vec<&LearningCurve> = curves.iter().filter(|c| !of(c).is_empty()).collect();
        curves.iter().map(|c| of(c).len()).min().filter(|len| *len >= 2)?;
        let shortest = curves.iter().map(|c| c.episodes.iter().sum::<u64>()).min()?;
        let window = (shortest / 20).max(1);
        let smooth = |c: &&LearningCurve| (steps(c), moving_average(of(c), &c.episodes, window));
        let seeds: Vec<_> = curves.iter().map(smooth).collect();
        let mut points: Vec<(f64, f64)> =
            curves.iter().flat_map(|c| steps(c).into_iter().zip(of(c).iter().copied())).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let range = points.chunks(seeds.len()).map(lowest_and_highest).collect();
        let grid = common_grid(&seeds);
        let on_grid = seeds.iter().map(|seed| grid.iter().map(|&at| on_line(seed, at)).collect()).collect();
        Some(Self { window, seeds, grid, on_grid, range })
    }

    /// Mean over the seeds of their moving averages, `[G]`.
    pub(super) fn mean(&self) -> Vec<f64> {
        let seeds = self.on_grid.len() as f64;
        (0..GRID).map(|i| self.on_grid.iter().map(|seed| seed[i]).sum::<f64>() / seeds).collect()
    }
}

fn steps(curve: &LearningCurve) -> Vec<f64> {
    curve.env_steps.iter().map(|&s| s as f64).collect()
}

/// The first place of some points, and how far they reach.
fn lowest_and_highest(points: &[(f64, f64)]) -> (f64, f64, f64) {
    let reach = |(low, high): (f64, f64), p: &(f64, f64)| (low.min(p.1), high.max(p.1));
    let (low, high) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), reach);
    (points[0].0, low, high)
}

/// The mean of at least the last `window` episodes at every point, of all so far at the start.
///
/// A point is the mean of `episodes` that ended together; it counts as a whole.
fn moving_average(values: &[f64], episodes: &[u64], window: u64) -> Vec<f64> {
    let mut first = 0;
    let mut held = 0;
    let mean = |end: usize| {
        held += episodes[end];
        while held - episodes[first] >= window {
            held -= episodes[first];
            first += 1;
        }
        let part = values[first..=end].iter().zip(&episodes[first..=end]);
        part.map(|(value, n)| value * *n as f64).sum::<f64>() / held as f64
    };
    (0..values.len()).map(mean).collect()
}

/// From where the last seed begins to where the first one ends.
fn common_grid(seeds: &[(Vec<f64>, Vec<f64>)]) -> Vec<f64> {
    let from = seeds.iter().filter_map(|s| s.0.first()).copied().fold(f64::NEG_INFINITY, f64::max);
    let to = seeds.iter().filter_map(|s| s.0.last()).copied().fold(f64::INFINITY, f64::min);
    (0..GRID).map(|i| from + (to - from) * i as f64 / (GRID - 1) as f64).collect()
}

/// The value of a line at a place that it reaches: on the straight between the points around it.
fn on_line((xs, ys): &(Vec<f64>, Vec<f64>), at: f64) -> f64 {
    let right = xs.partition_point(|x| *x < at).clamp(1, xs.len() - 1);
    let (x0, x1, y0, y1) = (xs[right - 1], xs[right], ys[right - 1], ys[right]);
    y0 + (y1 - y0) * (at - x0) / (x1 - x0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(env_steps: &[u64], episode_profit: &[f64]) -> LearningCurve {
        let episodes = vec![1; env_steps.len()];
        let (env_steps, episode_profit) = (env_steps.to_vec(), episode_profit.to_vec());
        LearningCurve { env_steps, episodes, episode_profit, ..LearningCurve::default() }
    }

    fn profit(curve: &LearningCurve) -> &[f64] {
        &curve.episode_profit
    }

    #[test]
    fn the_grid_joins_seeds_whose_episodes_end_at_different_steps() {
        let curves = [curve(&[100, 200, 300], &[1.0, 2.0, 3.0]), curve(&[150, 350], &[5.0, 7.0])];
        let learning = Learning::new(&curves, profit).unwrap();
        let ends = |values: &[f64]| (values[0], values[GRID - 1]);
        assert_eq!((learning.window, ends(&learning.grid)), (1, (150.0, 300.0)));
        assert_eq!([ends(&learning.on_grid[0]), ends(&learning.on_grid[1])], [(1.5, 3.0), (5.0, 6.5)]);
        assert_eq!(ends(&learning.mean()), (3.25, 4.75));
        assert_eq!(learning.range, [(100.0, 1.0, 5.0), (200.0, 2.0, 3.0), (350.0, 7.0, 7.0)]);
    }

    #[test]
    fn a_moving_average_looks_back_only() {
        assert_eq!(moving_average(&[3.0, 5.0, 10.0, 0.0], &[1; 4], 2), [3.0, 4.0, 7.5, 5.0]);
    }

    /// 1 episode of 3, then 3 episodes of mean 7, then 2 of mean 1, then 4 of mean 2.
    #[test]
    fn episodes_that_ended_together_weigh_by_their_number() {
        let averages = moving_average(&[3.0, 7.0, 1.0, 2.0], &[1, 3, 2, 4], 4);
        assert_eq!(averages, [3.0, 24.0 / 4.0, 23.0 / 5.0, 2.0]);
    }

    #[test]
    fn a_moving_average_of_every_episode_is_the_mean_so_far() {
        let (values, episodes) = ([2.0, 4.0, 9.0], [2, 2, 1]);
        assert_eq!(moving_average(&values, &episodes, 100), [2.0, 3.0, 21.0 / 5.0]);
    }

    #[test]
    fn too_few_episodes_are_no_curve() {
        assert!(Learning::new(&[], profit).is_none());
        assert!(Learning::new(&[curve(&[9], &[1.0])], profit).is_none());
        assert!(
            Learning::new(&[curve(&[9, 10], &[1.0, 2.0])], |c| c.episode_actions.first().map_or(&[], |a| a)).is_none()
        );
    }
}
