"""Streams that watch what passes: how many bytes, and their digest."""

from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO

__all__ = ["DIGEST", "Checked", "Counted"]

DIGEST = 8  # bytes


class Checked(io.RawIOBase):
    """Counts and digests what passes to the sink."""

    def __init__(self, sink: BinaryIO) -> None:
        self.sink, self.count, self.digest = sink, 0, hashlib.blake2b(digest_size=DIGEST)

    def write(self, data: Any) -> int:
        self.sink.write(data)
        self.digest.update(data)
        self.count += len(data)
        return len(data)


class Counted:
    """Counts what is read from the source."""

    def __init__(self, source: BinaryIO) -> None:
        self._source, self.count = source, 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.count += len(data)
        return data
