"""LZW streams of GIF and TIFF opened, and made again from their symbols.

    open_codes(data, dialect, limit=...) -> OpenedCodes          close_codes(symbols, recipe, dialect) -> the same bytes

The encoder is predicted: a clear code first, then always the longest string of the dictionary, a clear code after a
certain number of codes, the end code at the end. The recipe holds that number, every code that differs (codes since the
last one that did, and the code), and the unused bits of the last byte. Any valid stream comes back.

The width of a code follows from the codes since the last clear: the reader's dictionary lags one entry behind.

[1] GIF89a Specification, appendix F.   [2] TIFF 6.0, section 13, LZW compression.   [3] T. Welch, "A technique for
high-performance data compression", IEEE Computer, 1984.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arzip.compiled import allocating
from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.deflate.bits import grown, grown_rows
from arzip.formats.deflate.fields import FieldReader, FieldWriter, pack_numbers, unpack_numbers

__all__ = ["Dialect", "OpenedCodes", "close_codes", "open_codes"]

FULL = 4096  # entries of a dictionary
NEVER = 1 << 40  # codes until a clear that never comes
INVALID, TOO_LONG = 1, 2


@dataclass(frozen=True)
class Dialect:
    """bits of a symbol, 2 to 8; high_first: bits fill bytes from the top; early: widths grow one code early (TIFF)."""

    bits: int
    high_first: bool
    early: bool


@dataclass(frozen=True)
class OpenedCodes:
    """Symbols [N], how to make the stream again, and how many bytes it was long."""

    symbols: npt.NDArray[np.uint8]
    recipe: bytes
    consumed: int


@allocating
def _width(bits, since, early):
    """Bits of the next code when `since` codes came after the last clear."""
    entries = min((np.int64(1) << bits) + 2 + max(since - 1, np.int64(0)), np.int64(FULL)) + early
    width = bits + 1
    while width < 12 and entries >> width:
        width += 1
    return width


@allocating
def _get(data, position, width, high_first):
    """`width` bits at the bit `position`; the data have three spare bytes."""
    byte = position >> 3
    if high_first:
        word = np.int64(data[byte]) << 16 | np.int64(data[byte + 1]) << 8 | np.int64(data[byte + 2])
        return word >> (24 - width - (position & 7)) & ((1 << width) - 1)
    word = np.int64(data[byte]) | np.int64(data[byte + 1]) << 8 | np.int64(data[byte + 2]) << 16
    return word >> (position & 7) & ((1 << width) - 1)


@allocating
def _read(data, bits, high_first, early, limit):
    """(status, symbols, codes, bits read) of data with three spare bytes; without an end code up to the last code."""
    there = 8 * (data.shape[0] - 3)
    clear = np.int64(1) << bits
    prefix, suffix, span = np.zeros(FULL, np.int64), np.zeros(FULL, np.uint8), np.ones(FULL, np.int64)
    for value in range(clear):
        suffix[value] = value
    symbols, codes = np.zeros(4 * data.shape[0] + 64, np.uint8), np.zeros(data.shape[0] + 16, np.int64)
    position, done, count, since, last = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(-1)
    while True:
        width = _width(bits, since, early)
        if position + width > there:
            break
        code = _get(data, position, width, high_first)
        position += width
        codes = grown(codes, count + 1)
        codes[count] = code
        count += 1
        if code == clear:
            since, last = np.int64(0), np.int64(-1)
            continue
        if code == clear + 1:
            break
        entry = clear + 2 + since - 1  # what this code adds, if there is one before it
        adds = since > 0 and entry < FULL
        if code > clear + 1 and (since == 0 or code > entry):
            return INVALID, symbols[:done], codes[:count], position
        if adds:
            prefix[entry], span[entry] = last, span[last] + 1
        size = span[code]
        if done + size > limit:
            return TOO_LONG, symbols[:done], codes[:count], position
        symbols = grown(symbols, done + size)
        at, here = done + size - 1, code
        if adds and code == entry:  # a string that begins as the last one did, and ends with its own first symbol
            here = last
            at -= 1
        while here > clear + 1:
            symbols[at] = suffix[here]
            here = prefix[here]
            at -= 1
        symbols[at] = suffix[here]
        if adds:
            suffix[entry] = symbols[done]
            if code == entry:
                symbols[done + size - 1] = symbols[done]
        done += size
        last = code
        since += 1
    return 0, symbols[:done], codes[:count], position


@allocating
def _walk(symbols, bits, clear_after, codes, given, encoding):
    """Codes to notes if encoding is 1, notes to codes if it is 0: (status, codes, notes).

    A note says what differs: right codes before it, and the code, or FULL for the end of a stream without an end code.
    """
    size, clear = symbols.shape[0], np.int64(1) << bits
    child = np.zeros((FULL, 1 << bits), np.int64)  # 4096 * generation + entry
    span = np.ones(FULL, np.int64)
    out_codes, notes = np.zeros(64, np.int64), np.zeros((64, 2), np.int64)
    position, since, right, note, count = np.int64(0), np.int64(-1), np.int64(0), np.int64(0), np.int64(0)
    generation = np.int64(1)
    while True:
        if since < 0 or since >= clear_after:
            code = clear
        elif position == size:
            code = clear + 1
        else:
            code, at = np.int64(symbols[position]), position + 1
            while at < size:
                following = np.int64(child[code, symbols[at]])
                if following >> 12 != generation:
                    break
                code, at = following & 4095, at + 1
        if encoding:
            actual = codes[count] if count < codes.shape[0] else np.int64(FULL)
            if actual == code:
                right += 1
            else:
                notes = grown_rows(notes, note + 1)
                notes[note, 0], notes[note, 1] = right, actual
                note, right, code = note + 1, np.int64(0), actual
        else:
            if note < given.shape[0] and given[note, 0] == right:
                code, right = given[note, 1], np.int64(0)
                note += 1
            else:
                right += 1
            out_codes = grown(out_codes, count + 1)
            out_codes[count] = code
        if code == FULL:  # there is no end code
            break
        count += 1
        since = max(since, np.int64(0))
        if code == clear:
            since = np.int64(0)
            generation += 1
            continue
        if code == clear + 1:
            break
        entry = clear + 2 + since
        if code >= min(entry, FULL) or position + span[code] > size:
            return np.int64(INVALID), out_codes[:0], notes[:0]
        position += span[code]
        if entry < FULL:
            span[entry] = span[code] + 1
            if position < size and np.int64(child[code, symbols[position]]) >> 12 != generation:
                child[code, symbols[position]] = generation << 12 | entry
        since += 1
    return np.int64(0 if position == size else INVALID), out_codes[:count], notes[:note]


@allocating
def _write(codes, bits, high_first, early, spare):
    """The bytes of a stream of codes; `spare` fills the last one."""
    clear = np.int64(1) << bits
    out = np.zeros((12 * codes.shape[0]) // 8 + 4, np.uint8)
    position, since = np.int64(0), np.int64(0)
    for index in range(codes.shape[0] + 1):
        width, code = _width(bits, since, early), spare
        if index < codes.shape[0]:
            code = codes[index]
            since = np.int64(0) if code == clear else since + 1
        else:
            width = -position & 7
        shift = 24 - width - (position & 7) if high_first else position & 7
        word = code << shift
        for byte in range(3):
            part = word >> (16 - 8 * byte) if high_first else word >> (8 * byte)
            out[(position >> 3) + byte] |= part & 255
        position += width
    return out[: position >> 3]


def open_codes(data: bytes | memoryview, dialect: Dialect, *, limit: int) -> OpenedCodes:
    """Open the stream at the start of `data`. Raises UnsupportedInput if it is not valid, LimitExceeded above `limit`
    symbols."""
    padded = np.zeros(len(data) + 3, np.uint8)
    padded[: len(data)] = np.frombuffer(data, np.uint8)
    bits, high_first, early = dialect.bits, int(dialect.high_first), int(dialect.early)
    status, symbols, codes, position = _read(padded, bits, high_first, early, limit)
    if status == TOO_LONG:
        raise LimitExceeded(f"an LZW stream holds more than the {limit} symbols allowed")
    if status:
        raise UnsupportedInput("not a valid LZW stream")
    clear_after, notes = NEVER, None
    runs, counts = np.unique(np.diff(np.flatnonzero(codes == 1 << bits)) - 1, return_counts=True)
    likely = {int(runs[np.argmax(counts)]), int(runs[-1])} - {0} if len(runs) else set()
    for after in (NEVER, *sorted(likely)):
        status, _, found = _walk(symbols, bits, after, codes, np.zeros((0, 2), np.int64), 1)
        if status:
            raise UnsupportedInput("an LZW stream cannot be predicted")
        if notes is None or len(found) < len(notes):
            clear_after, notes = after, found
    assert notes is not None
    consumed, spare = (position + 7) >> 3, int(_get(padded, position, -position & 7, high_first))
    writer = FieldWriter().number(clear_after).number(spare).blob(pack_numbers(notes[:, 0]))
    recipe = writer.raw(pack_numbers(notes[:, 1])).done()
    return OpenedCodes(symbols, recipe, consumed)


def close_codes(symbols: npt.NDArray[np.uint8], recipe: bytes, dialect: Dialect) -> bytes:
    """The stream again. Raises CorruptArchive if the recipe is damaged or does not belong to the symbols."""
    reader = FieldReader(recipe)
    clear_after, spare = reader.number(), reader.number()
    gaps, codes = unpack_numbers(reader.blob()), unpack_numbers(reader.raw(reader.left))
    if clear_after < 1 or spare > 127 or len(gaps) != len(codes) or np.any(codes > FULL):
        raise CorruptArchive("the recipe of an LZW stream is damaged")
    symbols = np.ascontiguousarray(symbols, np.uint8)
    if symbols.max(initial=0) >> dialect.bits:
        raise CorruptArchive("the symbols of an LZW stream are too large")
    nothing, notes = np.zeros(0, np.int64), np.stack([gaps, codes], axis=1)
    status, codes, _ = _walk(symbols, dialect.bits, clear_after, nothing, notes, 0)
    if status:
        raise CorruptArchive("the recipe of an LZW stream does not fit its symbols")
    return bytes(_write(codes, dialect.bits, int(dialect.high_first), int(dialect.early), spare).data)
