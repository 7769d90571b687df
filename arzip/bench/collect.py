"""From places to results: every file measured, explained, and put into its group."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from arzip.bench.accounting import Explanation, explain
from arzip.bench.machine import machine, versions
from arzip.bench.measure import Bench, Plan
from arzip.bench.results import FileResult, Group, explained
from arzip.bench.subjects import Subject, subject_of
from arzip.errors import ArzipError

__all__ = ["TITLES", "by_kind", "measure_file", "new_group"]

Told = Callable[[Subject, Explanation], None]
TITLES = {
    "bytes": "Text and other bytes",
    "image": "Pictures",
    "audio": "Recordings",
    "table": "Tables",
    "mixed": "Files of several parts",
    "": "Not measured",
}


def measure_file(label: str, path: Path, bench: Bench, told: Told) -> FileResult:
    """All rows of one file, and the account of the first variant, of which `told` hears; a failure is a result too."""
    try:
        subject = subject_of(label, path)
    except ArzipError as error:
        return FileResult(label, failure=_line(error))
    rows = bench.rows(subject)
    result = FileResult(label, len(subject.data), subject.kind, subject.format, subject.dims, tuple(rows))
    try:
        explanation = explain(subject.data, bench.plan.tools[0].settings(bench.plan.threads))
    except ArzipError as error:
        # Where the row failed it says why already.
        return result if rows[0].failed else replace(result, unexplained=_line(error))
    told(subject, explanation)
    return explained(result, explanation)


def _line(error: ArzipError) -> str:
    return str(error).splitlines()[0]


def new_group(name: str, title: str, files: Iterable[FileResult], plan: Plan) -> Group:
    """Files measured just now, on this machine."""
    made = datetime.date.today().isoformat()
    return Group(name, title, made, machine(), versions(), plan.runs, plan.threads, tuple(files))


def by_kind(files: Iterable[FileResult], plan: Plan) -> list[Group]:
    """Files grouped by what they hold, so that each group has the same peers."""
    files = list(files)
    chosen = {kind: [file for file in files if file.kind == kind] for kind in TITLES}
    return [new_group(kind or "failed", TITLES[kind], chosen[kind], plan) for kind in TITLES if chosen[kind]]
