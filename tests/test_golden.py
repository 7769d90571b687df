"""Archives of released versions decode for ever."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import arzip

GOLDEN = Path(__file__).parent / "golden"
DIGESTS = json.loads((GOLDEN / "digests.json").read_text())


def test_every_archive_is_listed() -> None:
    assert {p.name for p in GOLDEN.glob("*.arz")} == set(DIGESTS)


@pytest.mark.parametrize("name", sorted(DIGESTS))
def test_golden_archives_decode(name: str) -> None:
    assert hashlib.sha256(arzip.decompress((GOLDEN / name).read_bytes())).hexdigest() == DIGESTS[name]
