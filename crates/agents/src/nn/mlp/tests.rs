//! The explicit passes against a plain `f64` network, on every instruction set.

use pavlov_rl_core::{RngTree, normal};

use super::*;

/// The network in `f64`, sample by sample and unit by unit; `kept` gives the dropout factor of a hidden unit.
struct Plain {
    shape: MlpShape,
    weights: Checkpoint,
}

type Kept<'a> = &'a dyn Fn(usize, usize, usize) -> f64;

impl Plain {
    fn of(mlp: &Mlp) -> Self {
        let mut weights = Checkpoint::default();
        mlp.save("", &mut weights);
        Self { shape: mlp.shape.clone(), weights }
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Vec<f64> {
        self.weights.f32(name, shape).unwrap().into_iter().map(f64::from).collect()
    }

    fn affine(&self, name: &str, x: &[Vec<f64>], outputs: usize) -> Vec<Vec<f64>> {
        let inputs = x[0].len();
        let weight = self.tensor(&format!("{name}.weight"), &[outputs, inputs]);
        let bias = self.tensor(&format!("{name}.bias"), &[outputs]);
        let row = |x: &Vec<f64>| {
            let dot = |n: usize| bias[n] + x.iter().zip(&weight[n * inputs..]).map(|(x, w)| x * w).sum::<f64>();
            (0..outputs).map(dot).collect()
        };
        x.iter().map(row).collect()
    }

    fn normalise(&self, i: usize, z: &mut [Vec<f64>], train: bool) {
        let (n, units) = (z.len() as f64, z[0].len());
        let read = |kind: &str| self.tensor(&format!("norm.{i}.{kind}"), &[units]);
        let [gamma, beta, mean, var] = ["weight", "bias", "running_mean", "running_var"].map(read);
        for j in 0..units {
            let (mut m, mut v) = (mean[j], var[j]);
            if train {
                m = z.iter().map(|row| row[j]).sum::<f64>() / n;
                v = z.iter().map(|row| (row[j] - m).powi(2)).sum::<f64>() / n;
            }
            z.iter_mut().for_each(|row| row[j] = gamma[j] * (row[j] - m) / (v + 1e-5).sqrt() + beta[j]);
        }
    }

    fn outputs(&self, x: &[Vec<f64>], kept: Option<Kept<'_>>) -> Vec<Vec<f64>> {
        let mut y = x.to_vec();
        for (i, &units) in self.shape.hidden.iter().enumerate() {
            y = self.affine(&format!("hidden.{i}"), &y, units);
            if self.shape.batch_norm {
                self.normalise(i, &mut y, kept.is_some());
            }
            for (r, row) in y.iter_mut().enumerate() {
                for (j, z) in row.iter_mut().enumerate() {
                    let leaky = if *z > 0.0 { *z } else { f64::from(self.shape.leaky_slope) * *z };
                    *z = leaky * kept.map_or(1.0, |kept| kept(i, r, j));
                }
            }
        }
        self.affine("head", &y, self.shape.outputs)
    }
}

fn shape(inputs: usize, hidden: &[usize], batch_norm: bool, dropout: f32) -> MlpShape {
    MlpShape { inputs, hidden: hidden.to_vec(), outputs: 3, batch_norm, leaky_slope: 0.1, dropout }
}

fn draw(rng: &mut Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| normal(rng) as f32).collect()
}

fn rows(x: &[f32], width: usize) -> Vec<Vec<f64>> {
    x.chunks(width).map(|row| row.iter().map(|v| f64::from(*v)).collect()).collect()
}

fn assert_near(what: &str, got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-2, |m: f64, v| m.max(v.abs()));
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((f64::from(*a) - b).abs() < tolerance * largest, "{what} {i}: {a} against {b}");
    }
}

/// A network whose normalisations are not the trivial ones.
fn sample(shape: MlpShape, isa: Isa) -> Mlp {
    let mut rng = RngTree::new(7).stream("init", shape.inputs as u64);
    let mut mlp = Mlp::new(shape, Init::HeNormal, &mut rng).on(isa);
    let mut saved = Checkpoint::default();
    mlp.save("", &mut saved);
    let names: Vec<String> = saved.names().filter(|name| name.starts_with("norm")).map(str::to_owned).collect();
    for name in names {
        let shape = saved.shape(&name).unwrap().to_vec();
        let values: Vec<f32> = draw(&mut rng, shape[0]).iter().map(|v| (0.5 * v).exp()).collect();
        saved.put_f32(&name, &shape, &values);
    }
    mlp.restore("", &saved).unwrap();
    mlp
}

#[test]
fn outputs_equal_a_plain_network_for_batches_of_any_size() {
    for (isa, batch_norm) in Isa::available().into_iter().flat_map(|isa| [(isa, true), (isa, false)]) {
        for (batch, inputs, hidden) in
            [(1, 5, vec![7]), (3, 16, vec![16, 33]), (13, 33, vec![40, 17, 8]), (6, 3, vec![])]
        {
            let mut mlp = sample(shape(inputs, &hidden, batch_norm, 0.0), isa);
            let mut rng = RngTree::new(8).stream("test", batch as u64);
            let (x, plain) = (draw(&mut rng, batch * inputs), Plain::of(&mlp));
            let got: Vec<f32> = mlp.infer(&x, &mut Inference::default()).flatten().copied().collect();
            let what = format!("{isa:?} {batch}x{inputs}->{hidden:?}, norm {batch_norm}");
            assert_near(&what, &got, &plain.outputs(&rows(&x, inputs), None).concat(), 1e-5);
            if batch > 1 || !batch_norm {
                let mut pass = Pass::default();
                mlp.train(&x, &mut pass, &mut rng);
                assert_near(
                    &what,
                    pass.outputs(),
                    &plain.outputs(&rows(&x, inputs), Some(&|_, _, _| 1.0)).concat(),
                    2e-5,
                );
            }
        }
    }
}

#[test]
fn gradients_equal_finite_differences_with_and_without_normalisation_and_dropout() {
    for (isa, batch_norm, dropout) in
        Isa::available().into_iter().flat_map(|isa| [(isa, true, 0.3), (isa, false, 0.3), (isa, true, 0.0)])
    {
        let (batch, inputs) = (9, 5);
        let mut mlp = sample(shape(inputs, &[18, 7], batch_norm, dropout), isa);
        let mut rng = RngTree::new(8).stream("test", 1);
        let (x, mix) = (draw(&mut rng, batch * inputs), draw(&mut rng, batch * 3));
        let mut plain = Plain::of(&mlp);
        let (mut pass, mut gradient, mut d_x) = (Pass::default(), mlp.gradient(), vec![0.0; x.len()]);
        mlp.train(&x, &mut pass, &mut rng);
        let kept = pass.kept_factors(&mlp);
        let kept = |layer: usize, row: usize, unit: usize| kept[layer][row][unit];
        let scalar = |x: &[Vec<f64>], plain: &Plain| -> f64 {
            plain.outputs(x, Some(&kept)).concat().iter().zip(&mix).map(|(y, m)| y * f64::from(*m)).sum()
        };
        mlp.backward(&mix, &mut pass, &mut gradient, Some(&mut d_x));
        let mut named = Checkpoint::default();
        mlp.save_gradient(&gradient, "", &mut named);
        let names: Vec<String> = named.names().map(str::to_owned).collect();
        for name in names {
            let shape = named.shape(&name).unwrap().to_vec();
            let (got, values) = (named.f32(&name, &shape).unwrap(), plain.weights.f32(&name, &shape).unwrap());
            let slope = |i: usize| {
                let mut at = |h: f32| {
                    let mut moved = values.clone();
                    moved[i] += h;
                    let step = f64::from(moved[i]);
                    plain.weights.put_f32(&name, &shape, &moved);
                    (scalar(&rows(&x, inputs), &plain), step)
                };
                let ((up, high), (down, low)) = (at(1e-4), at(-1e-4));
                (up - down) / (high - low)
            };
            let expected: Vec<f64> = (0..values.len()).map(slope).collect();
            plain.weights.put_f32(&name, &shape, &values);
            assert_near(&format!("{isa:?} {batch_norm} {dropout} {name}"), &got, &expected, 1e-3);
        }
        let slope = |i: usize| {
            let at = |h: f64| {
                let mut moved = rows(&x, inputs);
                moved[i / inputs][i % inputs] += h;
                scalar(&moved, &plain)
            };
            (at(1e-5) - at(-1e-5)) / 2e-5
        };
        assert_near("x", &d_x, &(0..x.len()).map(slope).collect::<Vec<_>>(), 1e-3);
    }
}

impl Pass {
    /// Dropout factor of each hidden unit, `[layer][row][unit]`, told from what the pass kept.
    fn kept_factors(&self, mlp: &Mlp) -> Vec<Vec<Vec<f64>>> {
        let threshold = f64::from(mlp.shape.dropout * 65_536.0).round();
        let scale = 65_536.0 / (65_536.0 - threshold);
        let layer = |(i, units): (usize, &usize)| {
            let gates = rows(Line::flat(self.gates(i)), 16 * products::row_len(*units));
            gates
                .iter()
                .map(|row| row[..*units].iter().map(|g| if *g == 0.0 { 0.0 } else { scale }).collect())
                .collect()
        };
        mlp.shape.hidden.iter().enumerate().map(layer).collect()
    }
}

#[test]
fn dropout_leaves_out_its_share_and_keeps_the_mean() {
    let (units, batch) = (64, 500);
    let mut mlp = sample(shape(1, &[units], false, 0.2), Isa::best());
    let (mut pass, mut rng) = (Pass::default(), RngTree::new(1).stream("dropout", 0));
    mlp.train(&vec![1.0; batch], &mut pass, &mut rng);
    let kept = pass.kept_factors(&mlp).concat().concat();
    let dropped = kept.iter().filter(|k| **k == 0.0).count() as f64 / kept.len() as f64;
    assert!((dropped - 0.2).abs() < 4.0 * (0.16f64 / kept.len() as f64).sqrt(), "{dropped}");
    assert!((kept.iter().sum::<f64>() / kept.len() as f64 - 1.0).abs() < 0.02);
    let again = RngTree::new(1).stream("dropout", 0);
    let mut second = Pass::default();
    mlp.train(&vec![1.0; batch], &mut second, &mut again.clone());
    assert_eq!(pass.outputs(), second.outputs(), "equal streams drop the same units");
}

#[test]
#[should_panic(expected = "a batch of one row has no deviation")]
fn a_single_row_is_refused_where_a_batch_is_normalised() {
    let mut mlp = sample(shape(2, &[4], true, 0.0), Isa::best());
    mlp.train(&[1.0, 2.0], &mut Pass::default(), &mut RngTree::new(1).stream("dropout", 0));
}

#[test]
fn a_target_is_copied_or_moved_and_takes_the_running_statistics() {
    let mut online = sample(shape(2, &[4], true, 0.0), Isa::best());
    let mut target = online.clone();
    online.params.iter_mut().for_each(|line| line.0 = line.0.map(|w| w + 1.0));
    online.running.iter_mut().for_each(|line| line.0 = line.0.map(|w| w + 1.0));
    let before = target.params.clone();
    target.move_towards(&online, 0.25);
    let moved = Line::flat(&target.params).iter().zip(Line::flat(&before)).map(|(a, b)| a - b);
    assert!(moved.into_iter().all(|step| (step - 0.25).abs() < 1e-6));
    assert_eq!(Line::flat(&target.running), Line::flat(&online.running));
    target.copy_from(&online);
    assert_eq!(Line::flat(&target.params), Line::flat(&online.params));
}

#[test]
fn named_laws_have_their_variance() {
    let (inputs, outputs) = (200, 100);
    for (init, hidden, head) in [
        (Init::HeNormal, 2.0 / 200.0, 2.0 / 103.0),
        (Init::GlorotUniform, 2.0 / 300.0, 2.0 / 103.0),
        (Init::Pytorch, 1.0 / 600.0, 1.0 / 300.0),
    ] {
        let mut rng = RngTree::new(1).stream("init", 0);
        let plain = Plain::of(&Mlp::new(shape(inputs, &[outputs], true, 0.0), init, &mut rng));
        for (name, shape, variance) in
            [("hidden.0.weight", [outputs, inputs], hidden), ("head.weight", [3, outputs], head)]
        {
            let w = plain.tensor(name, &shape);
            let got = w.iter().map(|w| w * w).sum::<f64>() / w.len() as f64;
            let error = (got / variance - 1.0).abs();
            assert!(error < 5.0 / (w.len() as f64).sqrt(), "{init:?} {name}: variance {got}, expected {variance}");
        }
    }
}
