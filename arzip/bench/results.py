"""What was measured, as values and as JSON: groups of files, their rows, accounts, curves and calibration.

A group carries the machine, the versions and the time it was measured with, so that groups of several runs can lie in
one file without lying about each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from arzip.bench.accounting import Explanation, Step, Tally
from arzip.bench.measure import Row
from arzip.errors import ArzipError, UnsupportedInput

__all__ = ["FileResult", "Group", "explained", "read_results", "results_text", "totals"]

_VERSION = 1


@dataclass(frozen=True)
class FileResult:
    """One file: its rows, and where the bits of the first row of arzip went; or `failure`, why it was not measured."""

    label: str
    bytes: int = 0
    kind: str = ""
    format: str = ""
    dims: int = 0
    rows: tuple[Row, ...] = ()
    account: tuple[Step, ...] = ()
    curve: tuple[tuple[int, float], ...] = ()
    calibration: tuple[Tally, ...] = ()
    models: tuple[str, ...] = ()  # ids of the trained models that took part of it
    failure: str = ""
    unexplained: str = ""  # why a measured file has no account


@dataclass(frozen=True)
class Group:
    """Files that belong together, measured in one run."""

    name: str
    title: str
    made: str  # date
    machine: dict[str, str]
    versions: dict[str, str]
    runs: int
    threads: int
    files: tuple[FileResult, ...]

    @property
    def measured(self) -> tuple[FileResult, ...]:
        """The files that could be read."""
        return tuple(file for file in self.files if not file.failure)

    @property
    def failures(self) -> list[str]:
        """Everything that did not go well, a line each."""
        lines = [file.failure for file in self.files if file.failure]
        lines += [f"{file.label}: no account: {file.unexplained}" for file in self.files if file.unexplained]
        return lines + [
            f"{file.label}: {row.name}: {row.remark}" for file in self.files for row in file.rows if row.failed
        ]


def explained(file: FileResult, explanation: Explanation) -> FileResult:
    """A file's result with its account; raises ArzipError when the two are not of the same archive."""
    ours = next((row for row in file.rows if row.ours), None)
    if ours is None or ours.bytes is None:
        return file
    if ours.bytes != explanation.size:
        raise ArzipError(f"{file.label}: {ours.bytes} and {explanation.size} bytes in two runs; please report this")
    return replace(
        file,
        account=explanation.account,
        curve=explanation.curve,
        calibration=explanation.calibration,
        models=explanation.models,
    )


def totals(files: Iterable[FileResult]) -> list[Row]:
    """One row per tool over all files; a tool that failed on some of them has a remark in place of a size."""
    files = list(files)
    by_name: dict[str, list[Row]] = {}
    for file in files:
        for row in file.rows:
            by_name.setdefault(row.name, []).append(row)
    dims = max(1, sum(file.dims for file in files))
    made = []
    for name, rows in by_name.items():
        done = [row for row in rows if row.bytes is not None]
        if len(done) < len(files):
            alike = {row.remark for row in rows if row.remark}
            remark = alike.pop() if len(alike) == 1 and not done else f"on {len(done)} of {len(files)} files only"
            made.append(Row(name, rows[0].ours, remark=remark))
            continue
        size = sum(row.bytes or 0 for row in done)
        times = {
            key: round(sum(getattr(row, key) for row in done), 6)
            for key in ("encode", "decode", "encode_cpu", "decode_cpu")
        }
        peak, runs = max(row.peak_mib for row in done), min(row.runs for row in done)
        roads = sorted({row.road for row in done if row.road})
        made.append(
            Row(name, rows[0].ours, size, 8 * size / dims, peak_mib=peak, runs=runs, road=", ".join(roads), **times)
        )
    return made


def results_text(groups: Iterable[Group]) -> str:
    """Groups as JSON, a line for every file."""
    blocks = []
    for group in groups:
        facts = asdict(group)
        lines = [json.dumps(file, separators=(",", ":")) for file in facts.pop("files")]
        blocks.append(json.dumps(facts)[:-1] + ', "files": [\n' + ",\n".join(lines) + "\n]}")
    return f'{{"results": {_VERSION}, "groups": [\n' + ",\n".join(blocks) + "\n]}\n"


def read_results(path: Path) -> list[Group]:
    """Reads what `results_text` wrote; raises UnsupportedInput for anything else."""
    try:
        held = json.loads(path.read_text())
        if held["results"] != _VERSION:
            raise UnsupportedInput(f"{path}: results of version {held['results']}; this arzip reads {_VERSION}")
        return [_group(facts) for facts in held["groups"]]
    except OSError as error:
        raise UnsupportedInput(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnsupportedInput(f"{path}: these are no results of `arzip bench` ({error})") from error


def _group(facts: dict[str, Any]) -> Group:
    return Group(**{**facts, "files": tuple(_file(file) for file in facts["files"])})


def _file(facts: dict[str, Any]) -> FileResult:
    lists = {
        "rows": tuple(Row(**row) for row in facts["rows"]),
        "account": tuple(Step(**step) for step in facts["account"]),
        "curve": tuple((int(at), float(bits)) for at, bits in facts["curve"]),
        "calibration": tuple(Tally(**tally) for tally in facts["calibration"]),
        "models": tuple(facts["models"]),
    }
    return FileResult(**{**facts, **lists})
