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

/// Where episodes start and end within segments; no episode crosses from one into another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episodes {
    stretches: Box<[Stretch]>,
    /// Starts in all stretches.
    starts: u32,
}

/// The rows from the first of some segments to the last, and what lies between them.
pub(crate) fn hull(segments: &[Segment]) -> Segment {
    let none = Segment { start: u32::MAX, first: u32::MAX, end: 0 };
    segments.iter().fold(none, |all, segment| Segment {
        start: all.start.min(segment.start),
        first: all.first.min(segment.first),
        end: all.end.max(segment.end),
    })
}

/// Refuses segments in which the first decision has fewer rows behind it than a window shows.
pub(crate) fn check_windows(segments: &[Segment], window: u32) -> Result<(), EnvError> {
    match segments.iter().find(|segment| segment.first - segment.start + 1 < window) {
        Some(&segment) => Err(EnvError::Window { window: window as usize, segment }),
        None => Ok(()),
    }
}

/// Episodes of one length within one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    first: u32,
    starts: u32,
    len: u32,
}

impl Episodes {
    /// Episodes of `sample_len` steps, or of all rows, in segments of this market.
    ///
    /// # Errors
    /// [`EnvError::Segment`] or [`EnvError::TooShort`] for the first that does not fit.
    pub fn new(market: &Market, segments: &[Segment], mode: EpisodeMode, sample_len: u32) -> Result<Self, EnvError> {
        if segments.is_empty() {
            return Err(EnvError::TooShort { rows: 0, expected: sample_len.saturating_add(1), steps: sample_len });
        }
        let stretch = |segment: &Segment| Stretch::new(market, *segment, mode, sample_len);
        let stretches = segments.iter().map(stretch).collect::<Result<Box<[Stretch]>, _>>()?;
        let starts = stretches.iter().map(|stretch| stretch.starts).sum();
        Ok(Self { stretches, starts })
    }

    /// First row of an episode, uniform over all that fit, and its last row.
    pub fn draw(&self, rng: &mut Rng) -> (u32, u32) {
        let mut drawn = below(rng, self.starts);
        for stretch in &self.stretches {
            if drawn < stretch.starts {
                let start = stretch.first + drawn;
                return (start, start + stretch.len);
            }
            drawn -= stretch.starts;
        }
        unreachable!("a start is drawn below the number of all starts")
    }

    /// Whether an episode can stand at `row` with its last row at `end`.
    pub fn contains(&self, row: u32, end: u32) -> bool {
        self.stretches.iter().any(|stretch| stretch.contains(row, end))
    }
}

impl Stretch {
    fn new(market: &Market, segment: Segment, mode: EpisodeMode, sample_len: u32) -> Result<Self, EnvError> {
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

    fn contains(&self, row: u32, end: u32) -> bool {
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
        let episodes = Episodes::new(&market, &[segment], EpisodeMode::Sampled, 15).unwrap();
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
    fn episodes_of_several_segments_are_drawn_by_their_starts_and_cross_none() {
        let market = synthetic::random_walk(40, 1, 1, 0);
        let segments = [Segment { start: 0, first: 2, end: 10 }, Segment { start: 20, first: 22, end: 28 }];
        let episodes = Episodes::new(&market, &segments, EpisodeMode::Sampled, 5).unwrap();
        let mut rng = RngTree::new(1).stream("env", 0);
        let mut seen: Vec<_> = (0..4000).map(|_| episodes.draw(&mut rng)).collect();
        let in_second = seen.iter().filter(|(start, _)| *start == 22).count();
        assert!((800..1200).contains(&in_second), "one of four starts, drawn {in_second} times of 4000");
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [(2, 7), (3, 8), (4, 9), (22, 27)]);
        assert!(seen.iter().all(|&(start, end)| episodes.contains(start, end)));
        assert!(!episodes.contains(8, 13) && !episodes.contains(21, 26));
        let none = Episodes::new(&market, &[], EpisodeMode::Sampled, 5);
        assert!(matches!(none, Err(EnvError::TooShort { rows: 0, expected: 6, steps: 5 })));
    }

    #[test]
    fn a_segment_that_holds_no_episode_is_refused_with_its_numbers() {
        let market = synthetic::random_walk(40, 1, 1, 0);
        let new = |first, end, mode| Episodes::new(&market, &[Segment { start: 0, first, end }], mode, 20);
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
