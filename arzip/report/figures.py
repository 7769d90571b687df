"""The figures of a report: account, rate against speed, curve of the code length, calibration, learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from arzip.bench.accounting import Step, Tally
from arzip.bench.measure import Row
from arzip.bench.results import FileResult
from arzip.report.drawing import COLOURS, INK, axes, svg

__all__ = ["account_figure", "calibration_figure", "curve_figure", "learning_figure", "odds", "speed_figure"]

_WIDTH = 5.2  # inches
_MOST_BARS = 24
STEP_COLOURS = {
    "net in floating point": COLOURS[0],
    "exact net": COLOURS[0],
    "adaptive engine": COLOURS[0],
    "frequency rows": COLOURS[3],
    "exact arithmetic": COLOURS[2],
    "adaptive mixer": COLOURS[4],
    "stored": COLOURS[7],
    "coder": COLOURS[1],
    "side data": COLOURS[5],
    "container": COLOURS[6],
}
_OVERHEAD = ("exact arithmetic", "frequency rows", "coder", "side data", "container")


def account_figure(files: Sequence[FileResult], key: str) -> str:
    """Stacked bars, one per file: all steps in bits per symbol, and the small ones alone in percent of the file."""
    files = [file for file in files if file.account][:_MOST_BARS]
    height = 1.5 + 0.42 * len(files)
    with axes(_WIDTH, height + 0.5, rows=2) as (figure, (whole, small)):
        for ax, chosen, title in ((whole, None, "Bits per symbol"), (small, _OVERHEAD, "Overhead, % of the archive")):
            for at, file in enumerate(files):
                unit = 8 / max(file.dims, 1) if chosen is None else 100 / max(1, sum(s.bytes for s in file.account))
                _stack(ax, at, [s for s in file.account if chosen is None or s.name in chosen], unit)
            ax.set_yticks(range(len(files)), [_short(file.label) for file in files])
            ax.invert_yaxis()
            ax.set_title(title)
            ax.grid(axis="y", visible=False)
        names = list(dict.fromkeys(step.name for file in files for step in file.account if step.bits))
        handles = [_patch(STEP_COLOURS.get(name, COLOURS[7])) for name in names]
        figure.legend(handles, names, loc="outside lower center", ncols=2)
        sizes = "; ".join(
            f"{_short(f.label)}: " + ", ".join(f"{s.name} {s.bytes}" for s in f.account) for f in files[:3]
        )
        return svg(figure, key, f"Stacked bars of where the bytes of each archive went. {sizes}.")


def _stack(ax: Any, at: int, steps: Sequence[Step], unit: float) -> None:
    """Steps that cost grow to the right of zero, steps that save to the left."""
    right = left = 0.0
    for step in steps:
        size = step.bits / 8 * unit
        start, hatch = (right, None) if size >= 0 else (left, "////")
        ax.barh(at, size, 0.62, left=start, color=STEP_COLOURS.get(step.name, COLOURS[7]), hatch=hatch)
        right, left = right + max(size, 0.0), left + min(size, 0.0)


def _patch(colour: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour)


def _short(label: str) -> str:
    name = label.rsplit("/", 1)[-1]
    return name if len(name) <= 18 else name[:8] + "…" + name[-9:]


def speed_figure(rows: Sequence[Row], original: int, way: str, key: str) -> str:
    """Size in percent of the original against MB a second, both axes logarithmic; `way` is encode or decode."""
    points = [
        (original / getattr(row, way) / 1e6, 100 * row.bytes / original, row)
        for row in rows
        if row.bytes and getattr(row, way) > 0
    ]
    with axes(_WIDTH, 3.9) as (figure, ax):
        ax.set_xscale("log")
        ax.set_yscale("log")
        for speed, share, row in points:
            colour, size = (COLOURS[0], 60) if row.ours else (COLOURS[7], 26)
            ax.scatter(speed, share, size, color=colour, marker="D" if row.ours else "o", zorder=3)
        if points:
            _spread_limits(ax, points)
            _label(ax, [(speed, share, row.name, row.ours) for speed, share, row in points])
        ax.set_xlabel(f"{way} speed, MB/s (faster →)")
        ax.set_ylabel("archive, % of the original")
        told = "; ".join(f"{row.name} {share:.1f} % at {speed:.3g} MB/s" for speed, share, row in points)
        return svg(figure, key, f"Scatter plot of size against {way} speed. {told}.")


def _spread_limits(ax: Any, points: Sequence[tuple[float, float, Row]]) -> None:
    from matplotlib.ticker import FuncFormatter

    speeds, shares = [p[0] for p in points], [p[1] for p in points]
    ax.set_xlim(min(speeds) / 1.8, max(speeds) * 8)  # names stand to the right of their points
    low, high = min(shares) * 0.93, max(shares) * 1.07
    ax.set_ylim(low, high)
    many = (1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9)
    chosen = many if high < 2 * low else (1, 1.5, 2, 3, 4, 5, 7) if high < 6 * low else (1, 2, 5)
    round_numbers = [n * 10.0**e for e in range(-3, 4) for n in chosen]
    ax.set_yticks([n for n in round_numbers if low < n < high])
    ax.minorticks_off()
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _label(ax: Any, points: Sequence[tuple[float, float, str, bool]]) -> None:
    """Names beside their points, moved up or down where they would lie on one another, with a line to their point."""
    low, high = np.log(ax.get_ylim())
    left, right = np.log(ax.get_xlim())
    step = (high - low) / 19
    places = [((np.log(speed) - left) / (right - left), np.log(share)) for speed, share, _, _ in points]
    taken: list[tuple[float, float]] = []
    for (x, y), (speed, share, name, ours) in zip(places, points, strict=True):
        tries = [y + sign * n * step / 4 for n in range(60) for sign in (1, -1)]
        free = (
            t for t in tries if low + step / 2 < t < high - step / 2 and _is_free(x, t, step, taken, places, (x, y))
        )
        chosen = next(free, y)
        taken.append((x, chosen))
        ax.annotate(
            name, (speed, share), (speed * 1.28, np.exp(chosen)), fontsize=9, va="center",
            fontweight="bold" if ours else "normal", color=INK,
            arrowprops={"arrowstyle": "-", "color": COLOURS[7], "linewidth": 0.6} if abs(chosen - y) > step else None,
        )  # fmt: skip


def _is_free(x: float, y: float, step: float, taken: Any, places: Any, own: tuple[float, float]) -> bool:
    """Whether a name of usual length at (x, y) touches no other name and no other point."""
    if any(abs(y - other) < step and abs(x - where) < 0.3 for where, other in taken):
        return False
    return not any(p != own and abs(y - p[1]) < step * 0.6 and -0.02 < p[0] - x < 0.3 for p in places)


def curve_figure(file: FileResult, key: str) -> str:
    """The code length up to each position, and the rate around it."""
    at, bits = np.array(file.curve).T
    with axes(_WIDTH, 3.6, rows=2, sharex=True) as (figure, (total, rate)):
        total.plot(at, bits / 8, color=COLOURS[0])
        total.plot([0, at[-1]], [0, bits[-1] / 8], color=INK, linewidth=0.8, linestyle=":")
        total.set_title("Code length so far, bytes")
        local = np.diff(bits) / np.diff(at)
        rate.step(at[1:], local, where="pre", color=COLOURS[1], linewidth=1.1)
        rate.axhline(bits[-1] / at[-1], color=INK, linewidth=0.8, linestyle=":")
        rate.set_title("Bits per symbol around here (dotted: mean)")
        rate.set_ylim(bottom=0)
        rate.set_xlabel("symbols of the file")
        for ax in (total, rate):
            _thousands(ax)
        tenth = max(1, len(local) // 10)
        told = f"{local[:tenth].mean():.2f} bits per symbol in the first tenth, {local[-tenth:].mean():.2f} in the last"
        return svg(figure, key, f"Code length over {file.label}: {told}.")


def _thousands(ax: Any) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(5))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 100 else f"{value:g}"))


def calibration_figure(tallies: Sequence[Tally], key: str) -> str:
    """Observed frequency against predicted probability, both as odds; honest predictions lie on the diagonal."""
    seen = [t for t in tallies if 0 < t.observed < 1 and t.count >= 30]
    ticks = [0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999]
    with axes(_WIDTH, 3.9) as (figure, ax):
        places = odds(np.array(ticks))
        ax.plot(places[[0, -1]], places[[0, -1]], color=INK, linewidth=0.8, linestyle=":")
        if seen:
            p, came, count = (np.array([getattr(t, name) for t in seen]) for name in ("predicted", "observed", "count"))
            spread = 2 * np.sqrt(came * (1 - came) / count) / (came * (1 - came)) / np.log(2)
            ax.errorbar(odds(p), odds(came), spread, fmt="o", color=COLOURS[0], markersize=4, elinewidth=0.9)
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(places, [f"{tick:g}" for tick in ticks])
        ax.tick_params(axis="x", rotation=45)
        ax.set_xlabel("predicted probability")
        ax.set_ylabel("observed frequency")
        worst = max((abs(t.observed - t.predicted) for t in seen), default=0.0)
        return svg(figure, key, f"Calibration of the predictions; the largest difference of a class is {worst:.3f}.")


def odds(p: Any) -> Any:
    """log2 of the odds of a probability."""
    return np.log2(p / (1 - p))


def learning_figure(log: Sequence[dict[str, Any]], key: str) -> str:
    """Bits per dimension in training and on held-out data."""
    steps = [row["step"] for row in log]
    with axes(_WIDTH, 3.0) as (figure, ax):
        for name, colour, title in (("train", COLOURS[1], "training, running mean"), ("valid", COLOURS[0], "held out")):
            ax.plot(steps, [row[name] for row in log], color=colour, label=title, linewidth=1.2)
        late = [row[name] for row in log[len(log) // 20 :] for name in ("train", "valid")]
        ax.set_ylim(min(late) * 0.98, max(late) * 1.02)
        ax.legend()
        ax.set_xlabel("steps")
        ax.set_ylabel("bits per dimension")
        _thousands(ax)
        told = f"from {log[0]['valid']:.3f} after {steps[0]:,} steps to {log[-1]['valid']:.3f} after {steps[-1]:,}"
        return svg(figure, key, f"Learning curve: bits per dimension on held-out data {told}.")
