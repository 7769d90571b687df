"""All trained families, by the name that recipes use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from arzip.causal import Causal
from arzip.exact.layers import Layer
from arzip.nets.char_rnn import CharRNN, TextModel
from arzip.nets.char_transformer import CharTransformer
from arzip.nets.colour_model import ColourModel
from arzip.nets.diagonal_bilstm import DiagonalBiLSTM
from arzip.nets.ensemble import Ensemble
from arzip.nets.fvsbn import FVSBN
from arzip.nets.gated_colour import GatedColour
from arzip.nets.gated_pixelcnn import GatedPixelCNN
from arzip.nets.guided_model import GuidedModel
from arzip.nets.guided_net import GuidedNet
from arzip.nets.labelled_pixelcnn import LabelledPixelCNN
from arzip.nets.local_pixelcnn import LocalPixelCNN
from arzip.nets.made import MADE
from arzip.nets.mixture import Mixture
from arzip.nets.mixture_model import MixtureModel
from arzip.nets.multiscale import Multiscale
from arzip.nets.nade import NADE
from arzip.nets.picture_model import PictureModel
from arzip.nets.pixelcnn import PixelCNN
from arzip.nets.pixelsnail import PixelSNAIL
from arzip.nets.real_model import RealModel
from arzip.nets.rnade import RNADE
from arzip.nets.row_lstm import RowLSTM
from arzip.nets.table_model import TableModel
from arzip.nets.text_net import TextNet
from arzip.nets.transformer import Transformer
from arzip.nets.wave_model import WaveModel
from arzip.nets.wavenet import WaveNet

__all__ = ["NETS", "Family"]


@dataclass(frozen=True)
class Family:
    """A net, the causal model that codes with it, and the kind of symbols it takes."""

    net: Callable[..., Layer]
    causal: Callable[[Any], Causal]
    kind: str


NETS = {
    "char_rnn": Family(CharRNN, TextModel, "bytes"),
    "char_transformer": Family(CharTransformer, TextModel, "bytes"),
    "diagonal_bilstm": Family(DiagonalBiLSTM, TableModel, "table"),
    "ensemble": Family(Ensemble, TableModel, "table"),
    "fvsbn": Family(FVSBN, TableModel, "table"),
    "gated_colour": Family(GatedColour, ColourModel, "table"),
    "gated_pixelcnn": Family(GatedPixelCNN, TableModel, "table"),
    "guided_net": Family(GuidedNet, GuidedModel, "image"),
    "labelled_pixelcnn": Family(LabelledPixelCNN, TableModel, "table"),
    "local_pixelcnn": Family(LocalPixelCNN, PictureModel, "image"),
    "made": Family(MADE, TableModel, "table"),
    "mixture": Family(Mixture, MixtureModel, "table"),
    "multiscale": Family(Multiscale, TableModel, "table"),
    "nade": Family(NADE, TableModel, "table"),
    "pixelcnn": Family(PixelCNN, TableModel, "table"),
    "pixelsnail": Family(PixelSNAIL, TableModel, "table"),
    "rnade": Family(RNADE, RealModel, "table"),
    "row_lstm": Family(RowLSTM, TableModel, "table"),
    "text_net": Family(TextNet, TextModel, "bytes"),
    "transformer": Family(Transformer, TableModel, "table"),
    "wavenet": Family(WaveNet, WaveModel, "audio"),
}
