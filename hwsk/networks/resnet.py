"""Define residual networks, with state dicts like torchvision's."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, n_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = _shortcut(n_in, channels * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu_(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu_(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two of 1 x 1, and a shortcut."""

    expansion = 4

    def __init__(self, n_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        # The stride here, not at the first convolution: ResNet v1.5, as torchvision has it.
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, channels * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)
        self.downsample = _shortcut(n_in, channels * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu_(self.bn1(self.conv1(x)))
        out = F.relu_(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu_(out + (x if self.downsample is None else self.downsample(x)))


def _shortcut(n_in: int, n_out: int, stride: int) -> nn.Module | None:
    if stride == 1 and n_in == n_out:
        return None
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))


def _stage(
    block: type[BasicBlock] | type[Bottleneck], n_in: int, channels: int, depth: int, stride: int
) -> nn.Sequential:
    first = block(n_in, channels, stride)
    others = [block(channels * block.expansion, channels) for _ in range(depth - 1)]
    return nn.Sequential(first, *others)


class ResNet(nn.Module):
    """A residual network without its last layer, for grey images.

    Parameters
    ----------
    block : {BasicBlock, Bottleneck}
        What it is built of.
    depths : tuple of 4 int
        Blocks of each stage.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition",
       CVPR 2016, table 1.
    """

    least_side = 32

    def __init__(
        self, block: type[BasicBlock] | type[Bottleneck], depths: tuple[int, int, int, int]
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = _stage(block, 64, 64, depths[0], stride=1)
        self.layer2 = _stage(block, 64 * block.expansion, 128, depths[1], stride=2)
        self.layer3 = _stage(block, 128 * block.expansion, 256, depths[2], stride=2)
        self.layer4 = _stage(block, 256 * block.expansion, 512, depths[3], stride=2)
        self.n_features = 512 * block.expansion
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:  # as in `LSTMLayer`
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stages(self) -> list[list[nn.Module]]:
        """List the modules that `frozen` counts: the stem, then the four stages."""
        stem: list[nn.Module] = [self.conv1, self.bn1]
        return [stem, [self.layer1], [self.layer2], [self.layer3], [self.layer4]]

    def forward(self, x: Tensor) -> Tensor:
        """Features of a batch.

        Parameters
        ----------
        x : Tensor of shape (n, 1, height, width)
            Grey images.

        Returns
        -------
        features : Tensor of shape (n, n_features)
            The last stage's features, averaged over the image.
        """
        x = self.maxpool(F.relu_(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3))


def resnet18() -> ResNet:
    """ResNet-18: 11.2 million weights, 512 features."""
    return ResNet(BasicBlock, (2, 2, 2, 2))


def resnet50() -> ResNet:
    """ResNet-50: 23.5 million weights, 2048 features."""
    return ResNet(Bottleneck, (3, 4, 6, 3))


def load_backbone(module: nn.Module, state: Mapping[str, Tensor]) -> bool:
    """Take over a checkpoint's weights; its last layer, `fc`, is left out.

    A first convolution over red, green and blue becomes one over grey: its weights are summed over
    the channels, which is what it makes of an image whose channels are equal.

    Returns
    -------
    of_colour : bool
        Whether the checkpoint was of colour images.

    Raises
    ------
    ValueError
        If names or shapes differ; the message says which.
    """
    state = {name: value for name, value in state.items() if not name.startswith("fc.")}
    own = module.state_dict()
    of_colour = False
    first = next(iter(own))
    if first in state and own[first].ndim == 4:
        of_colour = own[first].shape[1] == 1 and state[first].shape[1:2] == (3,)
        if of_colour:
            state[first] = state[first].sum(dim=1, keepdim=True)
    # Files older than PyTorch 0.4.1 have no count of batches.
    absent = [name for name in own if name not in state and "num_batches_tracked" not in name]
    unknown = [name for name in state if name not in own]
    other = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    problems = [
        f"{len(names)} {what}, such as {names[0]}"
        for what, names in (
            ("weights are missing", absent),
            ("weights are unknown", unknown),
            ("weights have another shape", other),
        )
        if names
    ]
    if problems:
        raise ValueError(f"the checkpoint is of another architecture: {'; '.join(problems)}")
    module.load_state_dict({**own, **state})
    return of_colour
