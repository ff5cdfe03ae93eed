//! The statistics over runs, time and trials, each against an independent computation; what their intervals cover.

use pavlov_evaluation::metrics::Sample;
use pavlov_evaluation::stats::{
    BlockBootstrap, IntervalMethod, SharpeEvidence, expected_maximum_sharpe, holm, iqm, median, normal_cdf,
    normal_quantile, optimal_block_length, over_runs, paired_difference, percentile_interval, performance_profile,
    probability_of_improvement, probability_of_overfitting, stratified_bootstrap, welch_difference,
};
use pavlov_evaluation::student_t_quantile;
use pavlov_testkit::scale::nightly;

/// SplitMix64 and the transform of Box and Muller: draws that share nothing with the crate's.
struct Draws(u64);

impl Draws {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.unit()).ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A lognormal return with a skewness of about 0.95 and a mean of 0.
    fn skewed(&mut self) -> f64 {
        const SIGMA: f64 = 0.3;
        (SIGMA * self.normal()).exp() - (SIGMA * SIGMA / 2.0).exp()
    }

    /// A return that depends on the one before.
    fn series(&mut self, n: usize, rho: f64) -> Vec<f64> {
        let mut last = self.normal();
        (0..n)
            .map(|_| {
                last = rho * last + (1.0 - rho * rho).sqrt() * self.normal();
                last
            })
            .collect()
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn close(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "got {got}, expected {expected}");
}

#[test]
fn the_interquartile_mean_and_the_median_are_those_of_the_sorted_runs() {
    assert_eq!(iqm(&[9.0, 1.0, 2.0, 3.0, 100.0, 4.0, 5.0, -50.0]), Some((2.0 + 3.0 + 4.0 + 5.0) / 4.0));
    assert_eq!(iqm(&[1.0, 7.0, 4.0]), Some(4.0), "below 4 runs nothing is cut");
    assert_eq!((median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0, 2.0, 3.0])), (Some(2.0), Some(2.5)));
    assert_eq!((iqm(&[]), median(&[])), (None, None));
}

#[test]
fn few_runs_worked_by_hand() {
    let runs = [1.0, 2.0, 3.0, 4.0, 10.0];
    let got = over_runs(&[&runs], 1000, 0).unwrap();
    assert_eq!((got.n, got.median, got.mean.value, got.iqm.value), (5, 3.0, 4.0, 3.0));
    let t = |df| student_t_quantile(0.95, df).unwrap();
    // Squares 9 + 4 + 1 + 0 + 36 = 50; winsorised 2, 2, 3, 4, 4 have squares 4, and 3 values are left of 5.
    let [low, high] = got.mean.ci95.unwrap();
    close(high - 4.0, t(4) * (50.0_f64 / 4.0 / 5.0).sqrt(), 1e-12);
    close(4.0 - low, high - 4.0, 1e-12);
    let [low, high] = got.iqm.ci95.unwrap();
    close(high - 3.0, t(2) * (4.0_f64 / (3.0 * 2.0)).sqrt(), 1e-12);
    close(3.0 - low, high - 3.0, 1e-12);
    assert_eq!((got.mean.method, got.iqm.method), (IntervalMethod::StudentT, IntervalMethod::TrimmedT));
    assert_eq!(over_runs(&[&[f64::NAN, 1.0]], 10, 0), None);
    assert_eq!(over_runs(&[&[1.0]], 10, 0).unwrap().mean.ci95, None);
}

#[test]
fn several_tasks_take_the_degrees_of_freedom_of_welch() {
    let (a, b) = ([1.0, 2.0, 3.0, 4.0], [10.0, 30.0, 20.0]);
    let got = over_runs(&[&a, &b], 10, 0).unwrap().mean;
    let (va, vb) = (5.0 / 3.0, 100.0);
    let (pa, pb) = ((4.0_f64 / 7.0).powi(2) * va / 4.0, (3.0_f64 / 7.0).powi(2) * vb / 3.0);
    let df = (pa + pb).powi(2) / (pa * pa / 3.0 + pb * pb / 2.0);
    close(got.ci95.unwrap()[1] - got.value, student_t_quantile(0.95, df as usize).unwrap() * (pa + pb).sqrt(), 1e-12);
}

/// Every way to draw 5 of 5 with replacement, each with the same chance.
fn all_resamples(runs: &[f64; 5], statistic: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let draw = |code: usize| statistic(&[1, 5, 25, 125, 625].map(|unit| runs[code / unit % 5]));
    let mut all: Vec<f64> = (0..3125).map(draw).collect();
    all.sort_by(f64::total_cmp);
    all
}

#[test]
fn the_bootstrap_equals_the_exact_distribution_of_all_resamples() {
    let runs = [0.1, 0.35, -0.2, 0.6, 0.17];
    let all = all_resamples(&runs, mean);
    let centre = mean(&runs);
    let below = all.iter().filter(|x| **x < centre - 1e-12).count() as f64;
    let ties = all.iter().filter(|x| (**x - centre).abs() <= 1e-12).count() as f64;
    let bias = normal_quantile((below + 0.5 * ties) / 3125.0).unwrap();
    let power = |k: i32| runs.iter().map(|x| (x - centre).powi(k)).sum::<f64>();
    let acceleration = power(3) / (6.0 * power(2).powf(1.5));
    let wide = student_t_quantile(0.95, 4).unwrap() * (5.0_f64 / 4.0).sqrt();
    let expected = [-wide, wide].map(|z| {
        let p = normal_cdf(bias + (bias + z) / (1.0 - acceleration * (bias + z)));
        all[((p * 3125.0) as usize).min(3124)]
    });
    let got = stratified_bootstrap(&[&runs], |xs| mean(xs), 200_000, 3).unwrap();
    close(got[0], expected[0], 0.012);
    close(got[1], expected[1], 0.012);
}

#[test]
fn strata_keep_their_runs_apart() {
    // Two tasks far from each other: drawn across tasks the mean would spread by about 10, drawn inside by about 0.1.
    let (near, far): (Vec<f64>, Vec<f64>) =
        (0..20).map(|i| (f64::from(i % 5) * 0.1, 100.0 + f64::from(i % 7) * 0.1)).unzip();
    let [low, high] = stratified_bootstrap(&[&near, &far], |xs| mean(xs), 2000, 0).unwrap();
    assert!(high - low < 0.2 && low < mean(&[mean(&near), mean(&far)]), "{low} to {high}");
    assert_eq!(stratified_bootstrap(&[&near, &[1.0]], |xs| mean(xs), 100, 0), None);
    let equal = [0.25; 30];
    assert_eq!(stratified_bootstrap(&[&equal], |xs| mean(xs), 100, 0), Some([0.25; 2]));
}

#[test]
fn the_same_seed_gives_the_same_bytes_in_every_thread() {
    let runs: Vec<f64> = (0..40).map(|i| f64::from(i * 7 % 11)).collect();
    let here = over_runs(&[&runs], 500, 9);
    let there: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(|| over_runs(&[&runs], 500, 9))).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(there.iter().all(|other| *other == here));
    assert_ne!(over_runs(&[&runs], 500, 10), here);
}

/// Shares of simulated sets whose intervals of the mean and of the interquartile mean contain the truth.
fn coverage(sets: usize, runs: usize, truth: (f64, f64), mut draw: impl FnMut() -> f64) -> (f64, f64) {
    let (mut of_mean, mut of_iqm) = (0, 0);
    for set in 0..sets {
        let values: Vec<f64> = (0..runs).map(|_| draw()).collect();
        let got = over_runs(&[&values], 1000, set as u64).unwrap();
        let holds = |ci: Option<[f64; 2]>, x: f64| ci.is_some_and(|[low, high]| low <= x && x <= high);
        of_mean += usize::from(holds(got.mean.ci95, truth.0));
        of_iqm += usize::from(holds(got.iqm.ci95, truth.1));
    }
    (of_mean as f64 / sets as f64, of_iqm as f64 / sets as f64)
}

#[test]
#[allow(clippy::print_stdout)]
fn intervals_cover_the_truth_in_93_to_97_of_100_sets() {
    let scale = if nightly() { 10 } else { 1 };
    // The interquartile mean of the skewed returns, from its population: the mean between the quartiles.
    let skewed_iqm = {
        let between = |k: usize| 0.25 + 0.5 * (k as f64 + 0.5) / 20_000.0;
        let value = |p: f64| (0.3 * normal_quantile(p).unwrap()).exp() - 0.045_f64.exp();
        (0..20_000).map(|k| value(between(k))).sum::<f64>() / 20_000.0
    };
    let mut report = Vec::new();
    for runs in [5, 10, 30] {
        // Thirty runs are resampled, fewer are not, so that more sets of them cost little.
        let sets = scale * if runs < 30 { 20_000 } else { 3_000 };
        let (mut normal, mut skewed) = (Draws(runs as u64), Draws(100 + runs as u64));
        report.push((runs, "normal", coverage(sets, runs, (0.0, 0.0), || normal.normal())));
        report.push((runs, "skewed", coverage(sets, runs, (0.0, skewed_iqm), || skewed.skewed())));
    }
    println!("{report:?}");
    for (runs, shape, (of_mean, of_iqm)) in &report {
        assert!((0.93..=0.97).contains(of_mean), "mean of {runs} {shape} runs: {of_mean}");
        assert!((0.93..=0.97).contains(of_iqm), "interquartile mean of {runs} {shape} runs: {of_iqm}");
    }
}

#[test]
fn intervals_over_several_tasks_cover_the_truth_as_often() {
    let sets = if nightly() { 20_000 } else { 3_000 };
    for (runs, seed) in [(4, 21), (10, 22)] {
        let mut draws = Draws(seed);
        // Three tasks with means 0, 1 and 2 and spreads 1, 2 and 3: 12 runs take Welch's interval, 30 the bootstrap.
        let task = |k: u32, draws: &mut Draws| -> Vec<f64> {
            (0..runs).map(|_| f64::from(k) + f64::from(k + 1) * draws.normal()).collect()
        };
        let holds = |set: &u64| {
            let tasks: Vec<Vec<f64>> = (0..3).map(|k| task(k, &mut draws)).collect();
            let strata: Vec<&[f64]> = tasks.iter().map(Vec::as_slice).collect();
            let [low, high] = over_runs(&strata, 1000, *set).unwrap().mean.ci95.unwrap();
            low <= 1.0 && 1.0 <= high
        };
        let share = (0..sets).filter(holds).count() as f64 / sets as f64;
        assert!((0.93..=0.97).contains(&share), "3 tasks of {runs} runs: {share}");
    }
}

#[test]
fn improvement_is_paired_and_ties_count_half() {
    let got = probability_of_improvement(&[1.0, 2.0, 3.0, 4.0], &[0.0, 2.0, 4.0, 3.0]).unwrap();
    assert_eq!((got.n, got.probability), (4, 0.625));
    // Wilson's interval of 8 of 10.
    let wins: Vec<f64> = (0..10).map(|i| if i < 8 { 1.0 } else { -1.0 }).collect();
    let [low, high] = probability_of_improvement(&wins, &[0.0; 10]).unwrap().ci95;
    close(low, 0.490_16, 1e-5);
    close(high, 0.943_32, 1e-5);
    assert_eq!(probability_of_improvement(&[1.0], &[]), None);
}

#[test]
fn a_profile_is_the_share_of_runs_above_each_threshold() {
    let (a, b) = ([0.0, 1.0, 2.0, 3.0], [2.0, 2.0]);
    let profile = performance_profile(&[&a, &b], &[-1.0, 0.0, 1.5, 2.0, 9.0], 500, 1);
    let shares: Vec<f64> = profile.iter().map(|p| p.share).collect();
    assert_eq!(shares, [1.0, 0.875, 0.75, 0.125, 0.0]);
    assert!(profile.iter().all(|p| p.ci95[0] <= p.share && p.share <= p.ci95[1]));
    assert_eq!((profile[0].ci95, profile[4].ci95), ([1.0; 2], [0.0; 2]));
}

#[test]
fn block_lengths_follow_the_dependence() {
    // A first-order process has the optimum (2 rho / (1 - rho^2))^(2/3) n^(1/3) in the limit.
    let n = 20_000;
    for rho in [0.3, 0.6, 0.8_f64] {
        let theory = (2.0 * rho / (1.0 - rho * rho)).powf(2.0 / 3.0) * (n as f64).cbrt();
        let got = optimal_block_length(&Draws(7).series(n, rho));
        assert!((got / theory - 1.0).abs() < 0.2, "{rho}: got {got}, theory {theory}");
    }
    assert!(optimal_block_length(&Draws(7).series(n, 0.0)) < 8.0);
    assert_eq!((optimal_block_length(&[1.0; 50]), optimal_block_length(&[1.0, 2.0])), (1.0, 1.0));
}

#[test]
fn resampled_blocks_spread_like_the_mean_of_dependent_returns() {
    let (n, rho) = (4000, 0.5);
    let series = Draws(3).series(n, rho);
    let bootstrap = BlockBootstrap { mean_length: optimal_block_length(&series), replicates: 4000, seed: 1 };
    let means = bootstrap.totals(&[&series], |sums| sums[0] / n as f64);
    let spread = |xs: &[f64]| (xs.iter().map(|x| (x - mean(xs)).powi(2)).sum::<f64>() / xs.len() as f64).sqrt();
    let theory = ((1.0 + rho) / (1.0 - rho) / n as f64).sqrt();
    assert!((spread(&means) / theory - 1.0).abs() < 0.12, "got {}, theory {theory}", spread(&means));
    let single = BlockBootstrap { mean_length: 1.0, ..bootstrap };
    let means = single.totals(&[&series], |sums| sums[0] / n as f64);
    close(spread(&means), spread(&series) / (n as f64).sqrt(), 0.03 / (n as f64).sqrt());
    let rows = bootstrap.totals(&[&series, &series], |sums| sums[0] - sums[1]);
    assert!(rows.iter().all(|difference| *difference == 0.0), "columns are drawn together");
}

#[test]
fn intervals_over_time_cover_dependent_returns_nearly_as_often_as_they_say() {
    let sets = if nightly() { 5_000 } else { 500 };
    let mut draws = Draws(11);
    let covers = |_: &usize| {
        let series = draws.series(500, 0.3);
        let bootstrap = BlockBootstrap { mean_length: optimal_block_length(&series), replicates: 500, seed: 2 };
        let [low, high] = percentile_interval(&bootstrap.totals(&[&series], |sums| sums[0])).unwrap();
        low <= 0.0 && 0.0 <= high
    };
    let share = (0..sets).filter(covers).count() as f64 / sets as f64;
    // Blocks cut some of the dependence off, so the percentile interval is a little too narrow at 500 periods.
    assert!((0.90..=0.97).contains(&share), "covered {share}");
}

#[test]
fn the_worked_example_of_the_deflated_sharpe_ratio() {
    // Bailey and Lopez de Prado (2014): 2.5 a year over 1250 days, 100 trials with a variance of 1/2 a year, 250 days a
    // year, skewness -3 and kurtosis 10.
    let variance = 0.5 / 250.0;
    close(expected_maximum_sharpe(100, variance).unwrap(), 0.1132, 5e-5);
    let evidence = SharpeEvidence { sharpe: 2.5 / 250.0_f64.sqrt(), periods: 1250, skewness: -3.0, kurtosis: 10.0 };
    close(evidence.deflated(100, variance).unwrap(), 0.9004, 5e-5);
    // The paper goes on: 0.95 is reached with 46 trials, or with 88 if the returns were normal.
    close(evidence.deflated(46, variance).unwrap(), 0.9505, 5e-5);
    let normal = SharpeEvidence { skewness: 0.0, kurtosis: 3.0, ..evidence };
    close(normal.deflated(88, variance).unwrap(), 0.9505, 5e-5);
    assert_eq!(expected_maximum_sharpe(1, variance), Some(0.0));
    assert_eq!((expected_maximum_sharpe(0, 1.0), expected_maximum_sharpe(5, -1.0)), (None, None));
}

#[test]
fn the_best_of_many_without_skill_is_as_high_as_expected() {
    let mut draws = Draws(5);
    let sets = if nightly() { 20_000 } else { 2_000 };
    let best = |draws: &mut Draws| (0..100).map(|_| draws.normal()).fold(f64::MIN, f64::max);
    let simulated = (0..sets).map(|_| best(&mut draws)).sum::<f64>() / f64::from(sets);
    close(simulated / expected_maximum_sharpe(100, 1.0).unwrap(), 1.0, 0.02);
}

/// R22: returns of a known Sharpe ratio, normal and skewed.
#[test]
fn the_probabilistic_ratio_is_wrong_as_often_as_it_admits() {
    let sets = if nightly() { 40_000 } else { 4_000 };
    for (shape, seed) in [("normal", 41), ("skewed", 42)] {
        let mut draws = Draws(seed);
        // The skewed returns have a mean of 0 and this deviation, (exp(s^2) - 1) exp(s^2) with s = 0.3.
        let deviation = (0.09_f64.exp_m1() * 0.09_f64.exp()).sqrt();
        let wrong = |truth: f64, draws: &mut Draws| {
            let one = |draws: &mut Draws| match shape {
                "normal" => draws.normal(),
                _ => draws.skewed() / deviation,
            };
            let returns = (0..500).map(|_| truth + one(draws)).collect();
            let evidence = SharpeEvidence::of(&Sample::new(returns), 0.0).unwrap();
            evidence.probabilistic(truth).unwrap() >= 0.95
        };
        for truth in [0.0, 0.1] {
            let share = (0..sets).filter(|_| wrong(truth, &mut draws)).count() as f64 / f64::from(sets);
            assert!((0.035..=0.065).contains(&share), "{shape}, true ratio {truth}: surely above it in {share}");
        }
    }
}

/// R22: runs without any difference are told apart in 5 of 100 pairs, and with Holm's procedure no more of whole families.
#[test]
fn equal_runs_are_told_apart_as_often_as_the_level_says() {
    let sets = if nightly() { 40_000 } else { 4_000 };
    let mut draws = Draws(51);
    let (mut paired, mut welch, mut family) = (0, 0, 0);
    for _ in 0..sets {
        // Three runs of five seeds whose luck they share, and a fourth of seven seeds and more spread.
        let luck: Vec<f64> = (0..5).map(|_| draws.normal()).collect();
        let mut run = || luck.iter().map(|luck| luck + draws.normal()).collect::<Vec<f64>>();
        let runs = [run(), run(), run()];
        let other: Vec<f64> = (0..7).map(|_| 3.0 * draws.normal()).collect();
        let p = |a: usize, b: usize| paired_difference(&runs[a], &runs[b]).unwrap().p_value.unwrap();
        let all = [p(0, 1), p(0, 2), p(1, 2)];
        paired += usize::from(all[0] < 0.05);
        welch += usize::from(welch_difference(&runs[0], &other).unwrap().p_value.unwrap() < 0.05);
        family += usize::from(holm(&all).iter().any(|p| *p < 0.05));
    }
    let share = |n: usize| n as f64 / f64::from(sets);
    assert!((0.04..=0.06).contains(&share(paired)), "paired {}", share(paired));
    assert!((0.03..=0.06).contains(&share(welch)), "Welch {}", share(welch));
    assert!(share(family) <= 0.055, "families {}", share(family));
}

#[test]
fn a_track_record_of_the_minimum_length_reaches_the_confidence() {
    let returns: Vec<f64> = Draws(2).series(400, 0.0).iter().map(|z| 0.02 * z + 0.001).collect();
    let evidence = SharpeEvidence::of(&Sample::new(returns), 0.0001).unwrap();
    let needed = evidence.minimum_track_record(0.0, 0.95).unwrap();
    let there = |periods: f64| SharpeEvidence { periods: periods as usize, ..evidence }.probabilistic(0.0).unwrap();
    assert!(there(needed.floor()) <= 0.95 && there(needed.ceil()) >= 0.95, "{needed}");
    assert_eq!(evidence.minimum_track_record(evidence.sharpe, 0.95), None);
    assert_eq!(SharpeEvidence { periods: 1, ..evidence }.probabilistic(0.0), None);
}

/// Cross-validation by the book: slices are put together, ratios computed from scratch, ranks read off a sorted list.
fn overfitting_directly(returns: &[&[f64]], blocks: usize) -> (f64, f64) {
    let size = returns[0].len() / blocks;
    let skip = returns[0].len() - size * blocks;
    let ratio = |row: &[f64], chosen: &[usize]| {
        let taken: Vec<f64> =
            chosen.iter().flat_map(|b| row[skip + b * size..skip + (b + 1) * size].to_vec()).collect();
        mean(&taken) / (taken.iter().map(|r| (r - mean(&taken)).powi(2)).sum::<f64>() / (taken.len() - 1) as f64).sqrt()
    };
    let mut choices: Vec<Vec<usize>> = vec![Vec::new()];
    for block in 0..blocks {
        let with: Vec<Vec<usize>> = choices.iter().map(|c| [&c[..], &[block]].concat()).collect();
        choices.extend(with);
    }
    choices.retain(|c| c.len() == blocks / 2);
    let (mut overfit, mut lost) = (0, 0);
    for inside in &choices {
        let outside: Vec<usize> = (0..blocks).filter(|b| !inside.contains(b)).collect();
        let seen: Vec<f64> = returns.iter().map(|row| ratio(row, inside)).collect();
        let best = (0..seen.len()).max_by(|a, b| seen[*a].total_cmp(&seen[*b])).unwrap();
        let mut unseen: Vec<f64> = returns.iter().map(|row| ratio(row, &outside)).collect();
        let own = unseen[best];
        unseen.sort_by(f64::total_cmp);
        let rank = unseen.iter().position(|x| *x == own).unwrap() + 1;
        overfit += usize::from(2 * rank <= returns.len() + 1);
        lost += usize::from(own < 0.0);
    }
    (overfit as f64 / choices.len() as f64, lost as f64 / choices.len() as f64)
}

#[test]
fn overfitting_equals_cross_validation_by_the_book() {
    for (seed, strategies, edge) in [(1, 7, 0.0), (2, 8, 0.2), (3, 2, 0.0)] {
        let mut draws = Draws(seed);
        let rows: Vec<Vec<f64>> = (0..strategies)
            .map(|i| draws.series(101, 0.0).iter().map(|z| 0.01 * (z + edge * f64::from(i))).collect())
            .collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let got = probability_of_overfitting(&rows, 8).unwrap();
        assert_eq!(got.logits.len(), 70);
        assert_eq!((got.probability, got.probability_of_loss), overfitting_directly(&rows, 8), "seed {seed}");
    }
}

#[test]
fn skill_is_not_overfitting_and_noise_is_a_coin() {
    let mut draws = Draws(9);
    let mut pbo = |edge: f64| {
        let rows: Vec<Vec<f64>> = (0..20)
            .map(|i| draws.series(640, 0.0).iter().map(|z| z + if i == 3 { edge } else { 0.0 }).collect())
            .collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        probability_of_overfitting(&rows, 10).unwrap().probability
    };
    assert!(pbo(0.5) < 0.01);
    let noise: f64 = (0..20).map(|_| pbo(0.0)).sum::<f64>() / 20.0;
    assert!((0.35..0.65).contains(&noise), "{noise}");
}

#[test]
fn what_cannot_be_cross_validated_says_why() {
    let row = [0.1, 0.2, -0.1, 0.3, 0.1, 0.0, 0.2, 0.1];
    let refusal = |rows: &[&[f64]], blocks| probability_of_overfitting(rows, blocks).unwrap_err().to_string();
    assert!(refusal(&[&row], 2).contains("at least 2 strategies, got 1"));
    assert!(refusal(&[&row, &row], 3).contains("even and in 2..=20, got 3"));
    assert!(refusal(&[&row, &row[1..]], 2).contains("the same 8 periods, got 7"));
    assert!(refusal(&[&row, &row], 6).contains("need at least 12 periods, got 8"));
    assert!(refusal(&[&row, &[f64::NAN; 8]], 2).contains("finite"));
}
