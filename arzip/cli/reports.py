"""Commands that measure: compare."""

from __future__ import annotations

import json
from pathlib import Path

import click

from arzip.cli.shared import CONTEXT, FILES, levels, run

__all__ = ["compare"]


@click.command(context_settings=CONTEXT)
@FILES
@levels
@click.option("--model", help="A trained model: id or folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file.")
def compare(files: tuple[Path, ...], level: int | None, model: str | None, as_json: bool) -> None:
    """Compress and decode FILES with arzip and with everyone else that is installed; print the sizes."""
    from arzip.bench.compare import compare_file, table
    from arzip.settings import Settings

    def show(path: Path) -> None:
        rows = compare_file(path, Settings(level=level or 5, model=model))
        click.echo(json.dumps({"file": str(path), "rows": rows}) if as_json else table(path, rows))

    run(files, show)
