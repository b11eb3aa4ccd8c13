"""Extract patches, batch them, and build their network; shared by estimators over patches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from hwsk._data.images import Image, LazyImages, check_images, some_rows
from hwsk._data.levels import Levels, find_ink, to_ink
from hwsk._data.scan import run_here, scan_images, walk
from hwsk._limits import check_sides
from hwsk._training.batches import Augmentation, RasterDataset
from hwsk._training.estimator import NetworkEstimator, Split
from hwsk._training.prediction import Ink, Unlike, measure_ink
from hwsk._wording import some_of
from hwsk.identification._weights import read_weights
from hwsk.networks.encoder import ConvEncoder
from hwsk.networks.patches import PatchNetwork, stages
from hwsk.networks.resnet import resnet18, resnet50

BACKBONES: dict[Any, Callable[[], nn.Module]] = {
    "small": ConvEncoder,
    "resnet18": resnet18,
    "resnet50": resnet50,
}
_CHUNK = 32  # images whose patches are in memory at once, in prediction
_LEAST_INK = 0.25  # of the mean over an image's patches: emptier ones are uninformative
_MARGIN = 0.125  # of a patch's side, each way: what a distortion may move into it


class Window(NamedTuple):
    """Hold the place of a patch in its image, and the number of its ink pixels."""

    top: int
    left: int
    ink: int


class PatchSize(NamedTuple):
    """Height and width of a patch as the network sees it, and in pixels of the image."""

    seen: tuple[int, int]
    cut: tuple[int, int]


class PatchEstimator(NetworkEstimator):
    """A network over patches of images of any size.

    A subclass has the parameters `backbone, backbone_weights, frozen, dense_units, dropout,
    patch_size, patch_scale, n_patches, image_shape` beside those of training.
    """

    _native_data = "writers"

    def _size(self) -> PatchSize:
        size = self.patch_size
        sides = (size, size) if isinstance(size, (int, np.integer)) else size
        seen = check_sides("patch_size", sides)
        cut_from = [max(1, round(side / self.patch_scale)) for side in seen]
        return PatchSize(seen, check_sides("patch_size / patch_scale", cut_from))

    def _validate_params(self) -> None:
        super()._validate_params()
        self._size()
        if self.n_patches is None and self.patch_scale != 1:
            raise ValueError(
                f"patch_scale={self.patch_scale} is for patches, and n_patches=None resizes the "
                f"whole image to patch_size={self.patch_size}: leave patch_scale at 1"
            )

    def _scan(self, images: LazyImages, further: bool) -> None:
        """Go over all images before training: values, polarity, ink."""
        run = self._map_rows if images.decodes else run_here
        scan = scan_images(images, _keep_nothing, run)  # they may not fit the memory
        levels = scan.learn_levels()
        if not further:
            self.levels_ = levels
        blank = scan.blank_rows(self.levels_)
        if len(blank) and not scan.is_table:
            raise ValueError(
                f"{some_of(len(blank), len(scan), 'images', 'have no ink')}"
                f", rows {some_rows(blank)}: written by nobody, to be left out"
            )

    def _train_on_patches(
        self,
        images: LazyImages,
        targets: Sequence[Any],
        groups: Any,
        *,
        further: bool,
        max_epochs: int | None = None,
        split: Split | None = None,
        kind: type[PatchDataset] | None = None,
    ) -> None:
        """Train on patches drawn from the images, each with the target of its image."""
        size = self._size()

        def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> PatchDataset:
            return (kind or PatchDataset)(
                images[rows],
                [targets[row] for row in rows],
                self.levels_,
                size,
                self.n_patches,
                self.augment if training else None,
                seed,
                images.is_table,
            )

        make_module = self._module_to_train_further if further else self._make_new_module
        self._train(make_dataset, len(targets), groups, make_module, max_epochs, split)

    def _make_network(self, n_outputs: int) -> PatchNetwork:
        make: Any = BACKBONES.get(self.backbone, self.backbone)
        backbone = make()
        n_stages = len(stages(backbone))
        frozen = n_stages * self.frozen if isinstance(self.frozen, bool) else self.frozen
        if frozen > n_stages:
            raise ValueError(f"frozen={frozen}, and the backbone has {n_stages} stages only")
        return PatchNetwork(backbone, n_outputs, self.dense_units, self.dropout, frozen)

    def _make_new_module(self) -> nn.Module:
        """The module before its first training: from a checkpoint, if there is one."""
        module = self._make_module()
        if self.backbone_weights is not None:
            name, state = read_weights(self.backbone_weights, self.backbone)
            try:
                module.load_backbone(state)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return module

    def _walk(self, X: Any) -> Iterator[tuple[int, list[Window], Tensor, Tensor]]:
        """Yield (row, windows, outputs and features of its patches) for every image."""
        check_is_fitted(self)
        images = check_images(X, self, image_shape=self.image_shape)
        unlike = Unlike()
        cut_all = partial(
            _cut_all,
            size=self._size(),
            levels=self.levels_,
            is_table=images.is_table,
            whole=self.n_patches is None,
        )
        with closing(walk(images, cut_all, run=self._map_rows)) as walker:
            while chunk := list(islice(walker, _CHUNK)):
                patches = [patch for _, (_, of_image, _) in chunk for patch in of_image]
                outputs, features = self._evaluate_patches(patches)
                done = 0
                for row, (laid, _, ink) in chunk:
                    unlike.look(row, ink)
                    part = slice(done, done + len(laid))
                    done = part.stop
                    empty = torch.empty(0)
                    yield (
                        row,
                        laid,
                        torch.stack(outputs[part]).double() if laid else empty,
                        torch.stack(features[part]) if laid else empty,
                    )
        unlike.blank = []  # that is for the subclass to say
        self._warn_unlike(unlike, len(images))

    def _evaluate_patches(self, patches: list[Image]) -> tuple[list[Any], list[Any]]:
        """Outputs and features of patches, which are there: no worker prepares them."""
        outputs: list[Any] = [None] * len(patches)
        features: list[Any] = [None] * len(patches)
        dataset = RasterDataset(patches, self.levels_)
        dataset.collate = _collate
        size = self.batch_size * (self.n_patches or 1)
        batches = self._outputs(dataset, batch_size=size, warn=False, run=run_here)
        for rows, (output, feature) in batches:
            for row, one_output, one_feature in zip(rows, output, feature, strict=True):
                outputs[row], features[row] = one_output.cpu(), one_feature.cpu()
        return outputs, features

    def _embed(self, X: Any) -> NDArray[np.float32]:
        """Features of images, averaged over their patches; zeros where there is no ink."""
        embedding = np.zeros((len(check_images(X, self)), self.net_.module_.n_features), np.float32)
        for row, windows, _, features in self._walk(X):
            if windows:
                embedding[row] = features.mean(dim=0).numpy()
        return embedding


def _cut_all(
    row: int, image: Image, size: PatchSize, levels: Levels, is_table: bool, whole: bool
) -> tuple[list[Window], list[Image], Ink]:
    """Cut the patches that cover the ink of an image; or resize the `whole` image as one patch."""
    ink = to_ink(image, levels)
    is_ink = np.ones(ink.shape, bool) if is_table else find_ink(ink)
    laid = lay_windows(is_ink, ink.shape if whole else size.cut)
    patches = [
        shrink(image if whole else cut(image, window, size.cut, levels), size.seen)
        for window in laid
    ]
    return laid, patches, measure_ink(ink)


def _keep_nothing(row: int, image: Image) -> None:
    return None


class PatchDataset(RasterDataset):
    """Patches drawn at random from images, where ink is; those of one image come together.

    A sample is `(n_patches, height, width)`; its `collate` makes one batch of them all. Without
    `n_patches`, the only patch is the whole image, resized.
    """

    def __init__(
        self,
        images: Sequence[Image],
        targets: Sequence[Any],
        levels: tuple[float, float],
        size: PatchSize,
        n_patches: int | None,
        augment: Augmentation | None,
        seed: int,
        is_table: bool,
    ) -> None:
        super().__init__(images, levels, None, targets, augment, seed)
        self.size = size
        self.n_patches = n_patches
        self.is_table = is_table
        self.collate = _collate_patches

    def __getitem__(self, i: int) -> tuple[NDArray[np.float32], Any]:
        patches = self._draw(self.images[i], np.random.default_rng([self.seed, self.epoch, i]))
        assert self.targets is not None
        return to_ink(np.stack(patches), self.levels), self.targets[i]

    def _draw(self, image: Image, rng: np.random.Generator) -> list[Image]:
        if self.n_patches is None:
            changed = image if self.augment is None else self._augmented(image, rng)
            return [shrink(changed, self.size.seen)]
        is_ink = np.ones(image.shape, bool)
        if not self.is_table:
            is_ink = find_ink(to_ink(image, self.levels))
        windows = draw_windows(is_ink, self.size.cut, self.n_patches, rng)
        return [self._patch(image, window, rng) for window in windows]

    def _patch(self, image: Image, window: Window, rng: np.random.Generator) -> Image:
        height, width = self.size.cut
        if self.augment is None:
            return shrink(cut(image, window, self.size.cut, self.levels), self.size.seen)
        above, aside = round(_MARGIN * height), round(_MARGIN * width)
        wider = Window(window.top - above, window.left - aside, window.ink)
        wide = cut(image, wider, (height + 2 * above, width + 2 * aside), self.levels)
        changed = self._augmented(wide, rng)
        return shrink(changed[above : above + height, aside : aside + width], self.size.seen)


def cut(image: Image, window: Window, size: tuple[int, int], levels: tuple[float, float]) -> Image:
    """A patch; beyond the image there is paper, in the tone that most of the image has."""
    if (np.array(image.shape) > 1).all():
        paper = np.median(image)
    else:
        paper = 255 if image.dtype == np.uint8 else levels[0]
    patch = np.full(size, paper, image.dtype)
    top, left = max(0, window.top), max(0, window.left)
    part = image[top : max(0, window.top + size[0]), left : max(0, window.left + size[1])]
    top, left = top - window.top, left - window.left
    patch[top : top + part.shape[0], left : left + part.shape[1]] = part
    return patch


def shrink(patch: Image, size: tuple[int, int]) -> Image:
    """Scale a patch: what has to shrink is averaged over areas, then the rest interpolated."""
    for shape, method in (
        (tuple(map(min, size, patch.shape)), cv2.INTER_AREA),
        (size, cv2.INTER_LINEAR),
    ):
        if patch.shape != shape:
            patch = cv2.resize(patch, shape[::-1], interpolation=method)
    return patch


def draw_windows(
    ink: NDArray[np.bool_], size: tuple[int, int], n: int, rng: np.random.Generator
) -> list[Window]:
    """Places of `n` patches, each around a pixel of ink, within the image as far as it goes."""
    rows, columns = np.divmod(rng.choice(np.flatnonzero(ink), n), ink.shape[1])
    places = []
    for centre, side, length in zip((rows, columns), size, ink.shape, strict=True):
        start = (centre - rng.uniform(0.25, 0.75, n) * side).astype(int)
        middle = (length - side) // 2  # where the image is the smaller
        places.append(np.clip(start, min(0, middle), max(length - side, middle)))
    return [Window(top, left, 0) for top, left in zip(*map(list, places), strict=True)]


def lay_windows(ink: NDArray[np.bool_], size: tuple[int, int]) -> list[Window]:
    """Places of patches that cover an image, each overlapping the next by half, where ink is."""
    starts = []
    for side, length in zip(size, ink.shape, strict=True):
        if length <= side:
            starts.append(np.array([(length - side) // 2]))
        else:
            n = -(-2 * (length - side) // side) + 1
            starts.append(np.linspace(0, length - side, n).round().astype(int))
    sums = np.pad(ink.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tops, lefts = np.clip(starts[0], 0, None)[:, None], np.clip(starts[1], 0, None)
    bottoms = np.minimum(starts[0] + size[0], ink.shape[0])[:, None]
    rights = np.minimum(starts[1] + size[1], ink.shape[1])
    counts = sums[bottoms, rights] - sums[tops, rights] - sums[bottoms, lefts] + sums[tops, lefts]
    if not counts.any():
        return []
    kept = np.argwhere(counts >= max(1, _LEAST_INK * counts[counts > 0].mean()))
    return [Window(int(starts[0][i]), int(starts[1][j]), int(counts[i, j])) for i, j in kept]


def _collate(batch: list[tuple[NDArray[np.float32], Any]]) -> tuple[dict[str, Tensor], Any]:
    images = torch.from_numpy(np.stack([image for image, _ in batch]))[:, None]
    return {"images": images}, torch.zeros(0)


def _collate_patches(batch: list[tuple[NDArray[np.float32], Any]]) -> tuple[dict[str, Tensor], Any]:
    images = torch.from_numpy(np.concatenate([patches for patches, _ in batch]))[:, None]
    repeats = torch.tensor([len(patches) for patches, _ in batch])
    targets = (torch.tensor(part) for part in zip(*(target for _, target in batch), strict=True))
    return {"images": images}, tuple(part.repeat_interleave(repeats) for part in targets)
