"""WaveNet: two exact readings, its heads, and everything a trained one is for, from WAV files."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import arzip
from arzip.bench.sound import rate_of
from arzip.cli import cli
from arzip.coding.coder import Dice
from arzip.coding.drive import decode_symbols, encode_symbols
from arzip.coding.length import ideal_bits
from arzip.errors import ModelError, UnsupportedInput
from arzip.exact.engine import Engine
from arzip.exact.planes import LEVELS, LOWEST, log2_planes, mixtures, plane_rows
from arzip.formats import mulaw
from arzip.formats.mulaw import compressed, mulaw_wav
from arzip.nets import wave_model, wavenet
from arzip.nets.wave_model import WaveModel
from arzip.nets.wavenet import WaveNet
from arzip.training.publish import train_and_publish
from tests.laws import check_causality, check_parity, check_road
from tests.sounds import tones, wav

HEADS: dict[str, dict[str, int]] = {"logistics": {"components": 3, "taps": 5}, "mulaw": {}, "planes": {"units": 6}}
SEEN = 14  # samples before the last one, of dilations 1, 2, 4 twice
RECIPE = """
id = "tiny-wave"
net = "wavenet"
corpus = "sounds"
seed = 3
[architecture]
residual = 8
units = 8
skip = 12
hidden = 12
dilations = [1, 2, 4, 8]
stacks = 1
head = "logistics"
output = { components = 2, taps = 4 }
rate = 8000
[data]
window = 256
louder = 0.5
weights = { tone = 1, low = 0.5 }
thinned = { low = 2 }
[schedule]
cycles = [120]
batch = 4
rate = 0.01
warmup = 10
validate_every = 60
"""


def small(head: str, *, wild: float = 1.0) -> WaveNet:
    torch.manual_seed(0)
    output = HEADS[head]
    net = WaveNet(
        residual=6, units=8, skip=10, hidden=9, dilations=[1, 2, 4], stacks=2, head=head, output=output, rate=8000
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(wild)
    return net


def placed(head: str, kind: str = "fp32", lane: int | None = 40, wild: float = 2.0) -> WaveModel:
    net = small(head, wild=wild)
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return WaveModel(net, lane)


def sound(length: int, head: str, channels: int = 1) -> np.ndarray[Any, Any]:
    return tones(length, channels, 8 if head == "mulaw" else 16).astype(np.int16)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("shape", [(0, 1), (1, 1), (37, 1), (301, 2)])
def test_laws(head: str, shape: tuple[int, int]) -> None:
    model, x = placed(head), sound(shape[0], head, shape[1])
    if len(x):
        rows = check_parity(model, x)
        assert (rows >= 1).all() and (rows.sum(axis=1, dtype=np.int64) == 1 << 24).all()
    check_road(model, x)


@pytest.mark.parametrize("head", HEADS)
def test_extreme_samples_and_weights(head: str) -> None:
    low, high = placed(head).extremes
    x = np.resize(np.array([low, high, high, low, 0, low, high], np.int16), (90, 1))
    check_parity(placed(head, wild=6.0), x)
    check_road(placed(head, wild=6.0), x)


@pytest.mark.parametrize("head", HEADS)
def test_causality(head: str) -> None:
    model, x = placed(head, lane=None), sound(120, head)
    changed = x.copy()
    changed[60] = -changed[60] - 7
    check_causality(model, x, changed, 60 * model.net.head.planes + 1)


@pytest.mark.parametrize("head", HEADS)
def test_the_net_sees_as_far_as_its_dilations_say(head: str) -> None:
    net, x = placed(head, wild=3.0).net, sound(120, head).T.copy()
    last = []
    for at in range(40, 80):
        changed = x.copy()
        changed[0, at] = -changed[0, at] - 7
        moved = (net.hidden(x) != net.hidden(changed)).any(axis=2)[0]
        last.append(int(np.flatnonzero(moved)[-1]) - at)
    # A sample enters one later, and once more with the change to its successor.
    assert max(last) == 2 + SEEN


@pytest.mark.parametrize("head", HEADS)
def test_gradients_of_the_future_are_zero(head: str) -> None:
    net, x = small(head), torch.zeros(1, 80, dtype=torch.int16)
    x[0, 50] = 90
    entered = net.classes(x.numpy())[0, 51, 0]
    for part, seen in ((slice(None, 51), False), (slice(51, None), True)):
        net.zero_grad()
        net(x)[:, part].sum().backward()
        assert net.sample.table.grad is not None
        assert bool(net.sample.table.grad[entered].any()) == seen


@pytest.mark.parametrize("head", HEADS)
def test_freezing_costs_next_to_nothing(head: str) -> None:
    net, x = small(head), sound(600, head)
    with torch.no_grad():
        real = float(net.bits(torch.from_numpy(x.T.copy())))
    net.freeze()
    net.place(Engine("fp32", "cpu"))
    exact = WaveModel(net, None).code_lengths(x)
    assert exact.shape == x.shape
    assert abs(exact.sum() / real - 1) < 0.002


@pytest.mark.parametrize("head", HEADS)
def test_engines_threads_and_pieces_agree(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = sound(500, head)
    words = {encode_symbols(placed(head, kind), x).words for kind in ("fp32", "int8")}
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(threads, 2))
        words.add(encode_symbols(placed(head), x).words)
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(wavenet, "_TOGETHER", 64)
    monkeypatch.setattr(wave_model, "_CHUNK", 30)
    words.add(encode_symbols(placed(head), x).words)
    assert len(words) == 1
    drawn = [decode_symbols(placed(head, kind), (150, 1), Dice(2)) for kind in ("fp32", "int8")]
    np.testing.assert_array_equal(*drawn)


def digest() -> str:
    """What all heads code and draw."""
    found = hashlib.sha256()
    for head in HEADS:
        model = placed(head)
        found.update(encode_symbols(model, sound(500, head, 2)).words)
        found.update(decode_symbols(model.unbroken, (100, 2), Dice(3)).tobytes())
    return found.hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize(
    "variables",
    [
        {"ONEDNN_MAX_CPU_ISA": "SSE41"},
        {"ONEDNN_MAX_CPU_ISA": "AVX2", "OMP_NUM_THREADS": "2"},
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
        {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": ""},
    ],
    ids=lambda v: " ".join(v.values()),
)
def test_every_machine_one_digest(variables: dict[str, str], tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "NUMBA_CACHE_DIR": str(tmp_path), **variables}
    program = [sys.executable, "-c", "from tests.test_nets_wave import digest; print(digest())"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest()


def test_rows_are_the_mixture_that_trained() -> None:
    random = np.random.default_rng(1)
    count, k, taps = 60, 3, 4
    outputs = random.integers(-60, 60, (count, 1 + 3 * k)).astype(np.int32)
    outputs[:, 0] = random.integers(3 * 32, 11 * 32, count)  # steps of 1/32 of a sample are small beside these scales
    linear = random.integers(-3000, 3000, (count, taps)).astype(np.int32)
    past = random.integers(-20000, 20000, (count, 1), np.int32) + random.integers(
        -900, 900, (count, taps + 1), np.int32
    )
    change = (past[:, :-1] - past[:, 1:]).astype(np.float64)
    base = past[:, 0] + (linear / 4096 * change).sum(axis=1)
    x = np.clip(np.rint(base + random.normal(0, 2.0 ** (outputs[:, 0] / 32))), LOWEST, -LOWEST - 1).astype(np.int32)
    x[:2] = LOWEST, LOWEST + LEVELS - 1
    mixed = np.empty((count, 3, k), np.int64)
    mixtures(outputs, linear, past, mixed)
    rows, edges, u = np.empty((2, count, 256), np.int32), np.empty(257, np.int64), x - LOWEST
    plane_rows(mixed, np.zeros(count, np.int32), 0, edges, rows[0])
    plane_rows(mixed, u & ~255, 1, edges, rows[1])
    exact = ideal_bits(rows[0], u >> 8) + ideal_bits(rows[1], u & 255)
    float_bits = -log2_planes(torch.from_numpy(outputs / 32), torch.from_numpy(base), torch.from_numpy(x)).numpy()
    likely = float_bits < 18  # rows of bytes cannot say less than 2**-24 each
    assert likely.sum() > count - 8
    np.testing.assert_allclose(exact[likely], float_bits[likely], atol=0.03)


def test_what_is_wrong_is_said_in_one_line() -> None:
    with pytest.raises(ModelError, match="unknown head"):
        WaveNet(residual=4, units=4, skip=4, hidden=4, dilations=[1], stacks=1, head="x", output={}, rate=1)
    with pytest.raises(UnsupportedInput, match="samples"):
        placed("planes").stepper((5,))


def train(folder: Path, recipe: str) -> Path:
    (folder / "sounds").mkdir()
    for name, seed, length in (("tone-1", 3, 6000), ("tone-2", 4, 6000), ("low", 5, 8000)):
        (folder / f"sounds/{name}.wav").write_bytes(wav(tones(length, 1, seed=seed)))
    (folder / "recipe.toml").write_text(recipe)
    train_and_publish(folder / "recipe.toml", output=folder / "m", runs=folder / "runs", device="cpu")
    return folder / "m"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("wave"), RECIPE)


@pytest.mark.parametrize("channels", [1, 2])
def test_recordings_become_archives_and_come_back(trained: Path, channels: int) -> None:
    x = tones(3000, channels, seed=9)
    file = wav(x, after=b"LIST\x04\0\0\0INFO")
    archive = arzip.compress(file, model=str(trained))
    assert arzip.decompress(archive, model=str(trained)) == file
    bits = arzip.load(str(trained)).bits(x.astype(np.int16)).sum()
    assert len(archive) < bits / 8 + 250
    assert bits / x.size < 12.5  # white noise of this loudness needs more than 13


def test_mulaw_files_become_archives_and_are_drawn(tmp_path: Path) -> None:
    recipe = RECIPE.replace('"logistics"', '"mulaw"').replace("{ components = 2, taps = 4 }", "{}")
    model = train(tmp_path, recipe.replace("louder = 0.5", "louder = 0.5\nmulaw = true"))
    ranks = compressed(tones(3000, 2, seed=9).astype(np.int16))
    file = mulaw_wav(ranks, 8000) + b"LIST\x04\0\0\0INFO"
    archive = arzip.compress(file, model=str(model))
    assert arzip.decompress(archive, model=str(model)) == file
    assert len(archive) < arzip.load(str(model)).bits(ranks).sum() / 8 + 250 < 0.85 * len(file)
    for name in ("x.wav", "x.png"):
        run("sample", model, "-n", 300, "-o", tmp_path / name)
    run("complete", model, tmp_path / "x.wav", "-n", 200, "-o", tmp_path / "y.wav")
    drawn, longer = (mulaw.parse((tmp_path / name).read_bytes()).parts[0].array for name in ("x.wav", "y.wav"))
    assert longer.shape == (500, 1)
    np.testing.assert_array_equal(longer[:300], drawn)
    assert rate_of((tmp_path / "y.wav").read_bytes()) == 8000


def test_other_depths_are_refused_in_one_line(trained: Path) -> None:
    with pytest.raises(UnsupportedInput, match="of 16 bits, this is audio of 24 bits"):
        arzip.compress(wav(tones(50, 1, 24), 3), model=str(trained))
    with pytest.raises(UnsupportedInput, match="takes audio"):
        arzip.compress(b"no sound", model=str(trained))


def run(*arguments: Any) -> str:
    result = CliRunner().invoke(cli, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def opened(path: Path) -> np.ndarray[Any, Any]:
    with wave.open(io.BytesIO(path.read_bytes())) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())


def test_sampling_writes_wav_and_spectrograms(trained: Path, tmp_path: Path) -> None:
    for name, seed in (("a.wav", 1), ("b.wav", 1), ("c.wav", 2), ("a.png", 1)):
        run("sample", trained, "-n", 900, "-o", tmp_path / name, "--seed", seed)
    a, b, c = (opened(tmp_path / f"{name}.wav") for name in "abc")
    assert a.shape == (900, 1) and rate_of((tmp_path / "a.wav").read_bytes()) == 8000
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)
    np.testing.assert_array_equal(arzip.load(str(trained)).sample((900, 1), seed=1), a)
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("channels", [1, 2])
def test_completion_goes_on_where_the_file_ends(trained: Path, tmp_path: Path, channels: int) -> None:
    x = tones(500, channels, seed=9)
    (tmp_path / "x.wav").write_bytes(wav(x))
    for name in ("y.wav", "y.png"):
        run("complete", trained, tmp_path / "x.wav", "-n", 200, "-o", tmp_path / name)
    y = opened(tmp_path / "y.wav")
    assert y.shape == (700, channels) and rate_of((tmp_path / "y.wav").read_bytes()) == 44100
    np.testing.assert_array_equal(y[:500], x)
    assert y[500:].any()
    # What follows is likelier after what came before than after something else.
    model, other = arzip.load(str(trained)), y[::-1].astype(np.int16)
    assert model.bits(y)[500:].sum() < model.bits(np.concatenate([other[:500], y[500:]]))[500:].sum()


def test_scores_put_noise_first(trained: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(-9000, 9000, (800, 1))
    for name, x in (("tone", tones(800, 1, seed=8)), ("noise", noise)):
        (tmp_path / f"{name}.wav").write_bytes(wav(x))
    lines = run("score", trained, tmp_path / "tone.wav", tmp_path / "noise.wav").splitlines()
    assert [Path(line.split()[1]).stem for line in lines] == ["noise", "tone"]


def test_errors_are_one_line(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(wav(tones(50, 1, 24), 3))
    for arguments, says in (
        (["sample", trained, "-o", tmp_path / "x.txt"], "written as .npy or .wav"),
        (["complete", trained, tmp_path / "x.wav", "-o", tmp_path / "y.wav"], "samples of 24 bits"),
        (["score", trained, tmp_path / "absent.wav"], "absent.wav"),
        (["evaluate", trained, "--corpus", "speech-audio", "--part", "96k"], ""),
    ):
        result = CliRunner().invoke(cli, [str(a) for a in arguments])
        assert result.exit_code != 0 and says in result.output, result.output
        assert len(result.output.strip().splitlines()) == 1
    with pytest.raises(UnsupportedInput, match="too wide to list"):
        arzip.load(str(trained)).rows(np.zeros((5, 1), np.int16))
