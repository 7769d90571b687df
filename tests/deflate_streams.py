"""Deflate streams for the tests, written token by token, with every freedom that the format leaves."""

from __future__ import annotations

import random

import numpy as np

from arzip.formats.deflate.huffman import count_symbols, optimal_lengths
from arzip.formats.deflate.tables import CODE_LENGTH_ORDER, DISTANCES, LITERALS, ODD_LENGTH
from arzip.formats.deflate.tokens import COLUMNS, Stream, write

__all__ = ["random_stream"]


def random_stream(seed: int, size: int) -> tuple[bytes, bytes]:
    """(stream, plain): arbitrary tokens in blocks of all kinds with odd tables, paddings and an odd end."""
    dice = random.Random(seed)
    plain, tokens, blocks = bytearray(), [], []
    while len(plain) < size or not blocks:
        kind, start, count = dice.choice((0, 1, 2, 2)), len(plain), 0
        for _ in range(dice.choice((0, 1, 5, 200, 2000))):
            if kind == 0 or not plain or dice.random() < 0.5:
                plain.append(dice.choice(b"abcdefghij\x00\xff"))
                tokens.append((1, 0))
            else:
                length = dice.choice((3, 4, dice.randint(3, 258), 258, ODD_LENGTH))
                distance = dice.randint(1, min(len(plain), dice.choice((4, 300, 32768))))
                tokens.append((length, distance))
                for _ in range(min(length, 258)):
                    plain.append(plain[-distance])
            count += 1
        if kind == 0:
            del tokens[len(tokens) - count :]
            count = 0
        blocks.append([kind, 0, count, len(plain) - start, 0, 0])
    blocks[-1][1] = 1
    matrix = np.array(blocks, np.int64).reshape(-1, COLUMNS)
    lengths = np.array([length for length, _ in tokens], np.uint16)
    distances = np.array([distance for _, distance in tokens], np.uint16)
    data, tables, position, token = np.frombuffer(bytes(plain), np.uint8), bytearray(), 0, 0
    literals, distance_counts = np.zeros(LITERALS, np.int64), np.zeros(DISTANCES, np.int64)
    for row in matrix:
        count_symbols(data, position, lengths, distances, token, row[2], literals, distance_counts)
        position += row[3]
        token += row[2]
        row[5] = len(tables)
        if row[0] == 2:
            tables += _table(dice, literals, distance_counts)
    stream = Stream(data, lengths, distances, matrix, np.frombuffer(bytes(tables), np.uint8), padding=0, consumed=0)
    return write(stream), bytes(plain)


def _table(dice: random.Random, literals: np.ndarray, distances: np.ndarray) -> bytes:
    """A valid table for the counts: sometimes wasteful codes, surplus symbols, plain or run-length coded lengths."""
    if dice.random() < 0.5:  # codes for symbols that do not occur
        literals = literals + np.array([dice.random() < 0.2 for _ in range(LITERALS)])
        literals[286:] = 0
    if dice.random() < 0.3:  # flat codes
        literals, distances = np.minimum(literals, 1), np.minimum(distances, 1)
    first, second = np.zeros(LITERALS, np.uint8), np.zeros(DISTANCES, np.uint8)
    optimal_lengths(literals, LITERALS, 15, first)
    optimal_lengths(distances, DISTANCES, 15, second)
    counts = [286 if dice.random() < 0.3 else max(257, int(np.flatnonzero(first)[-1]) + 1)]
    counts.append(30 if dice.random() < 0.3 else int(np.flatnonzero(second)[-1]) + 1)
    values = [*first[: counts[0]].tolist(), *second[: counts[1]].tolist()]
    operations, at = bytearray(), 0
    while at < len(values):
        run = 1
        while at + run < len(values) and values[at + run] == values[at] and run < dice.choice((1, 4, 11, 138)):
            run += 1
        if values[at] == 0 and run >= 11:
            operations += bytes((18, run - 11))
        elif values[at] == 0 and 3 <= run <= 10:
            operations += bytes((17, run - 3))
        elif at and values[at] == values[at - 1] and 3 <= run <= 6:
            operations += bytes((16, run - 3))
        else:
            run = 1
            operations.append(values[at])
        at += run
    # A code of 19 symbols that has them all, so that every operation can be sent: 13 of four bits and 6 of five.
    codes = [4] * 13 + [5] * 6
    dice.shuffle(codes)
    head = [codes[symbol] for symbol in CODE_LENGTH_ORDER]
    return bytes((counts[0] - 257, counts[1] - 1, 15, *head)) + bytes(operations)
