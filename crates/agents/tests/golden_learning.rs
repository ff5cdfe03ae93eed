//! Golden cases of PyTorch: LSTM, advantages, the clipped loss, Adam and gradient clipping.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use pavlov_agents::losses::{PpoLossConfig, PpoRows, log_softmax_at, ppo_clip};
use pavlov_agents::nn::Params;
use pavlov_agents::nn::lstm::{Dims, forward, sequence};
use pavlov_agents::nn::numerics::Isa;
use pavlov_agents::optim::{Adam, AdamConfig, Decay, clip_factor, global_norm};
use pavlov_agents::returns::{Steps, gae};
use pavlov_rl_core::Checkpoint;
use pavlov_testkit::golden::{GoldenCase, assert_close_f32, float, floats_f32, golden_cases, shape};

const ABS: f64 = 1e-6;
const REL: f64 = 1e-5;

/// The cases of a prefix; the project's own folder has at least `least`, another one at least one.
fn cases(prefix: &str, least: usize) -> Vec<GoldenCase> {
    let cases = golden_cases("learning", prefix);
    let least = if std::env::var_os("PAVLOV_GOLDEN_DIR").is_some() { 1 } else { least };
    assert!(cases.len() >= least, "{} cases of {prefix}, expected {least}", cases.len());
    cases
}

/// Fails on a config key that this test does not know.
fn check_config(case: &GoldenCase, known: &[&str]) {
    for key in case.json["config"].as_object().expect("a config").keys() {
        assert!(known.contains(&key.as_str()), "{}: unknown config key `{key}`", case.name);
    }
}

/// Fails if a config key says anything but `expected`.
fn check_kind(case: &GoldenCase, key: &str, expected: &str) {
    assert_eq!(case.json["config"][key], expected, "{}: config key `{key}`", case.name);
}

fn config(case: &GoldenCase, key: &str) -> f64 {
    float(&case.json["config"][key])
}

fn numbers(case: &GoldenCase, section: &str, key: &str) -> Vec<f32> {
    floats_f32(&case.json[section][key])
}

fn assert_close(case: &GoldenCase, section: &str, key: &str, got: &[f32]) {
    let name = format!("{} {section} {key}", case.name);
    assert_close_f32(&name, got, &numbers(case, section, key), ABS, REL);
}

#[test]
fn golden_lstm() {
    for case in cases("lstm_", 3) {
        check_config(&case, &["input_size", "hidden_size", "seq_len", "batch", "gate_order", "layout", "loss"]);
        check_kind(&case, "gate_order", "i,f,g,o");
        check_kind(&case, "layout", "time, batch, feature");
        check_kind(&case, "loss", "sum(y * loss_weight)");
        let size = |key| config(&case, key) as usize;
        let (t, b, dims) =
            (size("seq_len"), size("batch"), Dims { inputs: size("input_size"), hidden: size("hidden_size") });
        let input = |keys: &[&str]| keys.iter().flat_map(|key| numbers(&case, "input", key)).collect::<Vec<f32>>();
        let weights = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"];
        let (x, packed, state) = (input(&["x"]), input(&weights), input(&["h0", "c0"]));

        let last = forward(dims, Isa::best(), &x, &packed, &state, None).1.last_state();
        assert_close(&case, "output", "h_n", &last[..last.len() / 2]);
        assert_close(&case, "output", "c_n", &last[last.len() / 2..]);

        let var = |values: Vec<f32>, shape: &[usize]| Var::from_vec(values, shape, &Device::Cpu).unwrap();
        let len = packed.len();
        let (x, packed) = (var(x, &[t, b, dims.inputs]), var(packed, &[len]));
        let state = var(state, &[2, b, dims.hidden]);
        let y = sequence(&x, &packed, &state, None).unwrap();
        assert_close(&case, "output", "y", &host(&y));
        let mix = Tensor::from_vec(input(&["loss_weight"]), (t, b, dims.hidden), &Device::Cpu).unwrap();
        let loss = (y * mix).unwrap().sum_all().unwrap();
        assert_close(&case, "output", "loss", &[loss.to_scalar().unwrap()]);
        let grads = loss.backward().unwrap();
        let grad = |of: &Var| host(grads.get(of).unwrap());
        assert_close(&case, "grad", "x", &grad(&x));
        check_parts(&case, &["h0", "c0"], &grad(&state));
        check_parts(&case, &weights, &grad(&packed));
    }
}

/// Compares consecutive stretches with the gradients of these names.
fn check_parts(case: &GoldenCase, keys: &[&str], mut values: &[f32]) {
    for key in keys {
        let (part, rest) = values.split_at(numbers(case, "grad", key).len());
        assert_close(case, "grad", key, part);
        values = rest;
    }
    assert!(values.is_empty(), "{}: {} gradients too many after {keys:?}", case.name, values.len());
}

fn host(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn golden_gae() {
    for case in cases("gae_", 2) {
        check_config(&case, &["gamma", "lmbda", "note"]);
        let input = |key| numbers(&case, "input", key);
        let (rewards, values, next_values, alive) =
            (input("reward"), input("v_s"), input("v_s_prime"), input("done_mask"));
        let cut = vec![false; rewards.len()]; // the reference does not stop the recursion where an episode ends
        let steps = Steps {
            num_envs: 1,
            rewards: &rewards,
            values: &values,
            next_values: &next_values,
            alive: &alive,
            cut: &cut,
        };
        let (mut advantages, mut targets) = (vec![0.0; rewards.len()], vec![0.0; rewards.len()]);
        gae(&steps, config(&case, "gamma"), config(&case, "lmbda"), &mut advantages, &mut targets);
        assert_close(&case, "output", "advantage", &advantages);
        assert_close(&case, "output", "td_target", &targets);
    }
}

#[test]
fn golden_ppo_clip() {
    for case in cases("ppo_clip_", 2) {
        check_config(&case, &["eps_clip", "value_loss"]);
        check_kind(&case, "value_loss", "smooth_l1, beta 1, mean over the batch, added to each row");
        let input = |key| numbers(&case, "input", key);
        let actions: Vec<u32> = input("action").iter().map(|a| *a as u32).collect();
        let old_log_prob: Vec<f32> = input("old_prob").iter().map(|p| p.ln()).collect();
        let (logits, values) = (input("logits"), input("v_s"));
        let rows = PpoRows {
            logits: &logits,
            actions: &actions,
            old_log_prob: &old_log_prob,
            advantages: &input("advantage"),
            values: &values,
            targets: &input("td_target"),
        };
        let loss_config =
            PpoLossConfig { clip: config(&case, "eps_clip"), value_coef: 1.0, entropy_coef: 0.0, value_beta: 1.0 };
        let (mut d_logits, mut d_values) = (vec![0.0; logits.len()], vec![0.0; values.len()]);
        let loss = ppo_clip(&rows, &loss_config, &mut d_logits, &mut d_values);
        assert_close(&case, "output", "value_loss", &[loss.value_loss as f32]);
        assert_close(&case, "output", "loss_mean", &[loss.loss as f32]);
        assert_close(&case, "output", "grad_logits", &d_logits);
        assert_close(&case, "output", "grad_v_s", &d_values);
        let num_actions = logits.len() / actions.len();
        let probs = actions.iter().zip(logits.chunks(num_actions)).map(|(a, z)| log_softmax_at(z, *a).exp());
        assert_close(&case, "output", "pi_a", &probs.collect::<Vec<_>>());
    }
}

#[test]
fn golden_adam() {
    for case in cases("adam", 3) {
        check_config(&case, &["kind", "lr", "betas", "eps", "weight_decay"]);
        let decay = match case.json["config"]["kind"].as_str() {
            Some("adam") => Decay::L2,
            Some("adamw") => Decay::Decoupled,
            kind => panic!("{}: unknown kind {kind:?}", case.name),
        };
        let betas = &case.json["config"]["betas"];
        let adam_config = AdamConfig {
            beta1: float(&betas[0]),
            beta2: float(&betas[1]),
            eps: config(&case, "eps"),
            weight_decay: config(&case, "weight_decay"),
            decay,
        };
        let mut params = Params::new(&Device::Cpu);
        let start = &case.json["input"]["param"];
        params.insert("w", &shape(start), floats_f32(start)).unwrap();
        let mut adam = Adam::new(&params, adam_config);
        let steps = case.json["steps"].as_array().expect("steps");
        for (i, step) in steps.iter().enumerate() {
            let grads = store(&params, "w", &floats_f32(&step["grad"]));
            adam.step(&params, &grads, config(&case, "lr"), 1.0).unwrap();
            let mut saved = Checkpoint::default();
            adam.save("", &mut saved).unwrap();
            let expected = |key: &str| floats_f32(&step[key]);
            let len = expected("param").len();
            for (key, got) in [
                ("param", params.host("w").unwrap()),
                ("exp_avg", saved.f32("mean/w", &[len]).unwrap()),
                ("exp_avg_sq", saved.f32("square/w", &[len]).unwrap()),
            ] {
                let abs = if key == "exp_avg_sq" { 1e-12 } else { ABS };
                assert_close_f32(&format!("{} step {i} {key}", case.name), &got, &expected(key), abs, REL);
            }
        }
    }
}

/// A gradient store with these numbers for one parameter.
fn store(params: &Params, name: &str, gradient: &[f32]) -> GradStore {
    let mut grads = GradStore::default();
    add(&mut grads, params, name, gradient);
    grads
}

fn add(grads: &mut GradStore, params: &Params, name: &str, gradient: &[f32]) {
    let tensor = params.tensor(name);
    grads.insert(tensor, Tensor::from_slice(gradient, tensor.shape(), &Device::Cpu).unwrap());
}

#[test]
fn golden_clip_grad_norm() {
    for case in cases("clip_grad_norm_", 2) {
        check_config(&case, &["max_norm"]);
        let gradients: Vec<Vec<f32>> = case.json["input"]["grads"].as_array().unwrap().iter().map(floats_f32).collect();
        let (mut params, mut grads) = (Params::new(&Device::Cpu), GradStore::default());
        for (i, gradient) in gradients.iter().enumerate() {
            params.insert(&format!("w{i}"), &[gradient.len()], vec![0.0; gradient.len()]).unwrap();
            add(&mut grads, &params, &format!("w{i}"), gradient);
        }
        let norm = global_norm(&params, &grads).unwrap();
        assert_close(&case, "output", "total_norm", &[norm as f32]);
        let factor = clip_factor(norm, config(&case, "max_norm"));
        let expected = case.json["output"]["grads"].as_array().unwrap();
        for (i, (gradient, expected)) in gradients.iter().zip(expected).enumerate() {
            let got: Vec<f32> = gradient.iter().map(|g| g * factor).collect();
            assert_close_f32(&format!("{} gradient {i}", case.name), &got, &floats_f32(expected), ABS, REL);
        }
    }
}
