/// Numbers with their sum, in a binary tree: setting one and finding a place by a partial sum take `log2(len)` steps.
///
/// An inner node is always the sum of its two children, so a tree has the same bits whatever the order of the settings.
/// Source: Schaul et al. 2016, "Prioritized experience replay", appendix B.2.1.
#[derive(Clone, Debug)]
pub struct SumTree {
    leaves: usize,
    /// Node 1 is the root, the children of `i` are `2 i` and `2 i + 1`.
    nodes: Vec<f64>,
}

impl SumTree {
    /// `len` zeros.
    ///
    /// # Panics
    /// If `len` is 0.
    pub fn new(len: usize) -> Self {
        assert!(len > 0, "a tree without leaves");
        let leaves = len.next_power_of_two();
        Self { leaves, nodes: vec![0.0; 2 * leaves] }
    }

    /// Bytes of the tree.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<f64>()
    }

    /// Sum of all numbers.
    pub fn total(&self) -> f64 {
        self.nodes[1]
    }

    /// The number at `place`.
    pub fn at(&self, place: usize) -> f64 {
        self.nodes[self.leaves + place]
    }

    /// Sets the number at `place`.
    pub fn set(&mut self, place: usize, value: f64) {
        let mut node = self.leaves + place;
        self.nodes[node] = value;
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1];
        }
    }

    /// The place whose stretch of the sum holds `at`; one with a number above 0 as long as there is one.
    pub fn find(&self, mut at: f64) -> usize {
        let mut node = 1;
        while node < self.leaves {
            let left = self.nodes[2 * node];
            let go_left = at < left || self.nodes[2 * node + 1] <= 0.0;
            node = if go_left { 2 * node } else { 2 * node + 1 };
            if !go_left {
                at -= left;
            }
        }
        node - self.leaves
    }
}
