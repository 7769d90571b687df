"""The README keeps its word: the tree it draws exists, and every part of the package is in it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_the_tree_is_the_project() -> None:
    tree = README.split("## The tree")[1]
    named = re.findall(r"^(\S+)  +\S", tree, re.MULTILINE)
    assert len(named) > 10
    for name in named:
        assert (ROOT / name).exists(), name
    for path in (ROOT / "arzip").iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"arzip/{path.name}/" in named, path.name
        elif path.suffix == ".py" and not path.name.startswith("__"):
            assert f"arzip/{path.name}" in named, path.name


def test_commands_exist() -> None:
    from arzip.cli import cli

    for command in re.findall(r"arzip ([a-z]+) [A-Z]", README):
        assert command in cli.commands, command


def test_the_results_are_those_of_the_benchmark() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "table.py"))
    assert script["table"]().count("\n") > 3
    assert script["with_table"](README) == README, "stale: run `python benchmarks/table.py`"
