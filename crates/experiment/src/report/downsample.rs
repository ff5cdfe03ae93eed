//! Fewer points that look the same: the extremes of every bucket survive.

/// Points kept of one line at most: two a bucket, and the two ends.
pub(super) const MAX_POINTS: usize = 2 * BUCKETS + 2;

const BUCKETS: usize = 399;

/// Keeps the first and last point and, of every bucket between, the lowest and highest in their order in time.
///
/// Points that are not finite are left out. A line of at most [`MAX_POINTS`] points is kept whole.
pub(super) fn line(xs: &[f64], ys: &[f64]) -> Vec<(f64, f64)> {
    let points: Vec<(f64, f64)> =
        xs.iter().copied().zip(ys.iter().copied()).filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    if points.len() <= MAX_POINTS {
        return points;
    }
    let (first, last) = (points[0], points[points.len() - 1]);
    let mut kept = vec![first];
    for bucket in buckets(&points[1..points.len() - 1]) {
        let (low, high) = extremes(bucket);
        let (before, after) = if low <= high { (low, high) } else { (high, low) };
        kept.push(bucket[before]);
        if after != before {
            kept.push(bucket[after]);
        }
    }
    kept.push(last);
    kept
}

/// Cuts into at most [`BUCKETS`] parts of equal length, up to 1.
fn buckets<T>(points: &[T]) -> impl Iterator<Item = &[T]> {
    let n = points.len();
    let count = n.min(BUCKETS);
    (0..count).map(move |i| &points[i * n / count..(i + 1) * n / count])
}

/// Indices of the lowest and the highest point.
fn extremes(points: &[(f64, f64)]) -> (usize, usize) {
    let mut ends = (0, 0);
    for (i, point) in points.iter().enumerate() {
        if point.1 < points[ends.0].1 {
            ends.0 = i;
        }
        if point.1 > points[ends.1].1 {
            ends.1 = i;
        }
    }
    ends
}

/// A band `(x, low, high)` with the lowest low and the highest high of every bucket.
pub(super) fn band(xs: &[f64], low: &[f64], high: &[f64]) -> Vec<(f64, f64, f64)> {
    let points: Vec<(f64, f64, f64)> = xs
        .iter()
        .zip(low.iter().zip(high))
        .map(|(&x, (&low, &high))| (x, low, high))
        .filter(|(x, low, high)| [x, low, high].iter().all(|v| v.is_finite()))
        .collect();
    if points.len() <= BUCKETS {
        return points;
    }
    let last = points[points.len() - 1].0;
    let join = |bucket: &[(f64, f64, f64)]| {
        let low = bucket.iter().fold(f64::INFINITY, |m, p| m.min(p.1));
        let high = bucket.iter().fold(f64::NEG_INFINITY, |m, p| m.max(p.2));
        (bucket[0].0, low, high)
    };
    let mut joined: Vec<_> = buckets(&points).map(join).collect();
    let end = joined[joined.len() - 1];
    joined.push((last, end.1, end.2));
    joined
}

/// Middle places, means, lowest and highest values of at most `most` parts of equal length; values that are not finite are
/// left out, and so are parts that have no others.
pub(super) fn blocks(xs: &[f64], ys: &[f64], most: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
    let points: Vec<(f64, f64)> = xs.iter().copied().zip(ys.iter().copied()).filter(|(_, y)| y.is_finite()).collect();
    let count = points.len().min(most);
    let (mut places, mut means, mut lows, mut highs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for i in 0..count {
        let part = &points[i * points.len() / count..(i + 1) * points.len() / count];
        let (low, high) = extremes(part);
        places.push(part.iter().map(|p| p.0 - part[0].0).sum::<f64>() / part.len() as f64 + part[0].0);
        means.push(part.iter().map(|p| p.1).sum::<f64>() / part.len() as f64);
        lows.push(part[low].1);
        highs.push(part[high].1);
    }
    (places, means, lows, highs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_spike_among_a_million_points_survives() {
        let xs: Vec<f64> = (0..1_000_000).map(f64::from).collect();
        let mut ys: Vec<f64> = xs.iter().map(|x| (x / 1e5).sin()).collect();
        (ys[654_321], ys[654_322]) = (50.0, -70.0);
        let kept = line(&xs, &ys);
        assert!(kept.len() <= MAX_POINTS && MAX_POINTS <= 800);
        assert!(kept.contains(&(654_321.0, 50.0)) && kept.contains(&(654_322.0, -70.0)));
        assert_eq!((kept[0].0, kept[kept.len() - 1].0), (0.0, 999_999.0));
        assert!(kept.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn a_short_line_is_kept_whole_without_its_gaps() {
        assert_eq!(line(&[0.0, 1.0, 2.0], &[5.0, f64::NAN, 6.0]), [(0.0, 5.0), (2.0, 6.0)]);
    }

    #[test]
    fn a_band_still_covers_every_point() {
        let xs: Vec<f64> = (0..5000).map(f64::from).collect();
        let low: Vec<f64> = xs.iter().map(|x| -(x % 97.0)).collect();
        let high: Vec<f64> = xs.iter().map(|x| x % 89.0).collect();
        let kept = band(&xs, &low, &high);
        assert!(kept.len() <= BUCKETS + 1);
        for (x, (l, h)) in xs.iter().zip(low.iter().zip(&high)) {
            let cover = kept.iter().rev().find(|p| p.0 <= *x).unwrap();
            assert!(cover.1 <= *l && cover.2 >= *h);
        }
    }

    #[test]
    fn blocks_have_the_mean_and_the_range_of_their_points() {
        let (places, means, low, high) = blocks(&[0.0, 1.0, 2.0, 3.0, 4.0], &[1.0, 3.0, f64::NAN, 7.0, 9.0], 2);
        assert_eq!((places, means), (vec![0.5, 3.5], vec![2.0, 8.0]));
        assert_eq!((low, high), (vec![1.0, 7.0], vec![3.0, 9.0]));
        assert!(blocks(&[], &[], 5).0.is_empty());
    }
}
