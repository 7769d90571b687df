"""Reports, explanations and benchmarks through the command line, and the page as its readers' programs meet it."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from arzip import roads
from arzip.bench.results import read_results
from arzip.errors import UnsupportedInput
from arzip.report.cards import card_html
from arzip.report.cost_maps import bits_by_character, cost_text, folded, sound_figure
from arzip.report.page import page
from arzip.report.tables import readme_table
from arzip.symbols import Symbols
from tests.test_archive import picture_file
from tests.test_cli import call

ROOT = Path(__file__).resolve().parents[1]
TEXT = "Where did the bits go? Into surprise: naïve <b>tags</b> & “quotes” cost more. ".encode() * 12
VOID = {"meta", "link", "img", "br", "path", "use", "image", "rect"}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a picture, and the results of both with a file that does not exist."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "data").mkdir()
    (folder / "data" / "a <note>.txt").write_bytes(TEXT)
    (folder / "data" / "p.ppm").write_bytes(picture_file())
    words = ["report", folder / "data", folder / "gone.txt", "-o", folder / "r.json", "--peers", "xz -9e,WebP lossless"]
    assert call(*words, "-T", 1)[0] == 0
    return folder


def test_json_says_everything(measured: Path) -> None:
    groups = {group.name: group for group in read_results(measured / "r.json")}
    assert set(groups) == {"bytes", "image", "failed"}
    assert "No such file" in groups["failed"].files[0].failure
    (picture,) = groups["image"].files
    assert {row.name for row in picture.rows} == {"arzip -5", "xz -9e", "WebP lossless"}
    for group in (groups["bytes"], groups["image"]):
        for file in group.files:
            ours = next(row for row in file.rows if row.ours)
            assert ours.bytes == sum(step.bytes for step in file.account)
            assert file.curve[-1][0] == file.dims
    assert groups["bytes"].versions["arzip"] and groups["bytes"].machine["cores"]


def test_compare_agrees_with_report(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compare", "--json", "--peers", "xz -9e", measured / "data" / "a <note>.txt")[0] == 0
    compared = {row["name"]: row["bytes"] for row in json.loads(capsys.readouterr().out)["rows"]}
    (text,) = next(group for group in read_results(measured / "r.json") if group.name == "bytes").files
    assert compared == {row.name: row.bytes for row in text.rows}


@pytest.mark.parametrize("suffix", ["md", "csv", "html"])
def test_other_forms_hold_the_same_figures(measured: Path, suffix: str) -> None:
    out = measured / f"r.{suffix}"
    assert call("report", "--from", measured / "r.json", "-o", out, "-f")[0] == 0
    text = out.read_text()
    for group in read_results(measured / "r.json"):
        for file in group.files:
            for row in file.rows:
                assert (str(row.bytes) if suffix == "csv" else f"{row.bytes:,}") in text
    if suffix == "csv":
        lines = list(csv.DictReader(text.splitlines()))
        assert lines[-1]["file"] == "gone.txt" and "No such file" in lines[-1]["remark"]
    else:
        assert "What failed" in text


def test_strict_exits_with_an_error(measured: Path, tmp_path: Path) -> None:
    words = ["report", "--from", measured / "r.json", "-o", tmp_path / "s.md"]
    assert call(*words)[0] == 0
    assert call(*words, "-f", "--strict")[0] == 1
    assert (tmp_path / "s.md").exists()


def test_bad_requests_are_one_line(measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["report", "x", "-o", tmp_path / "r.pdf"], ".html, .md, .json, .csv"),
        (["report", "-o", tmp_path / "r.md"], "name files"),
        (["report", "--from", ROOT / "README.md", "-o", tmp_path / "r.md"], "no results"),
        (["report", "--from", tmp_path / "none", "-o", tmp_path / "r.md"], "No such file"),
        (["report", measured, "-o", measured / "r.json"], "exists already"),
        (["report", measured, "-o", tmp_path / "no" / "r.md"], "does not exist"),
        (["report", measured, "--levels", "best", "-o", tmp_path / "r.md"], "levels are numbers"),
        (["explain", tmp_path / "none", "-o", tmp_path / "c.npy"], "No such file"),
        (["bench", "--sets", "moon", "-o", tmp_path / "b.json"], "no set 'moon'"),
    ):
        assert call(*words)[0] == (6 if "exist" in said else 2)
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert list(tmp_path.iterdir()) == []


def test_a_road_that_cannot_tell_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(self: roads.Road, road: int, block: object) -> None:
        raise UnsupportedInput("road 1 cannot tell")

    monkeypatch.setattr(roads.Road, "costs", silent)
    (tmp_path / "x.txt").write_bytes(TEXT)
    words = ["report", tmp_path / "x.txt", "-o", tmp_path / "r.json", "--peers", "none", "-T", 1]
    assert call(*words)[0] == 0
    (group,) = read_results(tmp_path / "r.json")
    assert group.failures == ["x.txt: no account: road 1 cannot tell"] and not group.files[0].rows[0].failed


class Reader(HTMLParser):
    """Collects what must hold of a page: nesting, ids, names for tables and pictures, nothing from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [given["id"] or ""] if "id" in given else []
        if tag in ("svg", "section", "nav") and not (given.get("aria-label") or given.get("aria-labelledby")):
            self.faults.append(f"{tag} without a name")
        if tag == "img" and not given.get("alt"):
            self.faults.append("picture without words")
        for name in ("src", "href", "xlink:href"):
            if tag != "a" and not (given.get(name) or "#").startswith(("#", "data:")):
                self.faults.append(f"{tag} needs {given[name]}")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.faults.append(f"</{tag}> closes something else")


def test_the_page_is_whole_and_needs_nothing_else(measured: Path) -> None:
    maps = {"data/a <note>.txt": "<pre>map</pre>"}
    text = page(read_results(measured / "r.json"), maps)
    reader = Reader()
    reader.feed(text)
    assert reader.faults == [] and reader.open == []
    assert len(reader.ids) == len(set(reader.ids)) > 10
    for key in re.findall(r'(?:href="#|url\(#)([^")]+)', text):
        assert key in reader.ids
    assert "a &lt;note&gt;.txt" in text and "<note>" not in text
    assert text.count("<table") == text.count("<caption") + text.count('aria-label="figures of the card"') + text.count(
        'aria-label="Sizes"'
    )
    assert "photo-1" not in text or "Learning curve" in text


@pytest.mark.parametrize("name", ["a <note>.txt", "p.ppm"])
def test_explain_writes_costs_pictures_and_pages(measured: Path, tmp_path: Path, name: str) -> None:
    source = measured / "data" / name
    for suffix in ("npy", "png", "html"):
        assert call("explain", source, "-o", tmp_path / f"c.{suffix}")[0] == 0
    costs = np.load(tmp_path / "c.npy")
    assert costs.shape == ((len(TEXT),) if name.endswith("txt") else (40, 33, 3))
    assert costs.min() >= 0 and costs.max() > 1
    with Image.open(tmp_path / "c.png") as picture:
        colours = picture.convert("RGB").getcolors(1 << 24)
        assert picture.width > 200 and colours is not None and len(colours) > 8
    text = (tmp_path / "c.html").read_text()
    assert "Where the bytes went" in text and ("class=cost" in text) == name.endswith("txt")


def test_explain_takes_originals_only(measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = tmp_path / "a.arz"
    assert call("compress", "-q", measured / "data" / "p.ppm", "-o", archive)[0] == 0
    assert call("explain", archive, "-o", tmp_path / "c.npy")[0] == 2
    assert "is an archive already" in capsys.readouterr().err


def test_bench_keeps_the_sets_it_did_not_measure(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "text" / "eval" / "small"
    small.mkdir(parents=True)
    (small / "x.txt").write_bytes(TEXT)
    monkeypatch.setenv("ARZIP_CORPORA", str(tmp_path))
    out = tmp_path / "b.json"
    out.write_text((measured / "r.json").read_text())
    assert call("bench", "--sets", "small", "-o", out, "--peers", "gzip -9", "--strict", "-T", 1)[0] == 0
    groups = {group.name: group for group in read_results(out)}
    assert set(groups) == {"bytes", "image", "failed", "small"}
    assert [row.name for row in groups["small"].files[0].rows] == ["arzip -5", "gzip -9"]
    table = readme_table([groups["small"]], {"small": {"elsewhere": 1}})
    assert f"{len(TEXT):,}" in table and "elsewhere 1; gzip -9" in table


def test_text_is_coloured_by_character() -> None:
    data = "aé<b".encode()
    text, bits = bits_by_character(data, np.array([0.1, 2.0, 3.0, 7.0, 20.0])) or ("", np.zeros(0))
    np.testing.assert_allclose(bits, [0.1, 5.0, 7.0, 20.0])
    assert cost_text(text, bits) == "a<i class=b6>é</i><i class=b7>&lt;</i><i class=b9>b</i>"
    assert bits_by_character(b"\xff\xfe\x00", np.ones(3)) is None
    assert bits_by_character(b"\x00\x01", np.ones(2)) is None


def test_sound_is_drawn() -> None:
    wave = (9000 * np.sin(np.arange(5000) / 7)).astype(np.int16)
    symbols = Symbols("audio", np.stack([wave, wave], axis=1), 16)
    costs = np.abs(np.random.default_rng(0).normal(5, 1, (5000, 2)))
    drawn = sound_figure(symbols, costs, 44100, "s")
    assert drawn.startswith("<svg") and "Spectrogram" in drawn and "data:image/png" in drawn
    assert sound_figure(Symbols("audio", wave[:3, None], 16), costs[:3, :1], 8000, "t").startswith("<svg")


@pytest.mark.parametrize("count", [0, 1, 300, 70_000])
def test_runs_of_bytes_fold_into_a_map(count: int) -> None:
    rows = folded(np.ones(count))
    assert rows.ndim == 2 and rows.shape[1] <= 256 and rows.shape[0] <= 257
    assert rows.sum() > 0 or count == 0


def test_cards_are_escaped_and_shown() -> None:
    shown = card_html("# t\n\nA <b> `x` **y** [z](https://e.org)\n\n| a | b |\n|---|---|\n| 1 | <2> |\n\n- one\n- two")
    assert "&lt;b&gt; <code>x</code> <strong>y</strong>" in shown and '<a href="https://e.org">z</a>' in shown
    assert "<td>&lt;2&gt;</td>" in shown and shown.count("<li>") == 2 and "# t" not in shown


def test_results_of_another_kind_are_refused(tmp_path: Path) -> None:
    for text in ("[]", "{}", '{"results": 99, "groups": []}', '{"results": 1, "groups": [{"name": "x"}]}', "no json"):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(UnsupportedInput, match=r"r\.json"):
            read_results(tmp_path / "r.json")
