"""Which values the samples of a channel take: x = offset + step * k, with k in a range, or in a list where few occur.

Files that were amplified, or made from fewer bits, leave out most values. A common step is divided out before any
prediction. Where the values that remain still leave more gaps than chance would, the ones that occur are listed, and
the coder numbers them: rank 0 is the least. Predictors always see k, the coder sees ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.container import Fields, pack
from arzip.errors import CorruptArchive
from arzip.mixing.byte_road import decode_bytes, encode_bytes

__all__ = ["Lattice", "lattices_of", "read_lattice", "write_lattice"]

_FEW = 0.7  # of the values one would expect to occur around the middle
_MOST_LISTED = 1 << 20
_SPAN_LIMIT = 1 << 33


@dataclass(frozen=True)
class Lattice:
    """The values of a channel: offset + step * (low + k) for k in 0 .. count - 1, or for k in `listed`."""

    offset: int  # 0 <= offset < step
    step: int
    low: int
    count: int
    listed: NDArray[np.int64] | None = None  # ascending, from 0 to count - 1

    @property
    def ranks(self) -> int:
        """How many values there are."""
        return self.count if self.listed is None else len(self.listed)

    def to_ranks(self, x: NDArray[Any]) -> NDArray[np.int64]:
        """Ranks of samples [T] that lie on the lattice."""
        k = (x.astype(np.int64) - self.offset) // self.step - self.low
        return k if self.listed is None else np.searchsorted(self.listed, k).astype(np.int64)

    def to_samples(self, ranks: NDArray[np.int64]) -> NDArray[np.int64]:
        """The inverse of `to_ranks`."""
        k = ranks if self.listed is None else self.listed[ranks]
        return self.offset + self.step * (self.low + k)


def lattices_of(block: NDArray[Any]) -> list[Lattice]:
    """One lattice for all channels of samples [T, C], or one for each where they differ in step or offset."""
    each = [_lattice_of(block[:, c]) for c in range(block.shape[1])]
    if len(each) > 1 and all(a.count > 1 and (a.step, a.offset) == (each[0].step, each[0].offset) for a in each):
        return [_lattice_of(block)]
    return each


def _lattice_of(x: NDArray[Any]) -> Lattice:
    """The lattice of samples of any shape, at least one."""
    values = np.unique(x).astype(np.int64)
    step = int(np.gcd.reduce(np.diff(values))) if len(values) > 1 else 1
    offset = int(values[0]) % step
    k = (values - offset) // step
    low, count = int(k[0]), int(k[-1] - k[0]) + 1
    k -= low
    listed = k if len(k) < count and len(k) <= _MOST_LISTED and _sparse(x, values, step) else None
    return Lattice(offset, step, low, count, listed)


def _sparse(x: NDArray[Any], values: NDArray[np.int64], step: int) -> bool:
    """Whether the values around the middle are fewer than samples thrown at random would have hit."""
    low, high = (int(np.sort(x, axis=None)[x.size * q // 8]) for q in (2, 6))
    sites = (high - low) / step + 1
    inside = int(((x >= low) & (x <= high)).sum())
    hit = int(((values >= low) & (values <= high)).sum())
    return bool(hit < _FEW * sites * -np.expm1(-inside / sites))


def write_lattice(lattice: Lattice) -> bytes:
    """The description of a lattice."""
    body = pack(lattice.step, lattice.offset, _unsigned(lattice.low), lattice.count)
    if lattice.listed is None:
        return body + pack(0)
    gaps = np.diff(lattice.listed) - 1
    plain = pack(*gaps.tolist())
    coded, _ = encode_bytes(np.frombuffer(plain, np.uint8), lanes=1)
    return body + pack(len(lattice.listed), len(plain), coded)


def read_lattice(fields: Fields, depth: int) -> Lattice:
    """The inverse of `write_lattice`, for samples of `depth` bits; raises CorruptArchive or LimitExceeded."""
    step, offset = fields.number(_SPAN_LIMIT), fields.number(_SPAN_LIMIT)
    low, count = _signed(fields.number(_SPAN_LIMIT)), fields.number(_SPAN_LIMIT)
    most = 1 << (depth - 1)
    if step < 1 or offset >= step or count < 1 or not -most <= offset + step * low <= most - count * step + step - 1:
        raise CorruptArchive("a frame declares samples beyond its depth: the archive is damaged")
    if not (listed := fields.number(_MOST_LISTED)):
        return Lattice(offset, step, low, count)
    plain = Fields(decode_bytes(*_swapped(fields.number(10 * _MOST_LISTED), fields.text())))
    gaps = [plain.number(count) for _ in range(listed - 1)]
    k = np.concatenate([[0], np.cumsum(np.array(gaps, np.int64) + 1)]).astype(np.int64)
    if k[-1] != count - 1:
        raise CorruptArchive("a frame lists other samples than it declares: the archive is damaged")
    return Lattice(offset, step, low, count, k)


def _swapped(size: int, payload: bytes) -> tuple[bytes, int]:
    return payload, size


def _unsigned(value: int) -> int:
    return 2 * value if value >= 0 else -2 * value - 1


def _signed(value: int) -> int:
    return value >> 1 if not value & 1 else -(value + 1 >> 1)
