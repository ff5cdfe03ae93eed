/// How the outputs of the network are read as values of actions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    num_actions: usize,
    duelling: bool,
}

impl Head {
    pub(super) fn new(num_actions: usize, duelling: bool) -> Self {
        Self { num_actions, duelling }
    }

    /// Numbers of an output row: an advantage for each action, then the value of the state; or the values of the actions.
    pub(super) fn outputs(self) -> usize {
        self.num_actions + usize::from(self.duelling)
    }

    /// Appends the values of the actions: `Q = V + A - mean(A)` (Wang et al. 2016, "Dueling network architectures", equation 9).
    pub(super) fn extend(self, outputs: &[f32], q: &mut Vec<f32>) {
        let (advantages, value) = outputs.split_at(self.num_actions);
        let shift = value.first().map_or(0.0, |value| value - mean(advantages));
        q.extend(advantages.iter().map(|advantage| advantage + shift));
    }

    /// Turns gradients of the values `[B, A]` into those of the outputs.
    pub(super) fn back(self, d_q: &[f32], d_outputs: &mut Vec<f32>) {
        d_outputs.clear();
        for d_q in d_q.chunks_exact(self.num_actions) {
            let shift = if self.duelling { mean(d_q) } else { 0.0 };
            d_outputs.extend(d_q.iter().map(|d| d - shift));
            if self.duelling {
                d_outputs.push(d_q.iter().sum());
            }
        }
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duelling_head_adds_value_and_advantage_and_its_gradient_is_the_transposed_map() {
        let head = Head::new(3, true);
        let mut q = Vec::new();
        head.extend(&[1.0, 2.0, 6.0, 10.0], &mut q);
        assert_eq!(q, [8.0, 9.0, 13.0]);
        let (d_q, mut d) = ([0.5, -1.0, 0.25], Vec::new());
        head.back(&d_q, &mut d);
        for i in 0..4 {
            let mut moved = [1.0, 2.0, 6.0, 10.0];
            moved[i] += 1.0;
            let mut q_moved = Vec::new();
            head.extend(&moved, &mut q_moved);
            let slope: f32 = q_moved.iter().zip(&q).zip(d_q).map(|((a, b), d)| (a - b) * d).sum();
            assert!((d[i] - slope).abs() < 1e-6, "output {i}: {} against {slope}", d[i]);
        }
    }
}
