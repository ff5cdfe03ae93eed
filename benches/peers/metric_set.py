"""The metrics of a return series by quantstats: those of ours that it has too, and no others."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import quantstats.stats as qs

PERIODS, RATE = 252, 0.02

Benchmark = Callable[[pd.Series, pd.Series], dict[str, float]]


def series(periods: int, seed: int = 1) -> tuple[pd.Series, pd.Series]:
    """Returns of an account and of a benchmark, by the day."""
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("1980-01-01", periods=periods)
    market = rng.normal(0.0003, 0.01, periods)
    own = 0.5 * market + rng.normal(0.0002, 0.008, periods)
    return pd.Series(own, days), pd.Series(market, days)


def against(returns: pd.Series, market: pd.Series) -> dict[str, float]:
    """Beta, alpha and information ratio by quantstats, which spends 0.1 s on putting the benchmark's dates in order."""
    greeks = qs.greeks(returns, market, PERIODS, prepare_returns=False)
    ratio = qs.information_ratio(returns, market, prepare_returns=False)
    return {"beta": greeks["beta"], "alpha": greeks["alpha"], "information_ratio": ratio}


def against_by_numpy(returns: pd.Series, market: pd.Series) -> dict[str, float]:
    """The same three as a careful user computes them of series whose dates are known to agree."""
    r, m = returns.to_numpy(), market.to_numpy()
    beta = np.cov(r, m)[0, 1] / m.var(ddof=1)
    gap = r - m
    alpha = (r.mean() - beta * m.mean()) * PERIODS
    return {"beta": beta, "alpha": alpha, "information_ratio": gap.mean() / gap.std(ddof=1)}


def full_set(returns: pd.Series, market: pd.Series, benchmark: Benchmark = against) -> dict[str, float]:
    """Every metric by the name that ours has; ours also has those of trades, which quantstats does not know."""
    drawdown = qs.to_drawdown_series(returns)
    return {
        "cumulative_return": qs.comp(returns),
        "annualised_return": qs.cagr(returns, periods=PERIODS),
        "max_return": qs.best(returns, prepare_returns=False),
        "min_return": qs.worst(returns, prepare_returns=False),
        "volatility": qs.volatility(returns, PERIODS, prepare_returns=False),
        "skewness": qs.skew(returns, prepare_returns=False),
        "kurtosis": qs.kurtosis(returns, prepare_returns=False),
        "sharpe": qs.sharpe(returns, RATE, PERIODS),
        "sortino": qs.sortino(returns, RATE, PERIODS),
        "calmar": qs.calmar(returns, prepare_returns=False, periods=PERIODS),
        "omega": qs.omega(returns, periods=PERIODS),
        "maximum_drawdown": qs.max_drawdown(returns),
        "drawdown_length": longest_under_water(drawdown),
        "value_at_risk": qs.value_at_risk(returns, prepare_returns=False),
        "expected_shortfall": qs.cvar(returns, prepare_returns=False),
        "tail_ratio": qs.tail_ratio(returns, prepare_returns=False),
        "hit_rate": qs.win_rate(returns, prepare_returns=False),
        "profit_loss_ratio": qs.payoff_ratio(returns, prepare_returns=False),
        "exposure": qs.exposure(returns, prepare_returns=False),
    } | benchmark(returns, market)


def longest_under_water(drawdown: pd.Series) -> int:
    """Most periods in a row below an earlier peak; quantstats' own `drawdown_details` takes 100 times as long."""
    below = np.concatenate([[0], (drawdown.to_numpy() < 0).astype(int), [0]])
    edges = np.flatnonzero(np.diff(below))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def direct(returns: pd.Series, market: pd.Series) -> dict[str, float]:
    """The same by their formulas, where quantstats means what ours means."""
    r = returns.to_numpy()
    worth = np.concatenate([[1.0], np.cumprod(1 + r)])
    excess = r - ((1 + RATE) ** (1 / PERIODS) - 1)
    centred, n = (r - r.mean()) / r.std(), len(r)
    return against_by_numpy(returns, market) | {
        "cumulative_return": worth[-1] - 1,
        "max_return": r.max(),
        "min_return": r.min(),
        "volatility": r.std(ddof=1) * np.sqrt(PERIODS),
        "sharpe": excess.mean() / excess.std(ddof=1) * np.sqrt(PERIODS),
        "sortino": excess.mean() / np.sqrt((np.minimum(excess, 0) ** 2).mean()) * np.sqrt(PERIODS),
        "maximum_drawdown": (worth / np.maximum.accumulate(worth) - 1).min(),
        "hit_rate": (r > 0).sum() / (r != 0).sum(),
        "skewness": (centred**3).mean() * np.sqrt(n * (n - 1)) / (n - 2),  # ours is g1, without the factor
    }
