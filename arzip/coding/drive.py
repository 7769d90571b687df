"""The two mirrored loops between a model and the coder.

    encode: for prediction, x in model.predictions(symbols): write(prediction, x)
    walked: while a prediction comes from the stepper:       observe(read(prediction))

Both meet the same predictions in the same order; sampling is the second loop with a dice in the decoder's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Causal, Stepper
from arzip.coding.coder import Decoder, Encoder
from arzip.coding.length import ideal_bits

__all__ = ["Coded", "Reader", "decode_symbols", "encode_symbols", "walked"]

Walker = TypeVar("Walker", bound=Stepper)


class Reader(Protocol):
    """A decoder, a stack, or a dice."""

    def read(self, prediction: NDArray[np.int32]) -> NDArray[np.int32]: ...


@dataclass(frozen=True)
class Coded:
    """The words of one frame and the model's own code length in bits, which they exceed by the coder's overhead."""

    words: bytes
    ideal_bits: float


def encode_symbols(model: Causal, symbols: NDArray[Any]) -> Coded:
    """Codes symbols of any shape the model takes."""
    encoder, total = Encoder(), 0.0
    for prediction, x in model.predictions(symbols):
        encoder.write(prediction, x)
        total += float(ideal_bits(prediction, x).sum())
    return Coded(encoder.finish(), total)


def walked(stepper: Walker, reader: Reader) -> Walker:
    """The stepper at its end, having met what was read front by front; closes a decoder."""
    while (prediction := stepper.predict()) is not None:
        stepper.observe(reader.read(prediction))
    if isinstance(reader, Decoder):
        reader.close()
    return stepper


def decode_symbols(model: Causal, shape: tuple[int, ...], reader: Reader) -> NDArray[Any]:
    """The symbols of a shape, read front by front; closes a decoder."""
    return walked(model.stepper(shape), reader).symbols
