"""Plain bytes as a format, for files that a model was asked for by name; never chosen by sniffing."""

from __future__ import annotations

import numpy as np

from arzip.formats.base import Parsed
from arzip.symbols import Symbols

__all__ = ["NAME", "build", "parse", "sniff"]

NAME = "bytes"


def sniff(data: bytes) -> bool:
    """Never: plain bytes need no format."""
    return False


def parse(data: bytes) -> Parsed:
    """One part and no side data."""
    return Parsed((Symbols("bytes", np.frombuffer(data, np.uint8)),), b"")


def build(parsed: Parsed) -> bytes:
    """The file again."""
    return parsed.parts[0].array.tobytes()
