use crate::nn::numerics::{Isa, Kernel, Simd, ZERO};

/// Softmax over `L` of `x_l . asked`, and the sum of the rows by these shares.
///
/// `x` is `[L, B, D]`, `asked` `[B, D]`; `shares` becomes `[L, B]`, `seen` `[B, D]`.
pub(super) fn attend(isa: Isa, x: &[f32], asked: &[f32], batch: usize, shares: &mut Vec<f32>, seen: &mut Vec<f32>) {
    seen.clear();
    seen.resize(asked.len(), 0.0);
    shares.clear();
    shares.resize(x.len() / asked.len() * batch, 0.0);
    isa.run(Forward { x, asked, batch, shares, seen });
}

struct Forward<'a> {
    x: &'a [f32],
    asked: &'a [f32],
    batch: usize,
    shares: &'a mut [f32],
    seen: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { x, asked, batch, shares, seen } = self;
        let width = asked.len() / batch;
        for (shares, x) in shares.chunks_exact_mut(batch).zip(x.chunks_exact(asked.len())) {
            for (b, share) in shares.iter_mut().enumerate() {
                *share = dot::<S>(&x[b * width..][..width], &asked[b * width..][..width]);
            }
        }
        for b in 0..batch {
            softmax(&mut shares[b..], batch);
        }
        for (shares, x) in shares.chunks_exact(batch).zip(x.chunks_exact(asked.len())) {
            for (b, share) in shares.iter().enumerate() {
                add::<S>(*share, &x[b * width..][..width], &mut seen[b * width..][..width]);
            }
        }
    }
}

/// Gradients with respect to `x` `[L, B, D]` and `asked` `[B, D]`, from that with respect to `seen` `[B, D]`.
///
/// `d share_l = d seen . x_l`, `d score = share (d share - sum of share * d share)`.
pub(super) fn backward(isa: Isa, x: &[f32], asked: &[f32], shares: &[f32], d_seen: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut d_x, mut d_asked) = (vec![0.0; x.len()], vec![0.0; asked.len()]);
    let rows = x.len() / asked.len();
    let batch = shares.len() / rows;
    let d_scores = vec![0.0; shares.len()];
    isa.run(Backward { x, asked, batch, shares, d_seen, d_scores, d_x: &mut d_x, d_asked: &mut d_asked });
    (d_x, d_asked)
}

struct Backward<'a> {
    x: &'a [f32],
    asked: &'a [f32],
    batch: usize,
    shares: &'a [f32],
    d_seen: &'a [f32],
    d_scores: Vec<f32>,
    d_x: &'a mut [f32],
    d_asked: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Self { x, asked, batch, shares, d_seen, mut d_scores, d_x, d_asked } = self;
        let (row, width) = (asked.len(), asked.len() / batch);
        for (d_scores, x) in d_scores.chunks_exact_mut(batch).zip(x.chunks_exact(row)) {
            for (b, d) in d_scores.iter_mut().enumerate() {
                *d = dot::<S>(&x[b * width..][..width], &d_seen[b * width..][..width]);
            }
        }
        for b in 0..batch {
            let of = |column: &[f32], l: usize| column[l * batch + b];
            let rows = shares.len() / batch;
            let mean: f32 = (0..rows).map(|l| of(shares, l) * of(&d_scores, l)).sum();
            (0..rows).for_each(|l| d_scores[l * batch + b] = of(shares, l) * (of(&d_scores, l) - mean));
        }
        for (l, (x, d_x)) in x.chunks_exact(row).zip(d_x.chunks_exact_mut(row)).enumerate() {
            for b in 0..batch {
                let (at, i) = (b * width, l * batch + b);
                let d_x = &mut d_x[at..][..width];
                add::<S>(shares[i], &d_seen[at..][..width], d_x);
                add::<S>(d_scores[i], &asked[at..][..width], d_x);
                add::<S>(d_scores[i], &x[at..][..width], &mut d_asked[at..][..width]);
            }
        }
    }
}

#[inline(always)]
fn dot<S: Simd>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = ZERO;
    for (a, b) in a.chunks(16).zip(b.chunks(16)) {
        let (a, b) = (S::load(a), S::load(b));
        for k in 0..16 {
            sums[k] = S::fma(a[k], b[k], sums[k]);
        }
    }
    S::total(S::read(&sums))
}

/// `to += factor * x`.
#[inline(always)]
fn add<S: Simd>(factor: f32, x: &[f32], to: &mut [f32]) {
    for (to, x) in to.chunks_mut(16).zip(x.chunks(16)) {
        let (mut sums, x) = (S::load(to), S::load(x));
        for k in 0..16 {
            sums[k] = S::fma(factor, x[k], sums[k]);
        }
        S::store(to, &sums);
    }
}

/// Softmax of every `step`-th number.
fn softmax(scores: &mut [f32], step: usize) {
    let most = scores.iter().step_by(step).fold(f32::NEG_INFINITY, |most, score| most.max(*score));
    scores.iter_mut().step_by(step).for_each(|score| *score = (*score - most).exp());
    let sum: f32 = scores.iter().step_by(step).sum();
    scores.iter_mut().step_by(step).for_each(|score| *score /= sum);
}
