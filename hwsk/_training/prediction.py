"""Predict by a fitted network: batches of outputs, warnings of foreign images, pickling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from hwsk._data.images import Image, some_rows
from hwsk._data.levels import FAINTEST, inverted_message
from hwsk._data.scan import Run, walk
from hwsk._training.batches import RasterDataset
from hwsk._training.devices import resolve_device, resolve_precision
from hwsk._training.layout import fit_weights, limit_size
from hwsk._training.net import Net, PredictingNet
from hwsk._training.workers import map_rows
from hwsk._warn import warn_caller
from hwsk._wording import some_of

CHUNK = 32  # batches decoded and sorted by width at once in prediction: memory stays flat


class Ink(NamedTuple):
    """Hold mean, largest absolute and largest value of the ink of an image."""

    mean: float
    extreme: float
    most: float


def measure_ink(ink: NDArray[np.float32]) -> Ink:
    """Measure the ink of an image as the network gets it."""
    return Ink(float(ink.mean()), float(abs(ink).max()), float(ink.max()))


class Unlike:
    """Rows of images whose amount of ink shows that they are not what `fit` was given."""

    def __init__(self, ink: str = "dark") -> None:
        self.ink = ink
        self.inverted: list[int] = []
        self.beyond: list[int] = []
        self.blank: list[int] = []

    def look(self, row: int, ink: Ink) -> None:
        """Enter an image."""
        if ink.mean > 0.6:
            self.inverted.append(row)
        if ink.extreme > 1.5:
            self.beyond.append(row)
        elif ink.most <= FAINTEST:
            self.blank.append(row)


def _prepare(datasets: list[RasterDataset], row: int, image: Image) -> tuple[list[Any], Ink]:
    samples = [dataset.prepare(row, image) for dataset in datasets]
    return samples, measure_ink(samples[0][0])


class NetworkPredictor(BaseEstimator):
    """Hold a fitted network, batch its outputs and pickle it.

    A subclass says `_make_module()`: its torch module, from its parameters and what `fit` has
    learnt.
    """

    net_: Net
    levels_: tuple[float, float]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def _outputs(
        self,
        dataset: RasterDataset,
        *,
        batch_size: int | None = None,
        warn: bool = True,
        run: Run | None = None,
    ) -> Iterator[tuple[list[int], Any]]:
        """Yield (rows, output of the network), as `_outputs_of_versions` does of one version."""
        for rows, (output,) in self._outputs_of_versions(
            [dataset], batch_size=batch_size, warn=warn, run=run
        ):
            yield rows, output

    def _outputs_of_versions(
        self,
        datasets: list[RasterDataset],
        *,
        batch_size: int | None = None,
        warn: bool = True,
        run: Run | None = None,
    ) -> Iterator[tuple[list[int], list[Any]]]:
        """Yield (rows, outputs of the network) batch by batch, similar widths together.

        The datasets are versions of the same images, each decoded once. A chunk of rows is decoded
        at a time, so memory does not grow with their number. In the end, images without ink and
        images that are clearly unlike those of `fit`, in the first version, are named in warnings,
        and so is what `walk` remarks on.
        """
        check_is_fitted(self)
        dataset = datasets[0]
        size = batch_size or self.batch_size
        unlike = Unlike(dataset.ink)
        prepare = partial(_prepare, datasets)
        samples = walk(dataset.images, prepare, remark=warn, run=run or self._map_rows)
        with closing(samples):  # it may have worker processes
            while chunk := list(islice(samples, CHUNK * size)):
                start, items = chunk[0][0], [item for _, (item, _) in chunk]
                for row, (_, ink) in chunk:
                    unlike.look(row, ink)
                order = np.argsort([item[0][0].shape[1] for item in items], kind="stable")
                for i in range(0, len(items), size):
                    chosen = order[i : i + size]
                    batches = zip(*(items[j] for j in chosen), strict=True)
                    yield (
                        [start + int(j) for j in chosen],
                        [
                            self.net_.evaluation_step(version.collate(list(batch)))
                            for version, batch in zip(datasets, batches, strict=True)
                        ],
                    )
        if warn:
            self._warn_unlike(unlike, len(dataset))

    def _map_rows(self, function: Callable[[int], Any], n: int) -> Iterator[Any]:
        """Call a function with 0 to n - 1, in as many processes as `n_jobs` says."""
        return map_rows(function, n, self.n_jobs)

    def _warn_unlike(self, unlike: Unlike, n: int) -> None:
        """Warn of images whose ink, on average or somewhere, is more than can be, or nothing."""
        if hasattr(self, "n_features_in_"):  # the values of tables are free
            return
        if unlike.beyond:
            warn_caller(
                f"{some_of(len(unlike.beyond), n, 'images', 'hold values far from those of `fit`')}"
                f", where paper was {self.levels_[0]:g} and ink {self.levels_[1]:g}, rows "
                f"{some_rows(unlike.beyond)}; floats are 0 to 1, and 0 to 255 is for uint8"
            )
        elif unlike.inverted:
            warn_caller(inverted_message(unlike.inverted, n, unlike.ink))
        self._warn_blank(unlike.blank, n)

    def _warn_blank(self, rows: Any, n: int) -> None:
        if len(rows) and not hasattr(self, "n_features_in_"):
            warn_caller(
                f"{some_of(len(rows), n, 'images', 'have no ink')}"
                f", rows {some_rows(rows)}: blank, or ink that is less than a tenth of the scale "
                f"darker than its paper; the {type(self).__name__}'s output means nothing"
            )

    def _get_network_state(self) -> dict[str, NDArray[Any]]:
        """The network's weights as arrays, whatever device they are on."""
        return {k: v.detach().cpu().numpy() for k, v in self.net_.module_.state_dict().items()}

    def _set_network_state(self, weights: dict[str, NDArray[Any]]) -> None:
        """Rebuild the network from its weights, on a device that this machine has.

        The module is laid out without memory, as the parameters say, and takes the weights only if
        each has the shape that the layout asks for: nothing is drawn, and a file whose parameters
        and weights don't fit asks for no memory. What is rebuilt predicts; a net that trains is
        made when training goes on.
        """
        module, fitting = self._lay_out(weights)
        module.load_state_dict(fitting, assign=True)
        device = self.device
        try:
            resolved = resolve_device(device)
        except ValueError as error:
            warn_caller(
                f"{error}; the estimator predicts on another device",
            )
            resolved = resolve_device("auto")
        dtype = resolve_precision(self.precision, resolved)
        self.net_ = PredictingNet(
            # torch documents this form of `to`, and its type stubs lack it
            module.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
            batch_size=self.batch_size,
            device=str(resolved),
            dtype=dtype,
        ).initialize()

    def _lay_out(self, weights: dict[str, NDArray[Any]]) -> tuple[nn.Module, dict[str, Tensor]]:
        """The module that the parameters ask for, without memory, and the weights as it has them.

        Raises an exception, most often ValueError, if parameters and weights don't fit.
        """
        with torch.device("meta"), limit_size(weights):
            module = self._make_module_of(weights)
        if self.precision == "float64":
            module.double()
        return module, fit_weights(module, weights)

    def _make_module_of(self, weights: dict[str, NDArray[Any]]) -> nn.Module:
        """Make the module that weights belong to, whatever was set since they were learnt."""
        return self._make_module()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "net_" in state:
            del state["net_"]
            state["_weights"] = self._get_network_state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            self._set_network_state(weights)
