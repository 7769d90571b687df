"""Commands that measure: compare, report, explain, bench."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arzip.cli.shared import CONTEXT, FILES, levels, run, settings_of

if TYPE_CHECKING:
    from arzip.bench.measure import Plan

__all__ = ["bench", "compare", "explain", "report"]


PEERS = click.option("--peers", help="Peers to measure, with commas (`none`: no peer); default: all that there are.")


@click.command(context_settings=CONTEXT)
@FILES
@levels
@click.option("--model", help="A trained model: id or folder.")
@PEERS
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file.")
def compare(files: tuple[Path, ...], level: int | None, model: str | None, peers: str | None, as_json: bool) -> None:
    """Compress and decode FILES with arzip and with everyone else that is installed; print the sizes."""
    from dataclasses import asdict

    from arzip.bench.compare import table
    from arzip.bench.measure import Bench, Plan, Variant
    from arzip.bench.subjects import subject_of

    variant = Variant(f"arzip -{level or 5}", level or 5, model)
    with Bench(Plan((variant,), _peers(peers), threads=os.cpu_count() or 1)) as bench:

        def show(path: Path) -> None:
            rows = bench.rows(subject_of(str(path), path))
            figures = {"file": str(path), "rows": [asdict(row) for row in rows]}
            click.echo(json.dumps(figures) if as_json else table(str(path), rows))

        run(files, show)


_MEASURED = (
    click.option("--levels", default="5", show_default=True, help="Levels of arzip, as 1,5,9."),
    click.option("--models", default="", help="Trained models to measure as well, ids or folders, with commas."),
    click.option("--net-alone", is_flag=True, help="Also without adaptation: trained nets alone."),
    PEERS,
    click.option("--runs", type=click.IntRange(1), default=1, show_default=True, help="Runs; times are medians."),
    click.option("-T", "--threads", type=click.IntRange(1), help="Threads of arzip; default: all cores."),
    click.option("--strict", is_flag=True, help="Exit with 1 when anything failed or is not installed."),
)


def _measured(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_MEASURED):
        command = option(command)
    return command


@click.command(context_settings=CONTEXT)
@FILES
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="A .html, .md, .json or .csv file."
)
@click.option("-f", "--force", is_flag=True, help="Replace an existing output.")
@click.option("--from", "given", type=click.Path(path_type=Path), help="Results of `arzip bench` to show instead.")
@_measured
def report(files: tuple[Path, ...], output: Path, given: Path | None, force: bool, strict: bool, **how: Any) -> None:
    """Measure FILES, folders and corpora with arzip and its peers, and write a page that shows all of it."""
    from arzip.report.commands import write_report

    failures = write_report(files, output, given, _plan(how), force=force)
    _finish(output, failures, strict)


@click.command(context_settings=CONTEXT)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A .html, .png or .npy file.")
@levels
@click.option("--model", help="A trained model: id or folder.")
@click.option("--no-adapt", "adapt", flag_value=False, default=True, help="Trained nets alone, no adaptive engine.")
@click.option("-f", "--force", is_flag=True, help="Replace an existing output.")
def explain(file: Path, output: Path, force: bool, **given: Any) -> None:
    """Show where the bits of FILE's archive went: a picture, a page, or the costs as an array."""
    from arzip.report.commands import write_explanation

    run([file], lambda path: write_explanation(path, output, settings_of(given), force=force))


@click.command(context_settings=CONTEXT)
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default=Path("benchmarks/results.json"), show_default=True
)
@click.option("--sets", default="", help="Sets to measure, with commas; default: all. Others in the output are kept.")
@_measured
def bench(folders: tuple[Path, ...], output: Path, sets: str, strict: bool, **how: Any) -> None:
    """Run the fixed benchmark on the sets below ARZIP_CORPORA, or on FOLDERS, with the peers in the same run."""
    from arzip.report.commands import write_benchmark

    chosen = [name for name in sets.split(",") if name]
    failures = write_benchmark(folders, output, chosen, _plan(how))
    _finish(output, failures, strict)


def _plan(how: dict[str, Any]) -> Plan:
    """The options of `_measured` as what the measuring functions take."""
    from arzip.bench.measure import Plan, variants

    try:
        numbers = [int(level) for level in how["levels"].split(",") if level]
    except ValueError as error:
        raise click.BadParameter(f"{how['levels']}: levels are numbers, as in 1,5,9") from error
    tools = variants(numbers, [model for model in how["models"].split(",") if model], net_alone=how["net_alone"])
    if not tools:
        raise click.BadParameter("nothing to measure: name a level or a model")
    return Plan(tools, _peers(how["peers"]), how["runs"], how["threads"] or os.cpu_count() or 1)


def _peers(named: str | None) -> tuple[str, ...] | None:
    return None if named is None else tuple(name.strip() for name in named.split(",") if name not in ("", "none"))


def _finish(output: Path, failures: list[str], strict: bool) -> None:
    for line in failures:
        click.echo(f"arzip: {line}", err=True)
    click.echo(f"{output}: written{f', {len(failures)} failures' if failures else ''}", err=True)
    if strict and failures:
        sys.exit(1)
