"""The command line: every command translates its arguments and calls the library.

Nothing heavy is imported before a command needs it, so that `arzip --help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arzip import __version__
from arzip.errors import ArzipError, UnsupportedInput

if TYPE_CHECKING:
    from arzip.archive import Report
    from arzip.settings import Settings

_CONTEXT = {"help_option_names": ["-h", "--help"]}
_FILES = click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))


def _shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of everything that works on files."""
    for option in (
        click.option(
            "-o", "--output", type=click.Path(path_type=Path), help="Write here (a folder for several files)."
        ),
        click.option("-c", "--stdout", is_flag=True, help="Write to standard output."),
        click.option("-T", "--threads", type=click.IntRange(1), help="Blocks at once; default: all cores."),
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True),
        click.option("--rm", "remove", is_flag=True, help="Delete the input after success."),
        click.option("-f", "--force", is_flag=True, help="Replace existing files."),
        click.option("-q", "--quiet", is_flag=True, help="No progress, no summary."),
        click.option("-v", "--verbose", is_flag=True, help="Say which model took what."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object per file on standard output."),
    ):
        command = option(command)
    return command


def _levels(command: Callable[..., Any]) -> Callable[..., Any]:
    for level in range(9, 0, -1):
        text = {1: "Fastest.", 5: "Default.", 9: "Smallest."}.get(level)
        command = click.option(f"-{level}", "level", flag_value=level, type=int, help=text, hidden=text is None)(
            command
        )
    return command


@click.group(context_settings=_CONTEXT, invoke_without_command=True)
@click.version_option(__version__, "-V", "--version", prog_name="arzip")
@click.option("-d", "--decompress", "undo", is_flag=True, help="As a filter: decompress standard input.")
@click.pass_context
def cli(context: click.Context, undo: bool) -> None:
    """Lossless compression driven by autoregressive models.

    Without a command, arzip is a filter: standard input to standard output (tar -I arzip -cf docs.tar.arz docs).
    """
    if context.invoked_subcommand is None:
        if sys.stdin.isatty():
            click.echo(context.get_help())
            return
        _filter(undo)


@cli.command(context_settings=_CONTEXT)
@_FILES
@_levels
@click.option("--model", help="A trained model: id or folder.")
@click.option("--no-adapt", "adapt", flag_value=False, default=True, help="Trained nets alone, no adaptive engine.")
@click.option("--lanes", type=click.IntRange(1, 64), help="Lanes of the adaptive engine; default: by length.")
@click.option("--pixels", is_flag=True, help="Keep a picture's pixels and colour profile, not the file's bytes.")
@click.option("--verify/--no-verify", default=True, help="Decode and compare before writing; default: yes.")
@_shared
def compress(files: tuple[Path, ...], verify: bool, pixels: bool, **given: Any) -> None:
    """Compress FILES, each to FILE.arz; `-` or none: standard input to standard output."""
    from arzip.jobs import Options, as_json, compress_file

    if _is_filter(files):
        if pixels:
            raise UnsupportedInput("--pixels needs files by name")
        _filter(False, **given)
        return
    options = Options(verify=verify, pixels=pixels, **_options(given, files))
    _each(files, given, lambda path: compress_file(path, _settings(given), options), as_json, "to")


@cli.command(context_settings=_CONTEXT)
@_FILES
@click.option("--recover", is_flag=True, help="Read what a damaged archive still holds.")
@click.option("--model", help="Folder of the model, where it is not installed under its id.")
@_shared
def decompress(files: tuple[Path, ...], recover: bool, **given: Any) -> None:
    """Restore FILE from each FILE.arz; `-` or none: standard input to standard output."""
    from arzip.jobs import Options, decompress_file

    if _is_filter(files):
        _filter(True, **given)
        return
    options = Options(recover=recover, **_options(given, files))
    _each(files, given, lambda path: decompress_file(path, _settings(given), options), _plain_json, "from")


@cli.command(context_settings=_CONTEXT)
@_FILES
@click.option("--model", help="Folder of the model, where it is not installed under its id.")
@_shared
def test(files: tuple[Path, ...], **given: Any) -> None:
    """Decode FILES and check every checksum; nothing is written."""
    from arzip.jobs import Options, test_file

    options = Options(**_options(given, ()))
    _each(files, given, lambda path: test_file(path, _settings(given), options), _plain_json, "from")


@cli.command(context_settings=_CONTEXT)
@_FILES
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file.")
def info(files: tuple[Path, ...], as_json: bool) -> None:
    """Say what archives hold, without decoding them."""
    from arzip.inspection import describe, inspect

    def show(path: Path) -> None:
        facts = inspect(path)
        click.echo(json.dumps(facts) if as_json else describe(facts))

    _run(files, show)


@cli.command(context_settings=_CONTEXT)
def models() -> None:
    """List the trained models that are installed."""
    from arzip.inspection import model_lines

    for line in model_lines():
        click.echo(line)


@cli.command(context_settings=_CONTEXT)
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the model; default: the recipe's.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where checkpoints and logs go.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("-T", "--threads", type=click.IntRange(1), help="Threads of torch; default: all cores.")
def train(recipe: Path, **given: Any) -> None:
    """Train the model that RECIPE describes, freeze it, and write its folder. An interrupted run goes on."""
    from arzip.training.publish import train_and_publish

    _run([recipe], lambda path: click.echo(train_and_publish(path, **given)))


@cli.command(context_settings=_CONTEXT)
@_FILES
@_levels
@click.option("--model", help="A trained model: id or folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file.")
def compare(files: tuple[Path, ...], level: int | None, model: str | None, as_json: bool) -> None:
    """Compress and decode FILES with arzip and with everyone else that is installed; print the sizes."""
    from arzip.bench.compare import compare_file, table
    from arzip.settings import Settings

    def show(path: Path) -> None:
        rows = compare_file(path, Settings(level=level or 5, model=model))
        click.echo(json.dumps({"file": str(path), "rows": rows}) if as_json else table(path, rows))

    _run(files, show)


def _is_filter(files: tuple[Path, ...]) -> bool:
    return not files or files == (Path("-"),)


def _settings(given: dict[str, Any]) -> Settings:
    from arzip.settings import Settings

    chosen = {
        key: given[key]
        for key in ("level", "model", "adapt", "lanes", "device", "threads")
        if given.get(key) is not None
    }
    return Settings(**chosen)


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


def _filter(undo: bool, **given: Any) -> None:
    """Standard input to standard output, or to --output."""
    from contextlib import nullcontext

    from arzip.archive import compress_stream, decompress_stream
    from arzip.files import fresh_output, standard_output

    def work(_: Path) -> None:
        output = given.get("output")
        target = fresh_output(output, force=given["force"]) if output else nullcontext(standard_output())
        with target as sink:
            (decompress_stream if undo else compress_stream)(sys.stdin.buffer, sink, _settings(given))
            sink.flush()

    _run([Path("-")], work)


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

    _run(files, one)


def _plain_json(path: Path, report: Report) -> dict[str, object]:
    return {
        "file": str(path),
        "bytes_in": report.bytes_in,
        "bytes_out": report.bytes_out,
        "dims": report.dims,
        "lost": report.lost,
        "seconds": round(report.seconds, 3),
    }


def _run(files: Iterable[Path], work: Callable[[Path], None]) -> None:
    """Does the work for every file, says in one line what went wrong, and exits with the first error's code."""
    code = 0
    for path in files:
        try:
            work(path)
        except ArzipError as error:
            text = str(error)
            click.echo(f"arzip: {text if str(path) in text else f'{path}: {text}'}", err=True)
            code = code or error.exit_code
    if code:
        sys.exit(code)


def main() -> None:
    """The entry point: errors become one line and an exit code, an interrupt leaves nothing behind."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        click.echo(f"arzip: {error.format_message()} (arzip --help says more)", err=True)
        sys.exit(2)
    except ArzipError as error:
        click.echo(f"arzip: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        click.echo("arzip: interrupted; nothing was left behind", err=True)
        sys.stderr.flush()
        os._exit(130)  # worker threads may still be computing; nobody waits for them


if __name__ == "__main__":
    main()
