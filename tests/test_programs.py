"""Programs for x86 come back whatever their bytes are, and calls of one function look the same."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import arzip
from arzip.formats import RAW, take_apart, x86
from arzip.mixing.byte_road import encode_bytes
from tests.laws import check_format

ELF = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HH", 3, 62)
PE = b"MZ" + bytes(58) + struct.pack("<I", 70) + bytes(6) + b"PE\0\0" + struct.pack("<H", 0x8664)
TELLING = st.sampled_from([0xE8, 0xE9, 0x0F, 0x80, 0x8F, 0x00, 0xFF, 0x01])


def program() -> bytes:
    """Calls of thirty functions from two thousand places, a few bytes between them."""
    random = np.random.default_rng(1)
    out = bytearray(ELF)
    functions = random.integers(0, 60_000, 30)
    for function in random.choice(functions, 2000):
        out += random.integers(1, 5, random.integers(1, 9)).astype(np.uint8).tobytes()
        out += b"\xe8" + struct.pack("<i", int(function) - len(out) - 5)
    return bytes(out)


@pytest.mark.parametrize("head", [ELF, PE])
@settings(deadline=None)  # the first compiles
@given(st.lists(st.one_of(TELLING, st.integers(0, 255)), max_size=60).map(bytes))
def test_they_come_back(head: bytes, code: bytes) -> None:
    assert x86.sniff(head + code)
    check_format(x86, head + code)


def test_calls_of_one_function_look_the_same() -> None:
    data = bytearray(ELF + bytes(100))
    for at in (30, 60, 90):
        data[at : at + 5] = b"\xe8" + struct.pack("<i", 1000 - at - 5)
    data[100:106] = b"\x0f\x84" + struct.pack("<i", -50)
    (part,) = x86.parse(bytes(data)).parts
    assert {part.array[at + 1 : at + 5].tobytes() for at in (30, 60, 90)} == {struct.pack("<i", 1000)}
    assert part.array[102:106].tobytes() == struct.pack("<i", 106 - 50)
    assert x86.build(x86.parse(bytes(data))) == data


def test_targets_wrap_within_their_bits() -> None:
    for distance in (-(1 << 24), -1, 0, (1 << 24) - 1):
        data = bytes(1 << 12) + b"\xe9" + struct.pack("<i", distance) + bytes(9)
        assert x86.build(x86.parse(data)) == data


def test_they_shrink_by_it() -> None:
    data = program()
    number, parsed, note = take_apart(data)
    assert number != RAW and parsed is not None and note is None
    archive = arzip.compress(data, level=1)
    assert arzip.decompress(archive) == data
    assert len(archive) < 0.8 * len(encode_bytes(np.frombuffer(data, np.uint8), lanes=None)[0])


@pytest.mark.parametrize(
    "data",
    [b"", b"MZ", b"MZ" + bytes(90), PE[:-2] + b"\0\0", ELF[:18], ELF[:-2] + b"\xb7\0", ELF[:5] + b"\2" + ELF[6:]],
)
def test_others_are_left_alone(data: bytes) -> None:
    assert not x86.sniff(data)
