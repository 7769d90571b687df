"""Where the bits went, to look at: heat maps of pictures and bytes, curves over recordings, text on coloured ground."""

from __future__ import annotations

import base64
import html
import io
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arzip.report.drawing import COLOURS, axes, svg
from arzip.symbols import Symbols

__all__ = [
    "TEXT_STEPS",
    "bits_by_character",
    "cost_picture",
    "cost_text",
    "folded",
    "heat",
    "picture_of",
    "sound_figure",
    "spectrogram",
]

TEXT_STEPS = (0.25, 0.5, 1, 2, 3, 4, 6, 8, 12)  # bits per character at which the ground changes
_WIDEST = 640  # pixels of a map in a page
_SPECTRUM = 256  # samples of a window


def picture_of(symbols: Symbols) -> Image.Image:
    """An image part as a picture of 8 bits."""
    pixels = symbols.array if symbols.depth <= 8 else symbols.array >> (symbols.depth - 8)
    pixels = pixels.astype(np.uint8) << max(0, 8 - symbols.depth)
    return Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[..., 0]).convert("RGB")


def heat(costs: NDArray[np.float64], top: float) -> Image.Image:
    """Costs [H, W] as colours from black (0 bits) to bright (`top` bits and more), with a palette: small as PNG."""
    from matplotlib import colormaps

    levels = np.clip(costs * (255 / max(top, 1e-9)), 0, 255).astype(np.uint8)
    image = Image.fromarray(levels)
    image.putpalette((colormaps["inferno"](np.arange(256))[:, :3] * 255).astype(np.uint8).tobytes())
    return image


def folded(costs: NDArray[np.float64], width: int = 256) -> NDArray[np.float64]:
    """A run of costs [T] as rows of at most `width`, several symbols to a cell where there are many: [H, W]."""
    share = max(1, -(-len(costs) // (width * width)))
    cells = np.pad(costs, (0, -len(costs) % share)).reshape(-1, share).mean(axis=1)
    width = min(width, max(1, int(np.ceil(np.sqrt(4 * len(cells))))))
    rows: NDArray[np.float64] = np.pad(cells, (0, -len(cells) % width)).reshape(-1, width)
    return rows


def cost_picture(symbols: Symbols, costs: NDArray[np.float64]) -> tuple[list[tuple[str, str]], float]:
    """Captions and data addresses of pictures to stand side by side; and how many bits the brightest colour means."""
    if symbols.kind == "image":
        by_pixel = costs.sum(axis=2)
        top = float(np.percentile(by_pixel, 99.5)) if by_pixel.size else 0.0
        picture = picture_of(symbols)
        map_ = Image.fromarray(by_pixel.astype(np.float32))
        if picture.width > _WIDEST:
            size = _WIDEST, max(1, round(picture.height * _WIDEST / picture.width))
            picture, map_ = (image.resize(size, Image.Resampling.BOX) for image in (picture, map_))
        shown = heat(np.asarray(map_, dtype=np.float64), top)
        return [("the picture", _address(picture)), ("bits per pixel", _address(shown))], top
    rows = folded(costs.reshape(-1))
    top = float(np.percentile(rows, 99.5)) if rows.size else 0.0
    return [("bits per symbol, row by row from the top", _address(heat(rows, top)))], top


def _address(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def sound_figure(symbols: Symbols, costs: NDArray[np.float64], rate: int, key: str, *, drawn: Any = svg) -> Any:
    """Bits per sample over the waveform and the spectrogram of the first channel; `drawn` makes an SVG of it."""
    samples = symbols.array[:, 0].astype(np.float64) / (1 << (symbols.depth - 1))
    by_time = costs.mean(axis=1)
    columns = min(300, len(samples))
    edges = np.linspace(0, len(samples), columns + 1).astype(int)[:-1]
    counts = np.diff([*edges, len(samples)])
    seconds = edges / rate
    end = len(samples) / rate
    with axes(5.2, 5.0, rows=3, sharex=True) as (figure, (bits, wave, spectrum)):
        mean = np.add.reduceat(by_time, edges) / counts
        bits.fill_between(seconds, mean, color=COLOURS[0], linewidth=0, step="post")
        bits.set_title("Bits per sample")
        bits.set_ylim(bottom=0)
        low, high = np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)
        wave.fill_between(seconds, low, high, color=COLOURS[1], linewidth=0, step="post")
        wave.set_title("Waveform" + (" (first channel)" if symbols.array.shape[1] > 1 else ""))
        spectrum.imshow(
            spectrogram(samples), aspect="auto", origin="lower", extent=(0, end, 0, rate / 2000), cmap="inferno",
            interpolation="nearest",
        )  # fmt: skip
        spectrum.set_title("Spectrogram, kHz")
        spectrum.grid(visible=False)
        spectrum.set_xlabel("seconds")
        spectrum.set_xlim(0, end)
        return drawn(
            figure, key, f"Bits per sample over {end:.1f} seconds of sound, from {mean.min():.1f} to {mean.max():.1f}"
        )


def spectrogram(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels in decibels, [frequency, time], at most 300 windows."""
    padded = np.pad(samples, (0, max(0, _SPECTRUM - len(samples))))
    starts = np.linspace(0, len(padded) - _SPECTRUM, min(300, max(1, len(padded) // _SPECTRUM))).astype(int)
    windows = padded[starts[:, None] + np.arange(_SPECTRUM)] * np.hanning(_SPECTRUM)
    level = 20 * np.log10(np.abs(np.fft.rfft(windows, axis=1)).T + 1e-6)
    levels: NDArray[np.float64] = np.maximum(level, level.max() - 90)
    return levels


def bits_by_character(data: bytes, costs: NDArray[np.float64]) -> tuple[str, NDArray[np.float64]] | None:
    """A text and the bits of its characters; None for bytes that are no text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if any(ord(c) < 32 and c not in "\t\n\r\f\x1b" for c in text[:4096]):
        return None
    lengths = np.array([len(c.encode()) for c in text], dtype=int) if not text.isascii() else np.ones(len(text), int)
    starts = np.cumsum(lengths) - lengths
    return text, np.add.reduceat(costs.reshape(-1), starts) if len(text) else np.zeros(0)


def cost_text(text: str, bits: NDArray[np.float64]) -> str:
    """The text as HTML; runs of characters of about the same cost have one ground, b0 the cheapest."""
    if not text:
        return ""
    steps = np.digitize(bits, TEXT_STEPS)
    edges = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(text)]
    spans = []
    for first, last in pairwise(edges):
        step, run = steps[first], html.escape(text[first:last])
        spans.append(f"<i class=b{step}>{run}</i>" if step else run)
    return "".join(spans)
