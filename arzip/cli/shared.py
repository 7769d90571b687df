"""What the commands have in common: options, settings, and one line for every error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arzip.errors import ArzipError

if TYPE_CHECKING:
    from arzip.settings import Settings

__all__ = ["CONTEXT", "FILES", "file_options", "levels", "run", "settings_of"]

CONTEXT = {"help_option_names": ["-h", "--help"]}
FILES = click.argument("files", nargs=-1, type=click.Path(path_type=Path, allow_dash=True))


def file_options(command: Callable[..., Any]) -> Callable[..., Any]:
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


def levels(command: Callable[..., Any]) -> Callable[..., Any]:
    for level in range(9, 0, -1):
        text = {1: "Fastest.", 5: "Default.", 9: "Smallest."}.get(level)
        command = click.option(f"-{level}", "level", flag_value=level, type=int, help=text, hidden=text is None)(
            command
        )
    return command


def settings_of(given: dict[str, Any]) -> Settings:
    from arzip.settings import Settings

    chosen = {
        key: given[key]
        for key in ("level", "model", "pcm", "adapt", "lanes", "device", "threads")
        if given.get(key) is not None
    }
    return Settings(**chosen)


def run(files: Iterable[Path], work: Callable[[Path], None]) -> None:
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
