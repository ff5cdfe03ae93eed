//! Manager and order networks through their public face: the forecast and the orders are learnt, every ablation plays, a saved
//! agent goes on bit for bit.

mod common;

use common::{Chain, Loop, stat};
use pavlov_agents::double_dqn::{Epsilon, Target};
use pavlov_agents::manager_order::{Body, Manager, ManagerOrderConfig, Orders, Sequence};
use pavlov_agents::{AgentConfig, AgentContext, AgentError, Device, EpisodeWord, RolloutLen};
use pavlov_rl_core::{
    ActMode, ActionBatch, ActionSpec, Decisions, EnvSpec, Frame, ObservationSpec, Observations, RngTree, Status,
};

fn config() -> ManagerOrderConfig {
    ManagerOrderConfig {
        hidden: 16,
        learning_rate: 3e-3,
        discount: 0.9,
        replay_len: 2_000,
        target: Target::CopyEvery(50),
        epsilon: Epsilon { start: 1.0, end: 0.05, decay_steps: 1_000.0, ..Epsilon::default() },
        ..ManagerOrderConfig::default()
    }
}

/// The whole agent and its ablations.
fn variants() -> Vec<(&'static str, ManagerOrderConfig)> {
    vec![
        ("whole", config()),
        ("no attention", ManagerOrderConfig { attention: false, ..config() }),
        ("no hierarchy", ManagerOrderConfig { manager: Manager::None, ..config() }),
        ("frozen manager", ManagerOrderConfig { manager: Manager::Frozen, ..config() }),
        ("plain body", ManagerOrderConfig { body: Body::Plain, attention: false, ..config() }),
        (
            "soft target, three steps",
            ManagerOrderConfig { target: Target::Soft(0.02), n_steps: 3, mirrored: false, ..config() },
        ),
    ]
}

#[test]
fn the_far_end_of_a_chain_is_found_with_every_ablation() {
    for (name, config) in variants() {
        let mut run = Loop::new(&config, Chain::new(5, Status::Terminated), 4, RolloutLen::Steps(100), 1);
        (0..25).for_each(|_| drop(run.until_update()));
        let q = run.values();
        assert!(q.chunks(2).all(|q| q[1] > q[0]), "{name}: {q:?}");
        let (first, last) = (0.9f32.powi(4), 1.0);
        assert!((q[1] - first).abs() < 0.15 && (q[9] - last).abs() < 0.15, "{name}: {} and {}", q[1], q[9]);
    }
}

#[test]
fn the_manager_forecasts_the_next_row_unless_it_is_frozen() {
    let error = |config: &ManagerOrderConfig| {
        let mut run = Loop::new(config, Chain::new(5, Status::Terminated), 4, RolloutLen::Steps(100), 1);
        let mut stats = Vec::new();
        (0..25).for_each(|_| stats = run.until_update());
        let wrong = |place: u32| {
            let forecast = run.explain(place).forecast;
            let came = (0..5).map(|column| f32::from(column == place + 1));
            forecast.iter().zip(came).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        ((0..4).map(wrong).fold(0.0, f32::max), stat(&stats, "forecast_loss"))
    };
    let (learnt, frozen) = (error(&config()), error(&ManagerOrderConfig { manager: Manager::Frozen, ..config() }));
    assert!(learnt.0 < 0.2 && learnt.1 < 0.01, "{learnt:?}");
    assert!(frozen.0 > 0.5 && frozen.1 > 0.03, "{frozen:?}");
}

#[test]
fn the_order_networks_loss_reaches_the_manager_through_the_forecast() {
    let weights = |manager_weight| {
        let config = ManagerOrderConfig { manager_weight, ..config() };
        let mut run = Loop::new(&config, Chain::new(3, Status::Terminated), 2, RolloutLen::Steps(60), 1);
        let forecast = |run: &Loop| run.explain(0).forecast;
        let before = forecast(&run);
        run.until_update();
        (before, forecast(&run))
    };
    let (before, after) = weights(0.0);
    assert_ne!(before, after, "its own loss counts nothing, so the other one moved it");
}

#[test]
fn a_restored_agent_learns_on_bit_for_bit_with_every_ablation() {
    for (name, config) in variants() {
        let env = || Chain::new(4, Status::Terminated);
        let mut straight = Loop::new(&config, env(), 3, RolloutLen::Steps(50), 7);
        (0..3).for_each(|_| drop(straight.until_update()));
        let mut resumed = Loop::new(&config, env(), 3, RolloutLen::Steps(50), 8);
        resumed.become_like(&straight);
        assert_eq!(straight.saved(), resumed.saved(), "{name}");
        (0..2).for_each(|_| assert_eq!(straight.until_update(), resumed.until_update(), "{name}"));
        assert_eq!(straight.saved(), resumed.saved(), "{name}");
    }
}

/// An environment's face: six rows of five columns, and what the actions are.
fn spec(account: usize, action: ActionSpec) -> EnvSpec {
    EnvSpec { observation: ObservationSpec { window: 6, features: 5, account }, action }
}

fn context(spec: &EnvSpec) -> AgentContext<'_> {
    AgentContext { spec, num_envs: 2, rollout_len: RolloutLen::Steps(1), updates: 1, device: Device::Cpu }
}

#[test]
fn each_sequence_is_attended_to_and_has_its_labels() {
    let choices = ActionSpec::Discrete { names: &["hold", "buy", "sell"] };
    let frame = Frame::new(5, (0..100).map(|x| (x as f32 * 0.7).sin()).collect());
    let over_time = ["t-5", "t-4", "t-3", "t-2", "t-1", "t", "forecast"];
    let over_columns = ["column 0", "column 1", "column 2", "column 3", "column 4", "account", "forecast"];
    for (sequence, labels) in [(Sequence::Time, over_time), (Sequence::Columns, over_columns)] {
        for account in [0, 4] {
            let spec = spec(account, choices.clone());
            let agent = ManagerOrderConfig { sequence, ..config() }.build(&context(&spec), &RngTree::new(1)).unwrap();
            let numbers = vec![0.5; account];
            let seen = Observations { frame: &frame, spec: spec.observation, last_row: &[9], account: &numbers };
            let explained = agent.explain(seen, &agent.memory(1)).unwrap();
            assert_eq!((explained.forecast.len(), explained.of_actions[0].1.len()), (5, 3));
            let [manager, order] = &explained.attention[..] else { panic!("two parts attend") };
            assert_eq!((manager.of, order.of), ("manager", "order network"));
            assert_eq!(
                (&manager.labels[..], &order.labels[..]),
                (&labels.map(str::to_owned)[..6], &labels.map(str::to_owned)[..])
            );
            for part in [manager, order] {
                assert!((part.shares.iter().sum::<f32>() - 1.0).abs() < 1e-5 && part.shares.len() == part.labels.len());
            }
        }
    }
}

#[test]
fn an_agent_without_attention_or_manager_says_nothing_of_them_after_another_one_has() {
    let spec = spec(4, ActionSpec::Discrete { names: &["hold", "buy", "sell"] });
    let frame = Frame::new(5, (0..100).map(|x| (x as f32 * 0.7).sin()).collect());
    let seen = Observations { frame: &frame, spec: spec.observation, last_row: &[9], account: &[0.5; 4] };
    let explained = |config: ManagerOrderConfig| {
        let agent = config.build(&context(&spec), &RngTree::new(1)).unwrap();
        agent.explain(seen, &agent.memory(1)).unwrap()
    };
    let parts = |config| explained(config).attention.iter().map(|part| part.of).collect::<Vec<_>>();
    assert_eq!(parts(config()), ["manager", "order network"]);
    assert!(parts(ManagerOrderConfig { attention: false, ..config() }).is_empty());
    let alone = ManagerOrderConfig { manager: Manager::None, ..config() };
    assert_eq!((parts(alone.clone()), explained(alone).forecast), (vec!["order network"], Vec::new()));
}

#[test]
fn orders_of_a_type_and_an_amount_are_the_softmax_of_the_values() {
    let spec = spec(4, ActionSpec::Continuous { low: [0.0; 2].into(), high: [3.0, 1.0].into() });
    let config = ManagerOrderConfig { orders: Orders::TypeAndAmount, ..config() };
    let agent = config.build(&context(&spec), &RngTree::new(1)).unwrap();
    let frame = Frame::new(5, (0..100).map(|x| (x as f32 * 0.7).sin()).collect());
    let seen = Observations { frame: &frame, spec: spec.observation, last_row: &[9, 14], account: &[0.5; 8] };
    let (mut memory, mut out, mut rng) =
        (agent.memory(2), Decisions::new(&spec.action, 2), RngTree::new(1).stream("policy", 0));
    agent.act(seen, &mut memory, ActMode::Greedy, &mut rng, &mut out).unwrap();
    let q = agent.explain(seen, &memory).unwrap().of_actions.swap_remove(0).1;
    let ActionBatch::Continuous { values, .. } = &out.actions else { panic!("they are numbers") };
    let share = 1.0 / (1.0 + (q[0].min(q[1]) - q[0].max(q[1])).exp());
    assert_eq!(values[0], f32::from(q[1] > q[0]));
    assert!((values[1] - share).abs() < 1e-6 && values[1] >= 0.5, "{values:?} of {q:?}");
    for _ in 0..50 {
        agent.act(seen, &mut memory, ActMode::Sample, &mut rng, &mut out).unwrap();
        let ActionBatch::Continuous { values, .. } = &out.actions else { panic!("they are numbers") };
        assert!(values.chunks(2).all(|v| (v[0] == 0.0 || v[0] == 1.0) && (0.0..=1.0).contains(&v[1])), "{values:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let refused = |config: ManagerOrderConfig, context: &AgentContext<'_>| match config.build(context, &RngTree::new(1))
    {
        Err(AgentError::Mismatch { reason, .. }) => reason,
        _ => panic!("must be refused"),
    };
    let choices = spec(4, ActionSpec::Discrete { names: &["hold", "buy", "sell"] });
    let numbers = spec(4, ActionSpec::Continuous { low: [-1.0].into(), high: [1.0].into() });
    let amounts = ManagerOrderConfig { orders: Orders::TypeAndAmount, ..config() };
    assert!(refused(amounts.clone(), &context(&choices)).contains("orders = \"choice\""));
    assert!(refused(amounts, &context(&numbers)).contains("choices"));
    assert!(refused(config(), &context(&numbers)).contains("orders = \"type_and_amount\""));
    let columns = ManagerOrderConfig { sequence: Sequence::Columns, ..config() };
    assert!(refused(columns, &context(&spec(9, choices.action.clone()))).contains("window of 9 rows"));
    let episode = AgentContext { rollout_len: RolloutLen::Episode(EpisodeWord::Episode), ..context(&choices) };
    assert!(refused(config(), &episode).contains("num_envs = 1"));
    let wrong = ManagerOrderConfig { body: Body::Plain, hidden: 0, manager_weight: 1.0, ..config() };
    let problems = wrong.validate();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().any(|p| p.contains("attention") && p.contains("plain")), "{problems:?}");
}
