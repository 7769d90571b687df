"""One checker per law; every table entry of the project goes through them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip.causal import Causal
from arzip.coding.coder import Decoder, Encoder
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.formats.base import Format

__all__ = ["check_causality", "check_compiled_for", "check_format", "check_parity", "check_road", "concatenated"]


def check_format(format_: Format, data: bytes) -> None:
    """build(parse(data)) == data."""
    assert format_.build(format_.parse(data)) == data


def concatenated(model: Causal, symbols: NDArray[Any]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """All predictions of a block end to end, with what they are about."""
    pairs = list(model.predictions(symbols))
    return np.concatenate([p for p, _ in pairs]), np.concatenate([x for _, x in pairs])


def check_parity(model: Causal, symbols: NDArray[Any]) -> NDArray[np.int32]:
    """The whole-sequence predictions equal the stepper's, bit for bit; returns them."""
    whole, x = concatenated(model, symbols)
    stepper, at = model.stepper(symbols.shape), 0
    while (prediction := stepper.predict()) is not None:
        size = len(prediction)
        np.testing.assert_array_equal(prediction, whole[at : at + size])
        stepper.observe(x[at : at + size])
        at += size
    assert at == len(whole)
    np.testing.assert_array_equal(stepper.symbols, symbols)
    return whole


def check_causality(model: Causal, symbols: NDArray[Any], changed: NDArray[Any], unmoved: int) -> None:
    """The first `unmoved` predictions do not depend on what changed."""
    before, _ = concatenated(model, symbols)
    after, _ = concatenated(model, changed)
    np.testing.assert_array_equal(before[:unmoved], after[:unmoved])
    assert not np.array_equal(before[unmoved:], after[unmoved:]), "the change was not seen at all: the test is blind"


def check_road(model: Causal, symbols: NDArray[Any]) -> bytes:
    """decode(encode(symbols)) == symbols; the coder adds next to nothing; pieces of any size give the same words."""
    coded = encode_symbols(model, symbols)
    np.testing.assert_array_equal(decode_symbols(model, symbols.shape, Decoder(coded.words)), symbols)
    assert 8 * len(coded.words) <= coded.ideal_bits * 1.0005 + 1e-3 * symbols.size + 64
    encoder = Encoder()
    for prediction, x in model.predictions(symbols):
        for at in range(0, len(x), 7):
            encoder.write(prediction[at : at + 7], x[at : at + 7])
    assert encoder.finish() == coded.words
    return coded.words


def check_compiled_for(features: str, script: str, cache: Path) -> None:
    """A script that asserts something holds in a process whose loops are compiled for an x86 of these features alone.

    Without any they are compiled for a generic processor; `cache` is where numba keeps them.
    """
    name = "x86-64" if features else "generic"
    chosen = {"NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features, "NUMBA_CACHE_DIR": str(cache)}
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", script], cwd=root, env={**os.environ, **chosen}, check=True)
