"""Commands on files: compress, decompress, test, info, and the filter."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arzip.cli.shared import CONTEXT, FILES, file_options, levels, run, settings_of
from arzip.errors import UnsupportedInput

if TYPE_CHECKING:
    from arzip.archive import Report

__all__ = ["compress", "decompress", "filter_streams", "info", "test"]


@click.command(context_settings=CONTEXT)
@FILES
@levels
@click.option("--model", help="A trained model: id or folder.")
@click.option("--pcm-format", "pcm", help="FILES are raw samples: encoding and channels, such as s16le,2.")
@click.option("--no-adapt", "adapt", flag_value=False, default=True, help="Trained nets alone, no adaptive engine.")
@click.option("--lanes", type=click.IntRange(1, 64), help="Lanes of the adaptive engine; default: by length.")
@click.option("--pixels", is_flag=True, help="Keep a picture's pixels and colour profile, not the file's bytes.")
@click.option("--verify/--no-verify", default=True, help="Decode and compare before writing; default: yes.")
@file_options
def compress(files: tuple[Path, ...], verify: bool, pixels: bool, **given: Any) -> None:
    """Compress FILES, each to FILE.arz; `-` or none: standard input to standard output."""
    from arzip.jobs import Options, as_json, compress_file

    if _is_filter(files):
        if pixels:
            raise UnsupportedInput("--pixels needs files by name")
        filter_streams(False, **given)
        return
    options = Options(verify=verify, pixels=pixels, **_options(given, files))
    _each(files, given, lambda path: compress_file(path, settings_of(given), options), as_json, "to")


@click.command(context_settings=CONTEXT)
@FILES
@click.option("--recover", is_flag=True, help="Read what a damaged archive still holds.")
@click.option("--model", help="Folder of the model, where it is not installed under its id.")
@file_options
def decompress(files: tuple[Path, ...], recover: bool, **given: Any) -> None:
    """Restore FILE from each FILE.arz; `-` or none: standard input to standard output."""
    from arzip.jobs import Options, decompress_file

    if _is_filter(files):
        filter_streams(True, **given)
        return
    options = Options(recover=recover, **_options(given, files))
    _each(files, given, lambda path: decompress_file(path, settings_of(given), options), _plain_json, "from")


@click.command(context_settings=CONTEXT)
@FILES
@click.option("--model", help="Folder of the model, where it is not installed under its id.")
@file_options
def test(files: tuple[Path, ...], **given: Any) -> None:
    """Decode FILES and check every checksum; nothing is written."""
    from arzip.jobs import Options, test_file

    options = Options(**_options(given, ()))
    _each(files, given, lambda path: test_file(path, settings_of(given), options), _plain_json, "from")


@click.command(context_settings=CONTEXT)
@FILES
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file.")
def info(files: tuple[Path, ...], as_json: bool) -> None:
    """Say what archives hold, without decoding them."""
    from arzip.inspection import describe, inspect

    def show(path: Path) -> None:
        facts = inspect(path)
        click.echo(json.dumps(facts) if as_json else describe(facts))

    run(files, show)


def _is_filter(files: tuple[Path, ...]) -> bool:
    return not files or files == (Path("-"),)


def _options(given: dict[str, Any], files: tuple[Path, ...]) -> dict[str, Any]:
    output = given["output"]
    if output is not None and len(files) > 1 and not output.is_dir():
        raise UnsupportedInput(f"{output}: several files need a folder to go to")
    quiet = given["quiet"] or given["as_json"]
    return {
        "output": output,
        "stdout": given["stdout"],
        "force": given["force"],
        "remove": given["remove"],
        "quiet": quiet,
    }


def filter_streams(undo: bool, **given: Any) -> None:
    """Standard input to standard output, or to --output."""
    from contextlib import nullcontext

    from arzip.archive import compress_stream, decompress_stream
    from arzip.files import fresh_output, standard_output

    def work(_: Path) -> None:
        output = given.get("output")
        target = fresh_output(output, force=given["force"]) if output else nullcontext(standard_output())
        with target as sink:
            (decompress_stream if undo else compress_stream)(sys.stdin.buffer, sink, settings_of(given))
            sink.flush()

    run([Path("-")], work)


def _each(
    files: tuple[Path, ...],
    given: dict[str, Any],
    work: Callable[[Path], Report],
    figures: Callable[[Path, Report], dict[str, object]],
    word: str,
) -> None:
    def one(path: Path) -> None:
        report = work(path)
        for line in (*report.notes, *(f"lost: {lost}" for lost in report.lost)):
            click.echo(f"arzip: {path}: {line}", err=True)
        if given["as_json"]:
            click.echo(json.dumps(figures(path, report)))
        elif not given["quiet"]:
            small, large = sorted((report.bytes_in, report.bytes_out))
            share = f"{100 * small / large:.2f} %" if large else "empty"
            click.echo(
                f"{path}: {report.bytes_out:,} bytes {word} {report.bytes_in:,} ({share})"
                if word == "from"
                else f"{path}: {report.bytes_in:,} bytes {word} {report.bytes_out:,} ({share})",
                err=True,
            )
            if given["verbose"]:
                for road, dims in report.roads.items():
                    click.echo(f"  {road}: {dims:,} symbols", err=True)
        if report.lost:
            raise SystemExit(3)

    run(files, one)


def _plain_json(path: Path, report: Report) -> dict[str, object]:
    return {
        "file": str(path),
        "bytes_in": report.bytes_in,
        "bytes_out": report.bytes_out,
        "dims": report.dims,
        "lost": report.lost,
        "seconds": round(report.seconds, 3),
    }
