"""Predict each block's kind and Huffman table from its tokens; note the differences, or undo them.

    describe(..., sizes, blocks, tables) -> which blocks surprise, and how      restore(...) -> blocks, tables

A surprising table gives one byte to `styles`: bit 0 the code lengths differ, bit 1 the code-length code differs, bits 4
to 7 the way of run-length coding: 0 zlib's, 1 + m: literal and distance lengths as one sequence, where m says which of
the operations 16 (bit 0), 17 (bit 1) and 18 (bit 2) are used, 15 spelled out. Then, as far as needed,

    lengths   the two counts of a table, and one byte a symbol: code length - predicted length, modulo 256
    spelled   number of bytes (two), operations; number of code-length lengths - 4, lengths
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import allocating
from arzip.formats.deflate.bits import copy, grown
from arzip.formats.deflate.huffman import block_costs, count_symbols, optimal_lengths, predict_head, run_operations
from arzip.formats.deflate.matcher import FIXED_ONLY, TOKEN_LIMIT
from arzip.formats.deflate.optimal import DISTANCE_SYMBOLS, LITERAL_SYMBOLS
from arzip.formats.deflate.tables import (
    DISTANCES,
    FIXED_DISTANCES,
    FIXED_LITERALS,
    LITERALS,
    MAX_TABLE,
    code_lengths_of,
)
from arzip.formats.deflate.tokens import BYTES, FINAL, KIND, PADDING, TABLE, TOKENS
from arzip.formats.deflate.walk import EXPLICIT

__all__ = ["describe", "restore", "told_lengths"]

LENGTHS_DIFFER, HEAD_DIFFERS, SPELLED_OUT = 1, 2, 15


@allocating
def _joint_operations(lengths, count, used, table, end):
    """Append run-length operations of one joint sequence, as zopfli (all eight `used`) and libdeflate (7) make them."""
    at = np.int64(0)
    while at < count:
        value = np.int64(lengths[at])
        run = np.int64(1)
        if used & 1 or (value == 0 and used & 6):
            while at + run < count and lengths[at + run] == value:
                run += 1
        at += run
        if value == 0 and run >= 3:
            while used & 4 and run >= 11:
                part = min(run, 138)
                table[end], table[end + 1] = 18, part - 11
                end += 2
                run -= part
            while used & 2 and run >= 3:
                part = min(run, 10)
                table[end], table[end + 1] = 17, part - 3
                end += 2
                run -= part
        if used & 1 and run >= 4:
            table[end] = value
            end += 1
            run -= 1
            while run >= 3:
                part = min(run, 6)
                table[end], table[end + 1] = 16, part - 3
                end += 2
                run -= part
        for _ in range(run):
            table[end] = value
            end += 1
    return end


@allocating
def _operations(style, lengths, first, second, table, end):
    """Append the operations for lengths[:first] and lengths[first:first + second] in a style 0 to 8; the new end."""
    if style:
        return _joint_operations(lengths, first + second, style - 1, table, end)
    end = run_operations(lengths, first, table, end)
    return run_operations(lengths[first:], second, table, end)


@allocating
def _used(lengths, least):
    """How many symbols a table sends: up to the last one with a code, but at least `least`."""
    count = lengths.shape[0]
    while count > least and lengths[count - 1] == 0:
        count -= 1
    return count


@allocating
def _predict(literals, distances, told, literal_lengths, distance_lengths, joint, table):
    """The table of the lengths told, or zlib's: (its bytes, bits of a block with it, bits with fixed codes)."""
    if told.shape[0]:
        literal_lengths[:] = 0
        distance_lengths[:] = 0
        copy(told, 0, LITERAL_SYMBOLS, literal_lengths, 0)
        copy(told, LITERAL_SYMBOLS, DISTANCE_SYMBOLS, distance_lengths, 0)
    else:
        optimal_lengths(literals, LITERALS, 15, literal_lengths)
        optimal_lengths(distances, DISTANCES, 15, distance_lengths)
    first, second = _used(literal_lengths, 257), _used(distance_lengths, 1)
    copy(literal_lengths, 0, first, joint, 0)
    copy(distance_lengths, 0, second, joint, first)
    chosen, fixed = block_costs(literals, distances, literal_lengths, distance_lengths)
    end, bits = _complete(joint, first, second, 0, table)
    return end, chosen + bits + 3, fixed + 3


@allocating
def _complete(joint, first, second, style, table):
    """Write counts, predicted code-length code and operations into the table: (its end, its bits)."""
    head = np.zeros(20, np.uint8)
    work = np.zeros(MAX_TABLE, np.uint8)
    end = _operations(style, joint, first, second, work, np.int64(0))
    bits = predict_head(work, np.int64(0), end, head)
    number = 4 + np.int64(head[0])
    table[0], table[1], table[2] = first - 257, second - 1, head[0]
    copy(head, 1, number, table, 3)
    copy(work, 0, end, table, 3 + number)
    return 3 + number + end, bits + 3 * number + 14


@allocating
def _same(table, start, end, other, other_start, other_end):
    if end - start != other_end - other_start:
        return False
    for index in range(end - start):  # noqa: SIM110  (compiled code)
        if table[start + index] != other[other_start + index]:
            return False
    return True


@allocating
def _predicted_kind(size, chosen, fixed, settings):
    """zlib's choice, by whole bytes: stored if it is no longer, fixed before dynamic when equal."""
    chosen, fixed = (chosen + 7) >> 3, (fixed + 7) >> 3
    if settings[FIXED_ONLY]:
        chosen = fixed
    if size + 4 <= min(chosen, fixed) and size <= 0xFFFF:
        return 0
    return 1 if fixed <= chosen else 2


@allocating
def told_lengths(blocks, tables):
    """The code lengths of every block [B, 316], those of parsed tables or the fixed ones; zeros for stored blocks."""
    told = np.zeros((blocks.shape[0], LITERAL_SYMBOLS + DISTANCE_SYMBOLS), np.uint8)
    literals, distances = np.zeros(LITERALS, np.uint8), np.zeros(DISTANCES, np.uint8)
    for block in range(blocks.shape[0]):
        if blocks[block, KIND] == 0:
            continue
        if blocks[block, KIND] == 2:
            code_lengths_of(tables, blocks[block, TABLE], tables.shape[0], literals, distances)
        else:
            copy(FIXED_LITERALS, 0, LITERALS, literals, 0)
            copy(FIXED_DISTANCES, 0, DISTANCES, distances, 0)
        copy(literals, 0, LITERAL_SYMBOLS, told[block], 0)
        copy(distances, 0, DISTANCE_SYMBOLS, told[block], LITERAL_SYMBOLS)
    return told


@allocating
def describe(plain, settings, lengths, distances, sizes, blocks, tables, told):
    """Compare every block with its prediction.

    lengths, distances, sizes, blocks: as `walk` returned them, with PADDING and TABLE of the parsed blocks put in;
    told: as for `walk`, without rows if nothing is told.
    Returns (surprises [B] uint8: 1 the block needs a record, 2 its table, too; styles, lengths, spelled: uint8
    streams).
    """
    literals, distance_counts = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
    literal_lengths, distance_lengths = np.zeros(LITERALS, np.uint8), np.zeros(DISTANCES, np.uint8)
    literal_actual, distance_actual = np.zeros(LITERALS, np.uint8), np.zeros(DISTANCES, np.uint8)
    joint, table = np.zeros(LITERALS + DISTANCES, np.uint8), np.zeros(MAX_TABLE, np.uint8)
    surprises, nothing = np.zeros(blocks.shape[0], np.uint8), np.zeros(0, np.uint8)
    styles, notes, spelled = np.zeros(64, np.uint8), np.zeros(1024, np.uint8), np.zeros(1024, np.uint8)
    styles_end, notes_end, spelled_end = np.int64(0), np.int64(0), np.int64(0)
    position, token = np.int64(0), np.int64(0)
    for block in range(blocks.shape[0]):
        row = blocks[block]
        kind = sizes[block, KIND]
        count_symbols(plain, position, lengths, distances, token, row[TOKENS], literals, distance_counts)
        known = told[block] if told.shape[0] else nothing
        predicted_end, chosen, fixed = _predict(
            literals, distance_counts, known, literal_lengths, distance_lengths, joint, table
        )
        position += row[BYTES]
        token += row[TOKENS]
        last = position == plain.shape[0] and row[TOKENS] < settings[TOKEN_LIMIT]
        if sizes[block, EXPLICIT] or row[PADDING] or kind != _predicted_kind(row[BYTES], chosen, fixed, settings):
            surprises[block] = 1
        if sizes[block, FINAL] != (1 if last else 0):
            surprises[block] = 1
        if kind != 2:
            continue
        start = row[TABLE]
        end = code_lengths_of(tables, start, tables.shape[0], literal_actual, distance_actual)
        if _same(tables, start, end, table, 0, predicted_end):
            continue
        surprises[block] |= 2
        styles = grown(styles, styles_end + 1)
        notes = grown(notes, notes_end + MAX_TABLE)
        spelled = grown(spelled, spelled_end + 2 * MAX_TABLE)
        first, second = 257 + np.int64(tables[start]), 1 + np.int64(tables[start + 1])
        style = np.int64(0)
        differ = first != np.int64(table[0]) + 257 or second != np.int64(table[1]) + 1
        for symbol in range(first):
            joint[symbol] = literal_actual[symbol]
            notes[notes_end + 2 + symbol] = literal_actual[symbol] - literal_lengths[symbol]
            differ = differ or literal_actual[symbol] != literal_lengths[symbol]
        for symbol in range(second):
            joint[first + symbol] = distance_actual[symbol]
            notes[notes_end + 2 + first + symbol] = distance_actual[symbol] - distance_lengths[symbol]
            differ = differ or distance_actual[symbol] != distance_lengths[symbol]
        if differ:
            style |= LENGTHS_DIFFER
            notes[notes_end], notes[notes_end + 1] = tables[start], tables[start + 1]
            notes_end += 2 + first + second
        operations = start + 7 + np.int64(tables[start + 2])
        way = np.int64(0)
        while way < 9:
            work_end = _operations(way, joint, first, second, table, np.int64(0))
            if _same(table, 0, work_end, tables, operations, end):
                break
            way += 1
        if way == 9:
            way = np.int64(SPELLED_OUT)
            count = end - operations
            spelled[spelled_end], spelled[spelled_end + 1] = count & 255, count >> 8
            copy(tables, operations, count, spelled, spelled_end + 2)
            spelled_end += 2 + count
        head = np.zeros(20, np.uint8)
        predict_head(tables, operations, end, head)
        number = np.int64(tables[start + 2]) + 4
        if not _same(tables, start + 2, start + 3 + number, head, 0, 1 + number) or head[0] != tables[start + 2]:
            style |= HEAD_DIFFERS
            copy(tables, start + 2, 1 + number, spelled, spelled_end)
            spelled_end += 1 + number
        styles[styles_end] = style | way << 4
        styles_end += 1
    return surprises, styles[:styles_end], notes[:notes_end], spelled[:spelled_end]


@allocating
def restore(plain, settings, lengths, distances, surprises, sizes, blocks, styles, notes, spelled, told):
    """The inverse of `describe`: set KIND and TABLE of `blocks`; the tables, and True if the notes fit.

    surprises [B] uint8 as from `describe`; sizes[:, KIND] holds the kind of those with bit 0 or 1 set; told as for
    `describe`.
    """
    literals, distance_counts = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
    literal_lengths, distance_lengths = np.zeros(LITERALS, np.uint8), np.zeros(DISTANCES, np.uint8)
    joint, table = np.zeros(2 * (LITERALS + DISTANCES), np.uint8), np.zeros(2 * MAX_TABLE, np.uint8)
    tables, operations = np.zeros(4 * MAX_TABLE, np.uint8), np.zeros(2 * MAX_TABLE, np.uint8)
    operations_end, nothing = np.int64(0), np.zeros(0, np.uint8)
    styles_at, notes_at, spelled_at, tables_end = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    position, token = np.int64(0), np.int64(0)
    for block in range(blocks.shape[0]):
        row = blocks[block]
        count_symbols(plain, position, lengths, distances, token, row[TOKENS], literals, distance_counts)
        known = told[block] if block < told.shape[0] else nothing
        end, chosen, fixed = _predict(literals, distance_counts, known, literal_lengths, distance_lengths, joint, table)
        position += row[BYTES]
        token += row[TOKENS]
        surprise = surprises[block] if block < surprises.shape[0] else np.uint8(0)
        row[KIND] = sizes[block, KIND] if surprise else _predicted_kind(row[BYTES], chosen, fixed, settings)
        row[TABLE] = tables_end
        if row[KIND] != 2:
            continue
        if surprise & 2:
            if styles_at >= styles.shape[0]:
                return tables, False
            style, way = np.int64(styles[styles_at]) & 15, np.int64(styles[styles_at]) >> 4
            styles_at += 1
            first, second = 257 + np.int64(table[0]), 1 + np.int64(table[1])
            if style & LENGTHS_DIFFER:
                if notes_at + 2 > notes.shape[0]:
                    return tables, False
                first, second = 257 + np.int64(notes[notes_at]), 1 + np.int64(notes[notes_at + 1])
                notes_at += 2
                if first > LITERALS or second > DISTANCES or notes_at + first + second > notes.shape[0]:
                    return tables, False
                for symbol in range(first):
                    joint[symbol] = literal_lengths[symbol] + notes[notes_at + symbol]
                for symbol in range(second):
                    joint[first + symbol] = distance_lengths[symbol] + notes[notes_at + first + symbol]
                notes_at += first + second
                for symbol in range(first + second):
                    if joint[symbol] > 15:
                        return tables, False
            if way == SPELLED_OUT:
                if spelled_at + 2 > spelled.shape[0]:
                    return tables, False
                count = np.int64(spelled[spelled_at]) | np.int64(spelled[spelled_at + 1]) << 8
                spelled_at += 2
                if spelled_at + count > spelled.shape[0] or count > 2 * (LITERALS + DISTANCES):
                    return tables, False
                for index in range(spelled_at, spelled_at + count):
                    if spelled[index] > 127:
                        return tables, False
                copy(spelled, spelled_at, count, operations, 0)
                operations_end = count
                spelled_at += count
            else:
                if way > 8:
                    return tables, False
                operations_end = _operations(way, joint, first, second, operations, np.int64(0))
            head = np.zeros(20, np.uint8)
            if style & HEAD_DIFFERS:
                if spelled_at >= spelled.shape[0] or spelled[spelled_at] > 15:
                    return tables, False
                number = 4 + np.int64(spelled[spelled_at])
                if spelled_at + 1 + number > spelled.shape[0]:
                    return tables, False
                copy(spelled, spelled_at, 1 + number, head, 0)
                spelled_at += 1 + number
            else:
                if not _well_formed(operations, operations_end):
                    return tables, False
                predict_head(operations, np.int64(0), operations_end, head)
            number = 4 + np.int64(head[0])
            table[0], table[1] = first - 257, second - 1
            copy(head, 0, 1 + number, table, 2)
            end = 3 + number + operations_end
            copy(operations, 0, operations_end, table, 3 + number)
        tables = grown(tables, tables_end + end)
        copy(table, 0, end, tables, tables_end)
        tables_end += end
    complete = styles_at == styles.shape[0] and notes_at == notes.shape[0] and spelled_at == spelled.shape[0]
    return tables[:tables_end], complete


@allocating
def _well_formed(operations, end):
    """True if the bytes are whole operations."""
    at = np.int64(0)
    while at < end:
        if operations[at] > 18:
            return False
        at += 2 if operations[at] >= 16 else 1
    return at == end
