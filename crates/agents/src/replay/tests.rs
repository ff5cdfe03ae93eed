use pavlov_rl_core::RngTree;

use super::*;

const PRIORITISED: Sampling = Sampling::Prioritised { alpha: 0.7, beta: 0.4 };

/// Transition number `i`: every number tells of it.
fn push(replay: &mut Replay, i: u32) {
    let (x, status) = (i as f32, if i % 5 == 4 { Status::Terminated } else { Status::Running });
    let (before, after) = (Seen { row: i + 1, account: &[x, -x] }, Seen { row: i + 2, account: &[x + 0.5, x] });
    replay.push(&Transition { before, action: i % 3, reward: 10.0 * x, steps: 1 + (i % 2) as u8, status, after });
}

fn draw(replay: &Replay, n: usize, rng: &mut Rng) -> ReplayBatch {
    let mut batch = ReplayBatch::default();
    replay.sample(n, 0.0, 0.5, rng, &mut batch);
    batch
}

#[test]
fn the_ring_keeps_the_newest_and_a_draw_gathers_what_belongs_together() {
    for sampling in [Sampling::Uniform, PRIORITISED] {
        let mut replay = Replay::new(10, 2, sampling);
        (0..23).for_each(|i| push(&mut replay, i));
        assert_eq!(replay.len(), 10);
        let batch = draw(&replay, 500, &mut RngTree::new(1).stream("shuffle", 0));
        let mut seen = [false; 23];
        for b in 0..500 {
            let x = batch.before.account[b * 2];
            let i = x as u32;
            seen[i as usize] = true;
            assert_eq!((batch.before.last_row[b], &batch.before.account[b * 2..][..2]), (i + 1, &[x, -x][..]));
            assert_eq!((batch.after.last_row[b], &batch.after.account[b * 2..][..2]), (i + 2, &[x + 0.5, x][..]));
            assert_eq!((batch.actions[b], batch.rewards[b]), (i % 3, 10.0 * x));
            let discount = if i % 5 == 4 { 0.0 } else { 0.5f32.powi(1 + (i % 2) as i32) };
            assert_eq!((batch.discounts[b], batch.weights[b]), (discount, 1.0));
        }
        assert_eq!(seen.map(usize::from).iter().sum::<usize>(), 10, "{seen:?}");
        assert!(seen[13..].iter().all(|s| *s));
    }
}

#[test]
fn a_hundred_thousand_transitions_fit_into_twenty_megabytes() {
    let mut replay = Replay::new(100_000, 6, PRIORITISED);
    let (before, after) = (Seen { row: 1, account: &[0.0; 6] }, Seen { row: 2, account: &[0.0; 6] });
    let new = Transition { before, action: 1, reward: 0.0, steps: 1, status: Status::Running, after };
    (0..100_001).for_each(|_| replay.push(&new));
    assert!(replay.len() == 100_000 && replay.bytes() < 20_000_000, "{} bytes", replay.bytes());
}

#[test]
fn priorities_decide_how_often_a_transition_is_drawn_and_weights_undo_it() {
    let mut replay = Replay::new(8, 2, Sampling::Prioritised { alpha: 1.0, beta: 1.0 });
    (0..5).for_each(|i| push(&mut replay, i));
    let errors = [1.0, -2.0, 3.0, 0.0, 4.0];
    replay.learnt(&[0, 1, 2, 3, 4], &errors);
    let (mut rng, mut count) = (RngTree::new(1).stream("shuffle", 0), [0.0; 5]);
    for _ in 0..1000 {
        let batch = draw(&replay, 20, &mut rng);
        for (place, weight) in batch.places.iter().zip(&batch.weights) {
            count[*place] += 1.0 / 20_000.0;
            let least = batch.places.iter().map(|p| errors[*p].abs()).fold(f32::MAX, f32::min);
            assert!((weight - least / errors[*place].abs()).abs() < 1e-4, "weight {weight} of {place}");
        }
    }
    for (share, error) in count.iter().zip(errors) {
        assert!((share - f64::from(error.abs()) / 10.0).abs() < 0.005, "{count:?}");
    }
    // A new one is as likely as the likeliest.
    push(&mut replay, 5);
    let drawn = draw(&replay, 1400, &mut rng).places.iter().filter(|p| **p == 5).count();
    assert!((350..=450).contains(&drawn), "{drawn} of 1400");
}

#[test]
fn a_tree_sums_and_finds_and_has_the_same_bits_whatever_the_order() {
    let (mut rng, n) = (RngTree::new(3).stream("test", 0), 37);
    let values: Vec<f64> = (0..n).map(|_| uniform_f64(&mut rng)).collect();
    let (mut up, mut down) = (SumTree::new(n), SumTree::new(n));
    (0..n).for_each(|i| up.set(i, values[i]));
    (0..n).rev().for_each(|i| down.set(i, 9.0));
    (0..n).rev().for_each(|i| down.set(i, values[i]));
    assert_eq!(up.total().to_bits(), down.total().to_bits());
    let mut before = 0.0;
    for (i, value) in values.iter().enumerate() {
        assert_eq!(up.find(before + 0.5 * value), i);
        before += value;
    }
    assert!((up.total() - before).abs() < 1e-12);
    assert!(up.find(up.total()) < n && up.find(2.0 * up.total()) < n, "rounding leads to no empty place");
}

#[test]
fn a_restored_replay_draws_and_goes_on_alike() {
    for (sampling, pushed) in [(Sampling::Uniform, 7), (PRIORITISED, 7), (PRIORITISED, 25)] {
        let mut replay = Replay::new(10, 2, sampling);
        (0..pushed).for_each(|i| push(&mut replay, i));
        replay.learnt(&[1, 3], &[0.3, 7.0]);
        let mut saved = Checkpoint::default();
        replay.save("replay/", &mut saved);
        let mut again = Replay::new(10, 2, sampling);
        again.restore("replay/", &Checkpoint::from_bytes(&saved.to_bytes()).unwrap()).unwrap();
        for replay in [&mut replay, &mut again] {
            (pushed..pushed + 4).for_each(|i| push(replay, i));
        }
        let [a, b] = [&replay, &again].map(|r| draw(r, 50, &mut RngTree::new(1).stream("shuffle", 0)));
        assert_eq!((a.places, a.before, a.weights), (b.places, b.before, b.weights));
        let mut smaller = Replay::new(5, 2, sampling);
        let error = smaller.restore("replay/", &saved).unwrap_err().to_string();
        assert!(error.contains("replay/transitions") && smaller.is_empty(), "{error}");
    }
}

#[test]
fn returns_over_several_steps_are_cut_where_the_episode_ends() {
    let mut replay = Replay::new(10, 2, Sampling::Uniform);
    let mut horizon = Horizon::new(3, 0.5);
    for i in 0..5u32 {
        let status = if i == 4 { Status::Truncated } else { Status::Running };
        let (before, after) = (Seen { row: i + 1, account: &[0.0; 2] }, Seen { row: i + 2, account: &[1.0; 2] });
        let reward = 2f32.powi(i as i32);
        horizon.push(&Transition { before, action: i, reward, steps: 1, status, after }, &mut replay);
    }
    // r + r' / 2 + r'' / 4 with rewards 1, 2, 4, 8, 16; the last two have fewer steps.
    assert_eq!(replay.rewards, [3.0, 6.0, 12.0, 16.0, 16.0]);
    assert_eq!((replay.steps.as_slice(), replay.actions.as_slice()), (&[3, 3, 3, 2, 1][..], &[0, 1, 2, 3, 4][..]));
    assert_eq!(replay.rows, [[1, 4], [2, 5], [3, 6], [4, 6], [5, 6]]);
    assert_eq!(replay.statuses[1..3], [Status::Running, Status::Truncated]);
}
