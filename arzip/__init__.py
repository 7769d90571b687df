"""arzip: lossless compression driven by autoregressive models.

    compress(data) -> bytes            decompress(archive) -> bytes
    open(path, mode) -> file           load(model) -> Model with bits, rows, sample

Importing the package is cheap: torch and the compiled kernels are loaded by the first call that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arzip.errors import ArzipError, CorruptArchive, LimitExceeded, ModelError, OutputError, UnsupportedInput

if TYPE_CHECKING:
    from arzip.library import compress, decompress, load, open

__all__ = [
    "ArzipError",
    "CorruptArchive",
    "LimitExceeded",
    "ModelError",
    "OutputError",
    "UnsupportedInput",
    "compress",
    "decompress",
    "load",
    "open",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("compress", "decompress", "load", "open"):
        from arzip import library

        return getattr(library, name)
    raise AttributeError(f"module 'arzip' has no attribute {name!r}")
