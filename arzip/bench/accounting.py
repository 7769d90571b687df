"""Where a file's bits went: by stage of the road, by symbol, and whether the predictions were honest.

account      what each stage adds: net in floating point, exact net, frequency rows, adaptive parts, coder,
             side data, container; whole bytes that sum to the archive's size
costs        bits of every symbol, in the shape of its part
curve        the code length up to a position of the file
calibration  predicted probability against observed frequency
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from arzip import archive, roads
from arzip.archive import compress_stream
from arzip.blocks import Grid, block_grid
from arzip.coding.coder import PRECISION
from arzip.errors import ArzipError
from arzip.settings import Settings
from arzip.symbols import Symbols

__all__ = ["Explanation", "Step", "Tally", "explain"]

_POINTS = 200  # of the curve
_CHOSEN = 1 << 13  # predictions looked at in each of a model's pieces
_BINS = np.arange(-14, 15)  # log2 of the odds
# Steps in the order of a table; a stage that follows another is called by what it does to it.
_ORDER = (
    "net in floating point",
    "exact net",
    "exact arithmetic",
    "frequency rows",
    "adaptive mixer",
    "adaptive engine",
    "stored",
)
_FOLLOWING = {"exact net": "exact arithmetic"}


@dataclass(frozen=True)
class Step:
    """What one stage adds to a file, negative where it saves; the bytes of all steps sum to the archive's size."""

    name: str
    bits: float
    bytes: int


@dataclass(frozen=True)
class Tally:
    """Predictions of nearly the same probability: how many, their mean, and the share that came true."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True)
class Explanation:
    """See the module's docstring; `curve` holds pairs of symbols and bits so far."""

    size: int
    dims: int
    road: str
    parts: tuple[Symbols, ...]
    costs: tuple[NDArray[np.float64], ...]
    account: tuple[Step, ...]
    curve: tuple[tuple[int, float], ...]
    calibration: tuple[Tally, ...]
    models: tuple[str, ...]


def explain(data: bytes, settings: Settings) -> Explanation:
    """Compresses a file once more and asks every road what its symbols cost."""
    report = compress_stream(io.BytesIO(data), io.BytesIO(), settings)
    frames = iter(report.frames)
    steps: dict[str, float] = {}
    odds = np.zeros((3, len(_BINS) + 1))
    parts, costs = [], []
    models: dict[str, None] = {}
    for symbols, road, grid in _planned(data, settings):
        lengths = np.zeros(symbols.array.shape)
        for place in grid.slices():
            block = np.ascontiguousarray(symbols.array[place])
            frame = next(frames, None)
            if frame is None:
                raise ArzipError(
                    "the archive has fewer blocks than the file: it cannot be explained; please report this"
                )
            lengths[place] = here = road.costs(frame.road, block)
            total = float(here.sum())
            _add_stages(steps, road.stages(frame.road, block, total))
            steps["coder"] = steps.get("coder", 0.0) + 8 * frame.payload - total
            for prediction, x in road.predictions(frame.road, block):
                odds += _tallied(prediction, x)
        if road.model is not None and road.model.net is not None:
            models[road.model.id] = None
        parts.append(symbols)
        costs.append(lengths)
    steps["side data"] = 8.0 * report.side
    steps["container"] = 8.0 * (report.bytes_out - report.side - sum(frame.payload for frame in report.frames))
    account = _whole_bytes(steps, report.bytes_out)
    facts = report.bytes_out, report.dims, report.model, tuple(parts), tuple(costs), account
    return Explanation(*facts, _curve(costs), _tallies(odds), tuple(models))


def _planned(data: bytes, settings: Settings) -> Iterator[tuple[Symbols, roads.Road, Grid]]:
    """The parts of a file with their roads and cuts, as `archive` plans them."""
    _, parsed, _ = archive.parts_of(data, settings) if len(data) <= archive.FORMAT_LIMIT else (0, None, None)
    if parsed is not None:
        for symbols in parsed.parts:
            yield symbols, *roads.plan(symbols, settings)
        return
    for at in range(0, len(data), archive.PIECE):
        symbols = Symbols("bytes", np.frombuffer(data[at : at + archive.PIECE], np.uint8))
        yield symbols, roads.Bytes(settings), block_grid(symbols, settings)


def _add_stages(steps: dict[str, float], stages: dict[str, float]) -> None:
    """Adds what each stage of a block costs beyond the one before it."""
    before = None
    for stage, bits in stages.items():
        name = stage if before is None else _FOLLOWING.get(stage, stage)
        steps[name] = steps.get(name, 0.0) + bits - (before or 0.0)
        before = bits


def _whole_bytes(steps: dict[str, float], size: int) -> tuple[Step, ...]:
    """Steps in order with whole bytes by largest remainder, so that they sum to the size."""
    names = [name for name in (*_ORDER, *(name for name in steps if name not in _ORDER)) if name in steps]
    exact = np.array([steps[name] / 8 for name in names])
    floors = np.floor(exact).astype(int)
    missing = size - int(floors.sum())
    if not 0 <= missing <= len(names):
        raise ArzipError(f"the account of {size} bytes is off by {missing}; please report this")
    floors[np.argsort(floors - exact, kind="stable")[:missing]] += 1
    return tuple(Step(name, steps[name], int(count)) for name, count in zip(names, floors, strict=True))


def _curve(costs: list[NDArray[np.float64]]) -> tuple[tuple[int, float], ...]:
    if not sum(part.size for part in costs):
        return ()
    so_far = np.cumsum(np.concatenate([part.reshape(-1) for part in costs]))
    places = np.unique(np.linspace(0, len(so_far) - 1, _POINTS).astype(int))
    return ((0, 0.0), *((int(at) + 1, round(float(so_far[at]), 1)) for at in places))


def _tallied(prediction: NDArray[np.int32], x: NDArray[np.int32]) -> NDArray[np.float64]:
    """Counts, sums of probabilities and outcomes by class of odds, [3, bins], of evenly chosen predictions."""
    # An odd stride meets every bit of a byte in turn.
    chosen = slice(None, None, max(1, len(x) // _CHOSEN) | 1)
    p, came = prediction[chosen], x[chosen]
    if p.ndim == 2:
        came = came[:, None] == np.arange(p.shape[1])
    share = p.reshape(-1) / (1 << PRECISION)
    came = came.reshape(-1).astype(np.float64)
    which = np.digitize(np.log2(share / (1 - share)), _BINS)
    return np.stack([np.bincount(which, weight, len(_BINS) + 1) for weight in (np.ones(len(share)), share, came)])


def _tallies(odds: NDArray[np.float64]) -> tuple[Tally, ...]:
    count, share, came = odds[:, odds[0] > 0]
    return tuple(
        Tally(float(f"{s / n:.6g}"), float(f"{c / n:.6g}"), int(n)) for n, s, c in zip(count, share, came, strict=True)
    )
