//! The environment contract (promise R15), checked on any environment.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pavlov_rl_core::{
    Action, ActionBatch, ActionSpec, BatchEnv, Fill, Ledger, Outcomes, Rng, RngTree, Snapshot, Status, below,
    uniform_f32,
};

use crate::{CountingAllocator, SecondLedger, scale};

/// Builds the copies of these numbers with the streams of this tree.
pub type MakeEnv<'a> = dyn Fn(Range<u64>, &RngTree) -> Box<dyn BatchEnv> + 'a;

/// One promise of the contract, checked with a seed.
type Check = fn(&MakeEnv<'_>, u64) -> Result<(), String>;

const COPIES: u64 = 3;
const STEPS: usize = 1_200;

/// Checks the whole contract with random and extreme actions: 3 seeds, or 100 at night.
///
/// Episodes must end within 1,200 steps, and the test binary must install [`CountingAllocator`].
///
/// # Panics
/// If a part of the contract is broken; the message names it and the seed that shows it.
#[track_caller]
pub fn check_env(make: &MakeEnv<'_>) {
    let parts: [(&str, Check); 9] = [
        ("lengths follow the specification and numbers are finite", lengths_and_numbers),
        ("equal builds play equal games", equal_builds),
        ("a game saved in the middle of an episode goes on bit for bit", save_and_restore),
        ("damaged saved bytes give an error or a playable game, never a panic", damaged_bytes),
        ("an episode that ends is started anew in the same step", autoreset),
        ("a copy in a batch plays as it does alone", batch_equals_single),
        ("peek moves nothing and sees what the step brings", peek),
        ("fills replay to the books", fills_replay),
        ("a step allocates nothing", no_allocation),
    ];
    for seed in scale::seeds(3, 100) {
        for (promise, check) in parts {
            if let Err(detail) = check(make, seed) {
                panic!("R15 broken: {promise}: {detail}; replay with PAVLOV_TEST_SEED={seed}");
            }
        }
    }
}

/// Everything that one step of a batch showed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Shown {
    rewards: Vec<f64>,
    statuses: Vec<Status>,
    next: Snapshot,
    ends: Vec<Option<(u32, Vec<f32>, Ledger)>>,
    ledgers: Vec<Ledger>,
    fills: Vec<Vec<Fill>>,
}

fn play(env: &mut dyn BatchEnv, actions: &ActionBatch) -> Shown {
    env.record_fills(true);
    let mut shown = Shown::default();
    let step = env.step(actions);
    shown.rewards.extend(step.rewards);
    shown.statuses.extend(step.statuses);
    shown.next.copy_from(step.next);
    shown.ends = (0..step.statuses.len())
        .map(|i| {
            (step.statuses[i] != Status::Running)
                .then(|| (step.end.last_row[i], step.end.account(i).to_vec(), step.end_ledgers[i]))
        })
        .collect();
    env.ledgers(&mut shown.ledgers);
    shown.fills = env.fills().to_vec();
    env.record_fills(false);
    shown
}

/// Draws actions within their bounds, every eighth number at a bound.
struct Actor {
    rng: Rng,
    actions: ActionBatch,
}

impl Actor {
    fn new(env: &dyn BatchEnv, seed: u64) -> Self {
        Self { rng: RngTree::new(seed).stream("actor", 0), actions: ActionBatch::new(&env.spec().action, env.len()) }
    }

    fn draw(&mut self, spec: &ActionSpec) -> &ActionBatch {
        match (&mut self.actions, spec) {
            (ActionBatch::Discrete(choices), ActionSpec::Discrete { names }) => {
                choices.iter_mut().for_each(|c| *c = below(&mut self.rng, names.len() as u32));
            }
            (ActionBatch::Continuous { width, values }, ActionSpec::Continuous { low, high }) => {
                for (k, value) in values.iter_mut().enumerate() {
                    let (low, high) = (low[k % *width], high[k % *width]);
                    let share = [0.0, 1.0][below(&mut self.rng, 2) as usize];
                    let share = if below(&mut self.rng, 8) == 0 { share } else { uniform_f32(&mut self.rng) };
                    *value = (low + (high - low) * share).clamp(low, high);
                }
            }
            _ => unreachable!("the batch was made from the specification"),
        }
        &self.actions
    }
}

/// A batch with the actions that play it.
struct Game {
    env: Box<dyn BatchEnv>,
    spec: ActionSpec,
    actor: Actor,
}

impl Game {
    fn new(make: &MakeEnv<'_>, copies: Range<u64>, seed: u64) -> Self {
        let env = make(copies, &RngTree::new(seed));
        Self { spec: env.spec().action.clone(), actor: Actor::new(&*env, seed), env }
    }

    fn play(&mut self) -> Shown {
        play(&mut *self.env, self.actor.draw(&self.spec))
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn lengths_and_numbers(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    let mut game = Game::new(make, 0..COPIES, seed);
    check_spec(&*game.env)?;
    check_observations(&*game.env)?;
    for t in 0..STEPS {
        let shown = game.play();
        check_observations(&*game.env).map_err(|e| format!("step {t}: {e}"))?;
        let n = COPIES as usize;
        let lengths = [shown.rewards.len(), shown.statuses.len(), shown.ledgers.len(), shown.fills.len()];
        ensure(lengths == [n; 4], || format!("step {t}: {n} copies gave lengths {lengths:?}"))?;
        check_finite(&shown).map_err(|e| format!("step {t}: {e}"))?;
    }
    Ok(())
}

fn check_spec(env: &dyn BatchEnv) -> Result<(), String> {
    let (spec, seen) = (env.spec(), env.observations());
    ensure(env.len() == COPIES as usize, || format!("{COPIES} copies were asked for, {} built", env.len()))?;
    ensure(spec.observation == seen.spec, || format!("{:?} is shown as {:?}", spec.observation, seen.spec))?;
    ensure(spec.observation.window > 0, || "the window is empty".into())?;
    ensure(spec.observation.features == seen.frame.cols(), || {
        format!("{} features are specified, the frame has {}", spec.observation.features, seen.frame.cols())
    })?;
    match &spec.action {
        ActionSpec::Discrete { names } => ensure(!names.is_empty(), || "there is nothing to choose from".into()),
        ActionSpec::Continuous { low, high } => {
            let bounded = low.iter().zip(high).all(|(l, h)| l.is_finite() && h.is_finite() && l <= h);
            ensure(bounded && !low.is_empty() && low.len() == high.len(), || format!("bounds {low:?} to {high:?}"))
        }
    }
}

fn check_observations(env: &dyn BatchEnv) -> Result<(), String> {
    let seen = env.observations();
    let expected = (env.len(), env.len() * seen.spec.account);
    let got = (seen.last_row.len(), seen.account.len());
    ensure(got == expected, || format!("rows and account numbers are {got:?}, expected {expected:?}"))?;
    for &row in seen.last_row {
        let inside = (row as usize) < seen.frame.rows() && row as usize + 1 >= seen.spec.window;
        ensure(inside, || format!("row {row} has no window of {} in {} rows", seen.spec.window, seen.frame.rows()))?;
    }
    let mut flat = Vec::new();
    for i in 0..env.len() {
        seen.extend_flat(i, &mut flat);
    }
    ensure(flat.len() == env.len() * seen.spec.flat_len(), || format!("{} numbers are shown", flat.len()))?;
    ensure(flat.iter().all(|x| x.is_finite()), || format!("an observation is not finite: {flat:?}"))
}

fn check_finite(shown: &Shown) -> Result<(), String> {
    let ends = shown.ends.iter().flatten();
    let end_ledgers = ends.clone().map(|(_, _, ledger)| ledger);
    let ledgers = shown.ledgers.iter().chain(end_ledgers).flat_map(|l| [l.cash, l.holdings_value, l.fees]);
    let fills = shown.fills.iter().flatten().flat_map(|f| [f.shares, f.price, f.fee]);
    let end_accounts = ends.flat_map(|(_, account, _)| account).map(|&x| f64::from(x));
    let mut numbers = shown.rewards.iter().copied().chain(ledgers).chain(fills).chain(end_accounts);
    ensure(numbers.all(f64::is_finite), || format!("a number is not finite: {shown:?}"))
}

fn equal_builds(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    let (mut a, mut b) = (Game::new(make, 0..COPIES, seed), Game::new(make, 0..COPIES, seed));
    for t in 0..STEPS {
        same(t, &a.play(), &b.play())?;
    }
    ensure(a.env.save() == b.env.save(), || "the saved bytes differ at the end".into())
}

fn same(t: usize, a: &Shown, b: &Shown) -> Result<(), String> {
    ensure(a == b, || format!("step {t}: one game shows {a:?}, the other {b:?}"))
}

fn save_and_restore(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    let mut game = Game::new(make, 0..COPIES, seed);
    let middle = 1 + below(&mut RngTree::new(seed).stream("middle", 0), STEPS as u32 / 2) as usize;
    for _ in 0..middle {
        game.play();
    }
    let mut seen = Snapshot::default();
    seen.copy_from(game.env.observations());
    let mut again = make(0..COPIES, &RngTree::new(!seed));
    again.restore(&game.env.save()).map_err(|e| format!("step {middle}: {e}"))?;
    let mut seen_again = Snapshot::default();
    seen_again.copy_from(again.observations());
    ensure(seen == seen_again, || format!("step {middle}: {seen:?} came back as {seen_again:?}"))?;
    for t in middle..STEPS {
        let actions = game.actor.draw(&game.spec);
        same(t, &play(&mut *game.env, actions), &play(&mut *again, actions))?;
    }
    ensure(game.env.save() == again.save(), || "the saved bytes differ at the end".into())
}

fn damaged_bytes(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    let mut game = Game::new(make, 0..COPIES, seed);
    for _ in 0..20 {
        game.play();
    }
    let whole = game.env.save();
    let mut rng = RngTree::new(seed).stream("damage", 0);
    for case in 0..400 {
        let bytes = damage(&whole, case, &mut rng);
        let outcome = catch_unwind(AssertUnwindSafe(|| take_up(make, &bytes, seed)));
        outcome.map_err(|_| format!("damage {case} made the environment panic"))??;
    }
    Ok(())
}

/// Cut short, made longer, or with one bit turned over.
fn damage(whole: &[u8], case: u32, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let at = below(rng, bytes.len() as u32) as usize;
    match case % 4 {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, below(rng, 256) as u8),
        _ => bytes[at] ^= 1 << below(rng, 8),
    }
    bytes
}

fn take_up(make: &MakeEnv<'_>, bytes: &[u8], seed: u64) -> Result<(), String> {
    let mut game = Game::new(make, 0..COPIES, seed);
    let before = game.env.save();
    if game.env.restore(bytes).is_err() {
        return ensure(game.env.save() == before, || "a refused restore changed the batch".into());
    }
    for _ in 0..50 {
        game.play();
    }
    Ok(())
}

fn autoreset(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    let mut game = Game::new(make, 0..COPIES, seed);
    let mut first = Vec::new();
    game.env.ledgers(&mut first);
    let mut ended = 0;
    for t in 0..STEPS {
        let shown = game.play();
        let (frame_rows, window) = (game.env.observations().frame.rows(), game.env.spec().observation.window);
        for (i, end) in shown.ends.iter().enumerate() {
            let Some((row, _, _)) = end else { continue };
            ended += 1;
            let visible = (*row as usize) < frame_rows && *row as usize + 1 >= window;
            ensure(visible, || format!("step {t}, copy {i}: the episode ended at row {row} of {frame_rows}"))?;
            let books = shown.ledgers[i];
            let fresh = books.fees == 0.0 && books.cash == first[i].cash;
            ensure(fresh, || format!("step {t}, copy {i}: a new episode starts with {books:?}, not {:?}", first[i]))?;
        }
    }
    ensure(ended > 0, || format!("no episode ended within {STEPS} steps: build the environment on a shorter market"))
}

fn batch_equals_single(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    let mut game = Game::new(make, 0..COPIES, seed);
    let mut alone: Vec<_> = (0..COPIES).map(|i| make(i..i + 1, &RngTree::new(seed))).collect();
    for t in 0..STEPS {
        let actions = game.actor.draw(&game.spec);
        let together = play(&mut *game.env, actions);
        for (i, env) in alone.iter_mut().enumerate() {
            let single = play(&mut **env, &row_of(actions, i));
            same(t, &copy_of(&together, i), &single).map_err(|e| format!("copy {i}: {e}"))?;
        }
    }
    Ok(())
}

fn row_of(actions: &ActionBatch, i: usize) -> ActionBatch {
    match actions.at(i) {
        Action::Discrete(choice) => ActionBatch::Discrete(vec![choice]),
        Action::Continuous(row) => ActionBatch::Continuous { width: row.len(), values: row.to_vec() },
    }
}

fn copy_of(shown: &Shown, i: usize) -> Shown {
    let width = shown.next.account.len() / shown.next.last_row.len();
    Shown {
        rewards: vec![shown.rewards[i]],
        statuses: vec![shown.statuses[i]],
        next: Snapshot {
            last_row: vec![shown.next.last_row[i]],
            account: shown.next.account[i * width..(i + 1) * width].to_vec(),
        },
        ends: vec![shown.ends[i].clone()],
        ledgers: vec![shown.ledgers[i]],
        fills: vec![shown.fills[i].clone()],
    }
}

fn peek(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    let mut game = Game::new(make, 0..COPIES, seed);
    let (mut out, mut seen) = (Outcomes::default(), Snapshot::default());
    for t in 0..STEPS {
        let actions = game.actor.draw(&game.spec);
        let before = game.env.save();
        seen.copy_from(game.env.observations());
        game.env.peek(actions, &mut out);
        let mut after = Snapshot::default();
        after.copy_from(game.env.observations());
        ensure(before == game.env.save() && seen == after, || format!("step {t}: peek moved the batch"))?;
        let shown = play(&mut *game.env, actions);
        let came = outcomes_of(&shown);
        ensure(came == out, || format!("step {t}: peek saw {out:?}, the step brought {came:?}"))?;
    }
    Ok(())
}

/// What a peek must have seen: for an ended episode, its last observation.
fn outcomes_of(shown: &Shown) -> Outcomes {
    let width = shown.next.account.len() / shown.next.last_row.len();
    let mut out = Outcomes { rewards: shown.rewards.clone(), statuses: shown.statuses.clone(), ..Outcomes::default() };
    for (i, end) in shown.ends.iter().enumerate() {
        let going_on = || (shown.next.last_row[i], shown.next.account[i * width..(i + 1) * width].to_vec());
        let (row, account) = end.clone().map_or_else(going_on, |(row, account, _)| (row, account));
        out.last_row.push(row);
        out.account.extend(account);
    }
    out
}

fn fills_replay(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    let mut game = Game::new(make, 0..COPIES, seed);
    let mut ledgers = Vec::new();
    game.env.ledgers(&mut ledgers);
    let open = |ledger: &Ledger| SecondLedger::new(ledger.cash, &[]);
    let mut books: Vec<_> = ledgers.iter().map(open).collect();
    for t in 0..STEPS {
        let shown = game.play();
        for (i, book) in books.iter_mut().enumerate() {
            for fill in &shown.fills[i] {
                check_fill(fill, game.env.observations().frame.rows())
                    .map_err(|e| format!("step {t}, copy {i}: {e}"))?;
                book.replay(fill);
            }
            let end = shown.ends[i].as_ref().map(|(_, _, ledger)| *ledger);
            book.check_cash(&end.unwrap_or(shown.ledgers[i])).map_err(|e| format!("step {t}, copy {i}: {e}"))?;
            if end.is_some() {
                *book = open(&shown.ledgers[i]);
            }
        }
    }
    Ok(())
}

fn check_fill(fill: &Fill, rows: usize) -> Result<(), String> {
    let moves = fill.shares != 0.0 || fill.fee != 0.0;
    let sound = moves && fill.price > 0.0 && fill.fee >= 0.0 && (fill.row as usize) < rows;
    ensure(sound, || format!("{fill:?} is no trade"))
}

fn no_allocation(make: &MakeEnv<'_>, seed: u64) -> Result<(), String> {
    ensure(CountingAllocator::is_installed(), || "this test binary does not install `CountingAllocator`".into())?;
    let mut game = Game::new(make, 0..COPIES, seed);
    for t in 0..STEPS {
        let actions = game.actor.draw(&game.spec);
        let before = CountingAllocator::count();
        std::hint::black_box(game.env.step(actions));
        let count = CountingAllocator::count() - before;
        ensure(count == 0, || format!("step {t} made {count} allocations"))?;
    }
    Ok(())
}
