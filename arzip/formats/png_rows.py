"""Scanlines of PNG pictures: filters, packed samples, interlace passes, and which filters an encoder would choose.

Raw data are the filtered rows of all passes, each row behind its filter type; a pass without pixels has no rows.

[1] PNG Specification, third edition, sections 7 to 9; 12.7 on the choice of filters by the sum of absolute differences.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arzip.compiled import allocating

__all__ = [
    "CHANNELS",
    "Layout",
    "filter_rows",
    "join_passes",
    "predict_filters",
    "raw_size",
    "split_passes",
    "unfilter_rows",
]

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# x, y, step x, step y
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Layout:
    """Size and sample format of a picture."""

    width: int
    height: int
    depth: int  # bits a sample
    channels: int
    interlaced: bool

    @property
    def passes(self) -> list[tuple[int, int, int, int, int, int]]:
        """(x, y, step x, step y, columns, rows) of every pass that has pixels."""
        found = []
        for x, y, step_x, step_y in ADAM7 if self.interlaced else ((0, 0, 1, 1),):
            columns, rows = -(-(self.width - x) // step_x), -(-(self.height - y) // step_y)
            if columns > 0 and rows > 0:
                found.append((x, y, step_x, step_y, columns, rows))
        return found

    def row_bytes(self, columns: int) -> int:
        """Bytes of a row of so many pixels, without its filter type."""
        return (columns * self.channels * self.depth + 7) // 8


def raw_size(layout: Layout) -> int:
    """Bytes of the raw data."""
    return sum(rows * (1 + layout.row_bytes(columns)) for *_, columns, rows in layout.passes)


@allocating
def _predictor(kind, left, above, corner):
    if kind == 0:
        return np.int64(0)
    if kind == 1:
        return left
    if kind == 2:
        return above
    if kind == 3:
        return (left + above) >> 1
    to_left, to_above, to_corner = abs(above - corner), abs(left - corner), abs(left + above - 2 * corner)
    if to_left <= to_above and to_left <= to_corner:
        return left
    return above if to_above <= to_corner else corner


@allocating
def _unfilter(raw, rows, pixel, filters, out):
    """Undo the filters of rows [R, 1 + B] into out [R, B]; False if there is a filter type above 4."""
    for y in range(rows):
        kind = np.int64(raw[y, 0])
        if kind > 4:
            return False
        filters[y] = kind
        for x in range(out.shape[1]):
            left = np.int64(out[y, x - pixel]) if x >= pixel else np.int64(0)
            above = np.int64(out[y - 1, x]) if y else np.int64(0)
            corner = np.int64(out[y - 1, x - pixel]) if y and x >= pixel else np.int64(0)
            out[y, x] = (np.int64(raw[y, 1 + x]) + _predictor(kind, left, above, corner)) & 255
    return True


@allocating
def _filter(rows, pixel, filters, raw):
    """The inverse: rows [R, B] and filters [R] into raw [R, 1 + B]."""
    for y in range(rows.shape[0]):
        kind = np.int64(filters[y])
        raw[y, 0] = kind
        for x in range(rows.shape[1]):
            left = np.int64(rows[y, x - pixel]) if x >= pixel else np.int64(0)
            above = np.int64(rows[y - 1, x]) if y else np.int64(0)
            corner = np.int64(rows[y - 1, x - pixel]) if y and x >= pixel else np.int64(0)
            raw[y, 1 + x] = (np.int64(rows[y, x]) - _predictor(kind, left, above, corner)) & 255


@allocating
def predict_filters(rows, pixel, order, filters):
    """The filter with the least sum of absolute signed differences in each row [R, B], into filters [R].

    order: filter types in the order in which they are tried, the first of equals wins.
    """
    sums = np.zeros(5, np.int64)
    for y in range(rows.shape[0]):
        sums[:] = 0
        for x in range(rows.shape[1]):
            value = np.int64(rows[y, x])
            left = np.int64(rows[y, x - pixel]) if x >= pixel else np.int64(0)
            above = np.int64(rows[y - 1, x]) if y else np.int64(0)
            corner = np.int64(rows[y - 1, x - pixel]) if y and x >= pixel else np.int64(0)
            for kind in range(5):
                difference = (value - _predictor(kind, left, above, corner)) & 255
                sums[kind] += min(difference, 256 - difference)
        best = order[0]
        for kind in order:
            if sums[kind] < sums[best]:
                best = kind
        filters[y] = best


def unfilter_rows(raw: Bytes, layout: Layout) -> tuple[list[Bytes], list[Bytes]] | None:
    """Raw data to (rows [R, B], filters [R]) of every pass, or None where a filter type does not exist."""
    pixel = max(1, layout.channels * layout.depth // 8)
    all_rows, all_filters, start = [], [], 0
    for *_, columns, count in layout.passes:
        size = layout.row_bytes(columns)
        rows, filters = np.empty((count, size), np.uint8), np.empty(count, np.uint8)
        block = raw[start : start + count * (1 + size)].reshape(count, 1 + size)
        if not _unfilter(block, count, pixel, filters, rows):
            return None
        start += block.size
        all_rows.append(rows)
        all_filters.append(filters)
    return all_rows, all_filters


def filter_rows(all_rows: list[Bytes], all_filters: list[Bytes], layout: Layout) -> bytes:
    """The inverse of `unfilter_rows`."""
    pixel = max(1, layout.channels * layout.depth // 8)
    blocks = []
    for rows, filters in zip(all_rows, all_filters, strict=True):
        raw = np.empty((rows.shape[0], 1 + rows.shape[1]), np.uint8)
        _filter(rows, pixel, filters, raw)
        blocks.append(raw.tobytes())
    return b"".join(blocks)


def join_passes(all_rows: list[Bytes], layout: Layout) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | None:
    """Rows of all passes to the picture [H, W, C], or None if bits behind the last sample of a row are set."""
    wide = layout.depth == 16
    picture = np.zeros((layout.height, layout.width, layout.channels), np.uint16 if wide else np.uint8)
    for (x, y, step_x, step_y, columns, count), rows in zip(layout.passes, all_rows, strict=True):
        samples = columns * layout.channels
        if wide:
            values: npt.NDArray[np.integer] = rows.view(">u2").astype(np.uint16)
        elif layout.depth == 8:
            values = rows
        else:
            spread = np.unpackbits(rows, axis=1)
            if np.any(spread[:, samples * layout.depth :]):
                return None
            bits = spread[:, : samples * layout.depth].reshape(count, samples, layout.depth)
            values = np.zeros((count, samples), np.uint8)
            for bit in range(layout.depth):
                values = (values << 1) | bits[:, :, bit]
        picture[y::step_y, x::step_x] = values.reshape(count, columns, layout.channels)
    return picture


def split_passes(picture: npt.NDArray[np.integer], layout: Layout) -> list[Bytes]:
    """The inverse of `join_passes`; samples must fit the depth."""
    all_rows = []
    for x, y, step_x, step_y, columns, count in layout.passes:
        values = picture[y::step_y, x::step_x].reshape(count, columns * layout.channels)
        if layout.depth == 16:
            rows = values.astype(">u2").view(np.uint8)
        elif layout.depth == 8:
            rows = values.astype(np.uint8)
        else:
            shifts = np.arange(layout.depth - 1, -1, -1, dtype=np.uint8)
            bits = (values.astype(np.uint8)[:, :, None] >> shifts) & 1
            rows = np.packbits(bits.reshape(count, -1), axis=1)
        all_rows.append(np.ascontiguousarray(rows))
    return all_rows
