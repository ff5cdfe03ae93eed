//! A batch plays as its copies do alone, bit for bit, whichever way it takes through an environment.

use std::sync::Arc;

use pavlov_envs::long_short::{LongShort, LongShortConfig};
use pavlov_envs::{BatchFactory, Chunks, ENVIRONMENTS, EpisodeMode, environment};
use pavlov_rl_core::{
    Action, ActionBatch, ActionSpec, Batch, BatchEnv, Environment, Rng, RngTree, Segment, Status, StepColumns, below,
    uniform_f32,
};
use pavlov_testkit::synthetic;

/// Some blocks of copies that are stepped side by side, and a rest.
const COPIES: u64 = 150;
const STEPS: usize = 400;
const SETTINGS: [(&str, &str); 5] = [
    ("long_short", "reward = \"sharpe\"\nsample_len = 30"),
    ("long_short", "commission = { proportional = 0.001, minimum = 1.0 }\nsample_len = 30"),
    ("long_short", "variant = \"as_published\"\nsample_len = 30"),
    ("long_short", "fill = \"inside_next\"\nsample_len = 30"),
    ("long_short", "epsilon = 0.9\ncommission = 0.2\nsample_len = 30"),
];

fn game(name: &str, keys: &str) -> Box<dyn BatchFactory> {
    let config = environment(name).expect("registered").parse_text(keys).expect(keys);
    // A price that doubles and halves, so that shorts are cut and ruined.
    let closes = (0..700 * config.assets()).map(|i| 100.0 + 70.0 * (i as f64 * 0.37).sin()).collect();
    let market = synthetic::market(synthetic::prices(config.assets(), closes), 3, 1);
    let segment = Segment { first: config.window() as u32 - 1, ..market.segments[0] };
    config.build(Arc::new(market), &[segment], EpisodeMode::Sampled).expect("a game")
}

fn draw(spec: &ActionSpec, rng: &mut Rng) -> ActionBatch {
    match spec {
        ActionSpec::Discrete { names } => {
            ActionBatch::Discrete((0..COPIES).map(|_| below(rng, names.len() as u32)).collect())
        }
        ActionSpec::Continuous { low, high } => {
            let row = |rng: &mut Rng| -> Vec<f32> {
                low.iter().zip(high).map(|(l, h)| l + (h - l) * uniform_f32(rng)).collect()
            };
            ActionBatch::Continuous { width: low.len(), values: (0..COPIES).flat_map(|_| row(rng)).collect() }
        }
    }
}

fn row_of(actions: &ActionBatch, i: usize) -> ActionBatch {
    match actions.at(i) {
        Action::Discrete(choice) => ActionBatch::Discrete(vec![choice]),
        Action::Continuous(row) => ActionBatch::Continuous { width: row.len(), values: row.to_vec() },
    }
}

/// Everything that a step of some copies shows, as text that keeps every bit.
fn shown(env: &mut dyn BatchEnv, actions: &ActionBatch) -> Vec<String> {
    let step = env.step(actions);
    let copy = |i: usize| {
        let bits: Vec<u32> = step.next.account(i).iter().map(|x| x.to_bits()).collect();
        let end = (step.statuses[i] != Status::Running)
            .then(|| (step.end.last_row[i], step.end.account(i).to_vec(), step.end_ledgers[i]));
        format!("{:x} {:?} {} {bits:x?} {end:?}", step.rewards[i].to_bits(), step.statuses[i], step.next.last_row[i])
    };
    let mut shown: Vec<String> = (0..step.rewards.len()).map(copy).collect();
    let mut ledgers = Vec::new();
    env.ledgers(&mut ledgers);
    shown.iter_mut().zip(ledgers).for_each(|(text, ledger)| *text += &format!(" {ledger:?}"));
    shown
}

#[test]
fn a_batch_equals_its_copies_alone_and_a_batch_whose_fills_are_kept() {
    let defaults = ENVIRONMENTS.iter().map(|entry| (entry.name, ""));
    for (name, keys) in defaults.chain(SETTINGS) {
        let copies = game(name, keys);
        let tree = RngTree::new(5);
        let mut together = copies.batch(0..COPIES, &tree);
        let mut kept = copies.batch(0..COPIES, &tree);
        kept.record_fills(true);
        let mut alone: Vec<_> = (0..COPIES).map(|i| copies.batch(i..i + 1, &tree)).collect();
        let mut rng = RngTree::new(6).stream("actions", 0);
        let mut ends = 0;
        for t in 0..STEPS {
            let actions = draw(&copies.spec().action, &mut rng);
            let batch = shown(&mut *together, &actions);
            assert_eq!(batch, shown(&mut *kept, &actions), "{name}, {keys:?}, step {t}: fills kept");
            for (i, env) in alone.iter_mut().enumerate() {
                assert_eq!([batch[i].clone()], *shown(&mut **env, &row_of(&actions, i)), "{name}, {keys:?}, {t}, {i}");
                ends += usize::from(batch[i].contains("Some("));
            }
        }
        assert!(ends > 0, "{name}, {keys:?}: no episode ended");
        assert_eq!(together.save(), kept.save(), "{name}, {keys:?}");
    }
}

/// Rewards of a rollout of 64 random steps of every copy, drawn by the number of the chunk.
fn rollout(chunk: usize, env: &mut dyn BatchEnv) -> Vec<u64> {
    let mut rng = RngTree::new(9).stream("rollout", chunk as u64);
    let mut bits = Vec::new();
    for _ in 0..64 {
        let choices = (0..env.len()).map(|_| below(&mut rng, 3)).collect();
        bits.extend(env.step(&ActionBatch::Discrete(choices)).rewards.iter().map(|x| x.to_bits()));
    }
    bits
}

#[test]
fn the_number_of_threads_changes_no_result() {
    let factory = game("long_short", "sample_len = 30");
    let play = |threads: usize| {
        let mut chunks = Chunks::new(&*factory, 0..1_000, 96, &RngTree::new(5));
        let mut rewards = chunks.play(threads, rollout);
        rewards.extend(chunks.play(threads, rollout));
        (rewards, chunks.envs().iter().map(|env| env.save()).collect::<Vec<_>>())
    };
    let one = play(1);
    assert_eq!((one.0.len(), one.0[10].len()), (22, 64 * 40), "11 chunks, twice; the last one is shorter");
    for threads in [0, 2, 3, 7, 64] {
        assert!(play(threads) == one, "{threads} threads");
    }
    let mut whole = factory.batch(0..1_000, &RngTree::new(5));
    let mut first = Chunks::new(&*factory, 0..96, 96, &RngTree::new(5));
    let choices = vec![0; 1_000];
    let rewards = first.play(2, |_, env| env.step(&ActionBatch::Discrete(choices[..96].to_vec())).rewards.to_vec());
    assert_eq!(whole.step(&ActionBatch::Discrete(choices)).rewards[..96], rewards[0], "a chunk is a part of the batch");
}

/// Called directly, `step_all` is compiled for the processors that every machine has.
#[test]
fn wide_instructions_change_no_bit() {
    let n = COPIES as usize;
    let closes = (0..700).map(|i| 100.0 + 70.0 * (f64::from(i) * 0.05).sin()).collect();
    let market = synthetic::market(synthetic::prices(1, closes), 3, 1);
    let config = LongShortConfig { window: 1, sample_len: 600, ..LongShortConfig::default() };
    let (market, segment) = (Arc::new(market.clone()), market.segments[0]);
    let env = Arc::new(LongShort::new(&config, market, &[segment], EpisodeMode::Sampled).expect("a game"));
    let tree = RngTree::new(5);
    let mut batch = Batch::new(env.clone(), 0..COPIES, &tree);
    let mut states: Vec<_> = (0..n).map(|_| env.new_state()).collect();
    states.iter_mut().enumerate().for_each(|(i, state)| env.reset(state, &mut tree.stream("env", i as u64)));
    let (mut rewards, mut statuses) = (vec![0.0; n], vec![Status::Running; n]);
    let (mut last_row, mut account) = (vec![0; n], vec![0.0; n]);
    let (mut rng, mut steps) = (RngTree::new(6).stream("actions", 0), 0);
    // Up to the first end of an episode, after which a batch goes on by itself.
    while statuses.iter().all(|status| *status == Status::Running) {
        let actions = draw(&env.spec().action, &mut rng);
        let mut out = StepColumns {
            rewards: &mut rewards,
            statuses: &mut statuses,
            last_row: &mut last_row,
            account: &mut account,
        };
        env.step_all(&mut states, &actions, &mut out);
        let step = batch.step(&actions);
        let bits = |rewards: &[f64]| rewards.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!((bits(&rewards), &statuses[..]), (bits(step.rewards), step.statuses), "step {steps}");
        steps += 1;
    }
    assert!(steps > 100, "an episode ended after {steps} steps");
}

#[test]
#[should_panic(expected = "long_short takes 0, 1, 2 or one weight, got Discrete(3)")]
fn a_choice_that_there_is_not_panics_in_a_batch_too() {
    let mut choices = vec![0; COPIES as usize];
    choices[70] = 3;
    game("long_short", "").batch(0..COPIES, &RngTree::new(5)).step(&ActionBatch::Discrete(choices));
}
