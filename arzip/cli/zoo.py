"""Commands on what a model has learned: evaluate, sample, complete, score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from arzip.cli.shared import CONTEXT, FILES, run

__all__ = ["complete", "evaluate", "sample", "score"]

_SEED = click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same sample.")
_WARMTH = click.option("--temperature", type=float, default=1.0, show_default=True, help="Below 1: likelier symbols.")
_OUTPUT = click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write.")
_FORCE = click.option("-f", "--force", is_flag=True, help="Replace an existing file.")


@click.command(context_settings=CONTEXT)
@click.argument("model")
@click.option("--corpus", required=True, help="A corpus of corpora/.")
@click.option("--part", default="test", show_default=True)
@click.option("--run", "run_", type=click.Path(path_type=Path), help="Training run, for the float net's figure.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def evaluate(model: str, corpus: str, part: str, run_: Path | None, as_json: bool) -> None:
    """Compress a corpus with MODEL, decode and compare it, and say what every symbol cost."""
    from arzip.bench.evaluate import evaluate as measured
    from arzip.bench.evaluate import told

    def show(_: Path) -> None:
        figures = measured(model, corpus, part=part, run=run_)
        click.echo(json.dumps(figures) if as_json else told(figures))

    run([Path(model)], show)


@click.command(context_settings=CONTEXT)
@click.argument("model")
@click.option(
    "-n", "--count", type=click.IntRange(1), default=64, show_default=True, help="Examples, pixels, samples or bytes."
)
@_OUTPUT
@_SEED
@_WARMTH
@_FORCE
def sample(model: str, count: int, output: Path, seed: int, temperature: float, force: bool) -> None:
    """Draw from MODEL: a grid of examples, a picture's side in pixels, samples of sound (.wav), or bytes of text.

    Sound is written as .png, too: its spectrogram.
    """
    from arzip.bench.examples import shape_for
    from arzip.library import load

    def draw(_: Path) -> None:
        loaded = load(model)
        drawn = loaded.sample(shape_for(loaded, count), seed=seed, temperature=temperature)
        _write(output, drawn, loaded, force=force)

    run([Path(model)], draw)


@click.command(context_settings=CONTEXT)
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--known", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Share that is given.")
@click.option("-n", "--count", type=click.IntRange(0), default=400, show_default=True, help="Bytes or samples to add.")
@_OUTPUT
@_SEED
@_WARMTH
@_FORCE
def complete(
    model: str, file: Path, known: float, count: int, output: Path, seed: int, temperature: float, force: bool
) -> None:
    """Keep the first part of FILE (of every example: its upper rows) and let MODEL draw the rest.

    Texts and sound go on after their end.
    """
    from arzip.bench.complete import completed
    from arzip.bench.examples import rate_at, read_examples
    from arzip.library import load

    def draw(path: Path) -> None:
        loaded = load(model)
        x = read_examples(path, loaded)
        drawn = completed(loaded, x, known=known, count=count, seed=seed, temperature=temperature)
        _write(output, drawn, loaded, force=force, rate=rate_at(path, loaded), given=len(x))

    run([file], draw)


def _write(path: Path, x: Any, model: Any, *, force: bool, rate: int | None = None, given: int = 0) -> None:
    if path.suffix == ".png" and model.kind == "audio":
        from arzip.bench.examples import MULAW_DEPTH
        from arzip.formats.mulaw import expanded
        from arzip.report.heard import write_spectrogram

        x = expanded(x) if model.depth == MULAW_DEPTH else x
        write_spectrogram(path, x, rate or model.rate, given=given, force=force)
    else:
        from arzip.bench.examples import write_examples

        write_examples(path, x, model, force=force, rate=rate)


@click.command(context_settings=CONTEXT)
@click.argument("model")
@FILES
@click.option("--examples", is_flag=True, help="A line for every example of a file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def score(model: str, files: tuple[Path, ...], examples: bool, as_json: bool) -> None:
    """Bits per symbol that MODEL needs for FILES, the strangest first."""
    from arzip.bench.examples import read_examples
    from arzip.library import load

    found: list[tuple[float, str]] = []

    def measure(path: Path) -> None:
        loaded = load(model)
        scores = loaded.score(read_examples(path, loaded))
        if examples and len(scores) > 1:
            found.extend((float(s), f"{path}[{i}]") for i, s in enumerate(scores))
        elif len(scores):
            found.append((float(scores.mean()), str(path)))

    try:
        run(files, measure)
    finally:
        for bits, name in sorted(found, reverse=True):
            click.echo(json.dumps({"file": name, "bits_per_dim": bits}) if as_json else f"{bits:.5f}  {name}")
