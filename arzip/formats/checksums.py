"""The checksums of gzip, PNG and zlib, without zlib.

[1] RFC 1950, section 8.2, and RFC 1952, section 8.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

from binascii import crc32

import numpy as np

from arzip.compiled import compiled

__all__ = ["adler32", "crc32"]


@compiled
def _adler(data):
    low, high = np.int64(1), np.int64(0)
    for start in range(0, data.shape[0], 4096):
        for index in range(start, min(start + 4096, data.shape[0])):
            low += np.int64(data[index])
            high += low
        low %= 65521
        high %= 65521
    return high << 16 | low


def adler32(data: bytes) -> int:
    """Adler-32 of the data."""
    return int(_adler(np.frombuffer(data, np.uint8)))
