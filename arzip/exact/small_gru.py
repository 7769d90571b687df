"""A gated recurrent net over bytes, compiled: its exact reading one byte at a time, without torch.

    h' = GRU(h, E[x] + P[pair] + W[word]),   p(next byte) = softmax(V h' + b)

The net of `arzip.nets.text_net`. Besides its last byte it is told a hash of the last two, and one of the word so far,
as rows of tables that go to the candidate: they cost no product, and spare the state what counting knows better. The
output layer is there twice. One copy stays as it was trained. The other goes on learning while it reads (dynamic
evaluation, Mikolov et al. 2010 [1], of one layer): V and b move down the gradient of the code length, but for rows
whose byte was neither read nor much expected. Distributions are kept as binary trees of masses, so that an adaptive
engine can take them bit by bit, and trust the one that knows the file better.

Integers throughout, in the sums of `arzip.exact.layers` and the gates of `arzip.exact.gates`.

[1] https://www.isca-archive.org/interspeech_2010/mikolov10_interspeech.html
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from arzip.compiled import Integer, compiled, inlined
from arzip.errors import ModelError
from arzip.exact.dot import dot
from arzip.exact.gates import STATE_POINT, SUM_POINT, gru_unit
from arzip.exact.lookup import exp2_table
from arzip.exact.packed import MIDDLE, made_up, packed, products, room, unpacked
from arzip.exact.small_net import check_dense

__all__ = [
    "ALPHABET",
    "HIDDEN_POINT",
    "LEARNING",
    "ROW_POINT",
    "TRAINED",
    "GRUState",
    "SmallGRU",
    "advance",
    "advance_all",
    "contexts_of",
    "grow",
    "new_gru_state",
    "next_rows",
    "no_gru",
    "operand_of",
    "read",
    "scaled",
    "small_gru",
]

ALPHABET = 256
ROW_POINT = 5  # fractional bits of the hashed rows
HIDDEN_POINT = 7
_LIMIT = 32767  # of sums and octaves
_SPAN = 20 * 32  # logits further below the largest count as this far: 20 octaves
_EXP2 = exp2_table(-_SPAN, 0, 24)
_PAIRS, _WORDS = 0x9E3779B1, 0x2F0B4C47  # odd multipliers
_MASK = 0xFFFFFFFF
TRAINED, LEARNING = 0, 1  # the two copies of the output layer
_FINER = 8  # more fractional bits of weights that go on learning
_FINEST = 16  # and of what they are rounded from: at 8, most steps would be rounded away
_RATE = 6  # they move by 2^-6 of the gradient in octaves
_HALF = 1 << (_FINEST - _FINER - 1)
_SMALLEST = 512  # in 2^-16; rows of bytes that were wrongly expected by less stay
_LARGEST, _LARGEST_BIAS = 16383 << (_FINEST - _FINER), 1 << 27  # of what goes on learning
_MOST_UNITS = 1024  # sums of so many products stay within 32 bits


class SmallGRU(NamedTuple):
    """Integer tensors of a net of H units."""

    embedding: np.ndarray  # int16 [256, 3 H], at SUM_POINT; gates in the order r, z, n
    pairs: np.ndarray  # int8 [P, H], at ROW_POINT
    words: np.ndarray  # int8 [W, H]
    inner: np.ndarray  # int8, [3 H, H] packed
    inner_sums: np.ndarray  # int32 [2, 3 H]: bias, made up for unsigned operands, and shift
    output: np.ndarray  # int8, [256, H] packed
    output_sums: np.ndarray  # int32 [2, 256], likewise


class GRUState(NamedTuple):
    """What L lanes remember, and what the net says of their next bytes; K is L where V learns, else 0."""

    hidden: np.ndarray  # int32 [L, H], at STATE_POINT
    operand: np.ndarray  # int16 [L, H]: the same, rounded to 8 bits
    unsigned: np.ndarray  # uint8 [L, H]: that plus 128
    sums: np.ndarray  # int32 [3 H], and no fewer than 256: scratch
    context: np.ndarray  # int64 [L, 2]: the last byte, the hash of the word so far
    learned: np.ndarray  # int32 [K, 256, H]: V with sixteen more fractional bits, for it goes on learning
    output: np.ndarray  # int16 [K, 256, H]: the same with eight, which enter products
    bias: np.ndarray  # int32 [K, 256]: b, likewise
    tree: np.ndarray  # int64 [2, L, 512]: masses; node 1 is the root, 2 k and 2 k + 1 are below k, 256 + x is byte x


def no_gru() -> SmallGRU:
    """What stands for a net where there is none."""
    small, wide = np.zeros((0, 0), np.int8), np.zeros((2, 0), np.int32)
    none = packed(small)
    return SmallGRU(np.zeros((0, 0), np.int16), small, small, none, wide, none, wide)


def small_gru(tensors: dict[str, np.ndarray]) -> SmallGRU:
    """The net of a model's integer tensors, named as its file names them; every bound is proved. Raises ModelError."""
    try:
        sums = [np.stack([tensors[f"{layer}.{part}_q"] for part in ("bias", "shift")]) for layer in ("inner", "output")]
        net = SmallGRU(
            tensors["embedding.table_q"],
            tensors["pairs_q"],
            tensors["words_q"],
            tensors["inner.weight_q"],
            sums[0],
            tensors["output.weight_q"],
            sums[1],
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"the weights are not those of a recurrent net over bytes ({error})") from error
    units = net.inner.shape[1]
    shapes = [net.embedding.shape, net.inner.shape, net.output.shape, net.pairs.shape[1:], net.words.shape[1:]]
    if shapes != [(ALPHABET, 3 * units), (3 * units, units), (ALPHABET, units), (units,), (units,)]:
        raise ModelError("the weights of a recurrent net over bytes do not fit together")
    if units > _MOST_UNITS:
        raise ModelError(f"{units} units are beyond the {_MOST_UNITS} of a recurrent net over bytes")
    if any(rows & (rows - 1) or not rows for rows in (len(net.pairs), len(net.words))):
        raise ModelError("tables of hashed contexts must have a power of two of rows")
    for weight, (bias, shift) in ((net.inner, net.inner_sums), (net.output, net.output_sums)):
        check_dense(weight, bias, shift, 127)
    for name in ("inner", "output"):
        weight, (bias, shift) = getattr(net, name), getattr(net, f"{name}_sums")
        net = net._replace(**{name: packed(weight), f"{name}_sums": np.stack([made_up(bias, weight), shift])})
    return SmallGRU(*(np.ascontiguousarray(tensor) for tensor in net))


def new_gru_state(net: SmallGRU, lanes: int, *, learns: bool = True) -> GRUState:
    """Lanes that have read nothing; where the output layer does not learn, its other copy is left to the caller."""
    units = net.pairs.shape[1]
    weights, bias = unpacked(net.output, net.output_sums[0], (ALPHABET if units else 0, units))
    learning = lanes if learns else 0
    state = GRUState(
        np.zeros((lanes, units), np.int32),
        np.zeros((lanes, units), np.int16),
        np.full((lanes, room(units)), MIDDLE, np.uint8),
        np.zeros(max(room(3 * units), ALPHABET), np.int32),
        np.zeros((lanes, 2), np.int64),
        np.tile(weights.astype(np.int32) << _FINEST, (learning, 1, 1)),
        np.tile(weights.astype(np.int16) << _FINER, (learning, 1, 1)),
        np.tile(bias << _FINER, (learning, 1)),
        np.zeros((2, lanes, 2 * ALPHABET), np.int64),
    )
    if units:
        _foretell_all(net, state)
        state.tree[LEARNING] = state.tree[TRAINED]
    return state


@inlined
def _pair_row(before: Integer, byte: Integer, rows: Integer) -> Integer:
    return ((((before << 8 | byte) * _PAIRS) & _MASK) * rows) >> 32


@inlined
def _longer(word: Integer, byte: Integer) -> Integer:
    """The hash of the word so far after another byte; words are made of letters, digits and all beyond ASCII."""
    folded = byte | 32
    inside = 97 <= folded <= 122 or 48 <= byte <= 57 or byte >= 128
    return ((word + folded) * _WORDS + 1) & _MASK if inside else byte


@inlined
def _word_row(word: Integer, rows: Integer) -> Integer:
    return (((word * _PAIRS) & _MASK) * rows) >> 32


@inlined
def next_rows(context: np.ndarray, byte: Integer, pairs: Integer, words: Integer) -> tuple[Integer, Integer]:
    """The rows that a byte looks up in tables of so many; `context` [2] moves past it."""
    word = _longer(context[1], byte)
    pair = _pair_row(context[0], byte, np.int64(pairs))
    context[0], context[1] = byte, word
    return pair, _word_row(word, np.int64(words))


@compiled
def contexts_of(x: np.ndarray, context: np.ndarray, pairs: Integer, words: Integer, out: np.ndarray) -> None:
    """The rows of every byte of x [T, L] in tables of so many rows, int64 [T, L, 2]; `context` [L, 2] goes along."""
    for t in range(np.uintp(x.shape[0])):
        for lane in range(np.uintp(x.shape[1])):
            out[t, lane, 0], out[t, lane, 1] = next_rows(context[lane], np.int64(x[t, lane]), pairs, words)


@inlined
def scaled(total: Integer, bias: Integer, shift: Integer) -> Integer:
    """A row's sum in its range. Sums are taken first and rounded together: one by one would cost as much again."""
    return min(
        max((np.int64(total) + bias + ((np.int64(1) << shift) >> 1)) >> shift, np.int64(-_LIMIT)), np.int64(_LIMIT)
    )


@inlined
def grow(tree: np.ndarray) -> None:
    """The masses of a tree, int64 [512], in whose leaves are octaves."""
    top = np.int64(-_LIMIT)
    for x in range(np.uintp(ALPHABET), np.uintp(2 * ALPHABET)):
        top = max(top, tree[x])
    for x in range(np.uintp(ALPHABET), np.uintp(2 * ALPHABET)):
        tree[x] = 1 + _EXP2[np.uintp(max(tree[x] - top, np.int64(-_SPAN)) + _SPAN)]
    for node in range(ALPHABET - 1, 0, -1):
        tree[np.uintp(node)] = tree[np.uintp(2 * node)] + tree[np.uintp(2 * node + 1)]


@inlined
def _foretell(net: SmallGRU, state: GRUState, lane: Integer) -> None:
    """The tree of the next byte by the copy that stays as it was trained."""
    sums, tree = state.sums, state.tree[TRAINED, lane]
    bias, shift = net.output_sums[0], net.output_sums[1]
    products(net.output, state.unsigned[lane], sums)
    for x in range(np.uintp(ALPHABET)):
        tree[np.uintp(ALPHABET) + x] = scaled(np.int64(sums[x]), np.int64(bias[x]), np.int64(shift[x]))
    grow(tree)


@compiled
def _foretell_all(net: SmallGRU, state: GRUState) -> None:
    for lane in range(state.hidden.shape[0]):
        _foretell(net, state, np.uintp(lane))


@inlined
def _learn(net: SmallGRU, state: GRUState, lane: Integer, byte: Integer) -> None:
    """Move the copy that learns towards the byte that came: V[x] -= rate (p(x) - [x = byte]) h."""
    operand, tree = state.operand[lane], state.tree[LEARNING, lane]
    scale = (np.int64(1) << 40) // tree[np.uintp(1)]
    for x in range(np.uintp(ALPHABET)):
        error = ((tree[np.uintp(ALPHABET) + x] * scale) >> 24) - (65536 if np.int64(x) == byte else 0)
        if abs(error) > _SMALLEST:
            finer = np.int64(_RATE + 25) - np.int64(net.output_sums[1, x])
            shift = np.int32(finer - _FINEST)
            step, half = np.int32(error), np.int32(1 << (shift - 1))
            learned, row = state.learned[lane, x], state.output[lane, x]
            for k in range(np.uintp(operand.shape[0])):
                moved = np.int32(learned[k] - np.int32(np.int32(step * np.int32(operand[k]) + half) >> shift))
                moved = min(max(moved, np.int32(-_LARGEST)), np.int32(_LARGEST))
                learned[k] = moved
                row[k] = np.int16(np.int32(moved + np.int32(_HALF)) >> np.int32(_FINEST - _FINER))
            moved_bias = np.int64(state.bias[lane, x]) - ((error << HIDDEN_POINT) >> (finer - _FINER))
            state.bias[lane, x] = min(max(moved_bias, np.int64(-_LARGEST_BIAS)), np.int64(_LARGEST_BIAS))


@inlined
def operand_of(h: Integer) -> Integer:
    """A unit's state in the 8 bits that enter products."""
    rounded = (h + (1 << (STATE_POINT - HIDDEN_POINT - 1))) >> (STATE_POINT - HIDDEN_POINT)
    return min(max(rounded, np.int64(-127)), np.int64(127))


@inlined
def read(net: SmallGRU, state: GRUState, lane: Integer, byte: Integer) -> None:
    """Move a lane's state past a byte; the copy of the output layer that stays says what may come next."""
    lane = np.uintp(lane)
    context = state.context[lane]
    pair_row, word_row = next_rows(context, byte, net.pairs.shape[0], net.words.shape[0])
    embedded, pair, spelled = (
        net.embedding[np.uintp(byte)],
        net.pairs[np.uintp(pair_row)],
        net.words[np.uintp(word_row)],
    )
    hidden, operand, unsigned, sums = state.hidden[lane], state.operand[lane], state.unsigned[lane], state.sums
    bias, shift = net.inner_sums[0], net.inner_sums[1]
    products(net.inner, unsigned, sums)
    for o in range(np.uintp(bias.shape[0])):
        sums[o] = scaled(np.int64(sums[o]), np.int64(bias[o]), np.int64(shift[o]))
    units = np.uintp(hidden.shape[0])
    for j in range(units):
        k, m = units + j, units + units + j
        rows = (np.int64(pair[j]) + np.int64(spelled[j])) << (SUM_POINT - ROW_POINT)
        h = gru_unit(
            np.int64(embedded[j]) + np.int64(sums[j]),
            np.int64(embedded[k]) + np.int64(sums[k]),
            np.int64(embedded[m]) + rows,
            np.int64(sums[m]),
            np.int64(hidden[j]),
        )
        hidden[j] = h
        operand[j] = operand_of(h)
        unsigned[j] = operand[j] + MIDDLE
    _foretell(net, state, lane)


@inlined
def advance(net: SmallGRU, state: GRUState, lane: Integer, byte: Integer) -> None:
    """The same, and the other copy learns from the byte and says so, too."""
    lane = np.uintp(lane)
    _learn(net, state, lane, byte)
    read(net, state, lane, byte)
    operand, tree, sums, bias = state.operand[lane], state.tree[LEARNING, lane], state.sums, state.bias[lane]
    for x in range(np.uintp(ALPHABET)):
        sums[x] = dot(state.output[lane, x], operand)
    for x in range(np.uintp(ALPHABET)):
        shift = np.int64(net.output_sums[1, x]) + _FINER
        tree[np.uintp(ALPHABET) + x] = scaled(np.int64(sums[x]), np.int64(bias[x]), shift)
    grow(tree)


@compiled
def advance_all(net: SmallGRU, state: GRUState, x: np.ndarray) -> None:
    """Read the next byte of every lane, integers [L]."""
    for lane in range(state.hidden.shape[0]):
        advance(net, state, lane, np.int64(x[lane]))
