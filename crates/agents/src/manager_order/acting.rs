use pavlov_rl_core::{AgentError, Observations};

use super::config::{Body, Sequence};
use super::network::{ATTENTION, BODY, HEAD, LAYERS, Net, Pair, Shape, Tower};
use crate::nn::attention::{Attended, AttentionLayer};
use crate::nn::bilstm::{BiLstmCells, BiLstmWork};
use crate::nn::{Activation, DenseLayer};

/// The weights on the host.
pub(super) struct Acting {
    shape: Shape,
    manager: Option<ActingNet>,
    order: ActingNet,
}

struct ActingNet {
    tower: Tower,
    under: Under,
    head: DenseLayer,
}

enum Under {
    Bilstm(Box<(BiLstmCells, Option<AttentionLayer>)>),
    Plain([DenseLayer; 2]),
}

/// Buffers of [`Acting::infer`], kept between calls; what it made is left in them.
#[derive(Default)]
pub(super) struct Scratch {
    x: Vec<f32>,
    manager: Work,
    order: Work,
}

#[derive(Default)]
struct Work {
    body: BiLstmWork,
    y: Vec<f32>,
    attended: Attended,
    context: Vec<f32>,
    out: Vec<f32>,
}

impl Scratch {
    /// Forecasts `[N, F]` of the last call; empty without a manager.
    pub(super) fn forecast(&self) -> &[f32] {
        &self.manager.out
    }

    /// Values `[N, A]` of the last call.
    pub(super) fn q(&self) -> &[f32] {
        &self.order.out
    }

    /// Shares of the attention of manager and order network, `[L, N]`; empty where nothing attends.
    pub(super) fn shares(&self) -> [&[f32]; 2] {
        [self.manager.attended.shares(), self.order.attended.shares()]
    }
}

impl Acting {
    /// A copy of the weights as they are now.
    pub(super) fn new(pair: &Pair) -> Result<Self, AgentError> {
        let manager = pair.manager.as_ref().map(ActingNet::new).transpose()?;
        Ok(Self { shape: pair.shape, manager, order: ActingNet::new(&pair.order)? })
    }

    /// One pass of both networks over all copies.
    pub(super) fn infer(&self, seen: Observations<'_>, scratch: &mut Scratch) {
        let Scratch { x, manager, order } = scratch;
        // Another agent of this thread may have left a forecast and shares that this one has not.
        manager.out.clear();
        [&mut *manager, &mut *order].into_iter().for_each(|work| work.attended.clear());
        x.clear();
        if let Some(net) = &self.manager {
            self.sequence(seen, 0, None, x);
            net.run(x, seen.len(), manager);
        }
        x.clear();
        let forecast = self.manager.is_some().then_some(&*manager.out);
        self.sequence(seen, seen.spec.account, forecast, x);
        self.order.run(x, seen.len(), order);
    }

    /// Writes the sequences of a network, time-major, that over time with `account` account numbers in each row; the forecast
    /// is the last row where there is one.
    fn sequence(&self, seen: Observations<'_>, account: usize, forecast: Option<&[f32]>, x: &mut Vec<f32>) {
        let (features, window) = (seen.spec.features, seen.spec.window);
        let zeros = |len: usize| std::iter::repeat_n(0.0, window - len);
        match self.shape.sequence {
            Sequence::Time => {
                for w in 0..window {
                    for i in 0..seen.len() {
                        x.extend_from_slice(&seen.window(i)[w * features..][..features]);
                        x.extend_from_slice(&seen.account(i)[..account]);
                    }
                }
                for (i, row) in forecast.iter().flat_map(|rows| rows.chunks_exact(features)).enumerate() {
                    x.extend_from_slice(row);
                    x.extend_from_slice(&seen.account(i)[..account]);
                }
            }
            Sequence::Columns => {
                for column in 0..features {
                    (0..seen.len()).for_each(|i| x.extend(seen.window(i).iter().skip(column).step_by(features)));
                }
                for i in 0..seen.len() {
                    x.extend_from_slice(seen.account(i));
                    x.extend(zeros(seen.spec.account));
                }
                for row in forecast.iter().flat_map(|rows| rows.chunks_exact(features)) {
                    x.extend_from_slice(row);
                    x.extend(zeros(features));
                }
            }
        }
    }
}

impl ActingNet {
    fn new(net: &Net) -> Result<Self, AgentError> {
        let (params, tower) = (&net.params, net.tower.clone());
        let layer = |name, activation| DenseLayer::from_params(params, name, activation);
        let [hidden, inputs] = tower.sizes();
        let under = match tower.body() {
            Body::Bilstm => {
                let attention = tower.attends().then(|| AttentionLayer::from_params(params, ATTENTION)).transpose()?;
                Under::Bilstm(Box::new((BiLstmCells::from_params(params, BODY, inputs, hidden)?, attention)))
            }
            Body::Plain => {
                let [first, second] = LAYERS.map(|name| layer(name, Activation::Relu));
                Under::Plain([first?, second?])
            }
        };
        Ok(Self { under, head: layer(HEAD, Activation::Identity)?, tower })
    }

    /// Maps sequences `[L, B, I]` to `work.out` `[B, O]`.
    fn run(&self, x: &[f32], batch: usize, work: &mut Work) {
        let Work { body, y, attended, context, out } = work;
        match &self.under {
            Under::Bilstm(layers) => {
                let (cells, attention) = &**layers;
                cells.forward(x, [self.tower.rows(), batch], body, y);
                match attention {
                    Some(layer) => {
                        layer.forward(y, batch, attended, context);
                        self.head.forward(context, out);
                    }
                    None => {
                        ends(y, batch, self.tower.sizes()[0], context);
                        self.head.forward(context, out);
                    }
                }
            }
            Under::Plain([first, second]) => {
                flatten(x, [self.tower.rows(), batch], context);
                first.forward(context, y);
                second.forward(y, context);
                self.head.forward(context, out);
            }
        }
    }
}

/// What each direction has come to in `y` `[L, B, 2 H]`: the last `h` forwards, and the first one backwards, `[B, 2 H]`.
fn ends(y: &[f32], batch: usize, hidden: usize, to: &mut Vec<f32>) {
    let (width, last) = (2 * hidden, y.len() - batch * 2 * hidden);
    to.clear();
    for b in 0..batch {
        to.extend_from_slice(&y[last + b * width..][..hidden]);
        to.extend_from_slice(&y[b * width + hidden..][..hidden]);
    }
}

/// Sequences `[L, B, I]` as rows `[B, L I]`.
fn flatten(x: &[f32], [rows, batch]: [usize; 2], to: &mut Vec<f32>) {
    let inputs = x.len() / (rows * batch);
    to.clear();
    for b in 0..batch {
        (0..rows).for_each(|l| to.extend_from_slice(&x[(l * batch + b) * inputs..][..inputs]));
    }
}
