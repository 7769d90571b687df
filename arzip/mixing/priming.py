"""A primer: what the byte engine learned from training texts, cut down to what fits a file and is worth most.

    primer = prime(texts, judges, bucket_bits=17)        ByteEngine(size, lanes=1, primer=primer)

An engine reads the texts once, with tables that hardly forget. Of its slots of bit histories (slots.py) a smaller table
keeps, bucket by bucket, those that most of some other documents asked for. A new engine looks there whenever it meets a
context for the first time, so a file begins as if much text had gone before it, at no cost in time: Mahoney (2005 [1],
section 4) primes the same kind of engine with a dictionary. Mixers and small maps are then settled (`settle`) by fresh
engines that read third documents from that table, for only they know how far it can be trusted.

[1] https://cs.fit.edu/~mmahoney/compression/cs200516.pdf
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from arzip.errors import ModelError
from arzip.exact.small_gru import SmallGRU
from arzip.mixing import byte_state as at
from arzip.mixing.bit_histories import HISTORY_COUNTS
from arzip.mixing.byte_contexts import SEEN
from arzip.mixing.byte_engine import ByteEngine
from arzip.mixing.byte_state import Primer
from arzip.mixing.mixer import WEIGHT_LIMIT
from arzip.mixing.prefetch import LINE_BYTES
from arzip.mixing.slots import NODES, SLOT_BYTES, SPARE, new_slots

__all__ = ["packed", "prime", "settle", "unpacked"]

READING_BITS = 22  # 256 MiB of slots while reading
_SLOTS = 3  # of a bucket
_USED = [*range(SPARE), *range(SPARE + 2, SLOT_BYTES)]  # bytes of a slot that say something
_STRIP = 1 << 12  # buckets that are looked at together
_SETTLED = 16000  # bytes read of a document: short ones, and beginnings
_HURRY = 100_000  # bytes that settling engines are taken to have seen: their mixers move slowly
_NO_WEIGHTS = np.zeros((0, 0), np.int32)


def prime(
    texts: NDArray[np.uint8], judges: Iterable[NDArray[np.uint8]], *, bucket_bits: int, reading_bits: int = READING_BITS
) -> Primer:
    """What an engine learns from texts uint8 [n], of which 2^bucket_bits buckets keep what most judges asked for.

    A judge is another document, uint8 [n]; reading it alone shows which contexts a new file will meet. While reading,
    2^reading_bits buckets are at hand.
    """
    engine = ByteEngine(len(texts), lanes=1, bucket_bits=reading_bits)
    for _ in engine.predictions(texts):
        pass
    state = engine.state
    whole = Primer(
        slots=state.slots,
        cells=state.cells[: at.WIDE_CELLS].copy(),
        weights=state.weights[:, : at.PRIOR_INPUTS].copy(),
        beside_net=_NO_WEIGHTS,
        beside_whole=_NO_WEIGHTS,
        indirect=state.indirect.copy(),
    )
    wanted = np.zeros((1 << reading_bits, _SLOTS), np.uint16)
    for judge in judges:
        _ask(judge, whole, wanted)
    return whole._replace(slots=_kept(_slots_of(whole.slots), wanted, bucket_bits))


def settle(
    primer: Primer, documents: Sequence[NDArray[np.uint8]], net: SmallGRU | None = None, *, whole: bool = False
) -> Primer:
    """The primer with mixer weights and small maps that suit it, learned from documents uint8 [n] that it never saw.

    Each document is read by a fresh engine, which hands weights and maps on to the next; the weights kept are the mean
    of those after each document but the first quarter. With a net, what is settled are the weights beside it alone;
    those beside a net of which all goes on learning begin as those beside one that does not.
    """
    beside = "beside_whole" if whole else "beside_net"
    total, carried = np.zeros((0, 0)), primer._replace(beside_whole=primer.beside_net) if whole else primer
    for i, document in enumerate(documents):
        text = document[:_SETTLED]
        engine = ByteEngine(len(text), lanes=1, primer=carried, net=net, whole=whole)
        engine.state.shared[SEEN] = _HURRY
        for _ in engine.predictions(text):
            pass
        state = engine.state
        inputs = at.PRIOR_INPUTS + (0 if net is None else 2 * at.NET_PRIORS)
        weights = np.ascontiguousarray(state.weights[:, :inputs])
        if net is None:
            carried = carried._replace(weights=weights, cells=state.cells[: at.WIDE_CELLS].copy())
        else:
            carried = carried._replace(**{beside: weights})
        if i == len(documents) // 4:
            total = np.zeros(weights.shape)
        if i >= len(documents) // 4:
            total += weights
    mean = np.floor(total / (len(documents) - len(documents) // 4) + 0.5).astype(np.int32)
    return carried._replace(**{"weights" if net is None else beside: mean})


def _slots_of(table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A table's slots, [buckets, 3, SLOT_BYTES]."""
    return table.reshape(-1, LINE_BYTES)[:, : _SLOTS * SLOT_BYTES].reshape(-1, _SLOTS, SLOT_BYTES)


def _ask(judge: NDArray[np.uint8], whole: Primer, wanted: NDArray[np.uint16]) -> None:
    """Counts, in wanted [buckets, 3], the slots of the whole table that one document begins from."""
    reading_bits = len(wanted).bit_length() - 1
    engine = ByteEngine(len(judge), lanes=1, bucket_bits=reading_bits, primer=whole)
    for _ in engine.predictions(judge):
        pass
    touched, known = _slots_of(engine.state.slots), _slots_of(whole.slots)
    buckets = np.flatnonzero(engine.state.slots.reshape(-1, LINE_BYTES)[:, NODES + 1])
    here, there = touched[buckets], known[buckets]
    for k in range(_SLOTS):
        same = (here[:, :, :2] == there[:, k, None, :2]).all(axis=2) & (here[:, :, NODES + 1] > 0)
        wanted[buckets, k] += same.any(axis=1)


def _kept(slots: NDArray[np.uint8], wanted: NDArray[np.uint16], bucket_bits: int) -> NDArray[np.uint8]:
    """The smaller table, uint8: of each of its buckets the slots most wanted, then those met most often."""
    buckets = 1 << bucket_bits
    kept = new_slots(bucket_bits)
    lines = kept.reshape(buckets, LINE_BYTES)
    met = HISTORY_COUNTS.sum(axis=1).astype(np.int64)
    # A smaller table's bucket has the low bits of the numbers of all those that fall into it.
    slots = slots.reshape(-1, buckets, _SLOTS, SLOT_BYTES)
    wanted = wanted.reshape(-1, buckets, _SLOTS)
    for begin in range(0, buckets, _STRIP):
        here = slots[:, begin : begin + _STRIP].transpose(1, 0, 2, 3).reshape(-1, len(slots) * _SLOTS, SLOT_BYTES)
        votes = wanted[:, begin : begin + _STRIP].transpose(1, 0, 2).reshape(len(here), -1).astype(np.int64)
        worth = votes * 1024 + met[here[:, :, NODES + 1]]
        best = np.argsort(-worth, axis=1, kind="stable")[:, :_SLOTS]
        chosen = np.take_along_axis(here, best[:, :, None], axis=1)
        lines[begin : begin + len(here), : _SLOTS * SLOT_BYTES] = chosen.reshape(len(here), -1)
    return kept


def packed(primer: Primer) -> dict[str, NDArray[np.generic]]:
    """The tensors of a primer's file; slots without their spare bytes, [buckets, 3, 19]."""
    return {**primer._asdict(), "slots": np.ascontiguousarray(_slots_of(primer.slots)[:, :, _USED])}


def unpacked(tensors: dict[str, NDArray[np.generic]], *, bucket_bits: int) -> Primer:
    """The inverse; raises ModelError for tensors that are no primer's, or that would break the mixers' bounds."""
    rows = at.BY_PRIOR + at.FINAL_ROWS
    shapes: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
        "slots": ((1 << bucket_bits, _SLOTS, len(_USED)), np.uint8),
        "cells": ((at.WIDE_CELLS,), np.uint32),
        "weights": ((rows, at.PRIOR_INPUTS), np.int32),
        "beside_net": ((rows + at.NET_PRIORS * at.PRIOR_CLASSES, at.PRIOR_INPUTS + 2 * at.NET_PRIORS), np.int32),
        "indirect": ((65536,), np.uint16),
    }
    shapes["beside_whole"] = shapes["beside_net"]
    for name in ("beside_net", "beside_whole"):
        if name in tensors and not tensors[name].size:
            del shapes[name]
    for name, (shape, kind) in shapes.items():
        if name not in tensors or tensors[name].shape != shape or tensors[name].dtype != kind:
            raise ModelError(f"the weights are not those of a primer of 2^{bucket_bits} buckets ({name})")
        if kind is np.int32 and np.abs(tensors[name].astype(np.int64)).max() > WEIGHT_LIMIT + 1:
            raise ModelError("a primer's weights lie outside the mixers' range")
    if set(tensors) != set(Primer._fields):
        raise ModelError("a primer's file holds what no primer has")
    slots = new_slots(bucket_bits)
    _slots_of(slots)[:, :, _USED] = tensors["slots"]
    return Primer(**{**tensors, "slots": slots})
