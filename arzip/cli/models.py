"""Commands on models: list them, train them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from arzip.cli.shared import CONTEXT, run

__all__ = ["models", "train"]


@click.command(context_settings=CONTEXT)
def models() -> None:
    """List the trained models that are installed."""
    from arzip.inspection import model_lines

    for line in model_lines():
        click.echo(line)


@click.command(context_settings=CONTEXT)
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the model; default: the recipe's.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), help="Where checkpoints and logs go.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("-T", "--threads", type=click.IntRange(1), help="Threads of torch; default: all cores.")
def train(recipe: Path, **given: Any) -> None:
    """Train the model that RECIPE describes, freeze it, and write its folder. An interrupted run goes on."""
    from arzip.training.publish import train_and_publish

    run([recipe], lambda path: click.echo(train_and_publish(path, **given)))
