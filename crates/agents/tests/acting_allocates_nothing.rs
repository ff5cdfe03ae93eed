//! Acting on slices allocates nothing once its buffers have grown.

use pavlov_agents::nn::lstm::{Cell, Dims};
use pavlov_agents::nn::{Activation, DenseLayer};
use pavlov_testkit::CountingAllocator;

#[global_allocator]
static COUNTING: CountingAllocator = CountingAllocator;

#[test]
fn a_dense_layer_and_an_lstm_cell_allocate_nothing_after_the_first_call() {
    assert!(CountingAllocator::is_installed());
    let dims = Dims { inputs: 10, hidden: 20 };
    let body = DenseLayer::new(7, 10, &[0.1; 70], &[0.0; 10], Activation::Relu);
    let cell = Cell::new(dims.inputs, dims.hidden, &vec![0.1; dims.packed_len()]);
    let (mut features, mut scratch) = (Vec::new(), Vec::new());
    let (seen, mut h, mut c) = ([0.5; 5 * 7], [0.0; 5 * 20], [0.0; 5 * 20]);
    let mut step = || {
        body.forward(&seen, &mut features);
        cell.step(&features, &mut h, &mut c, &mut scratch);
    };
    step();
    let before = CountingAllocator::count();
    (0..100).for_each(|_| step());
    assert_eq!(CountingAllocator::count() - before, 0);
}
