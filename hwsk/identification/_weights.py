"""Load checkpoints of backbones: from a file, or once from torchvision's address."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from hwsk._download import download
from hwsk.datasets import get_data_home

# As torchvision has them (IMAGENET1K_V1 and V2); names hold the first digits of their SHA-256.
OFFICIAL = {
    "resnet18": "https://download.pytorch.org/models/resnet18-f37072fd.pth",
    "resnet50": "https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
}


def read_weights(weights: str | os.PathLike[str], backbone: Any) -> tuple[str, dict[str, Tensor]]:
    """A checkpoint's name and state dict.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it can't be downloaded, or is not what it should be; nothing is left behind.
    ValueError
        If the file is not a checkpoint, or there is none of this backbone.
    """
    if weights == "imagenet":
        if backbone not in OFFICIAL:
            raise ValueError(
                f"backbone_weights='imagenet' is for backbone={' or '.join(map(repr, OFFICIAL))}, "
                f"not {backbone!r}; name a file"
            )
        path = _fetch(OFFICIAL[backbone])
    else:
        path = Path(weights).expanduser()
        if not path.is_file():
            raise FileNotFoundError(
                f"backbone_weights={str(weights)!r}: there is no such file; give 'imagenet', or "
                "the path of a state dict that torch.save or safetensors wrote"
            )
    return str(path), _read(path)


def _fetch(url: str) -> Path:
    """The file at `url`, downloaded into the data home unless it is there."""
    name = url.rpartition("/")[2]
    path = get_data_home() / "downloaded" / name
    digits = name[:-4].rpartition("-")[2]
    otherwise = (
        "Download it where there is a network and pass its path as backbone_weights, or put it at "
        f"{path}."
    )
    download(url, path, f"sha256:{digits}", n_retries=3, delay=1.0, otherwise=otherwise)
    return path


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            state = safetensors.torch.load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises anything over bytes that it did not write
        raise ValueError(
            f"{path} ({path.stat().st_size} bytes) is not a checkpoint, or it is damaged or only "
            f"half downloaded: remove it and get it again ({str(error).splitlines()[0]})"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(f"{path} holds no state dict (names and tensors) but {type(state)}")
    return state
