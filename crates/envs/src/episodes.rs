use pavlov_rl_core::{Market, Rng, Segment, below};

use crate::EnvError;

/// Which part of a segment an episode covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpisodeMode {
    /// A stretch of fixed length with a random start: training.
    Sampled,
    /// The whole segment: evaluation.
    Whole,
}

/// Where episodes start and end within a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Episodes {
    first: u32,
    starts: u32,
    len: u32,
}

impl Episodes {
    /// Episodes of `sample_len` steps, or of all rows, in a segment of this market.
    ///
    /// # Errors
    /// [`EnvError::Segment`] or [`EnvError::TooShort`].
    pub fn new(market: &Market, segment: Segment, mode: EpisodeMode, sample_len: u32) -> Result<Self, EnvError> {
        let Segment { start, first, end } = segment;
        let rows = market.frame.rows();
        if start > first || first >= end || end as usize > rows {
            return Err(EnvError::Segment { segment, rows });
        }
        let steps = end - 1 - first;
        let len = match mode {
            EpisodeMode::Sampled => sample_len,
            EpisodeMode::Whole => steps.max(1),
        };
        if len > steps {
            return Err(EnvError::TooShort { rows: end - first, expected: len.saturating_add(1), steps: len });
        }
        Ok(Self { first, starts: steps - len + 1, len })
    }

    /// First row of an episode, uniform over all that fit, and its last row.
    pub fn draw(&self, rng: &mut Rng) -> (u32, u32) {
        let start = self.first + below(rng, self.starts);
        (start, start + self.len)
    }

    /// Whether an episode can stand at `row` with its last row at `end`.
    pub fn contains(&self, row: u32, end: u32) -> bool {
        let ends = self.first + self.len..self.first + self.len + self.starts;
        ends.contains(&end) && row < end && row >= end - self.len
    }
}

#[cfg(test)]
mod tests {
    use pavlov_rl_core::RngTree;
    use pavlov_testkit::synthetic;

    use super::*;

    #[test]
    fn sampled_episodes_start_everywhere_they_fit_and_never_leave_the_segment() {
        let market = synthetic::random_walk(40, 1, 1, 0);
        let segment = Segment { start: 5, first: 10, end: 30 };
        let episodes = Episodes::new(&market, segment, EpisodeMode::Sampled, 15).unwrap();
        let mut rng = RngTree::new(1).stream("env", 0);
        let mut seen: Vec<_> = (0..500).map(|_| episodes.draw(&mut rng)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [(10, 25), (11, 26), (12, 27), (13, 28), (14, 29)]);
        assert!(seen.iter().all(|&(start, end)| episodes.contains(start, end)));
        for (row, end) in [(9, 24), (9, 25), (25, 25), (10, 30), (14, 30), (26, 29 + 15)] {
            assert!(!episodes.contains(row, end), "{row}..{end}");
        }
    }

    #[test]
    fn a_segment_that_holds_no_episode_is_refused_with_its_numbers() {
        let market = synthetic::random_walk(40, 1, 1, 0);
        let new = |first, end, mode| Episodes::new(&market, Segment { start: 0, first, end }, mode, 20);
        let message = new(10, 30, EpisodeMode::Sampled).unwrap_err().to_string();
        assert_eq!(
            message,
            "the segment has 20 rows to act in where episodes of 20 steps need 21; lengthen its span or shorten the episodes"
        );
        assert!(matches!(new(10, 11, EpisodeMode::Whole), Err(EnvError::TooShort { rows: 1, expected: 2, steps: 1 })));
        assert!(matches!(new(10, 41, EpisodeMode::Whole), Err(EnvError::Segment { rows: 40, .. })));
        assert!(matches!(new(10, 10, EpisodeMode::Whole), Err(EnvError::Segment { .. })));
    }
}
