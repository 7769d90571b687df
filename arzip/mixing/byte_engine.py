"""Adaptive engine for bytes: a context mixer that predicts a block of bytes bit by bit, in lanes.

A block of n bytes is cut into L lanes of T = ceil(n / L) bytes (the last ones may be shorter or empty), read in
lockstep: front t is byte t of every lane that has one. Each byte is eight binary decisions from its top bit; the
decisions of a front with the same bit number are independent given everything before them, so they are coded in one
batch. Probabilities are P(bit = 1) as ints in 2^-24, multiples of 2^-16 within (0, 1).

    engine = ByteEngine(size, lanes=8)                     engine = ByteEngine(size, lanes=8)
    for p, bits in engine.predictions(symbols): ...        while (p := engine.predict()) is not None:
                                                               engine.observe(decode(p))
                                                           engine.symbols

Left: encoding, in compiled loops over many fronts. Right: decoding bit by bit; `read` does a whole block, with the
coder inside the loop. All give the same numbers in the same order: front by front, bit by bit, lane by lane.
"""

from collections.abc import Iterator

import numpy as np

from arzip.errors import UnsupportedInput
from arzip.exact.reading_gru import new_reading_gru
from arzip.exact.small_gru import SmallGRU
from arzip.mixing.byte_kernel import open_front, read_block, run_block, step
from arzip.mixing.byte_state import MOST_PRIORS, NET_PRIORS, PRIOR_CLASSES, ByteState, Primer, new_byte_state

__all__ = ["MOST_LANES", "ByteEngine"]

MOST_LANES = 1024
_MOST_BYTES = 1 << 30
_PIECE = 1 << 15  # fronts whose probabilities are held at once


class ByteEngine:
    """The state of one engine, for one block in one direction."""

    def __init__(
        self,
        size: int,
        *,
        lanes: int,
        priors: int = 0,
        bucket_bits: int | None = None,
        primer: Primer | None = None,
        net: SmallGRU | None = None,
        whole: bool = False,
    ) -> None:
        """Prepare for a block of `size` bytes; `bucket_bits` limits the slot tables to 64 * 2^bucket_bits bytes.

        A primer is what another engine has learned; without one the engine knows nothing, and leaves the contexts of
        texts out. A net reads along with the engine, and what it says are the engine's only priors; all of it goes on
        learning where `whole`, in one lane.

        With `priors` > 0 every prediction is given that many outside opinions: int32 [priors, 2, bits], where [:, 0]
        is P(bit = 1) in 2^-16, within 1 .. 65535, and [:, 1] a certainty class below 64 that picks mixer weights.
        """
        if not 0 <= size <= _MOST_BYTES:
            raise UnsupportedInput(f"a block of {size} bytes is beyond the engine's limit of {_MOST_BYTES}")
        if not 1 <= lanes <= MOST_LANES:
            raise UnsupportedInput(f"{lanes} lanes are outside 1 .. {MOST_LANES}")
        if net is not None:
            priors = NET_PRIORS
        if not 0 <= priors <= MOST_PRIORS:
            raise UnsupportedInput(f"{priors} priors are outside 0 .. {MOST_PRIORS}")
        if bucket_bits is not None and not 0 <= bucket_bits <= 24:
            raise UnsupportedInput(f"slot tables of 2^{bucket_bits} buckets are outside 2^0 .. 2^24")
        beside = None
        if net is not None and primer is not None:
            beside = primer.beside_whole if whole else primer.beside_net
        self._state = new_byte_state(
            size, lanes=lanes, priors=priors, bucket_bits=bucket_bits, primer=primer, beside=beside
        )
        self._reader = new_reading_gru(net, lanes, whole=whole)
        self._opinions = np.zeros((0, 2, 0) if net is None else (NET_PRIORS, 2, lanes), np.int32)
        self._priors = priors if net is None else 0  # those that come from outside
        self._bits = self._nothing = np.zeros(0, np.int32)
        self._live = 0
        self._out = np.zeros(lanes, np.int32)
        self._arguments = (self._out, *self._state)
        open_front(self._state, min(lanes, size))

    @property
    def state(self) -> ByteState:
        """All that the engine knows; what a primer is made of."""
        return self._state

    @property
    def symbols(self) -> np.ndarray:
        """The bytes learned so far, uint8 [size], each in its place; the rest is 0."""
        return self._state.block

    def predictions(
        self, symbols: np.ndarray, priors: np.ndarray | None = None, *, fronts: int = _PIECE
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Walk a whole block (uint8 [n]); yield P(bit = 1) and the bits of its decisions, int32, piece by piece.

        To be called once, on a fresh engine; with priors in one piece. Raises UnsupportedInput when a shape or a type
        does not fit.
        """
        if symbols.dtype != np.uint8 or symbols.shape != self.symbols.shape:
            raise UnsupportedInput(f"expected uint8 [{len(self.symbols)}], got {symbols.dtype} {list(symbols.shape)}")
        lanes = len(self._out)
        length = -(-len(symbols) // lanes)
        if priors is not None:
            fronts = max(length, 1)
        opinions = self._checked(priors, 8 * len(symbols))
        symbols = symbols.copy()
        for first in range(0, length, fronts):
            most = 8 * lanes * min(fronts, length - first)
            p, bits = np.zeros(most, np.int32), np.zeros(most, np.int32)
            made = run_block(symbols, first + fronts, opinions, self._reader, p, bits, *self._state)
            yield p[:made], bits[:made]

    def read(self, words: np.ndarray, coder: np.ndarray) -> np.ndarray:
        """Read the whole block, uint8 [n], from words with their `compiled_coder` state; on a fresh engine."""
        read_block(words, coder, self._out.copy(), self._opinions, self._reader, *self._arguments)
        return self.symbols

    def predict(self, priors: np.ndarray | None = None) -> np.ndarray | None:
        """Return P(bit = 1), int32 [live], for the next decision of every lane that has one; None at the end.

        Learns what was observed first. The array is overwritten by the next call.
        """
        opinions = self._opinions if priors is None and not self._priors else self._checked(priors, 0)
        live = self._live = step(self._bits, opinions, self._reader, *self._arguments)
        self._bits = self._nothing
        if self._priors and opinions.shape[2] < live:
            raise UnsupportedInput(f"{live} lanes need as many prior opinions, got {opinions.shape[2]}")
        return self._out[:live] if live else None

    def observe(self, x: np.ndarray) -> None:
        """Take the bits (int32 [live]) that were decoded with the last prediction; they are learned by the next one."""
        if len(x) != self._live:
            raise UnsupportedInput(f"{self._live} lanes were predicted, but {len(x)} bits observed")
        self._bits = x

    def _checked(self, priors: np.ndarray | None, bits: int) -> np.ndarray:
        """The priors as the kernels want them; refused when their number or values do not fit."""
        if priors is None and not self._priors:
            return self._opinions
        if priors is None:
            priors = np.zeros((0, 2, 0), np.int32)
        if priors.ndim != 3 or priors.shape[:2] != (self._priors, 2) or (self._priors and priors.shape[2] < bits):
            raise UnsupportedInput(f"expected priors [{self._priors}, 2, bits], got {list(priors.shape)}")
        if priors.size and not (
            priors[:, 0].min() >= 1
            and priors[:, 0].max() <= 65535
            and priors[:, 1].min() >= 0
            and priors[:, 1].max() < PRIOR_CLASSES
        ):
            raise UnsupportedInput(f"a prior is outside 1 .. 65535 or its class outside 0 .. {PRIOR_CLASSES - 1}")
        return np.array(priors, np.int32, order="C")
