"""Files as examples for a model, and a model's samples as files: what evaluate, sample, complete and score share.

table    .npy uint8 or bool [N, ...]; .png holds a grid of pictures, one level of gray or of a colour per symbol
image    whatever the formats know
audio    whatever the formats know; samples are written as .wav
bytes    any file
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arzip.bench.sound import Sound, rate_of, wav_of_sound
from arzip.errors import UnsupportedInput
from arzip.files import fresh_output, open_input
from arzip.formats import take_apart
from arzip.formats.mulaw import mulaw_wav
from arzip.library import Model

__all__ = ["MULAW_DEPTH", "grid", "rate_at", "read_examples", "shape_for", "wav_for", "write_examples"]

MULAW_DEPTH = 8  # bits of sound whose samples are ranks of mu-law codes
_COLUMNS = 8  # pictures in a row of a grid


def read_examples(path: Path, model: Model) -> NDArray[Any]:
    """The symbols of a file as the model takes them; raises UnsupportedInput."""
    with open_input(path) as file:
        data = file.read()
    if model.kind == "bytes":
        return np.frombuffer(data, np.uint8)
    if model.kind == "table" and path.suffix == ".png":
        return _tiles(path, data, model)
    _, parsed, _ = take_apart(data, kind=model.kind)
    parts = [part for part in parsed.parts if part.kind == model.kind] if parsed else []
    if len(parts) != 1:
        raise UnsupportedInput(f"{path}: holds no {model.kind} for {model.id}")
    if model.kind == "audio" and parts[0].depth != model.depth:
        raise UnsupportedInput(f"{path}: samples of {parts[0].depth} bits; {model.id} takes {model.depth}")
    return parts[0].array


def rate_at(path: Path, model: Model) -> int | None:
    """Samples a second of a recording; None for other kinds."""
    if model.kind != "audio":
        return None
    with open_input(path) as file:
        return rate_of(file.read())


def _tiles(path: Path, data: bytes, model: Model) -> NDArray[np.uint8]:
    """The pictures of a grid, row by row, as examples; grays are rounded to the model's levels."""
    layout = model.layout
    height, width, colours = layout.rows, layout.columns, layout.colours
    if layout.labels:
        raise UnsupportedInput(f"{path}: the examples of {model.id} have labels, which a picture has not: use .npy")
    with Image.open(io.BytesIO(data)) as picture:
        sheet = np.asarray(picture.convert("L" if colours == 1 else "RGB"))
    if sheet.shape[0] % height or sheet.shape[1] % width:
        raise UnsupportedInput(f"{path}: {sheet.shape[1]}x{sheet.shape[0]} is not a grid of {width}x{height} pictures")
    tiles = sheet.reshape(sheet.shape[0] // height, height, sheet.shape[1] // width, width, colours).swapaxes(1, 2)
    levels = (1 << model.depth) - 1
    flat = tiles.reshape(-1, height * width * colours).astype(np.int64)
    examples: NDArray[np.uint8] = ((flat * levels + 127) // 255).astype(np.uint8)
    return examples


def shape_for(model: Model, count: int) -> tuple[int, ...]:
    """The shape of `count` samples: examples of a table, pixels of a square picture's side, one channel, or bytes."""
    if model.kind == "table":
        return count, model.layout.variables
    if model.kind == "audio":
        return count, 1
    return (count, count, 3) if model.kind == "image" else (count,)


def grid(examples: NDArray[np.uint8], model: Model) -> NDArray[np.uint8]:
    """Examples [N, D] of pictures as one picture without labels, eight to a row, the last row filled with white."""
    layout = model.layout
    height, width, colours = layout.rows, layout.columns, layout.colours
    columns = min(_COLUMNS, max(1, len(examples)))
    rows = -(-len(examples) // columns)
    levels = (1 << model.depth) - 1
    full = np.full((rows * columns, height * width * colours), 255, dtype=np.uint8)
    full[: len(examples)] = (examples[:, layout.labels :].astype(np.int64) * 255 // levels).astype(np.uint8)
    tiled: NDArray[np.uint8] = full.reshape(rows, columns, height, width, colours).swapaxes(1, 2)
    sheet = tiled.reshape(rows * height, columns * width, colours)
    return sheet if colours > 1 else sheet[..., 0]


def wav_for(x: NDArray[Any], model: Model, rate: int) -> bytes:
    """A WAV file of samples [T, C] of a model of sound: of 16 bits, or of mu-law codes where it knows 8."""
    return mulaw_wav(x, rate) if model.depth == MULAW_DEPTH else wav_of_sound(Sound(x, model.depth, rate))


def write_examples(path: Path, x: NDArray[Any], model: Model, *, force: bool, rate: int | None = None) -> None:
    """Writes samples by the file's extension: .npy any, .png pictures, .wav sound, others plain bytes.

    `rate` is that of sound, the model's own by default. Raises UnsupportedInput.
    """
    out = io.BytesIO()
    if path.suffix == ".npy":
        np.save(out, x, allow_pickle=False)
    elif path.suffix == ".png" and model.kind in ("table", "image"):
        pixels = grid(x, model) if model.kind == "table" else x.squeeze()
        Image.fromarray(pixels).save(out, "PNG", optimize=True)
    elif path.suffix == ".wav" and model.kind == "audio":
        out.write(wav_for(x, model, rate or model.rate))
    elif model.kind == "bytes" and path.suffix != ".png":
        out.write(x.tobytes())
    else:
        other = "wav" if model.kind == "audio" else "png"
        raise UnsupportedInput(
            f"{path}: samples of {model.kind} are written as .npy or .{other}, bytes as any other file"
        )
    with fresh_output(path, force=force) as file:
        file.write(out.getvalue())
