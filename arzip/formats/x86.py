"""Programs and libraries for x86, 32 and 64 bits (ELF, PE): calls and jumps name their target, not how far it is.

A call or jump holds a distance from where it stands, so every call of the same function looks different. Written as a
place in the file, the target is the same each time, and an engine that remembers what it saw finds it again: 4 to 7 %
of a program. Where a distance is 24 bits and a sign, it is replaced, whether or not the bytes are code:

    E8 d d d s    call         E9 d d d s    jump         0F 8x d d d s    conditional jump         s = 00 or FF

The file is rewritten from its end to its beginning and restored from its beginning to its end. Whoever restores sees at
every place what stood there when it was rewritten: behind it what is not restored yet, before it the original.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from arzip.compiled import Integer, compiled, inlined
from arzip.formats.base import Parsed
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "x86 program"
_CALL, _JUMP, _LONG, _CONDITIONAL = 0xE8, 0xE9, 0x0F, 0x80
_SPAN = 1 << 25  # of targets: 24 bits and a sign
_ELF_MACHINES = 3, 62
_PE_MACHINES = 0x014C, 0x8664


def sniff(data: bytes) -> bool:
    """Whether the header names the machine."""
    if data[:4] == b"\x7fELF" and len(data) >= 20 and data[5] == 1:
        return struct.unpack_from("<H", data, 18)[0] in _ELF_MACHINES
    if data[:2] != b"MZ" or len(data) < 64:
        return False
    (at,) = struct.unpack_from("<I", data, 60)
    return data[at : at + 4] == b"PE\0\0" and data[at + 4 : at + 6] in [struct.pack("<H", m) for m in _PE_MACHINES]


def parse(data: bytes) -> Parsed:
    """One part, the program rewritten, and no side data."""
    program = np.frombuffer(data, np.uint8).copy()
    _rewrite(program)
    return Parsed((Symbols("bytes", program),), b"")


def build(parsed: Parsed) -> bytes:
    """The file again."""
    program = parsed.parts[0].array.copy()
    _restore(program)
    return program.tobytes()


@compiled
def _rewrite(program: NDArray[np.uint8]) -> None:
    for at in range(program.shape[0] - 1, -1, -1):
        field = _field(program, at)
        if field > 0:
            _move(program, field, field + 4)


@compiled
def _restore(program: NDArray[np.uint8]) -> None:
    for at in range(program.shape[0]):
        field = _field(program, at)
        if field > 0:
            _move(program, field, -(field + 4))


@inlined
def _field(program: NDArray[np.uint8], at: Integer) -> Integer:
    """Where the distance of the instruction at a place begins; 0 if there is none."""
    first, size = program[at], program.shape[0]
    field = np.int64(0)
    if first in (_CALL, _JUMP):
        field = at + 1
    elif first == _LONG and at + 1 < size and program[at + 1] & 0xF0 == _CONDITIONAL:
        field = at + 2
    if field == 0 or field + 4 > size or (program[field + 3] != 0 and program[field + 3] != 255):
        return np.int64(0)
    return field


@inlined
def _move(program: NDArray[np.uint8], field: Integer, by: Integer) -> None:
    """Adds to the distance or target in a field, within 24 bits and a sign."""
    value = np.int64(program[field]) | np.int64(program[field + 1]) << 8 | np.int64(program[field + 2]) << 16
    if program[field + 3] != 0:
        value -= _SPAN >> 1
    value = (value + by) & (_SPAN - 1)
    program[field] = value & 255
    program[field + 1] = value >> 8 & 255
    program[field + 2] = value >> 16 & 255
    program[field + 3] = 255 if value >= _SPAN >> 1 else 0
