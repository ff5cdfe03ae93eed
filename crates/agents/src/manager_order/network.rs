use candle_core::{Device, Tensor};
use pavlov_rl_core::{AgentError, ObservationSpec, Observations, Rng};

use super::config::{Body, Manager, ManagerOrderConfig, Sequence};
use crate::nn::attention::Attention;
use crate::nn::{Activation, Linear, Params, Windows, bilstm, compute_error, init};

/// What both networks are made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) seen: ObservationSpec,
    pub(super) sequence: Sequence,
    pub(super) manager: Manager,
    pub(super) num_actions: usize,
}

impl Shape {
    /// Rows and columns of the manager's sequence.
    pub(super) fn of_manager(&self) -> [usize; 2] {
        let ObservationSpec { window, features, .. } = self.seen;
        match self.sequence {
            Sequence::Time => [window, features],
            Sequence::Columns => [features + 1, window],
        }
    }

    /// Rows and columns of the order network's sequence.
    pub(super) fn of_order(&self) -> [usize; 2] {
        let ObservationSpec { window, features, account } = self.seen;
        let forecast = usize::from(self.forecasts());
        match self.sequence {
            Sequence::Time => [window + forecast, features + account],
            Sequence::Columns => [features + 1 + forecast, window],
        }
    }

    pub(super) fn forecasts(&self) -> bool {
        self.manager != Manager::None
    }
}

/// The layers under one head.
#[derive(Clone, Debug)]
pub(super) struct Tower {
    body: Body,
    attention: bool,
    hidden: usize,
    rows: usize,
    inputs: usize,
    outputs: usize,
}

/// The parameters of a network, and how they are put together.
#[derive(Clone, Debug)]
pub(super) struct Net {
    pub(super) tower: Tower,
    pub(super) params: Params,
}

pub(super) const BODY: &str = "lstm";
pub(super) const LAYERS: [&str; 2] = ["layer0", "layer1"];
pub(super) const ATTENTION: &str = "attention";
pub(super) const HEAD: &str = "head";

impl Tower {
    pub(super) fn new(config: &ManagerOrderConfig, [rows, inputs]: [usize; 2], outputs: usize) -> Self {
        let ManagerOrderConfig { body, attention, hidden, .. } = *config;
        Self { body, attention, hidden, rows, inputs, outputs }
    }

    pub(super) fn body(&self) -> Body {
        self.body
    }

    pub(super) fn attends(&self) -> bool {
        self.attention
    }

    /// Units of each direction, and numbers of a row.
    pub(super) fn sizes(&self) -> [usize; 2] {
        [self.hidden, self.inputs]
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    fn draw(&self, device: &Device, rng: &mut Rng) -> Result<Params, AgentError> {
        let (mut params, width) = (Params::new(device), 2 * self.hidden);
        match self.body {
            Body::Bilstm => bilstm::draw(&mut params, BODY, self.inputs, self.hidden, rng)?,
            Body::Plain => {
                init::linear(&mut params, LAYERS[0], self.rows * self.inputs, width, rng)?;
                init::linear(&mut params, LAYERS[1], width, width, rng)?;
            }
        }
        if self.attention {
            Attention::new(ATTENTION).draw(&mut params, width, rng)?;
        }
        init::linear(&mut params, HEAD, width, self.outputs, rng)?;
        Ok(params)
    }
}

impl Net {
    pub(super) fn new(tower: Tower, device: &Device, rng: &mut Rng) -> Result<Self, AgentError> {
        Ok(Self { params: tower.draw(device, rng)?, tower })
    }

    fn duplicate(&self) -> Result<Self, AgentError> {
        Ok(Self { tower: self.tower.clone(), params: self.params.duplicate()? })
    }

    /// Maps a sequence `[L, B, I]` to `[B, O]`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor, AgentError> {
        let (params, failed) = (&self.params, compute_error("the forward pass"));
        let under = match self.tower.body {
            Body::Bilstm => {
                let y = bilstm::bilstm(params, BODY, self.tower.hidden, x)?;
                if self.tower.attention {
                    Attention::new(ATTENTION).forward(params, &y)?
                } else {
                    self.ends(&y).map_err(failed)?
                }
            }
            Body::Plain => {
                let flat = x.transpose(0, 1).and_then(|x| x.flatten_from(1)).map_err(failed)?;
                let layer = |name| Linear::new(name).then(Activation::Relu);
                layer(LAYERS[1]).forward(params, &layer(LAYERS[0]).forward(params, &flat)?)?
            }
        };
        Linear::new(HEAD).forward(params, &under)
    }
}

impl Net {
    /// What each direction has come to: the last `h` forwards, and the first one backwards, `[B, 2 H]`.
    fn ends(&self, y: &Tensor) -> candle_core::Result<Tensor> {
        let Tower { hidden, rows, .. } = self.tower;
        Tensor::cat(&[y.get(rows - 1)?.narrow(1, 0, hidden)?, y.get(0)?.narrow(1, hidden, hidden)?], 1)
    }
}

/// Both networks.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) shape: Shape,
    pub(super) manager: Option<Net>,
    pub(super) order: Net,
}

/// What both networks say of a batch.
pub(super) struct Outputs {
    /// The next row as the manager expects it, `[B, F]`.
    pub(super) forecast: Option<Tensor>,
    /// Values of the actions `[B, A]`.
    pub(super) q: Tensor,
}

impl Pair {
    pub(super) fn new(
        config: &ManagerOrderConfig,
        shape: Shape,
        device: &Device,
        rng: &mut Rng,
    ) -> Result<Self, AgentError> {
        let manager = Tower::new(config, shape.of_manager(), shape.seen.features);
        let manager = shape.forecasts().then(|| Net::new(manager, device, rng)).transpose()?;
        let order = Net::new(Tower::new(config, shape.of_order(), shape.num_actions), device, rng)?;
        Ok(Self { shape, manager, order })
    }

    /// A copy that later gradient steps do not reach.
    pub(super) fn duplicate(&self) -> Result<Self, AgentError> {
        let manager = self.manager.as_ref().map(Net::duplicate).transpose()?;
        Ok(Self { shape: self.shape, manager, order: self.order.duplicate()? })
    }

    /// The networks by name.
    pub(super) fn nets(&self) -> impl Iterator<Item = (&'static str, &Net)> {
        self.manager.iter().map(|net| ("manager/", net)).chain([("order/", &self.order)])
    }

    pub(super) fn nets_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Net)> {
        self.manager.iter_mut().map(|net| ("manager/", net)).chain([("order/", &mut self.order)])
    }

    /// One pass of both networks. A frozen manager's forecast passes no gradient on.
    pub(super) fn forward(&self, seen: Observations<'_>, windows: &mut Windows) -> Result<Outputs, AgentError> {
        let failed = compute_error("the forward pass");
        let (rows, accounts) = (windows.gather(seen)?, windows.accounts(seen)?);
        let (managers, orders) = self.sequences(&rows, &accounts).map_err(&failed)?;
        let forecast = self.manager.as_ref().map(|net| net.forward(&managers)).transpose()?;
        let Some(forecast) = forecast else { return Ok(Outputs { q: self.order.forward(&orders)?, forecast: None }) };
        let forecast = if self.shape.manager == Manager::Frozen { forecast.detach() } else { forecast };
        let last = self.last_row(&forecast, &accounts);
        let orders = last.and_then(|last| Tensor::cat(&[&orders, &last], 0)).map_err(&failed)?;
        Ok(Outputs { q: self.order.forward(&orders)?, forecast: Some(forecast) })
    }

    /// The sequences of both networks, that of the order network without its forecast.
    fn sequences(&self, rows: &Tensor, accounts: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
        let ObservationSpec { window, account, .. } = self.shape.seen;
        match self.shape.sequence {
            Sequence::Time if account == 0 => Ok((rows.clone(), rows.clone())),
            Sequence::Time => {
                let accounts = accounts.broadcast_left(window)?;
                Ok((rows.clone(), Tensor::cat(&[rows, &accounts], 2)?))
            }
            Sequence::Columns => {
                let accounts = filled(accounts, window)?.unsqueeze(0)?;
                let all = Tensor::cat(&[&rows.permute((2, 1, 0))?, &accounts], 0)?;
                Ok((all.clone(), all))
            }
        }
    }

    /// The row that tells the order network of the forecast, `[1, B, I]`.
    fn last_row(&self, forecast: &Tensor, accounts: &Tensor) -> candle_core::Result<Tensor> {
        match self.shape.sequence {
            Sequence::Time if self.shape.seen.account == 0 => forecast.unsqueeze(0),
            Sequence::Time => Tensor::cat(&[forecast, accounts], 1)?.unsqueeze(0),
            Sequence::Columns => filled(forecast, self.shape.seen.window)?.unsqueeze(0),
        }
    }
}

/// Rows `[B, N]` filled up with zeros to `[B, width]`.
fn filled(rows: &Tensor, width: usize) -> candle_core::Result<Tensor> {
    let len = rows.dim(1)?;
    if len == width { Ok(rows.clone()) } else { rows.pad_with_zeros(1, 0, width - len) }
}
