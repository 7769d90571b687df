"""Files as examples for a model, and a model's samples as files: what evaluate, sample, complete and score share.

table    .npy uint8 or bool [N, ...]; .png holds a grid of pictures, one level of gray or of a colour per symbol
image    whatever the formats know
bytes    any file
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from arzip.errors import UnsupportedInput
from arzip.files import fresh_output, open_input
from arzip.formats import take_apart
from arzip.library import Model

__all__ = ["grid", "read_examples", "shape_for", "write_examples"]

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
    return parts[0].array


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
    """The shape of `count` samples: examples of a table, pixels of a square picture's side, or bytes."""
    if model.kind == "table":
        return count, model.layout.variables
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


def write_examples(path: Path, x: NDArray[Any], model: Model, *, force: bool) -> None:
    """Writes samples by the file's extension: .npy any, .png pictures, others plain bytes; raises UnsupportedInput."""
    out = io.BytesIO()
    if path.suffix == ".npy":
        np.save(out, x, allow_pickle=False)
    elif path.suffix == ".png" and model.kind in ("table", "image"):
        pixels = grid(x, model) if model.kind == "table" else x.squeeze()
        Image.fromarray(pixels).save(out, "PNG", optimize=True)
    elif model.kind == "bytes" and path.suffix != ".png":
        out.write(x.tobytes())
    else:
        raise UnsupportedInput(f"{path}: samples of {model.kind} are written as .npy or .png, bytes as any other file")
    with fresh_output(path, force=force) as file:
        file.write(out.getvalue())
