"""Sections on disk: damage anywhere is noticed, and recovery loses no more than what was hit."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arzip.container import MAGIC, Fields, SectionWriter, pack, read_sections, recover_sections
from arzip.errors import CorruptArchive, LimitExceeded


def archive(bodies: list[bytes]) -> bytes:
    out = io.BytesIO()
    writer = SectionWriter(out)
    for body in bodies:
        writer.section("F", body)
    writer.end(b"the end")
    assert writer.written == len(out.getvalue())
    return out.getvalue()


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_sections_come_back(bodies: list[bytes]) -> None:
    sections = list(read_sections(io.BytesIO(archive(bodies))))
    assert [s.body for s in sections] == [*bodies, b"the end"]
    assert [s.body for s in recover_sections(archive(bodies))] == [*bodies, b"the end"]


@given(st.lists(st.one_of(st.integers(0, 1 << 60), st.binary(max_size=200)), max_size=8))
def test_fields_come_back(values: list[int | bytes]) -> None:
    fields = Fields(pack(*values))
    assert [fields.text() if isinstance(v, bytes) else fields.number() for v in values] == values
    assert fields.rest() == b""


def test_a_flipped_bit_anywhere_is_noticed() -> None:
    whole = archive([b"one", b"two" * 20, b"three"])
    for at in range(len(whole) * 8):
        damaged = bytearray(whole)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises((CorruptArchive, LimitExceeded)):
            list(read_sections(io.BytesIO(bytes(damaged))))


def test_truncation_anywhere_is_noticed() -> None:
    whole = archive([b"one", b"two" * 20])
    for size in range(len(whole)):
        with pytest.raises(CorruptArchive):
            list(read_sections(io.BytesIO(whole[:size])))
    with pytest.raises(CorruptArchive, match="after the archive's end"):
        list(read_sections(io.BytesIO(whole + b"x")))


def test_recovery_loses_only_what_was_hit() -> None:
    bodies = [b"one", b"two" * 20, b"three"]
    whole = archive(bodies)
    start = whole.index(b"twotwo")
    for hit in (start - 1, start, start + 30):  # the length, the body
        damaged = bytearray(whole)
        damaged[hit] ^= 0x55
        found = [s.body for s in recover_sections(bytes(damaged))]
        assert found == [b"one", None, b"three", b"the end"]
    cut = [s.body for s in recover_sections(whole[: start + 10])]
    assert cut == [b"one", None]


def test_foreign_and_future_files_are_named() -> None:
    with pytest.raises(CorruptArchive, match="no arzip archive"):
        list(read_sections(io.BytesIO(b"PNG, perhaps")))
    with pytest.raises(CorruptArchive, match="version 9"):
        list(read_sections(io.BytesIO(MAGIC + b"\x09")))


def test_sizes_beyond_the_limit_are_refused() -> None:
    with pytest.raises(LimitExceeded):
        Fields(pack(1000)).number(999)


def test_the_container_needs_no_torch() -> None:
    code = "import sys, arzip.container, arzip.cli; sys.exit('torch' in sys.modules or 'numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
