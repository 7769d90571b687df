"""The command line: every command translates its arguments and calls the library.

Nothing heavy is imported before a command needs it, so that `arzip --help` answers at once.
"""

from __future__ import annotations

import os
import sys

import click

from arzip import __version__
from arzip.cli.files import compress, decompress, filter_streams, info, test
from arzip.cli.models import models, train
from arzip.cli.reports import bench, compare, explain, report
from arzip.cli.shared import CONTEXT
from arzip.cli.zoo import complete, evaluate, sample, score
from arzip.errors import ArzipError

__all__ = ["cli", "main"]


@click.group(context_settings=CONTEXT, invoke_without_command=True)
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
        filter_streams(undo)


_COMMANDS = (
    *(compress, decompress, test, info, models, train, evaluate, sample, complete, score, compare),
    *(report, explain, bench),
)
for command in _COMMANDS:
    cli.add_command(command)


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
