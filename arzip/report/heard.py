"""Sound that a model drew, to look at: waveform and spectrogram as a PNG picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.errors import UnsupportedInput
from arzip.files import fresh_output
from arzip.report.cost_maps import spectrogram
from arzip.report.drawing import COLOURS, INK, axes

__all__ = ["write_spectrogram"]

_COLUMNS = 800  # of the waveform


def write_spectrogram(path: Path, x: NDArray[Any], rate: int, *, given: int, force: bool) -> None:
    """Draws the first channel of samples [T, C]; a line stands after `given` samples that were not drawn but given.

    Raises UnsupportedInput where matplotlib is missing.
    """
    samples = x[:, 0].astype(np.float64)
    edges = np.linspace(0, len(samples), min(_COLUMNS, len(samples)), endpoint=False).astype(int)
    out, end = io.BytesIO(), len(samples) / rate
    try:
        with axes(7.0, 3.6, rows=2, sharex=True) as (figure, (wave, spectrum)):
            low, high = np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)
            wave.fill_between(edges / rate, low, high, color=COLOURS[0], linewidth=0, step="post")
            spectrum.imshow(
                spectrogram(samples), aspect="auto", origin="lower", extent=(0, end, 0, rate / 2000), cmap="inferno",
                interpolation="nearest",
            )  # fmt: skip
            spectrum.grid(visible=False)
            spectrum.set_ylabel("kHz")
            spectrum.set_xlabel("seconds")
            spectrum.set_xlim(0, end)
            if given:
                wave.axvline(given / rate, color=INK, linewidth=1)
                spectrum.axvline(given / rate, color="white", linewidth=1)
            figure.savefig(out, format="png", dpi=110, facecolor="white")
    except ImportError as error:
        raise UnsupportedInput("spectrograms need the extra `report`: pip install arzip[report]") from error
    with fresh_output(path, force=force) as file:
        file.write(out.getvalue())
