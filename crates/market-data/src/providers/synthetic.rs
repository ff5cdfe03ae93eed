//! Markets that are made up, each with a known answer.
//!
//! A bar is a path of [`STEPS`] equal pieces. Within the bar the path adds up, so `close = open * (1 + r)` with
//! `r = drift + sum of noise`; open, high, low and close are read off it, so a bar is always consistent, and it opens
//! where the one before closed. The noise of a piece is uniform, symmetric and bounded: a bar's noise has mean 0,
//! standard deviation `volatility`, and never exceeds 6 times that, so prices stay positive without a clamp.

use std::collections::VecDeque;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use crate::network::Network;
use crate::provider::{Fetched, Provider, Request};
use crate::providers::noise::{stream, uniform, unit};
use crate::{Adjustment, Bar, BarColumns, Cleaning, Kind, MarketDataError};

/// Pieces of a bar's path.
const STEPS: usize = 12;
/// A bar's noise in units of its volatility is less than this: sqrt(3) a piece, 12 pieces, over sqrt(12).
const LARGEST_NOISE: f64 = 6.0;
/// No bar moves further than this, so that prices stay positive.
const LARGEST_MOVE: f64 = 0.9;
/// The cap of a clustering market's variance: 6 times its root and a drift stay below the largest move.
const LARGEST_VARIANCE: f64 = 0.01;
const SQRT_STEPS: f64 = 3.464_101_615_137_754_6;

const PATH: u64 = 0;
const VOLUME: u64 = 1;
const HIDDEN: u64 = 2;

/// A seeded market: the `[provider]` table of `name = "synthetic"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Raw")]
pub(crate) struct Synthetic {
    seed: u64,
    start_price: f64,
    mean_volume: f64,
    mode: Mode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(rename = "name")]
    _name: String,
    seed: u64,
    start_price: f64,
    mean_volume: f64,
    mode: Mode,
}

/// The law of the returns; volatility and drift are of the relative move of one bar.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Mode {
    /// Bull, bear and sideways markets take turns, and volatility clusters by GARCH(1,1) (Bollerslev 1986, eq. 1):
    /// `v[t+1] = volatility^2 (1 - alpha - beta) + alpha (r[t] - drift)^2 + beta v[t]`.
    Regimes(Regimes),
    /// The expected next price is the present one: `E[P[t+1] | past] = P[t]`. With `next_shown` the same prices, and
    /// the volume gives the next move away: `mean_volume (6 volatility + r[t+1]) / (6 volatility - r[t+1])`.
    Martingale {
        volatility: f64,
        #[serde(default)]
        next_shown: bool,
    },
    /// A martingale up to the volume: the volume of a bar is above `mean_volume` if the bar `1 + lag` bars later rises
    /// and below if it falls, right with probability `hit_rate`.
    PlantedSignal {
        volatility: f64,
        hit_rate: f64,
        #[serde(default)]
        lag: u32,
    },
    /// The move of a bar is `phi` times the move of the last one, plus noise.
    Autoregressive { volatility: f64, phi: f64 },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Regimes {
    /// Long-run standard deviation of a bar's move.
    volatility: f64,
    garch_alpha: f64,
    garch_beta: f64,
    /// Expected move of a bar in a bull market.
    bull_drift: f64,
    /// Expected move of a bar in a bear market, negative.
    bear_drift: f64,
    /// Bars until a regime is drawn anew, on average.
    mean_regime_bars: f64,
}

impl TryFrom<Raw> for Synthetic {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Raw { seed, start_price, mean_volume, mode, .. } = raw;
        let positive = |name: &str, value: f64| {
            let fits = value.is_finite() && value > 0.0;
            if fits { Ok(()) } else { Err(format!("provider.{name} is {value}, must be positive")) }
        };
        positive("start_price", start_price)?;
        positive("mean_volume", mean_volume)?;
        mode.check()?;
        Ok(Synthetic { seed, start_price, mean_volume, mode })
    }
}

impl Mode {
    fn check(&self) -> Result<(), String> {
        let within = |name: &str, value: f64, low: f64, high: f64| {
            let fits = (low..=high).contains(&value);
            if fits { Ok(()) } else { Err(format!("provider.mode: {name} is {value}, must be in {low}..={high}")) }
        };
        match *self {
            Mode::Regimes(law) => {
                within("volatility", law.volatility, 0.0, 0.1)?;
                within("garch_alpha", law.garch_alpha, 0.0, 1.0)?;
                within("garch_beta", law.garch_beta, 0.0, 1.0)?;
                within("garch_alpha + garch_beta", law.garch_alpha + law.garch_beta, 0.0, 0.999)?;
                within("bull_drift", law.bull_drift, 0.0, 0.1)?;
                within("bear_drift", law.bear_drift, -0.1, 0.0)?;
                within("mean_regime_bars", law.mean_regime_bars, 1.0, 1e9)
            }
            Mode::Martingale { volatility, .. } => within("volatility", volatility, 0.0, 0.1),
            Mode::PlantedSignal { volatility, hit_rate, lag } => {
                within("volatility", volatility, 0.0, 0.1)?;
                within("hit_rate", hit_rate, 0.5, 1.0)?;
                within("lag", f64::from(lag), 0.0, 1_000.0)
            }
            Mode::Autoregressive { volatility, phi } => {
                within("phi", phi, -0.95, 0.95)?;
                within("volatility / (1 - |phi|)", volatility / (1.0 - phi.abs()), 0.0, LARGEST_MOVE / LARGEST_NOISE)
            }
        }
    }

    fn volatility(&self) -> f64 {
        match *self {
            Mode::Regimes(Regimes { volatility, .. })
            | Mode::Martingale { volatility, .. }
            | Mode::PlantedSignal { volatility, .. }
            | Mode::Autoregressive { volatility, .. } => volatility,
        }
    }
}

impl Provider for Synthetic {
    fn check(&self, _: Kind, _: i64, _: Adjustment) -> Result<(), String> {
        Ok(())
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn fetch(&self, request: &Request<'_>, _: Option<&Network>) -> Result<Fetched, MarketDataError> {
        let mut market = Market::new(self);
        let mut columns = BarColumns::default();
        let mut time = request.span.from_ns;
        while time < request.span.to_ns {
            let close = time.saturating_add(request.interval_ns);
            columns.push(market.next_bar(close));
            time = close;
        }
        let cleaning = Cleaning { rows_read: columns.times.len(), ..Cleaning::default() };
        Ok(Fetched { columns, extras: None, cleaning })
    }
}

/// What changes from bar to bar.
struct Market<'a> {
    rules: &'a Synthetic,
    path: ChaCha8Rng,
    volume: ChaCha8Rng,
    hidden: ChaCha8Rng,
    price: f64,
    last_move: f64,
    variance: f64,
    /// Expected move of the present regime.
    drift: f64,
    /// Whether the present bar and those after it rise, as far as it is drawn, where the market plants it.
    rises: VecDeque<bool>,
    /// The present bar, where the last one has shown it.
    foreseen: Option<Walk>,
}

impl<'a> Market<'a> {
    fn new(rules: &'a Synthetic) -> Self {
        let mut hidden = stream(rules.seed, HIDDEN);
        let volatility = rules.mode.volatility();
        let known = if let Mode::PlantedSignal { lag, .. } = rules.mode { 1 + lag } else { 1 };
        Market {
            rules,
            path: stream(rules.seed, PATH),
            volume: stream(rules.seed, VOLUME),
            price: rules.start_price,
            last_move: 0.0,
            variance: volatility * volatility,
            drift: 0.0,
            rises: (0..known).map(|_| uniform(&mut hidden) < 0.5).collect(),
            foreseen: None,
            hidden,
        }
    }

    fn next_bar(&mut self, time: i64) -> Bar {
        let volatility = self.rules.mode.volatility();
        let (walk, volume) = match self.rules.mode {
            Mode::Regimes(law) => self.regimes(&law),
            Mode::Martingale { next_shown: false, .. } => (self.walk(0.0, volatility), self.any_volume()),
            Mode::Martingale { next_shown: true, .. } => self.showing(volatility),
            Mode::PlantedSignal { hit_rate, .. } => self.planted(volatility, hit_rate),
            Mode::Autoregressive { phi, .. } => (self.walk(phi * self.last_move, volatility), self.any_volume()),
        };
        let at = |point: f64| self.price * (1.0 + point);
        let (open, high, low, close) = (self.price, at(walk.high), at(walk.low), at(walk.end));
        self.last_move = walk.end;
        self.price = close;
        Bar { time, open, high, low, close, volume }
    }

    /// A bar of the present regime, more of it traded when the market is wild.
    fn regimes(&mut self, law: &Regimes) -> (Walk, f64) {
        let Regimes { volatility, garch_alpha, garch_beta, bull_drift, bear_drift, mean_regime_bars } = *law;
        if uniform(&mut self.hidden) * mean_regime_bars < 1.0 {
            self.drift = [bull_drift, bear_drift, 0.0][(uniform(&mut self.hidden) * 3.0) as usize];
        }
        let now = self.variance.sqrt();
        let walk = self.walk(self.drift, now);
        let surprise = walk.end - self.drift;
        let long_run = volatility * volatility * (1.0 - garch_alpha - garch_beta);
        self.variance =
            (long_run + garch_alpha * surprise * surprise + garch_beta * self.variance).min(LARGEST_VARIANCE);
        let busy = if volatility > 0.0 { now / volatility } else { 1.0 };
        (walk, self.any_volume() * busy)
    }

    /// A bar whose volume gives the next one's move away.
    fn showing(&mut self, volatility: f64) -> (Walk, f64) {
        let walk = self.foreseen.take().unwrap_or_else(|| self.walk(0.0, volatility));
        let next = self.walk(0.0, volatility);
        self.foreseen = Some(next);
        let bound = LARGEST_NOISE * volatility;
        let told = if volatility > 0.0 { (bound + next.end) / (bound - next.end) } else { 1.0 };
        (walk, self.rules.mean_volume * told)
    }

    /// A bar that moves the way drawn before it, and whose volume tells of a later one.
    fn planted(&mut self, volatility: f64, hit_rate: f64) -> (Walk, f64) {
        let walk = self.walk(0.0, volatility);
        let rises = self.rises.pop_front() == Some(true);
        let walk = if (walk.end > 0.0) == rises { walk } else { walk.mirrored() };
        let later = uniform(&mut self.hidden) < 0.5;
        self.rises.push_back(later);
        let tells_rise = later == (uniform(&mut self.hidden) < hit_rate);
        let level = if tells_rise { 1.25 } else { 0.25 };
        (walk, self.rules.mean_volume * (level + 0.5 * uniform(&mut self.volume)))
    }

    fn walk(&mut self, drift: f64, volatility: f64) -> Walk {
        let mut walk = Walk { end: 0.0, low: 0.0, high: 0.0 };
        for _ in 0..STEPS {
            walk.end += drift / STEPS as f64 + volatility / SQRT_STEPS * unit(&mut self.path);
            walk.low = walk.low.min(walk.end);
            walk.high = walk.high.max(walk.end);
        }
        walk
    }

    fn any_volume(&mut self) -> f64 {
        self.rules.mean_volume * (0.5 + uniform(&mut self.volume))
    }
}

/// A bar's path relative to its opening.
#[derive(Clone, Copy)]
struct Walk {
    end: f64,
    low: f64,
    high: f64,
}

impl Walk {
    fn mirrored(self) -> Walk {
        Walk { end: -self.end, low: -self.high, high: -self.low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BarPolicy, Bars, Span};

    const HOUR: i64 = 3_600_000_000_000;

    fn market(seed: u64, mode: &str, bars: i64) -> Bars {
        let text = format!("name = \"synthetic\"\nseed = {seed}\nstart_price = 100.0\nmean_volume = 1000.0\n{mode}");
        let synthetic: Synthetic = toml::from_str(&text).unwrap();
        let span = Span { from_ns: 0, to_ns: bars * HOUR };
        let request = Request { symbol: "SYN", interval_ns: HOUR, adjustment: Adjustment::None, span };
        Bars::new("SYN", HOUR, synthetic.fetch(&request, None).unwrap().columns, &BarPolicy::default()).unwrap()
    }

    fn moves(bars: &Bars) -> Vec<f64> {
        bars.open().iter().zip(bars.close()).map(|(open, close)| close / open - 1.0).collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    fn variance(values: &[f64]) -> f64 {
        let mean = mean(values);
        values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / values.len() as f64
    }

    /// The correlation of neighbours; its standard error is `1 / sqrt(n)` where there is none.
    fn autocorrelation(values: &[f64]) -> f64 {
        let mean = mean(values);
        let products: f64 = values.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
        products / values.len() as f64 / variance(values)
    }

    const MARTINGALE: &str = "mode.martingale.volatility = 0.01";
    const REGIMES: &str = "[mode.regimes]\nvolatility = 0.006\ngarch_alpha = 0.1\ngarch_beta = 0.85\n\
                           bull_drift = 0.0008\nbear_drift = -0.0008\nmean_regime_bars = 240.0";

    #[test]
    fn bars_follow_one_another_without_a_gap() {
        for mode in [MARTINGALE, REGIMES, "mode.autoregressive = { volatility = 0.1, phi = 0.3 }"] {
            let bars = market(1, mode, 5_000);
            assert_eq!((bars.len(), bars.times()[0], bars.gaps().count), (5_000, HOUR, 0));
            assert!(bars.open()[1..].iter().zip(bars.close()).all(|(open, close)| open == close));
        }
    }

    #[test]
    fn a_martingale_pays_nothing_in_price() {
        let moves = moves(&market(2, MARTINGALE, 100_000));
        let n = moves.len() as f64;
        assert!(mean(&moves).abs() < 4.0 * 0.01 / n.sqrt(), "{}", mean(&moves));
        assert!((variance(&moves).sqrt() / 0.01 - 1.0).abs() < 0.01);
        assert!(autocorrelation(&moves).abs() < 4.0 / n.sqrt());
        // E[P_100 / P_0] = 1 over many markets, though the typical price falls.
        let ends: Vec<f64> =
            (0..1_000).map(|seed| *market(seed, MARTINGALE, 100).close().last().unwrap() / 100.0).collect();
        assert!((mean(&ends) - 1.0).abs() < 4.0 * (variance(&ends) / 1_000.0).sqrt(), "{}", mean(&ends));
    }

    #[test]
    fn a_martingale_that_shows_its_next_move_has_the_same_prices() {
        let shown = market(2, "mode.martingale = { volatility = 0.01, next_shown = true }", 5_000);
        let hidden = market(2, MARTINGALE, 5_000);
        assert!(shown.close() == hidden.close() && shown.high() == hidden.high() && shown.low() == hidden.low());
        for (volume, next) in shown.volume().iter().zip(&moves(&shown)[1..]) {
            assert!((volume - 1_000.0 * (0.06 + next) / (0.06 - next)).abs() < 1e-6, "{volume} before {next}");
        }
        let flat = market(2, "mode.martingale = { volatility = 0.0, next_shown = true }", 10);
        assert!(flat.volume().iter().all(|volume| *volume == 1_000.0));
    }

    /// Part of the bars whose volume is right about the sign of the move `ahead` bars later.
    fn hit_rate(bars: &Bars, ahead: usize) -> f64 {
        let moves = moves(bars);
        let pairs = bars.volume().iter().zip(&moves[ahead..]);
        let hits = pairs.filter(|(volume, later)| (**volume >= 1000.0) == (**later > 0.0));
        hits.count() as f64 / (bars.len() - ahead) as f64
    }

    #[test]
    fn the_planted_volume_tells_the_stated_sign_as_often_as_stated_and_no_other() {
        for (stated, lag) in [(0.5_f64, 0), (0.9, 0), (1.0, 0), (0.9, 3), (1.0, 4)] {
            let mode = format!("mode.planted_signal = {{ volatility = 0.005, hit_rate = {stated}, lag = {lag} }}");
            let bars = market(3, &mode, 20_000);
            for ahead in 0..8 {
                let (rate, expected) = (hit_rate(&bars, ahead), if ahead == 1 + lag { stated } else { 0.5 });
                let error = (expected * (1.0 - expected) / (bars.len() - ahead) as f64).sqrt();
                assert!((rate - expected).abs() <= 4.0 * error, "{rate} for {mode}, {ahead} ahead");
            }
            assert!(mean(&moves(&bars)).abs() < 4.0 * 0.005 / 20_000_f64.sqrt(), "no drift of its own");
        }
    }

    #[test]
    fn autoregression_has_the_stated_phi() {
        for phi in [-0.5_f64, 0.0, 0.3] {
            let moves =
                moves(&market(4, &format!("mode.autoregressive = {{ volatility = 0.005, phi = {phi} }}"), 50_000));
            let error = ((1.0 - phi * phi) / 50_000.0_f64).sqrt();
            assert!((autocorrelation(&moves) - phi).abs() < 4.0 * error, "{} for {phi}", autocorrelation(&moves));
        }
    }

    #[test]
    fn regimes_trend_and_cluster() {
        let moves = moves(&market(5, REGIMES, 100_000));
        assert!((variance(&moves).sqrt() / 0.006 - 1.0).abs() < 0.15, "{}", variance(&moves).sqrt());
        let squares: Vec<f64> = moves.iter().map(|m| m * m).collect();
        assert!(autocorrelation(&squares) > 0.05, "{}", autocorrelation(&squares));
        let windows: Vec<f64> = moves.chunks(100).map(|chunk| chunk.iter().sum()).collect();
        assert!(variance(&windows) > 1.3 * 100.0 * variance(&moves), "100 bars move together more than apart");
    }

    #[test]
    fn the_wildest_permitted_market_stays_positive() {
        let wild = REGIMES.replace("0.006", "0.1").replace("0.85", "0.89").replace("0.0008", "0.1");
        assert!(market(6, &wild, 2_000).low().iter().all(|low| *low > 0.0));
    }

    #[test]
    fn a_seed_is_a_market() {
        let hash = |seed| market(seed, REGIMES, 100).content_hash();
        assert_eq!(hash(1), hash(1));
        assert_ne!(hash(1), hash(2));
        assert_eq!(market(1, REGIMES, 100), market(1, REGIMES, 200).slice(0..100), "a longer span only adds bars");
    }
}
