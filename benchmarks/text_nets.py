"""Which net should read along with a text: a gated recurrent one, a Transformer, or linear attention, at equal cost.

    ARZIP_CORPORA=... python benchmarks/text_nets.py [gru] [transformer] [linear] [--steps 1000]

All three read the same pieces of the same texts in the same order, hand their state on, take the same hashed contexts
beside each byte, and cost about 0.9 million multiplications a byte; prints held-out bits per byte. The recurrent one is
the family of the published net, with its rounding in the loop; the others are floats, for they were not chosen:

    transformer   blocks of attention over the last 128 bytes with a bias for every distance (Vaswani et al. 2017)
    linear        the same blocks, with a state S_t = a_t S_{t-1} + v_t k_t', read as S_t q_t, in place of the window;
                  a_t: a gate for each head (Katharopoulos et al. 2020 [1], eq. 16 to 20; as in Dao & Gu 2024 [2])

[1] https://arxiv.org/abs/2006.16236  [2] https://arxiv.org/abs/2405.21060
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, logsigmoid, relu, rms_norm, silu, softmax

from arzip.exact.small_gru import contexts_of
from arzip.nets.text_net import TextNet
from arzip.recipe import read_recipe
from arzip.training.corpora import corpus_folder
from arzip.training.loop import train
from arzip.training.streams import StreamSampler
from arzip.training.tasks import TASKS

RECIPE = Path(__file__).resolve().parent.parent / "models/text-s-4/recipe.toml"
BYTES, PAIRS, WORDS = 256, 4096, 16384
WIDTH, HEADS, WINDOW = 128, 4, 128


class Window(nn.Module):
    """Softmax attention over the last `WINDOW` bytes; the state are their keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.distance = nn.Parameter(torch.zeros(HEADS, WINDOW))
        nn.init.zeros_(self.leave.weight)

    def start(self, lanes: int) -> Tensor:
        return torch.zeros(lanes, 2 * HEADS, WINDOW - 1, WIDTH // HEADS)

    def forward(self, x: Tensor, state: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
        """x [L, T, C]; `old` [L] counts the bytes that each lane has read before, which are all that it may see."""
        lanes, steps, _ = x.shape
        q, k, v = self.enter(x).view(lanes, steps, 3 * HEADS, -1).transpose(1, 2).split(HEADS, dim=1)
        k, v = (torch.cat(pair, dim=2) for pair in zip(state.split(HEADS, dim=1), (k, v), strict=True))
        back = torch.arange(steps)[:, None] + WINDOW - 1 - torch.arange(k.shape[2])  # from query to key
        seen = (back >= 0) & (back < WINDOW) & (torch.arange(k.shape[2]) >= WINDOW - 1 - old[:, None, None, None])
        scores = q @ k.transpose(2, 3) * q.shape[3] ** -0.5 + self.distance[:, back.clamp(0, WINDOW - 1)]
        y = softmax(scores.float().masked_fill(~seen, -math.inf), dim=3).to(v.dtype) @ v
        return self.leave(y.transpose(1, 2).flatten(2)), torch.cat([k, v], dim=1)[:, :, 1 - WINDOW :].float()


class Linear(nn.Module):
    """A state of [keys, values] for each head that fades by a gate, read by the query; pieces are read at once."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate = nn.Linear(WIDTH, HEADS)
        nn.init.zeros_(self.leave.weight)
        with torch.no_grad():
            self.gate.bias.copy_(torch.linspace(1.5, 5.0, HEADS))  # heads that remember 5 to 150 bytes

    def start(self, lanes: int) -> Tensor:
        return torch.zeros(lanes, HEADS, WIDTH // HEADS, WIDTH // HEADS)

    def forward(self, x: Tensor, state: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
        lanes, steps, _ = x.shape
        q, k, v, out = self.enter(x).view(lanes, steps, 4 * HEADS, -1).transpose(1, 2).split(HEADS, dim=1)
        q, k = silu(q), silu(k) * q.shape[3] ** -0.5
        kept = logsigmoid(self.gate(x).float()).transpose(1, 2).cumsum(dim=2)  # logarithms, [L, heads, T]
        later = torch.ones(steps, steps).triu(1).bool()
        fade = (kept[:, :, :, None] - kept[:, :, None, :]).masked_fill(later, -math.inf)
        y = (q @ k.transpose(2, 3) * fade.exp()).to(v.dtype) @ v + (q @ state) * kept.exp()[..., None]
        y = rms_norm(y.float(), y.shape[3:]) * silu(out)
        rest = (kept[:, :, -1:] - kept).exp()[..., None]
        state = state * kept[:, :, -1].exp()[..., None, None] + (k * rest).transpose(2, 3).float() @ v.float()
        return self.leave(y.transpose(1, 2).flatten(2)), state


class Blocks(nn.Module):
    """Four blocks on a stream of `WIDTH`: a mixer of positions and two layers of a perceptron, each behind a norm."""

    def __init__(self, mixer: type[Window] | type[Linear], inner: int) -> None:
        super().__init__()
        self.byte, self.pair, self.word = (nn.Embedding(rows, WIDTH) for rows in (BYTES, PAIRS, WORDS))
        for table in (self.pair, self.word):
            nn.init.zeros_(table.weight)
        self.mixers = nn.ModuleList(mixer() for _ in range(4))
        self.ups = nn.ModuleList(nn.Linear(WIDTH, inner, bias=False) for _ in range(4))
        self.downs = nn.ModuleList(nn.Linear(inner, WIDTH, bias=False) for _ in range(4))
        self.head = nn.Linear(WIDTH, BYTES)
        for down in self.downs:
            nn.init.zeros_(down.weight)
        self._carried: Any = None

    def matrices(self) -> list[nn.Parameter]:
        linear = (m for m in self.modules() if isinstance(m, nn.Linear) and m is not self.head)
        return [m.weight for m in linear if m.out_features > HEADS]

    def products(self) -> int:
        """Multiplications a byte; those of attention for a full window."""
        dense = sum(m.weight.numel() for m in self.modules() if isinstance(m, nn.Linear))
        return dense + 4 * 2 * WIDTH * (WINDOW if isinstance(self.mixers[0], Window) else WIDTH // HEADS)

    def bits(self, x: Tensor, fresh: Tensor) -> Tensor:
        """As `TextNet.bits`: x [T, L], and which lanes begin a text."""
        lanes = x.shape[1]
        states, context, last, old = (
            [m.start(lanes) for m in self.mixers],
            torch.zeros(lanes, 2, dtype=torch.int64),
            torch.zeros(lanes, dtype=torch.int64),
            torch.zeros(lanes, dtype=torch.int64),
        )
        rows = torch.zeros(lanes, 2, dtype=torch.int64)
        if self.training and self._carried is not None:
            kept, context, last, old, rows = self._carried
            states = [torch.where(fresh[:, None, None, None], 0, state) for state in kept]
            context, rows = (torch.where(fresh[:, None], 0, part) for part in (context, rows))
            last, old = (torch.where(fresh, 0, part) for part in (last, old))
        found = torch.empty(*x.shape, 2, dtype=torch.int64)
        contexts_of(x.numpy(), context.numpy(), PAIRS, WORDS, found.numpy())
        before = torch.cat([last[None], x[:-1]])
        hashed = torch.cat([rows[None], found[:-1]])
        h = (self.byte(before) + self.pair(hashed[..., 0]) + self.word(hashed[..., 1])).transpose(0, 1)
        for i, (mixer, up, down) in enumerate(zip(self.mixers, self.ups, self.downs, strict=True)):
            y, states[i] = mixer(rms_norm(h, (WIDTH,)), states[i], old)
            h = h + y
            h = h + down(relu(up(rms_norm(h, (WIDTH,)))).square())
        if self.training:
            self._carried = [s.detach() for s in states], context, x[-1], old + len(x), found[-1]
        with torch.autocast("cpu", enabled=False):
            logits = self.head(rms_norm(h.float(), (WIDTH,))).flatten(0, 1)
            nats = cross_entropy(logits, x.t().reshape(-1), reduction="sum")
        return nats / math.log(2)


NETS = {
    "gru": lambda: TextNet(units=512, pairs=PAIRS, words=WORDS),
    "transformer": lambda: Blocks(Window, 4 * WIDTH),
    "linear": lambda: Blocks(Linear, 4 * WIDTH),
}


def held_out(net: Any, sampler: StreamSampler) -> list[float]:
    """Bits per byte of windows of 512 bytes of each collection, each read from nothing."""
    net.eval()
    with torch.no_grad():
        return [float(net.bits(x, fresh)) / x.numel() for x, fresh in sampler.validation()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("nets", nargs="*", default=list(NETS))
    parser.add_argument("--steps", type=int, default=1000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    recipe = read_recipe(RECIPE)
    schedule = replace(recipe.schedule, cycles=[given.steps], validate_every=given.steps)
    for name in given.nets:
        torch.manual_seed(1)
        net: Any = NETS[name]()
        sampler = StreamSampler(corpus_folder(recipe.corpus, RECIPE.parent), 1, recipe.data)
        began = time.process_time()
        with tempfile.TemporaryDirectory() as run:
            train(net, TASKS[recipe.net].loss, sampler, replace(recipe, schedule=schedule), Path(run), device="cpu")
        seconds, rates = time.process_time() - began, held_out(net, sampler)
        products = net.products() if isinstance(net, Blocks) else net.inner.weight.numel() + net.output.weight.numel()
        collections = dict(zip(recipe.data["weights"], (round(rate, 3) for rate in rates), strict=True))
        found = {
            "net": name,
            "products": products,
            "seconds": round(seconds),
            "mean": round(sum(rates) / len(rates), 3),
        }
        print(json.dumps({**found, **collections}), flush=True)


if __name__ == "__main__":
    main()
