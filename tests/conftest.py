"""What tests share: small pictures made on the spot, and a tiny frozen net."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arzip.exact.engine import Engine
from arzip.nets.guided_net import GuidedNet
from arzip.nets.local_pixelcnn import LocalPixelCNN
from arzip.nets.text_net import TextNet

PHOTO = "photo-1"
torch.set_num_threads(1)  # fronts are too small to be split, and spinning threads disturb each other


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """A smooth coloured picture with edges and noise, uint8 [19, 30, 3]."""
    y, x = np.mgrid[0:19, 0:30]
    random = np.random.default_rng(5)
    planes = [
        128 + 80 * np.sin(x / 9 + c) * np.cos(y / 7) + 30 * (x > 14) + random.normal(0, 3, x.shape) for c in range(3)
    ]
    return np.clip(np.stack(planes, axis=2), 0, 255).astype(np.uint8)


def small_net(seed: int = 0) -> LocalPixelCNN:
    """A frozen net with large random weights, so that every clamp and rounding is met."""
    torch.manual_seed(seed)
    net = LocalPixelCNN(width=48, depth=2, head=24, components=3)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2.0).add_(0.05 * torch.randn_like(parameter))
    net.freeze()
    return net


def small_guided_net(seed: int = 0, *, width: int = 24, depth: int = 1, components: int = 3) -> GuidedNet:
    """The same for pictures with guides."""
    torch.manual_seed(seed)
    net = GuidedNet(width=width, depth=depth, components=components)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2.0).add_(0.05 * torch.randn_like(parameter))
    net.freeze()
    net.place(Engine("fp32", "cpu"))
    return net


def small_text_net(kind: str = "fp32", seed: int = 0) -> TextNet:
    """The same for bytes."""
    torch.manual_seed(seed)
    net = TextNet(units=40, pairs=32, words=64)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2.0).add_(0.2 * torch.randn_like(parameter))
    net.freeze()
    net.place(Engine(kind, "cpu"))
    return net


@pytest.fixture(scope="session")
def placed() -> LocalPixelCNN:
    """`small_net` on the fp32 engine."""
    net = small_net()
    net.place(Engine("fp32", "cpu"))
    return net
