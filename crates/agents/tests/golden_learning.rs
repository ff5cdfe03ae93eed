//! Golden cases of PyTorch: LSTM, advantages, losses, a normalised network, Adam and gradient clipping.

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use pavlov_agents::losses::{
    DoubleQRows, GaussianRows, PpoLossConfig, PpoRows, best, double_q, gaussian_entropy, gaussian_log_prob,
    log_softmax_at, ppo_clip, ppo_gaussian,
};
use pavlov_agents::nn::attention::{Attended, Attention, AttentionLayer};
use pavlov_agents::nn::bilstm::bilstm;
use pavlov_agents::nn::init::Init;
use pavlov_agents::nn::lstm::{Dims, forward, sequence};
use pavlov_agents::nn::numerics::Isa;
use pavlov_agents::nn::{Inference, Linear, Mlp, MlpShape, Params, Pass};
use pavlov_agents::optim::{Adam, AdamConfig, Decay, clip_factor, global_norm};
use pavlov_agents::returns::{Deviations, Steps, discounted, gae, normalise};
use pavlov_rl_core::{Checkpoint, RngTree};
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

/// The parameters of a case's network. Its keys have a bias, which moves all scores alike; ours have none.
fn attending(case: &GoldenCase, [inputs, hidden, outputs]: [usize; 3]) -> Params {
    let weight = |key: &str| numbers(case, "weights", key);
    let mut params = Params::new(&Device::Cpu);
    for (way, suffix) in [("forward", ""), ("backward", "_reverse")] {
        let keys = LSTM_PARTS.map(|part| format!("lstm.{part}_l0{suffix}"));
        let packed: Vec<f32> = keys.iter().flat_map(|key| weight(key)).collect();
        assert_eq!(packed.len(), Dims { inputs, hidden }.packed_len());
        params.insert(&format!("lstm.{way}.packed"), &[packed.len()], packed).unwrap();
    }
    let width = 2 * hidden;
    for (ours, theirs, outputs) in
        [("attention.query", "attn.Q", width), ("attention.value", "attn.V", width), ("head", "fc", outputs)]
    {
        params.insert(&format!("{ours}.weight"), &[outputs, width], weight(&format!("{theirs}.weight"))).unwrap();
        params.insert(&format!("{ours}.bias"), &[outputs], weight(&format!("{theirs}.bias"))).unwrap();
    }
    params.insert("attention.key.weight", &[width, width], transposed(&weight("attn.K.weight"), width)).unwrap();
    params
}

fn transposed(matrix: &[f32], width: usize) -> Vec<f32> {
    (0..matrix.len()).map(|i| matrix[i % width * width + i / width]).collect()
}

const LSTM_PARTS: [&str; 4] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"];

#[test]
fn golden_bilstm_attention() {
    for case in cases("bilstm_attention_", 2) {
        check_config(&case, &["input_size", "hidden_size", "seq_len", "batch", "scaling", "softmax", "head"]);
        check_kind(&case, "scaling", "1/sqrt(2*hidden)");
        check_kind(&case, "softmax", "over dim 1 of bmm(k, q^T), i.e. over the keys; context = weights^T . v");
        check_kind(&case, "head", "last time step of the context");
        let size = |key| config(&case, key) as usize;
        let (rows, batch, inputs, hidden) = (size("seq_len"), size("batch"), size("input_size"), size("hidden_size"));
        let outputs = shape(&case.json["output"]["out"])[1];
        let params = attending(&case, [inputs, hidden, outputs]);
        let x = Var::from_vec(numbers(&case, "input", "x"), &[batch, rows, inputs], &Device::Cpu).unwrap();
        let y = bilstm(&params, "lstm", hidden, &x.transpose(0, 1).unwrap().contiguous().unwrap()).unwrap();
        assert_close(&case, "output", "lstm_out", &host(&y.transpose(0, 1).unwrap()));
        let context = Attention::new("attention").forward(&params, &y).unwrap();
        let last = |key: &str, per_row: usize| -> Vec<f32> {
            let all = numbers(&case, "output", key);
            all.chunks_exact(per_row).skip(rows - 1).step_by(rows).flatten().copied().collect()
        };
        let name = format!("{} context", case.name);
        assert_close_f32(&name, &host(&context), &last("context", 2 * hidden), ABS, REL);
        let out = Linear::new("head").forward(&params, &context).unwrap();
        let softmax = case.json["output"].get("prob_of_first_row").is_some();
        let out = if softmax { candle_softmax(&out) } else { out };
        assert_close(&case, "output", "out", &host(&out));
        // Shares are [B, keys, queries]; ours are those of the last query, [keys, B].
        let (mut work, mut unused) = (Attended::default(), Vec::new());
        let layer = AttentionLayer::from_params(&params, "attention").unwrap();
        layer.forward(&host(&y), batch, &mut work, &mut unused);
        let shares = numbers(&case, "output", "attention_weights");
        let theirs: Vec<f32> =
            (0..rows * batch).map(|i| shares[(i % batch * rows + i / batch + 1) * rows - 1]).collect();
        assert_close_f32(&format!("{} shares", case.name), work.shares(), &theirs, ABS, REL);
        check_attention_gradients(&case, &params, &x, &out);
    }
}

fn candle_softmax(x: &Tensor) -> Tensor {
    let powers = x.exp().unwrap();
    powers.broadcast_div(&powers.sum_keepdim(1).unwrap()).unwrap()
}

fn check_attention_gradients(case: &GoldenCase, params: &Params, x: &Var, out: &Tensor) {
    let mix = Tensor::from_vec(numbers(case, "input", "loss_weight"), out.shape(), &Device::Cpu).unwrap();
    let loss = (out * mix).unwrap().sum_all().unwrap();
    assert_close(case, "output", "loss", &[loss.to_scalar().unwrap()]);
    let grads = loss.backward().unwrap();
    let grad = |name: &str| host(grads.get(params.tensor(name)).unwrap());
    assert_close(case, "grad", "x", &host(grads.get(x).unwrap()));
    for (way, suffix) in [("forward", ""), ("backward", "_reverse")] {
        let keys = LSTM_PARTS.map(|part| format!("lstm.{part}_l0{suffix}"));
        check_parts(case, &keys.each_ref().map(String::as_str), &grad(&format!("lstm.{way}.packed")));
    }
    let layers = [("attention.query", "attn.Q"), ("attention.value", "attn.V"), ("head", "fc")];
    for (ours, theirs) in layers {
        for part in ["weight", "bias"] {
            assert_close(case, "grad", &format!("{theirs}.{part}"), &grad(&format!("{ours}.{part}")));
        }
    }
    let key = grad("attention.key.weight");
    assert_close(case, "grad", "attn.K.weight", &transposed(&key, key.len().isqrt()));
    let of_bias = numbers(case, "grad", "attn.K.bias");
    assert!(of_bias.iter().all(|d| d.abs() < ABS as f32), "a bias of the keys matters: {of_bias:?}");
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

/// The numbers of an array of rows.
fn rows(case: &GoldenCase, section: &str, key: &str) -> Vec<f32> {
    case.json[section][key].as_array().expect("rows").iter().flat_map(floats_f32).collect()
}

#[test]
fn golden_double_q() {
    for case in cases("ddqn_huber_", 2) {
        check_config(&case, &["gamma", "env_discount", "huber_delta", "note"]);
        let input = |key| numbers(&case, "input", key);
        let [q, next_online, next_target] =
            ["q", "next_q_online", "next_q_target"].map(|key| rows(&case, "input", key));
        let actions: Vec<u32> = input("action").iter().map(|a| *a as u32).collect();
        let gamma = config(&case, "gamma") as f32;
        let discounts: Vec<f32> = input("discount").iter().map(|d| gamma * d).collect();
        let loss_rows = DoubleQRows {
            q: &q,
            actions: &actions,
            rewards: &input("reward"),
            discounts: &discounts,
            next_online: &next_online,
            next_target: &next_target,
            weights: &vec![1.0; actions.len()],
        };
        let (mut d_q, mut errors) = (vec![f32::NAN; q.len()], vec![f32::NAN; actions.len()]);
        let loss = double_q(&loss_rows, config(&case, "huber_delta"), &mut d_q, &mut errors);
        let num_actions = q.len() / actions.len();
        let chosen: Vec<f32> = next_online.chunks(num_actions).map(|row| best(row) as f32).collect();
        assert_close(&case, "output", "best_next_action", &chosen);
        assert_close(&case, "output", "td_error", &errors);
        assert_close(&case, "output", "loss_mean", &[loss.loss as f32]);
        assert_close_f32(&format!("{} grad_q", case.name), &d_q, &rows(&case, "output", "grad_q"), ABS, REL);
        let targets = errors.iter().zip(&actions).enumerate().map(|(i, (e, a))| e + q[i * num_actions + *a as usize]);
        assert_close(&case, "output", "td_target", &targets.collect::<Vec<_>>());
    }
}

#[test]
fn golden_mlp_batchnorm() {
    // PyTorch's names in the sequence of the case, and ours.
    const NAMES: [(&str, &str); 4] = [("0", "hidden.0"), ("1", "norm.0"), ("3", "head"), ("x", "")];
    for case in cases("mlp_batchnorm_", 1) {
        check_config(&case, &["layers", "loss"]);
        check_kind(&case, "layers", "Linear, BatchNorm1d(eps 1e-5, momentum 0.1), LeakyReLU(0.01), Linear");
        check_kind(&case, "loss", "sum(y * loss_weight)");
        let mut weights = Checkpoint::default();
        let ours = |name: &str| {
            NAMES.iter().fold(name.to_owned(), |n, (a, b)| match n.strip_prefix(&format!("{a}.")) {
                Some(rest) => format!("{b}.{rest}"),
                None => n,
            })
        };
        for (name, values) in case.json["weights"].as_object().unwrap() {
            if !name.ends_with("num_batches_tracked") {
                weights.put_f32(&ours(name), &shape(values), &floats_f32(values));
            }
        }
        let [units, inputs] = *weights.shape("hidden.0.weight").unwrap() else { panic!("a matrix") };
        let outputs = weights.shape("head.bias").unwrap()[0];
        let shape_of =
            MlpShape { inputs, hidden: vec![units], outputs, batch_norm: true, leaky_slope: 0.01, dropout: 0.0 };
        let mut rng = RngTree::new(1).stream("init", 0);
        let mut mlp = Mlp::new(shape_of, Init::Pytorch, &mut rng);
        mlp.restore("", &weights).unwrap();
        let (x, mix) = (rows(&case, "input", "x"), rows(&case, "input", "loss_weight"));
        let (mut pass, mut gradient, mut d_x) = (Pass::default(), mlp.gradient(), vec![0.0; x.len()]);
        mlp.train(&x, &mut pass, &mut rng);
        let close = |key: &str, got: &[f32], expected: &[f32]| {
            assert_close_f32(&format!("{} {key}", case.name), got, expected, ABS, REL);
        };
        close("train", pass.outputs(), &rows(&case, "output", "train"));
        mlp.backward(&mix, &mut pass, &mut gradient, Some(&mut d_x));
        close("grad x", &d_x, &rows(&case, "grad", "x"));
        let mut named = Checkpoint::default();
        mlp.save_gradient(&gradient, "", &mut named);
        for (name, expected) in case.json["grad"].as_object().unwrap().iter().filter(|(name, _)| *name != "x") {
            close(name, &named.f32(&ours(name), &shape(expected)).unwrap(), &floats_f32(expected));
        }
        let mut after = Checkpoint::default();
        mlp.save("", &mut after);
        for (name, expected) in case.json["output"]["after"].as_object().unwrap() {
            close(name, &after.f32(&format!("norm.0.{name}"), &[units]).unwrap(), &floats_f32(expected));
        }
        let evaluated: Vec<f32> = mlp.infer(&x, &mut Inference::default()).flatten().copied().collect();
        close("eval_after", &evaluated, &rows(&case, "output", "eval_after"));
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

#[test]
fn golden_gaussian() {
    for case in cases("gaussian_", 2) {
        check_config(&case, &["std"]);
        let (means, actions) = (rows(&case, "input", "mean"), rows(&case, "input", "action"));
        let law_probs = numbers(&case, "output", "logprob");
        let width = means.len() / law_probs.len();
        let log_std = vec![config(&case, "std").ln() as f32; width];
        let pairs = || means.chunks_exact(width).zip(actions.chunks_exact(width));
        let got: Vec<f32> = pairs().map(|(mean, x)| gaussian_log_prob(mean, &log_std, x) as f32).collect();
        assert_close(&case, "output", "logprob", &got);
        let entropy = vec![gaussian_entropy(&log_std) as f32; law_probs.len()];
        assert_close(&case, "output", "entropy", &entropy);
        // The gradient of the sum: a loss of rows that are neither clipped nor changed, with advantages -1 a row.
        let n = law_probs.len();
        let gaussian = GaussianRows {
            means: &means,
            log_std: &log_std,
            drawn: &actions,
            squashed: false,
            old_log_prob: &got,
            advantages: &vec![-(n as f32); n],
            values: &vec![0.0; n],
            targets: &vec![0.0; n],
        };
        let plain = PpoLossConfig { clip: 0.2, value_coef: 0.0, entropy_coef: 0.0, value_beta: 1.0 };
        let gradient = ppo_gaussian(&gaussian, &plain).1.means;
        let expected = rows(&case, "grad", "mean_of_sum_logprob");
        assert_close_f32(&format!("{} gradient", case.name), &gradient, &expected, ABS, REL);
    }
}

#[test]
fn golden_ppo_gauss() {
    for case in cases("ppo_gauss_", 2) {
        check_config(&case, &["action_std", "eps_clip", "gamma", "value_coef", "entropy_coef", "normalise"]);
        check_kind(&case, "normalise", "(R-mean)/(std+1e-7), std with n-1");
        let input = |key| numbers(&case, "input", key);
        let ends = case.json["input"]["is_terminal"].as_array().unwrap();
        let ended: Vec<bool> = ends.iter().map(|end| end.as_bool().unwrap()).collect();
        let (rewards, values) = (input("reward"), input("value"));
        let mut targets = vec![0.0; rewards.len()];
        discounted(&rewards, &ended, 1, config(&case, "gamma"), &mut targets);
        assert_close(&case, "output", "returns", &targets);
        normalise(&mut targets, Deviations::SAMPLE);
        assert_close(&case, "output", "returns_norm", &targets);
        let advantages: Vec<f32> = targets.iter().zip(&values).map(|(target, value)| target - value).collect();
        assert_close(&case, "output", "advantage", &advantages);
        let (means, drawn) = (rows(&case, "input", "mean"), rows(&case, "input", "action"));
        let log_std = vec![config(&case, "action_std").ln() as f32; means.len() / rewards.len()];
        let gaussian = GaussianRows {
            means: &means,
            log_std: &log_std,
            drawn: &drawn,
            squashed: false,
            old_log_prob: &input("old_logprob"),
            advantages: &advantages,
            values: &values,
            targets: &targets,
        };
        // Half of the squared error is the notebook's value loss with its weight.
        let loss_config = PpoLossConfig {
            clip: config(&case, "eps_clip"),
            value_coef: 2.0 * config(&case, "value_coef"),
            entropy_coef: config(&case, "entropy_coef"),
            value_beta: f64::INFINITY,
        };
        let (loss, gradient) = ppo_gaussian(&gaussian, &loss_config);
        assert_close(&case, "output", "value_loss", &[loss.value_loss as f32]);
        assert_close(&case, "output", "loss_mean", &[loss.loss as f32]);
        let law = means.chunks_exact(log_std.len()).zip(drawn.chunks_exact(log_std.len()));
        let law: Vec<f32> = law.map(|(mean, x)| gaussian_log_prob(mean, &log_std, x) as f32).collect();
        assert_close(&case, "output", "logprob", &law);
        let expected = rows(&case, "output", "grad_mean");
        assert_close_f32(&format!("{} gradient", case.name), &gradient.means, &expected, ABS, REL);
        assert_close(&case, "output", "grad_value", &gradient.values);
        assert_close(&case, "output", "entropy", &vec![loss.entropy as f32; rewards.len()]);
    }
}
