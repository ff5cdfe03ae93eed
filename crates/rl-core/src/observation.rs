use std::sync::Arc;

/// A shared, immutable, row-major table of features `[T, F]`.
#[derive(Clone, Debug)]
pub struct Frame {
    rows: usize,
    cols: usize,
    data: Arc<Vec<f32>>,
}

impl Frame {
    /// A frame of `data.len() / cols` rows.
    ///
    /// # Panics
    /// If `cols` is 0 or does not divide the length of `data`.
    pub fn new(cols: usize, data: Vec<f32>) -> Self {
        assert!(cols > 0 && data.len().is_multiple_of(cols), "{} numbers do not make rows of {cols}", data.len());
        Self { rows: data.len() / cols, cols, data: Arc::new(data) }
    }

    /// Number of rows `T`.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Puts the rows of another frame behind these.
    ///
    /// # Panics
    /// If it has another number of features.
    pub fn append(&mut self, other: &Frame) {
        assert_eq!(self.cols, other.cols, "features of two frames");
        Arc::make_mut(&mut self.data).extend_from_slice(&other.data);
        self.rows += other.rows;
    }

    /// The rows of this frame with those from `first` on replaced by the same rows of another frame.
    ///
    /// # Panics
    /// If the other frame has other rows or features.
    pub fn replaced_from(&self, first: usize, other: &Frame) -> Frame {
        assert_eq!((self.rows, self.cols), (other.rows, other.cols), "rows and features of two frames");
        let (kept, rest) = (&self.data[..first * self.cols], &other.data[first * self.cols..]);
        Frame::new(self.cols, [kept, rest].concat())
    }

    /// Whether both are the same table in memory, not only equal ones.
    pub fn is(&self, other: &Frame) -> bool {
        Arc::ptr_eq(&self.data, &other.data)
    }

    /// Number of features `F`.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The `F` features of row `t`.
    pub fn row(&self, t: usize) -> &[f32] {
        &self.data[t * self.cols..(t + 1) * self.cols]
    }

    /// The last `window` rows up to and including `last`, contiguous: `[W, F]`.
    pub fn window(&self, last: u32, window: usize) -> &[f32] {
        let end = (last as usize + 1) * self.cols;
        &self.data[end - window * self.cols..end]
    }
}

/// What one observation consists of: `window * features` numbers of the frame, then `account` numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservationSpec {
    /// Rows `W` of the frame that are visible, the last one included.
    pub window: usize,
    /// Features `F` of a row.
    pub features: usize,
    /// Account numbers `A`; may be 0.
    pub account: usize,
}

impl ObservationSpec {
    /// Length of one flattened observation, `W * F + A`.
    pub fn flat_len(&self) -> usize {
        self.window * self.features + self.account
    }
}

/// What `N` copies of an environment show: indices into the frame and account rows `[N, A]`.
#[derive(Clone, Copy, Debug)]
pub struct Observations<'a> {
    /// The table that the windows lie in.
    pub frame: &'a Frame,
    /// Lengths of a single observation.
    pub spec: ObservationSpec,
    /// Last visible row of each copy `[N]`.
    pub last_row: &'a [u32],
    /// Account numbers `[N, A]`.
    pub account: &'a [f32],
}

impl<'a> Observations<'a> {
    /// Number of copies `N`.
    pub fn len(&self) -> usize {
        self.last_row.len()
    }

    /// Whether there are no copies.
    pub fn is_empty(&self) -> bool {
        self.last_row.is_empty()
    }

    /// The visible rows of copy `i`, `[W, F]`.
    pub fn window(&self, i: usize) -> &'a [f32] {
        self.frame.window(self.last_row[i], self.spec.window)
    }

    /// The account numbers of copy `i`, `[A]`.
    pub fn account(&self, i: usize) -> &'a [f32] {
        &self.account[i * self.spec.account..(i + 1) * self.spec.account]
    }

    /// Overwrites `out` with the flattened observations of all copies, `[N, W * F + A]`; allocates only while it grows.
    pub fn flatten(&self, out: &mut Vec<f32>) {
        let (len, seen) = (self.spec.flat_len(), self.spec.window * self.spec.features);
        out.resize(self.len() * len, 0.0);
        for (i, flat) in out.chunks_exact_mut(len).enumerate() {
            let (window, account) = flat.split_at_mut(seen);
            window.copy_from_slice(self.window(i));
            account.copy_from_slice(self.account(i));
        }
    }

    /// Appends the flattened observation of copy `i`, `[W * F + A]`.
    pub fn extend_flat(&self, i: usize, out: &mut Vec<f32>) {
        out.extend_from_slice(self.window(i));
        out.extend_from_slice(self.account(i));
    }
}

/// A kept copy of [`Observations`] without the frame: `N` row indices and `[N, A]` account numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Last visible row of each copy `[N]`.
    pub last_row: Vec<u32>,
    /// Account numbers `[N, A]`.
    pub account: Vec<f32>,
}

impl Snapshot {
    /// Overwrites this snapshot; allocates only while it grows.
    pub fn copy_from(&mut self, seen: Observations<'_>) {
        self.last_row.clear();
        self.last_row.extend_from_slice(seen.last_row);
        self.account.clear();
        self.account.extend_from_slice(seen.account);
    }

    /// The observations again, on the frame they were taken from.
    pub fn view<'a>(&'a self, frame: &'a Frame, spec: ObservationSpec) -> Observations<'a> {
        Observations { frame, spec, last_row: &self.last_row, account: &self.account }
    }
}
