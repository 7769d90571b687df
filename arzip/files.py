"""Files on disk without loss: outputs appear by one rename, existing ones stay, inputs go only when all is verified."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from arzip.errors import OutputError, UnsupportedInput

__all__ = ["SUFFIX", "archive_name", "fresh_output", "open_input", "original_name", "standard_output"]

SUFFIX = ".arz"


def archive_name(path: Path) -> Path:
    """Where the archive of a file goes: FILE.png -> FILE.png.arz."""
    return path.with_name(path.name + SUFFIX)


def original_name(path: Path) -> Path:
    """Where the contents of an archive go: FILE.png.arz -> FILE.png; raises UnsupportedInput without that suffix."""
    if path.suffix != SUFFIX or path.stem == "":
        raise UnsupportedInput(f"{path}: the name does not end in {SUFFIX}; say where the contents go with -o or -c")
    return path.with_suffix("")


@contextmanager
def open_input(path: Path) -> Iterator[BinaryIO]:
    """A regular file (or a pipe) to read; raises UnsupportedInput that says what is in the way."""
    try:
        if path.is_dir():
            raise UnsupportedInput(
                f"{path}: is a folder; pack it first (tar -I arzip -cf {path.name}.tar.arz {path.name})"
            )
        stream = path.open("rb")
    except OSError as error:
        raise UnsupportedInput(f"{path}: {error.strerror or error}") from error
    with stream:
        yield stream


@contextmanager
def fresh_output(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A new file that appears under its name only when the block ends well; nothing stays otherwise.

    Raises OutputError when the file exists and `force` is not given, or when it cannot be written.
    """
    _refuse_existing(path, force)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb+") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        _refuse_existing(path, force)
        part.replace(path)
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else error.strerror
        raise OutputError(f"{path}: cannot be written: {reason}; nothing was left behind") from error
    finally:
        part.unlink(missing_ok=True)


def _refuse_existing(path: Path, force: bool) -> None:
    if path.exists() and not force:
        raise OutputError(f"{path}: exists already; use --force to replace it")
    if path.is_dir():
        raise OutputError(f"{path}: is a folder")


def standard_output() -> BinaryIO:
    """Standard output for bytes; raises OutputError on a terminal."""
    if sys.stdout.isatty():
        raise OutputError("compressed data is not written to a terminal; redirect the output or name a file with -o")
    return sys.stdout.buffer
