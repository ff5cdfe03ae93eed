"""Indicators by TA-Lib, and bars read from Parquet by polars."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars
import talib

from bitcoin_env import random_walk

MINUTE_NS = 60_000_000_000


def indicators(rows: int) -> Callable[[], object]:
    """MACD (12, 26, 9), ATR 14 and EMA 12, 26 and 200 of 64-bit bars; ours also scales them into a 32-bit table."""
    _, high, low, close, _ = random_walk(rows).astype(np.float64).T.copy()

    def compute() -> None:
        talib.MACD(close, 12, 26, 9)
        talib.ATR(high, low, close, 14)
        for window in (12, 26, 200):
            talib.EMA(close, window)

    return compute


class ParquetRead:
    """Reads a file of bars that polars wrote, LZ4 as ours; ours also verifies hashes and validates every bar."""

    def __init__(self, rows: int) -> None:
        names = ("open", "high", "low", "close", "volume")
        columns = dict(zip(names, random_walk(rows).astype(np.float64).T))
        times = polars.Series("time", np.arange(1, rows + 1) * MINUTE_NS).cast(polars.Datetime("ns", "UTC"))
        self.folder = TemporaryDirectory()
        self.file = Path(self.folder.name) / "bars.parquet"
        polars.DataFrame([times]).with_columns(**{n: polars.Series(c) for n, c in columns.items()}).write_parquet(
            self.file, compression="lz4"
        )

    def __call__(self) -> polars.DataFrame:
        return polars.read_parquet(self.file)


def parquet_read(rows: int) -> Callable[[], object]:
    """One reading of the whole file."""
    return ParquetRead(rows)
