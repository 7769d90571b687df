"""The contract of a file format: bytes to symbols and side data, and back to the same bytes.

A format is a module with

    NAME                      for people
    sniff(data) -> bool       whether it is worth parsing, from the first bytes
    parse(data) -> Parsed     raises UnsupportedInput for a file that it will not take
    build(parsed) -> bytes    the law: build(parse(data)) == data

`archive.compress` proves the law on every file before it writes anything; a file that breaks it goes as plain bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any, Protocol

from arzip.errors import CorruptArchive
from arzip.symbols import Symbols

__all__ = ["Format", "Parsed", "PiecewiseFormat"]


@dataclass(frozen=True)
class Parsed:
    """A file taken apart: `parts` for the models, `side` for everything that is not symbols."""

    parts: tuple[Symbols, ...]
    side: bytes

    def head(self, fields: Struct) -> tuple[Any, ...]:
        """The fields that the side data begin with. Raises CorruptArchive if they are cut off."""
        if len(self.side) < fields.size:
            raise CorruptArchive("the side data of a file are cut off")
        return fields.unpack_from(self.side)


class Format(Protocol):
    """See the module's docstring."""

    NAME: str

    def sniff(self, data: bytes) -> bool: ...
    def parse(self, data: bytes) -> Parsed: ...
    def build(self, parsed: Parsed) -> bytes: ...


class PiecewiseFormat(Format, Protocol):
    """A format of large files, which can be built piece by piece."""

    def pieces(self, parsed: Parsed) -> Iterator[bytes]: ...
