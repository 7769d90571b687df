"""One file at a time: what `arzip compress`, `decompress` and `test` do, from opening the input to the final rename."""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from arzip.archive import Report, compress_stream, decompress_stream
from arzip.errors import ArzipError
from arzip.files import archive_name, fresh_output, open_input, original_name, standard_output
from arzip.formats.pixels import plain_png
from arzip.settings import Settings

__all__ = ["Options", "as_json", "compress_file", "decompress_file", "test_file"]

_SPOOL = 1 << 28


@dataclass(frozen=True)
class Options:
    """What a caller wants done with the files around the work itself."""

    output: Path | None = None  # a file, or a folder for several inputs
    stdout: bool = False
    force: bool = False
    remove: bool = False
    verify: bool = True
    quiet: bool = False
    recover: bool = False
    pixels: bool = False


def compress_file(path: Path, settings: Settings, options: Options) -> Report:
    """Compresses one file; with `verify`, decodes the result and compares it before anything is put in place."""
    name = archive_name(path.with_suffix(".png") if options.pixels else path)
    target = None if options.stdout else _target(name, options.output)
    with open_input(path) as file, _sink(target, options) as sink:
        source = io.BytesIO(plain_png(file.read())) if options.pixels else file
        with _progress(path.name, path.stat().st_size, settings, options) as watched:
            report = compress_stream(source, sink, watched)
        if options.pixels:
            report.notes.append("pixels and colour profile only: the archive holds a PNG of them, not the file")
        if options.verify:
            sink.seek(0)
            with _progress(f"verifying {path.name}", report.bytes_in, settings, options) as watched:
                _verify(path, sink, watched)
    _remove(path, options)
    return report


def decompress_file(path: Path, settings: Settings, options: Options) -> Report:
    """Restores one file."""
    target = None if options.stdout else _target(options.output or original_name(path), options.output)
    progress = _progress(path.name, None, settings, options)
    with open_input(path) as source, _sink(target, options) as sink, progress as watched:
        report = decompress_stream(source, sink, watched, recover=options.recover)
    if not report.lost:
        _remove(path, options)
    return report


def test_file(path: Path, settings: Settings, options: Options) -> Report:
    """Decodes one archive and throws the contents away."""
    with open_input(path) as source, _progress(path.name, None, settings, options) as watched:
        return decompress_stream(source, _Nowhere(), watched)


def _verify(path: Path, archive: BinaryIO, settings: Settings) -> None:
    try:
        # The archive holds the digest of what was read; decoding checks it against what comes out.
        decompress_stream(archive, _Nowhere(), settings)
    except ArzipError as error:
        raise type(error)(f"{path}: verification failed, nothing was written: {error}") from error


def _target(default: Path, output: Path | None) -> Path:
    if output is None:
        return default
    return output / default.name if output.is_dir() else output


@contextmanager
def _sink(target: Path | None, options: Options) -> Iterator[BinaryIO]:
    """The new file, or standard output, which sees nothing before the work has ended well."""
    if target is not None:
        with fresh_output(target, force=options.force) as out:
            yield out
        return
    final = standard_output()
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
        yield spool  # type: ignore[misc]
        spool.seek(0)
        shutil.copyfileobj(spool, final)
        final.flush()


@contextmanager
def _progress(label: str, total: int | None, settings: Settings, options: Options) -> Iterator[Settings]:
    """A bar on a terminal; nothing is imported for it elsewhere."""
    if options.quiet or not sys.stderr.isatty():
        yield settings
        return
    from tqdm import tqdm

    with tqdm(desc=label, total=total, unit="B", unit_scale=True, leave=False) as bar:
        yield replace(settings, progress=bar.update)


def _remove(path: Path, options: Options) -> None:
    if options.remove:
        path.unlink()


class _Nowhere(io.BytesIO):
    """Takes everything and keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


def as_json(path: Path, report: Report) -> dict[str, object]:
    """The figures of one compressed file; rates in bits per coded symbol."""
    dims = max(report.dims, 1)
    model, achieved = report.ideal_bits / dims, 8 * report.bytes_out / dims
    return {
        "file": str(path),
        "bytes_in": report.bytes_in,
        "bytes_out": report.bytes_out,
        "dims": report.dims,
        "model_bits_per_dim": round(model, 6),
        "achieved_bits_per_dim": round(achieved, 6),
        "overhead_percent": round(100 * (achieved / model - 1), 4) if model else 0.0,
        "model": report.model,
        "seconds": round(report.seconds, 3),
        "notes": report.notes,
    }
