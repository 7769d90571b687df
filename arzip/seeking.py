"""A part of what an archive holds: samples of some time, for which only the frames around them are decoded."""

from __future__ import annotations

from itertools import islice
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from arzip.archive import decode_frame, described_part
from arzip.container import Fields, read_sections
from arzip.errors import CorruptArchive, UnsupportedInput
from arzip.settings import Settings

__all__ = ["read_samples"]


def read_samples(source: BinaryIO, start: int, stop: int, settings: Settings) -> NDArray[Any]:
    """Samples start .. stop - 1 of every channel, int16 or int32 [stop - start, C]; past the end there are none.

    Raises UnsupportedInput for an archive that does not hold sound or an impossible range; CorruptArchive.
    """
    if not 0 <= start <= stop:
        raise UnsupportedInput(f"samples {start} to {stop} are no range")
    sections = read_sections(source)
    head = next(sections, None)
    if head is None or head.tag != "H" or head.body is None:
        raise UnsupportedInput("the archive does not hold sound that was taken apart")
    fields = Fields(head.body)
    _, count = fields.number(255), fields.number(1 << 20)
    if not count:
        raise UnsupportedInput("the archive does not hold sound that was taken apart")
    symbols, grid, road = described_part(fields, settings)
    if symbols.kind != "audio":
        raise UnsupportedInput(f"the archive holds {symbols.kind} first, not sound")
    out = symbols.array[min(start, len(symbols.array)) : stop]
    places = list(zip(grid.slices(), grid.shapes(), strict=True))
    done = 0
    for section, ((rows, *_), shape) in zip(islice(sections, len(places)), places, strict=False):
        if section.tag != "F" or section.body is None:
            raise CorruptArchive("the archive is damaged: its sections are out of order (try --recover)")
        done += 1
        if rows.start < stop and start < rows.stop:
            first, last = max(start, rows.start), min(stop, rows.stop)
            out[first - start : last - start] = decode_frame(section.body, shape, road)[
                first - rows.start : last - rows.start
            ]
        if rows.stop >= stop:
            return np.array(out)
    if done < len(places):
        raise CorruptArchive("the archive is damaged: it has fewer frames than blocks")
    return np.array(out)
