use super::Simd;
use super::math::{Lane, ZERO, load};

/// The right factor `[K, N]` of a matrix product, kept as panels of 16 columns: `[N / 16, K, 16]`.
///
/// Columns past `N` in the last panel are 0. A panel is read front to back by the product, one [`Lane`] per row.
#[derive(Clone, Debug)]
pub(crate) struct Panels {
    depth: usize,
    cols: usize,
    lanes: Vec<Line>,
}

/// A lane that fills one cache line, so that reading it touches no second one.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) Lane);

impl Line {
    pub(crate) const ZERO: Self = Self(ZERO);

    /// The numbers of consecutive lines.
    #[inline(always)]
    pub(crate) fn flat(lines: &[Self]) -> &[f32] {
        // SAFETY: a line is 16 numbers and nothing else: `repr(C)`, and its size is its alignment.
        unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * 16) }
    }

    /// The numbers of consecutive lines, to write.
    #[inline(always)]
    pub(crate) fn flat_mut(lines: &mut [Self]) -> &mut [f32] {
        // SAFETY: as in `flat`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * 16) }
    }
}

impl Panels {
    /// Gathers the factor by its columns, each `depth` numbers; `None` is a column of zeros.
    pub(crate) fn from_columns<'a>(depth: usize, cols: usize, column: impl Fn(usize) -> Option<&'a [f32]>) -> Self {
        let mut lanes = vec![Line(ZERO); depth * cols.div_ceil(16)];
        for col in 0..cols {
            let Some(values) = column(col) else { continue };
            let panel = &mut lanes[col / 16 * depth..][..depth];
            for (lane, value) in panel.iter_mut().zip(values) {
                lane.0[col % 16] = *value;
            }
        }
        Self { depth, cols, lanes }
    }

    /// Gathers the factor by its rows, each at most `cols` numbers; `None` is a row of zeros.
    pub(crate) fn from_rows<'a>(depth: usize, cols: usize, row: impl Fn(usize) -> Option<&'a [f32]>) -> Self {
        let mut lanes = vec![Line(ZERO); depth * cols.div_ceil(16)];
        for k in 0..depth {
            let Some(values) = row(k) else { continue };
            for (panel, chunk) in values.chunks(16).enumerate() {
                lanes[panel * depth + k] = Line(load(chunk));
            }
        }
        Self { depth, cols, lanes }
    }

    #[inline(always)]
    fn panel(&self, p: usize) -> &[Line] {
        &self.lanes[p * self.depth..][..self.depth]
    }
}

/// `out[r, n] += sum over k of a[r, k] * w[k, n]` with `a [rows, stride]` (its first `K` columns count) and `out [rows, N]`.
pub(crate) struct Product<'a> {
    a: &'a [f32],
    stride: usize,
    w: &'a Panels,
    out: &'a mut [f32],
}

impl<'a> Product<'a> {
    /// A product that can be run.
    ///
    /// # Panics
    /// If the lengths do not make the same number of whole rows.
    #[inline(always)]
    pub(crate) fn new(a: &'a [f32], stride: usize, w: &'a Panels, out: &'a mut [f32]) -> Self {
        assert!(stride >= w.depth && a.len().is_multiple_of(stride), "{} numbers in rows of {stride}", a.len());
        assert_eq!(a.len() / stride * w.cols, out.len(), "length of a matrix product");
        Self { a, stride, w, out }
    }

    #[inline(always)]
    pub(crate) fn rows(&self) -> usize {
        self.a.len() / self.stride
    }

    #[inline(always)]
    pub(crate) fn panels(&self) -> usize {
        self.w.cols.div_ceil(16)
    }

    #[inline(always)]
    pub(crate) fn into_out(self) -> &'a mut [f32] {
        self.out
    }

    /// Computes rows `r..r + R` for panels from `p` on, `P` at a time; returns the first panel left over.
    #[inline(always)]
    pub(crate) fn sweep<S: Simd, const R: usize, const P: usize, const U: usize>(
        &mut self,
        r: usize,
        mut p: usize,
    ) -> usize {
        while p + P <= self.panels() {
            self.tile::<S, R, P, U>(r, p);
            p += P;
        }
        p
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const P: usize, const U: usize>(&mut self, r: usize, p: usize) {
        let a: [&[f32]; R] = std::array::from_fn(|i| &self.a[(r + i) * self.stride..][..self.w.depth]);
        let w: [&[Line]; P] = std::array::from_fn(|i| self.w.panel(p + i));
        let sums = dot::<S, R, P, U>(a, w, self.w.depth);
        let cols = self.w.cols;
        for (i, row) in sums.iter().enumerate() {
            let out = &mut self.out[(r + i) * cols..][..cols];
            add::<S, P>(&mut out[p * 16..], row);
        }
    }
}

/// Sums over `k` with `U` independent partial sums, so that a small tile does not wait for its own additions.
#[inline(always)]
fn dot<S: Simd, const R: usize, const P: usize, const U: usize>(
    a: [&[f32]; R],
    w: [&[Line]; P],
    depth: usize,
) -> [[S::Vector; P]; R] {
    let mut part = [[[S::splat(0.0); P]; R]; U];
    let mut k = 0;
    while k + U <= depth {
        for u in 0..U {
            let w = read_each::<S, P>(w.iter().map(|w| &w[k + u].0));
            for r in 0..R {
                let a = S::splat(a[r][k + u]);
                for p in 0..P {
                    part[u][r][p] = S::multiply_add(a, w[p], part[u][r][p]);
                }
            }
        }
        k += U;
    }
    while k < depth {
        for r in 0..R {
            for p in 0..P {
                part[0][r][p] = S::multiply_add(S::splat(a[r][k]), S::read(&w[p][k].0), part[0][r][p]);
            }
        }
        k += 1;
    }
    let mut sums = part[0];
    for part in &part[1..] {
        for (row, other) in sums.iter_mut().zip(part) {
            for (sum, other) in row.iter_mut().zip(other) {
                *sum = S::sum(*sum, *other);
            }
        }
    }
    sums
}

/// `out[i, n] += sum over t of a[t, i] * b[t, n]` with `a [T, stride]`, `b [T, panels, 16]`, `out [stride, panels, 16]`.
pub(crate) struct Outer<'a> {
    a: &'a [f32],
    stride: usize,
    b: &'a [Lane],
    panels: usize,
    out: &'a mut [Lane],
}

impl<'a> Outer<'a> {
    /// A sum of outer products that can be run.
    ///
    /// # Panics
    /// If the lengths do not make the same number of whole rows.
    #[inline(always)]
    pub(crate) fn new(a: &'a [f32], stride: usize, b: &'a [Lane], out: &'a mut [Lane]) -> Self {
        let panels = out.len() / stride;
        assert_eq!(panels * stride, out.len(), "length of a sum of outer products");
        assert_eq!(a.len() / stride * panels, b.len(), "lengths of the factors of a sum of outer products");
        Self { a, stride, b, panels, out }
    }

    #[inline(always)]
    pub(crate) fn rows(&self) -> usize {
        self.stride
    }

    #[inline(always)]
    pub(crate) fn panels(&self) -> usize {
        self.panels
    }

    /// Computes rows `r..r + R` of `out` for panels from `p` on, `P` at a time; returns the first panel left over.
    #[inline(always)]
    pub(crate) fn sweep<S: Simd, const R: usize, const P: usize, const U: usize>(
        &mut self,
        r: usize,
        mut p: usize,
    ) -> usize {
        while p + P <= self.panels {
            self.tile::<S, R, P>(r, p);
            p += P;
        }
        p
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize, const P: usize>(&mut self, r: usize, p: usize) {
        let mut sums = [[S::splat(0.0); P]; R];
        for (a, b) in self.a.chunks_exact(self.stride).zip(self.b.chunks_exact(self.panels)) {
            let (a, b) = (&a[r..r + R], &b[p..p + P]);
            let b = read_each::<S, P>(b.iter());
            for i in 0..R {
                let a = S::splat(a[i]);
                for j in 0..P {
                    sums[i][j] = S::multiply_add(a, b[j], sums[i][j]);
                }
            }
        }
        for (i, row) in sums.iter().enumerate() {
            add::<S, P>(self.out[(r + i) * self.panels + p..][..P].as_flattened_mut(), row);
        }
    }
}

/// Reads `P` lanes; a plain loop, because `array::from_fn` is not always inlined into code for the instruction set.
#[inline(always)]
fn read_each<'a, S: Simd, const P: usize>(lanes: impl Iterator<Item = &'a Lane>) -> [S::Vector; P] {
    let mut vectors = [S::splat(0.0); P];
    for (vector, lane) in vectors.iter_mut().zip(lanes) {
        *vector = S::read(lane);
    }
    vectors
}

/// Adds vectors to consecutive columns; columns that `out` does not have are left away.
#[inline(always)]
fn add<S: Simd, const P: usize>(out: &mut [f32], vectors: &[S::Vector; P]) {
    for (out, vector) in out.chunks_mut(16).zip(vectors) {
        let before = S::read(&S::load(out));
        S::store(out, &S::write(S::sum(before, *vector)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Isa, Kernel, Simd};
    use super::*;

    struct Run<'a>(Product<'a>);
    impl Kernel for Run<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            S::add_product(self.0);
        }
    }

    struct RunOuter<'a>(Outer<'a>);
    impl Kernel for RunOuter<'_> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self) {
            S::add_outer(self.0);
        }
    }

    /// Small whole numbers: every order of summation gives the same bits.
    fn numbers(n: usize, salt: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + salt * 11) % 13) as f32 - 6.0).collect()
    }

    #[test]
    fn products_of_any_shape_equal_the_plain_sum_on_every_instruction_set() {
        for (rows, depth, cols) in
            [(1, 1, 1), (1, 7, 130), (3, 5, 16), (4, 33, 17), (5, 9, 48), (9, 64, 95), (13, 2, 128)]
        {
            let (a, w) = (numbers(rows * (depth + 1), 1), numbers(depth * cols, 2));
            let mut expected = numbers(rows * cols, 3);
            for r in 0..rows {
                for n in 0..cols {
                    expected[r * cols + n] +=
                        (0..depth).map(|k| a[r * (depth + 1) + k] * w[n * depth + k]).sum::<f32>();
                }
            }
            let transposed: Vec<f32> = (0..depth * cols).map(|i| w[i % cols * depth + i / cols]).collect();
            let panels = [
                Panels::from_columns(depth, cols, |n| Some(&w[n * depth..][..depth])),
                Panels::from_rows(depth, cols, |k| Some(&transposed[k * cols..][..cols])),
            ];
            for (isa, panels) in Isa::available().into_iter().flat_map(|isa| panels.iter().map(move |p| (isa, p))) {
                let mut out = numbers(rows * cols, 3);
                isa.run(Run(Product::new(&a, depth + 1, panels, &mut out)));
                assert_eq!(out, expected, "{isa:?} {rows}x{depth}x{cols}");
            }
        }
    }

    #[test]
    fn sums_of_outer_products_equal_the_plain_sum_on_every_instruction_set() {
        for (t, stride, panels) in [(1, 1, 1), (5, 3, 4), (8, 10, 3), (3, 33, 8), (2, 4, 5)] {
            let (a, b) = (numbers(t * stride, 1), numbers(t * panels * 16, 2));
            let cols = panels * 16;
            let expected: Vec<f32> = (0..stride * cols)
                .map(|i| (0..t).map(|s| a[s * stride + i / cols] * b[s * cols + i % cols]).sum())
                .collect();
            for isa in Isa::available() {
                let mut out = vec![ZERO; stride * panels];
                isa.run(RunOuter(Outer::new(&a, stride, b.as_chunks().0, &mut out)));
                assert_eq!(out.as_flattened(), expected, "{isa:?} {t}x{stride}x{panels}");
            }
        }
    }
}
