use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pavlov_agents::{AGENTS, AgentError, Device};
use pavlov_rl_core::{ActionBatch, RngTree};
use pavlov_store::OsDisk;

use super::*;
use crate::train::{Job, load_trained};
use crate::world;

const CONFIG: &str = r#"
name = "state"
[data]
dataset = "synthetic-hourly"
train = ["2018-01-02", "2018-02-01"]
test = ["2018-02-01", "2018-02-15"]
[features]
scaling = "standard"
columns = [{ returns = { of = "close", kind = "percent" } }, { volume_change = { kind = "percent", clip = 100.0 } }]
[environment]
[agent]
[train]
num_envs = 2
rollout_len = 16
updates = 2
reward_scale = 0.01
[eval]
memory_warm_bars = 7
[runs]
num = 2
"#;

/// An environment with choices and one with numbers.
const ENVIRONMENTS: [&str; 2] =
    ["name = \"bitcoin\"\nsample_len = 40", "name = \"long_short\"\naction = \"target_weight\"\nsample_len = 40"];

/// Keys that make an agent small.
fn small(agent: &str) -> &'static str {
    match agent {
        "lstm_ppo" => "fc = 8\nhidden = 8",
        "gaussian_ppo" => "sizes = [8]\nepochs = 3",
        "double_dqn" => "sizes = [8, 8]\nwarm_up = 32",
        "manager_order" => "hidden = 8\nwarm_up = 32",
        _ => "",
    }
}

fn options() -> Options {
    Options {
        disk: Arc::new(OsDisk),
        datasets_dir: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets"),
        cache_dir: "none".into(),
        trials_dir: "none".into(),
        data_dir: None,
        threads: 1,
        device: Device::Cpu,
        git_commit: None,
    }
}

/// The first action of each seed on the test span, as it is judged, and when that bar is known.
fn judged(run: &Path, hooks: &Hooks<'_>) -> (i64, Vec<Chosen>) {
    let options = options();
    let (folder, plan) = open_plan(run, &options).unwrap();
    let own = |manifest: &_| load_dataset(manifest, &options.sources());
    let (dataset, assets, series) = load_data_by(&plan, &|_| folder.plan(), &own, &options, hooks).unwrap();
    let world = world::build(&plan, &dataset, &assets, &series).unwrap();
    let first = |seed| {
        let job = Job {
            cell: "",
            seed,
            plan: &plan,
            world: &world,
            device: &Device::Cpu,
            disk: folder.disk(),
            folder: folder.seed(seed),
            hooks,
        };
        let trained = load_trained(&job).unwrap().unwrap();
        let env = world.test_span.batch(0..1, &RngTree::new(seed));
        let mut player = player(&plan, (seed, &*trained.agent), &*env, world.test, TEST_STREAM).unwrap();
        let mut actions = ActionBatch::new(&env.spec().action, 1);
        player.decide(env.observations(), &mut actions).unwrap();
        chosen(&env.spec().action, actions.at(0))
    };
    (world.market.times[world.test.first as usize], plan.seeds().map(first).collect())
}

#[test]
fn every_agent_does_in_a_state_what_it_does_when_it_is_judged() {
    let place = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let hooks = Hooks { clock: &|| 0.0, progress: &|_| {}, stop: &stop };
    for agent in AGENTS {
        let mut played = 0;
        for (i, environment) in ENVIRONMENTS.iter().enumerate() {
            for mode in ["greedy", "sample"] {
                let out = place.path().join(format!("{}-{i}-{mode}", agent.name));
                let agent_keys = format!("[agent]\nname = \"{}\"\n{}", agent.name, small(agent.name));
                let config = CONFIG
                    .replace("[environment]", &format!("[environment]\n{environment}"))
                    .replace("[agent]", &agent_keys)
                    .replace("[eval]", &format!("[eval]\nmode = \"{mode}\""));
                let file = out.with_extension("toml");
                pavlov_store::write_atomic(&OsDisk, &file, config.as_bytes()).unwrap();
                match crate::run::run(&file, &[], &out, &options(), &hooks) {
                    Err(ExperimentError::Agent { source: AgentError::Mismatch { .. }, .. }) => continue,
                    Err(error) => panic!("{}: {error}", agent.name),
                    Ok(_) => played += 1,
                }
                let (at, expected) = judged(&out, &hooks);
                let acted = act(&out, &Request { at: Some(at), ..Request::default() }, &options(), &hooks).unwrap();
                let got: Vec<Chosen> = acted.seeds.iter().map(|seed| seed.action.clone()).collect();
                assert_eq!(got, expected, "{}, {environment}, {mode}", agent.name);
                assert_eq!((acted.memory.bars, acted.bar.known_from), (7, write_time(at)));
                explained(agent.name, &acted.seeds, &acted.actions);
            }
        }
        assert!(played > 0, "{} plays none of the environments", agent.name);
    }
}

/// Every seed gives reasons: finite numbers, as many of each figure as there are actions.
fn explained(agent: &str, seeds: &[Seed], actions: &[String]) {
    for Seed { figures, .. } in seeds {
        assert!(!figures.of_actions.is_empty(), "{agent} gives no reason");
        for (name, numbers) in &figures.of_actions {
            assert_eq!(numbers.len(), actions.len(), "{agent}: {name}");
            assert!(numbers.iter().all(|number| number.is_finite()), "{agent}: {name} {numbers:?}");
        }
        assert!(figures.of_state.values().all(|number| number.is_finite()), "{agent}");
    }
}

/// What an agent may say beyond its action: a forecast of two columns and the attention of one part.
fn said(of: [f32; 2]) -> pavlov_rl_core::Explanation {
    let attention = pavlov_rl_core::Attention {
        of: "manager",
        labels: vec!["row -1".into(), "row 0".into()],
        shares: vec![of[0], 1.0 - of[0]],
    };
    pavlov_rl_core::Explanation { forecast: of.to_vec(), attention: vec![attention], ..Default::default() }
}

#[test]
fn forecast_and_attention_are_told_by_column_and_by_label() {
    let place = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(false);
    let hooks = Hooks { clock: &|| 0.0, progress: &|_| {}, stop: &stop };
    let config = CONFIG
        .replace("[environment]", &format!("[environment]\n{}", ENVIRONMENTS[0]))
        .replace("[agent]", "[agent]\nname = \"lstm_ppo\"\nfc = 8\nhidden = 8");
    let (file, out) = (place.path().join("run.toml"), place.path().join("run"));
    pavlov_store::write_atomic(&OsDisk, &file, config.as_bytes()).unwrap();
    crate::run::run(&file, &[], &out, &options(), &hooks).unwrap();
    let mut acted = act(&out, &Request::default(), &options(), &hooks).unwrap();
    let silent = acted.json().unwrap();
    assert!(!silent.contains("\"forecast\"") && !silent.contains("\"attention\""), "{silent}");

    let (folder, plan) = open_plan(&out, &options()).unwrap();
    let fitted = Artefact::load(&plan, 1, (&out, &folder.seed(1)), &options().disk).unwrap().scaler;
    for (seed, of) in acted.seeds.iter_mut().zip([[0.5, -1.0], [0.25, 3.0]]) {
        seed.insight = Insight::of(&said(of), &acted.features, &fitted);
    }
    acted.together = Together::of(&acted.seeds);
    let json: serde_json::Value = serde_json::from_str(&acted.json().unwrap()).unwrap();
    let forecast = &json["seeds"][1]["forecast"][0];
    let unscaled = fitted.unscaled(0, 0.25);
    assert_eq!(*forecast, serde_json::json!({"name": "returns(kind=percent)", "unscaled": unscaled, "scaled": 0.25}));
    let shares = |of: &serde_json::Value| of["attention"][0]["shares"].clone();
    let expected = serde_json::json!([{"label": "row -1", "share": 0.375}, {"label": "row 0", "share": 0.625}]);
    assert_eq!(
        (shares(&json["together"]), json["seeds"][0]["attention"][0]["of"].as_str()),
        (expected, Some("manager"))
    );
    assert_eq!(json["together"]["forecast"][1]["scaled"], 1.0);

    let text = acted.text();
    let line =
        |start: &str| text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start} in\n{text}"));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let heads = "forecast of the next row  mean unscaled  mean scaled  seed 1  seed 2";
    assert_eq!(words(line("forecast of the next row")), words(heads));
    assert_eq!(words(line("row -1")), ["row", "-1", "37.50", "%", "50.00", "%", "25.00", "%"]);
    assert!(words(line("attention of the manager")).contains(&"mean".to_owned()));
}
