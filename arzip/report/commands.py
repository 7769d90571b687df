"""What `arzip report`, `explain` and `bench` do: measure, then write one file."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from arzip.archive import compress_stream, decompress_stream
from arzip.bench.accounting import Explanation
from arzip.bench.accounting import explain as explain_bytes
from arzip.bench.collect import by_kind, measure_file, new_group
from arzip.bench.measure import NET_ALONE, Bench, Plan, Row, Variant
from arzip.bench.results import FileResult, Group, explained, read_results, results_text
from arzip.bench.sets import BenchSet, chosen_sets, prepared
from arzip.bench.subjects import Subject, found, subject_of
from arzip.container import MAGIC
from arzip.errors import ArzipError, OutputError, UnsupportedInput
from arzip.files import fresh_output
from arzip.report.tables import as_csv, as_markdown
from arzip.settings import Settings

__all__ = ["write_benchmark", "write_explanation", "write_report"]

_WRITERS = ".html", ".md", ".json", ".csv"
_SPARSE = 8  # a committed curve keeps one point in so many
_WHOLE_TEXT = 200_000  # characters of a text on a page of its own


def write_report(places: Iterable[Path], output: Path, given: Path | None, plan: Plan, *, force: bool) -> list[str]:
    """Measures places, or reads results, and writes what the output's suffix asks for; returns failures."""
    _known_suffix(output, _WRITERS)
    places = list(places)
    if not places and given is None:
        raise UnsupportedInput("name files, folders or corpora to measure, or results with --from")
    _refuse_existing(output, force)
    groups = read_results(given) if given else []
    maps: dict[str, str] = {}
    if places:
        groups += by_kind(_measured(found(places), maps, output, plan), plan)
    text = _text_of(groups, maps, output)
    with fresh_output(output, force=force) as sink:
        sink.write(text.encode())
    return [line for group in groups for line in group.failures]


def _measured(files: Iterable[tuple[str, Path]], maps: dict[str, str], output: Path, plan: Plan) -> list[FileResult]:
    """Every file's result; fills `maps` for a page."""

    def draw(subject: Subject, explanation: Explanation) -> None:
        from arzip.report.page import cost_map

        maps[subject.label] = cost_map(explanation, subject.data, f"m{len(maps)}")

    told = draw if output.suffix == ".html" else _nothing
    with Bench(plan) as bench:
        progress = tqdm(list(files), desc="measuring", disable=None, leave=False)
        return [measure_file(label, path, bench, told) for label, path in progress]


def _nothing(subject: Subject, explanation: Explanation) -> None:
    """Nothing is drawn."""


def _text_of(groups: list[Group], maps: dict[str, str], output: Path) -> str:
    if output.suffix == ".html":
        from arzip.report.page import page

        return page(groups, maps)
    if output.suffix == ".md":
        return as_markdown(groups)
    if output.suffix == ".csv":
        return as_csv(groups)
    return results_text(groups)


def write_explanation(path: Path, output: Path, settings: Settings, *, force: bool) -> None:
    """Where the bits of one file went, as a page, a picture, or an array of costs."""
    _known_suffix(output, (".html", ".png", ".npy"))
    subject = subject_of(path.name, path)
    if subject.data.startswith(MAGIC):
        raise UnsupportedInput(f"{path}: is an archive already; name the file that it was made of")
    _refuse_existing(output, force)
    explanation = explain_bytes(subject.data, settings)
    with fresh_output(output, force=force) as sink:
        if output.suffix == ".npy":
            np.save(sink, _one_array(explanation), allow_pickle=False)
        elif output.suffix == ".png":
            from arzip.report.cost_files import write_png

            write_png(explanation, subject.data, sink)
        else:
            sink.write(_page_of(subject, explanation, settings).encode())


def _one_array(explanation: Explanation) -> NDArray[np.float64]:
    """Costs in the shape of a file's only part; those of several parts one after the other."""
    if len(explanation.costs) == 1:
        return explanation.costs[0]
    return np.concatenate([np.zeros(0), *(part.reshape(-1) for part in explanation.costs)])


def _page_of(subject: Subject, explanation: Explanation, settings: Settings) -> str:
    """The page of one file without peers, after its archive was decoded and compared."""
    from arzip.report.page import cost_map, page

    coded, back = io.BytesIO(), io.BytesIO()
    compress_stream(io.BytesIO(subject.data), coded, settings)
    decompress_stream(io.BytesIO(coded.getvalue()), back, settings)
    if back.getvalue() != subject.data:
        raise ArzipError(f"{subject.path}: arzip decoded other bytes than it was given; please report this")
    rate = 8 * len(coded.getvalue()) / max(subject.dims, 1)
    row = Row(f"arzip -{settings.level}", True, len(coded.getvalue()), rate, runs=1, road=explanation.road)
    facts = subject.label, len(subject.data), subject.kind, subject.format, subject.dims, (row,)
    plan = Plan((Variant(row.name, settings.level),), threads=settings.threads)
    group = new_group("file", subject.label, [explained(FileResult(*facts), explanation)], plan)
    maps = {subject.label: cost_map(explanation, subject.data, "m", most=_WHOLE_TEXT)}
    return page([group], maps, title=f"Where the bits of {subject.label} went")


def write_benchmark(folders: Iterable[Path], output: Path, names: Iterable[str], plan: Plan) -> list[str]:
    """Measures folders or the fixed sets and writes the results, set by set, beside those that the output has already.

    An interrupted benchmark keeps the sets that it finished. Returns failures.
    """
    _known_suffix(output, (".json",))
    folders = list(folders)
    groups = {group.name: group for group in read_results(output)} if output.exists() else {}
    failures = []
    for name, title, prepare, net_alone in [*map(_folder, folders)] or [*map(_fixed, chosen_sets(names))]:
        extra = (NET_ALONE,) if net_alone and NET_ALONE not in plan.tools else ()
        with tempfile.TemporaryDirectory() as scratch:
            files = _measured(prepare(Path(scratch)), {}, output, replace(plan, tools=plan.tools + extra))
        groups[name] = new_group(name, title, [replace(file, curve=file.curve[::_SPARSE]) for file in files], plan)
        failures += groups[name].failures
        with fresh_output(output, force=True) as sink:
            sink.write(results_text(groups.values()).encode())
    return failures


_Prepare = Callable[[Path], Iterable[tuple[str, Path]]]


def _folder(folder: Path) -> tuple[str, str, _Prepare, bool]:
    return folder.name, folder.name, lambda _: found([folder]), False


def _fixed(chosen: BenchSet) -> tuple[str, str, _Prepare, bool]:
    return chosen.name, chosen.title, lambda scratch: prepared(chosen, scratch), chosen.net_alone


def _refuse_existing(output: Path, force: bool) -> None:
    """Before hours of measuring, not after."""
    if output.exists() and not force:
        raise OutputError(f"{output}: exists already; use --force to replace it")


def _known_suffix(output: Path, suffixes: Iterable[str]) -> None:
    if output.suffix not in suffixes:
        raise UnsupportedInput(f"{output}: name an output that ends in {', '.join(suffixes)}")
    if not output.parent.is_dir():
        raise OutputError(f"{output}: the folder {output.parent} does not exist")
