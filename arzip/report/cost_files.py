"""Costs as a picture of their own: what `arzip explain FILE -o cost.png` draws."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from arzip.bench.accounting import Explanation
from arzip.bench.sound import rate_of
from arzip.report.cost_maps import TEXT_STEPS, bits_by_character, folded, picture_of, sound_figure
from arzip.report.drawing import axes
from arzip.symbols import Symbols

__all__ = ["write_png"]

_COLUMNS, _LINES = 100, 80  # characters of a text that are drawn
_CELL = 8, 17  # pixels of a character
_HEAT = (217, 115, 13)
_DOTS = 110  # pixels an inch


def write_png(explanation: Explanation, data: bytes, sink: BinaryIO) -> None:
    """Draws the largest part of a file."""
    if not any(costs.size for costs in explanation.costs):
        _text("(an empty file)", np.zeros(15)).save(sink, "PNG")
        return
    pairs = list(zip(explanation.parts, explanation.costs, strict=True))
    symbols, costs = max(pairs, key=lambda pair: pair[1].size)
    if symbols.kind == "audio":
        sound_figure(symbols, costs, rate_of(data), "", drawn=lambda figure, *_: _save(figure, sink))
        return
    text = bits_by_character(data, costs) if symbols.kind == "bytes" and costs.size == len(data) else None
    if text:
        _text(*text).save(sink, "PNG")
    else:
        _maps(symbols, costs, sink)


def _save(figure: Any, sink: BinaryIO) -> None:
    figure.savefig(sink, format="png", dpi=_DOTS, facecolor="white")


def _maps(symbols: Symbols, costs: NDArray[np.float64], sink: BinaryIO) -> None:
    """A picture beside its bits per pixel, or a run of bytes in rows."""
    is_image = symbols.kind == "image"
    shown = costs.sum(axis=2) if is_image else folded(costs.reshape(-1))
    height, width = shown.shape
    inches = min(16.0, max(4.0, width / _DOTS))
    tall = min(24.0, max(1.5, inches * height / width)) + 0.6
    with axes(inches * (2 if is_image else 1) + 1.2, tall, cols=2 if is_image else 1) as (figure, ax):
        last = ax[1] if is_image else ax
        if is_image:
            ax[0].imshow(np.asarray(picture_of(symbols)), interpolation="nearest")
        drawn = last.imshow(shown, cmap="inferno", vmin=0, vmax=np.percentile(shown, 99.5), interpolation="nearest")
        figure.colorbar(drawn, ax=last, label="bits per pixel" if is_image else "bits per symbol", extend="max")
        for each in np.atleast_1d(ax):
            each.set_axis_off()
        _save(figure, sink)


def _text(text: str, bits: NDArray[np.float64]) -> Image.Image:
    """The beginning of a text, each character on the ground of its cost."""
    from matplotlib import font_manager

    font = ImageFont.truetype(font_manager.findfont("DejaVu Sans Mono"), 13)
    places, row, column = [], 0, 0
    for at, character in enumerate(text):
        if column == _COLUMNS:
            row, column = row + 1, 0
        if row == _LINES:
            break
        places.append((at, character, row, column))
        row, column = (row + 1, 0) if character == "\n" else (row, column + 1)
    lines = min(_LINES, 1 + max((place[2] for place in places), default=0))
    image = Image.new("RGB", (_CELL[0] * (_COLUMNS + 2), _CELL[1] * (lines + 1)), "white")
    draw = ImageDraw.Draw(image)
    for at, character, row, column in places:
        share = np.digitize(bits[at], TEXT_STEPS) / (len(TEXT_STEPS) + 2)
        ground = tuple(round(255 + (c - 255) * share) for c in _HEAT)
        x, y = (column + 1) * _CELL[0], row * _CELL[1] + _CELL[1] // 2
        draw.rectangle((x, y, x + _CELL[0] - 1, y + _CELL[1] - 1), fill=ground)
        if not character.isspace():
            draw.text((x, y), character, fill="black", font=font)
    return image
