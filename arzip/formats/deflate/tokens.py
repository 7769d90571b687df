"""A raw deflate stream as blocks, tokens, tables and plain bytes, and back, bit for bit.

    parse(stream, limit=...) -> Stream          write(Stream) -> stream[:consumed]

A token is a pair (length, distance): a literal is (1, 0), its value stands in the plain bytes; a match is (3..258,
1..32768), or `ODD_LENGTH` for the second spelling of 258. Stored blocks have no tokens (if TOKENS says so, they are
passed over). Rows of `blocks` are

    KIND      0 stored, 1 fixed codes, 2 dynamic codes
    FINAL     1 in the last block
    TOKENS    tokens of the block, without the end-of-block symbol
    BYTES     plain bytes of the block
    PADDING   the bits skipped before the length of a stored block
    TABLE     where the block's table starts in `tables` (its end is known from itself)

[1] RFC 1951.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from arzip.compiled import allocating
from arzip.errors import CorruptArchive, LimitExceeded, UnsupportedInput
from arzip.formats.deflate.bits import SLACK, copy, grown, grown_rows, peek, put
from arzip.formats.deflate.table_codes import read_table, write_table
from arzip.formats.deflate.tables import (
    DISTANCE_BASE,
    DISTANCE_EXTRA,
    DISTANCES,
    FIXED_DISTANCES,
    FIXED_LITERALS,
    LENGTH_BASE,
    LENGTH_EXTRA,
    LENGTH_SYMBOL,
    LITERALS,
    MAX_TABLE,
    ODD_LENGTH,
    assign_codes,
    build_decoder,
    code_lengths_of,
    distance_symbol,
)

__all__ = ["BYTES", "COLUMNS", "FINAL", "KIND", "PADDING", "TABLE", "TOKENS", "Stream", "parse", "write"]

KIND, FINAL, TOKENS, BYTES, PADDING, TABLE, COLUMNS = 0, 1, 2, 3, 4, 5, 6
OK, INVALID, TOO_LONG = 0, 1, 2


@dataclass(frozen=True)
class Stream:
    """A parsed stream; `consumed` counts its bytes, `padding` holds the unused high bits of the last one."""

    plain: npt.NDArray[np.uint8]  # [N]
    lengths: npt.NDArray[np.uint16]  # [T]
    distances: npt.NDArray[np.uint16]  # [T], 32768 fits
    blocks: npt.NDArray[np.int64]  # [B, COLUMNS]
    tables: npt.NDArray[np.uint8]  # [S]
    padding: int
    consumed: int


@allocating
def _parse(data, limit):
    """The work of `parse` on data with SLACK zero bytes behind it."""
    bits_there = (data.shape[0] - SLACK) * 8
    plain = np.zeros(min(limit, 4 * data.shape[0]) + 300, np.uint8)
    lengths = np.zeros(data.shape[0] + 16, np.uint16)
    distances = np.zeros(data.shape[0] + 16, np.uint16)
    blocks = np.zeros((16, COLUMNS), np.int64)
    tables = np.zeros(4 * MAX_TABLE, np.uint8)
    literal_lengths = np.zeros(LITERALS, np.uint8)
    distance_lengths = np.zeros(DISTANCES, np.uint8)
    codes = np.zeros(LITERALS, np.int64)
    decoder = np.zeros(1 << 15, np.int32)
    distance_decoder = np.zeros(1 << 15, np.int32)
    position, done, token, block, table = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    status, final = np.int64(OK), np.int64(0)
    while not final:
        if position + 3 > bits_there:
            status = INVALID
            break
        head = peek(data, position)
        position += 3
        final = head & 1
        kind = (head >> 1) & 3
        blocks = grown_rows(blocks, block + 1)
        row = blocks[block]
        row[KIND], row[FINAL], row[TOKENS], row[BYTES], row[PADDING], row[TABLE] = kind, final, token, done, 0, table
        block += 1
        if kind == 3:
            status = INVALID
            break
        if kind == 0:
            skip = -position & 7
            row[PADDING] = peek(data, position) & ((1 << skip) - 1)
            position += skip
            size = peek(data, position) & 0xFFFF
            check = peek(data, position + 16) & 0xFFFF
            position += 32
            if position + 8 * size > bits_there or size ^ check != 0xFFFF:
                status = INVALID
                break
            if done + size > limit:
                status = TOO_LONG
                break
            plain = grown(plain, done + size + 300)
            start = position >> 3
            copy(data, start, size, plain, done)
            done += size
            position += 8 * size
        else:
            if kind == 1:
                copy(FIXED_LITERALS, 0, LITERALS, literal_lengths, 0)
                copy(FIXED_DISTANCES, 0, DISTANCES, distance_lengths, 0)
            else:
                tables = grown(tables, table + MAX_TABLE)
                position, end = read_table(data, position, tables, table, codes, decoder)
                if position < 0 or code_lengths_of(tables, table, end, literal_lengths, distance_lengths) != end:
                    status = INVALID
                    break
                table = end
            widest = build_decoder(literal_lengths, LITERALS, codes, decoder)
            distance_widest = build_decoder(distance_lengths, DISTANCES, codes, distance_decoder)
            if widest < 0 or distance_widest < 0:
                status = INVALID
                break
            mask = (np.int64(1) << widest) - 1
            distance_mask = (np.int64(1) << distance_widest) - 1
            while True:
                bits = peek(data, position)
                entry = np.int64(decoder[bits & mask])
                symbol = entry >> 4
                position += entry & 15
                if entry == 0 or position > bits_there or symbol > 285:
                    status = INVALID
                    break
                if symbol == 256:
                    break
                if done + 258 > plain.shape[0]:
                    plain = grown(plain, min(2 * done, limit) + 600)
                if token >= lengths.shape[0]:
                    lengths = grown(lengths, token + 1)
                    distances = grown(distances, token + 1)
                if symbol < 256:
                    plain[done] = symbol
                    lengths[token] = 1
                    done += 1
                else:
                    bits >>= entry & 15
                    extra = LENGTH_EXTRA[symbol - 257]
                    length = LENGTH_BASE[symbol - 257] + (bits & ((1 << extra) - 1))
                    position += extra
                    lengths[token] = ODD_LENGTH if length == 258 and symbol == 284 else length
                    bits = peek(data, position)
                    entry = np.int64(distance_decoder[bits & distance_mask])
                    symbol = entry >> 4
                    if entry == 0 or symbol > 29:
                        status = INVALID
                        break
                    extra = DISTANCE_EXTRA[symbol]
                    distance = DISTANCE_BASE[symbol] + ((bits >> (entry & 15)) & ((1 << extra) - 1))
                    position += (entry & 15) + extra
                    if distance > done or position > bits_there:
                        status = INVALID
                        break
                    distances[token] = distance
                    for index in range(done, done + length):
                        plain[index] = plain[index - distance]
                    done += length
                token += 1
                if done > limit:
                    status = TOO_LONG
                    break
            if status != OK:
                break
        row[TOKENS] = token - row[TOKENS]
        row[BYTES] = done - row[BYTES]
    padding = np.int64(0)
    if status == OK:
        padding = peek(data, position) & ((1 << (-position & 7)) - 1)
    consumed = (position + 7) >> 3
    return status, consumed, padding, plain[:done], lengths[:token], distances[:token], blocks[:block], tables[:table]


def parse(stream: bytes | memoryview, *, limit: int) -> Stream:
    """Parse the raw deflate stream at the start of `stream`; what follows it is left alone.

    Raises UnsupportedInput if there is no valid stream, LimitExceeded above `limit` plain bytes.
    """
    data = np.zeros(len(stream) + SLACK, np.uint8)
    data[: len(stream)] = np.frombuffer(stream, np.uint8)
    status, consumed, padding, plain, lengths, distances, blocks, tables = _parse(data, limit)
    if status == TOO_LONG:
        raise LimitExceeded(f"a deflate stream holds more than the {limit} bytes allowed")
    if status != OK:
        raise UnsupportedInput("not a valid deflate stream")
    # Read-only like any view of bytes, so that the compiled kernels meet one type of array.
    plain = np.frombuffer(plain.tobytes(), np.uint8)
    return Stream(plain, lengths, distances, blocks, tables, padding=int(padding), consumed=int(consumed))


@allocating
def _write(plain, lengths, distances, blocks, tables, padding):
    """The bytes of the stream and their number, which is -1 if blocks, tokens and tables do not agree."""
    out = np.zeros(plain.shape[0] // 2 + 1024, np.uint8)
    literal_lengths = np.zeros(LITERALS, np.uint8)
    distance_lengths = np.zeros(DISTANCES, np.uint8)
    literal_codes = np.zeros(LITERALS, np.int64)
    distance_codes = np.zeros(DISTANCES, np.int64)
    position, done, token = np.int64(0), np.int64(0), np.int64(0)
    for block in range(blocks.shape[0]):
        row = blocks[block]
        out = grown(out, (position >> 3) + MAX_TABLE + 64)
        position = put(out, position, row[FINAL] | row[KIND] << 1, 3)
        if row[KIND] == 0:
            skip = -position & 7
            if row[PADDING] >> skip or row[BYTES] > 0xFFFF:
                return out, -1
            position = put(out, position, row[PADDING], skip)
            position = put(out, position, row[BYTES] | (row[BYTES] ^ 0xFFFF) << 16, 32)
            start = position >> 3
            out = grown(out, start + row[BYTES] + 64)
            copy(plain, done, row[BYTES], out, start)
            done += row[BYTES]
            token += row[TOKENS]
            position += 8 * row[BYTES]
            continue
        if row[KIND] == 1:
            copy(FIXED_LITERALS, 0, LITERALS, literal_lengths, 0)
            copy(FIXED_DISTANCES, 0, DISTANCES, distance_lengths, 0)
        else:
            end = code_lengths_of(tables, row[TABLE], tables.shape[0], literal_lengths, distance_lengths)
            position = write_table(out, position, tables, row[TABLE], end) if end >= 0 else np.int64(-1)
            if position < 0:
                return out, -1
        if not assign_codes(literal_lengths, LITERALS, literal_codes):
            return out, -1
        if not assign_codes(distance_lengths, DISTANCES, distance_codes):
            return out, -1
        for index in range(token, token + row[TOKENS]):
            if (position >> 3) + 64 > out.shape[0]:
                out = grown(out, (position >> 3) + 64)
            length = np.int64(lengths[index])
            if length == 1:
                symbol = np.int64(plain[done])
                if literal_lengths[symbol] == 0:
                    return out, -1
                position = put(out, position, literal_codes[symbol], np.int64(literal_lengths[symbol]))
                done += 1
                continue
            symbol = np.int64(LENGTH_SYMBOL[length])
            bits = np.int64(literal_lengths[symbol + 257])
            if bits == 0:
                return out, -1
            value = literal_codes[symbol + 257] | (min(length, 258) - LENGTH_BASE[symbol]) << bits
            position = put(out, position, value, bits + LENGTH_EXTRA[symbol])
            distance = np.int64(distances[index])
            symbol = distance_symbol(distance)
            bits = np.int64(distance_lengths[symbol])
            if bits == 0:
                return out, -1
            value = distance_codes[symbol] | (distance - DISTANCE_BASE[symbol]) << bits
            position = put(out, position, value, bits + DISTANCE_EXTRA[symbol])
            done += min(length, 258)
        token += row[TOKENS]
        if literal_lengths[256] == 0:
            return out, -1
        position = put(out, position, literal_codes[256], np.int64(literal_lengths[256]))
    skip = -position & 7
    if padding >> skip:
        return out, -1
    position = put(out, position, np.int64(padding), skip)
    return out, position >> 3


def write(stream: Stream) -> bytes:
    """The bytes that `parse` read; `consumed` is not looked at. Tokens and blocks must lie within the plain bytes.

    Raises CorruptArchive if a token has no code in its block's table, or a table or padding is impossible.
    """
    out, size = _write(stream.plain, stream.lengths, stream.distances, stream.blocks, stream.tables, stream.padding)
    if size < 0:
        raise CorruptArchive("a recorded deflate stream contradicts itself")
    return bytes(out[:size].data)
