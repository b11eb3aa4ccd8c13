"""The bridge: where a scikit-learn estimator meets a skorch net.

An estimator holds its parameters and nothing else until `fit`. `fit` looks at the data, builds a
torch module from its dimensions, and hands both to `NetworkEstimator._train`, which runs a skorch
net and keeps it as `net_`. Networks know nothing of this file; this file knows no network.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset, Sampler

from hwsk._images import Image, resize_to_height, some_rows
from hwsk.callbacks import OneCycle, Progress, WeightAverage, epoch_rows

Augmentation = Callable[[Image, np.random.Generator], Image]
Split = Callable[[int, Any, int], tuple[NDArray[Any], NDArray[Any]]]
Collate = Callable[[list[tuple[NDArray[np.float32], Any]]], tuple[dict[str, Tensor], Any]]

CHUNK = 32  # batches decoded and sorted by width at once in prediction: memory stays flat
WIDTH_STEP = 32  # batch widths are multiples of this, so oneDNN meets few shapes

TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "lr_schedule": [StrOptions({"one_cycle", "plateau", "constant"})],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "ema_decay": [Interval(Real, 0, 1, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "augment": [callable, None],
    "device": [str],
    "precision": [StrOptions({"auto", "float32", "bfloat16", "float64"})],
    "warm_start": ["boolean"],
    "callbacks": [list, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

_TRAINING_DOC = """\
    max_epochs : int, default={max_epochs}
        Passes over the training data.
    batch_size : int, default={batch_size}
        Samples a step. Samples of similar size are put together.
    lr : float, default={lr}
        Learning rate: the highest of the course that `lr_schedule` takes.
    lr_schedule : {{"one_cycle", "plateau", "constant"}}, default="one_cycle"
        "one_cycle" warms up over the first tenth of `max_epochs`, then falls to 0 by a cosine;
        "plateau" divides the rate by 10 when the loss (with `early_stopping`, that of the samples
        held out) has not fallen for a third of `n_iter_no_change` epochs.
    weight_decay : float, default={weight_decay}
        Decoupled weight decay, as AdamW has it.
    ema_decay : float, default={ema_decay}
        The weights that are kept are an exponential moving average of those of each step, with
        this decay (0.999 remembers about 1000 steps); 0 keeps the last step's.
    early_stopping : bool, default=False
        Hold `validation_fraction` of the samples out, stop when their score has not risen for
        `n_iter_no_change` epochs, and restore the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share held out with `early_stopping`; of the groups, when `fit` is given groups.
    n_iter_no_change : int, default=10
        Patience of `early_stopping`, in epochs.
    augment : callable, default=None
        `augment(image, rng)` returns a changed image (dark ink on light paper, 2-D), or changed
        strokes where those are learnt from; applied afresh each epoch, in training only. See
        `hwsk.preprocessing.augmentation`.
    device : str, default="auto"
        "auto" (CUDA, else Apple's MPS, else the CPU) or a torch device such as "cuda:1".
    precision : {{"auto", "float32", "bfloat16", "float64"}}, default="auto"
        Number format of the heavy operations; "auto" takes bfloat16 where the processor computes
        in it. Weights, losses and outputs are float32 with all but "float64", which is slow, and
        for where rounding must not count.
    warm_start : bool, default=False
        Go on from the weights of the last `fit` instead of new ones.
    callbacks : list of skorch callbacks, default=None
        Passed to the skorch net, e.g. `hwsk.callbacks.Checkpoint`.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, order, dropout and augmentation. Global generators are left alone.
    verbose : int, default=0
        1 shows a progress bar, 2 prints a line an epoch."""


def document_training(cls: type) -> type:
    """Put the docstring of the training parameters, and their defaults, at `{training}`."""
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()
    }
    cls.__doc__ = (cls.__doc__ or "").replace("    {training}", _TRAINING_DOC.format_map(defaults))
    return cls


def check_channels(channels: Sequence[Any]) -> None:
    """Refuse what is no number of filters for each of three convolutional stages."""
    if len(channels) != 3 or not all(
        np.issubdtype(type(number), np.integer) and number > 0 for number in channels
    ):
        raise ValueError(f"channels={channels!r}; the three stages need three whole numbers from 1")


def resolve_device(device: str) -> torch.device:
    """The torch device that "auto", or a device's name, stands for on this machine."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # no such name; no such device here
        raise ValueError(
            f"device={device!r} can't be used here ({str(error).splitlines()[0]}); take 'auto', "
            "'cpu', or the name of a torch device that this machine has"
        ) from None
    return torch.device(device)


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """The number format that "auto", or a format's name, stands for on a device."""
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        able = torch.cpu.get_capabilities()
        native = bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


def draw_seed(random_state: Any) -> int:
    """A seed from `random_state`.

    None draws from the system's entropy, not from numpy's global generator, which would be moved.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextmanager
def seeded(random_state: Any, device: torch.device) -> Iterator[int]:
    """Seed torch within the block from `random_state`; afterwards all is as it was.

    Yields the seed, for generators of one's own.
    """
    seed = draw_seed(random_state)
    mps_state = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed seeds every device there is
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        try:
            yield seed
        finally:
            if mps_state is not None:
                torch.mps.set_rng_state(mps_state)


class Batched(Protocol):
    """What a net is trained on: samples, and how they are put into batches."""

    seed: int
    epoch: int
    widths: NDArray[np.int64] | None  # of samples, by which like is put with like

    @property
    def collate(self) -> Callable[[list[Any]], tuple[dict[str, Tensor], Any]]: ...

    def __len__(self) -> int: ...

    def n_batches(self, batch_size: int) -> int: ...

    def batches(self, batch_size: int, shuffle: bool) -> Sampler[list[int]]: ...


class RasterDataset(Dataset[tuple[NDArray[np.float32], Any]]):
    """Images of one height and any width, with their targets, as ink in [0, 1].

    Parameters
    ----------
    images : sequence of ndarray
        Decoded when asked for, if lazy.
    levels : (float, float)
        Values of paper and of full ink, for images that are not uint8.
    height : int or None
        Height to scale to; None keeps images as they are.
    targets : sequence or None
        Class numbers of each image's characters.
    augment : callable or None
        Changes an image, afresh in each epoch.
    seed : int
        Decides, with the epoch, the order and the augmentation.
    """

    ink = "dark"
    """What ink was in the images as they were given."""

    def __init__(
        self,
        images: Sequence[Image] | NDArray[Any],
        levels: tuple[float, float],
        height: int | None = None,
        targets: Sequence[Any] | None = None,
        augment: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        self.images = images
        self.levels = levels
        self.height = height
        self.targets = targets
        self.augment = augment
        self.seed = seed
        self.epoch = 0
        self.widths: NDArray[np.int64] | None = None
        self.collate: Collate = collate_rasters

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[NDArray[np.float32], Any]:
        image = self._scaled(self.images[i])
        if self.augment is not None:
            rng = np.random.default_rng([self.seed, self.epoch, i])
            image = self._scaled(self._augmented(image, rng))  # its height may be another
        return to_ink(image, self.levels), None if self.targets is None else self.targets[i]

    def _augmented(self, image: Image, rng: np.random.Generator) -> Image:
        assert self.augment is not None
        changed = self.augment(image, rng)
        _check_augmented(changed, image, same_size=self.height is None)
        return changed

    def _scaled(self, image: Image) -> Image:
        return image if self.height is None else resize_to_height(image, self.height)

    def n_batches(self, batch_size: int) -> int:
        return -(-len(self) // batch_size)

    def batches(self, batch_size: int, shuffle: bool) -> Sampler[list[int]]:
        return WidthBatches(self, batch_size, shuffle)


def _check_augmented(changed: Any, image: Image, same_size: bool) -> None:
    """Refuse what would be read as other grey values than it has, or as no image at all."""
    what = type(changed).__name__
    if isinstance(changed, np.ndarray):
        both_float = changed.dtype.kind == image.dtype.kind == "f"
        right_size = changed.shape == image.shape if same_size else changed.size
        if changed.ndim == 2 and right_size and (changed.dtype == image.dtype or both_float):
            return
        what = f"an array of shape {changed.shape} and dtype {changed.dtype}"
    raise ValueError(
        f"augment was given an image of shape {image.shape} and dtype {image.dtype}, and returned "
        f"{what}; it must return a 2-D array of the same dtype"
        + (" and shape" if same_size else "")
    )


def inverted_message(rows: Any, n: int, ink: str = "dark") -> str:
    """What to say of images that are full of ink, where ink is meant to be "dark" or "light"."""
    looks, wanted = "light ink on dark paper", "dark ink on light paper"
    if ink == "light":
        looks, wanted = wanted, looks
    why = "as hwsk.preprocessing.Grayscale makes it" if ink == "dark" else "as most in `fit` have"
    return (
        f"{len(rows)} of {n} images look inverted ({looks}), rows {some_rows(rows)}; "
        f"expected is {wanted}, {why}"
    )


def learn_levels(
    means: NDArray[np.float64],
    is_float: NDArray[np.bool_],
    span: tuple[float, float],
    is_table: bool,
    stacklevel: int,
) -> tuple[float, float]:
    """The values of paper and full ink in images of floats, which span these; dark ink on light.

    Warns of another scale than 0 to 1 and of inverted images; in tables, values are free.
    """
    low, high = span
    if low > -1e-4 and high < 1 + 1e-4:  # what resizing makes of 0 and 1 may be rounded beyond
        low, high = 0.0, 1.0
    elif not is_table:
        warnings.warn(
            f"images of floats hold values from {low:g} to {high:g}, not 0 to 1: "
            f"{high:g} is taken as paper and {low:g} as full ink",
            stacklevel=stacklevel + 1,
        )
    ink = np.where(is_float, (high - means) / (high - low), 1 - means / 255)
    dark = np.flatnonzero(ink > 0.5)
    if len(dark) <= len(ink) / 2:  # most are light: name those that are clearly otherwise
        dark = np.flatnonzero(ink > 0.6)
    if len(dark) and not is_table:
        warnings.warn(inverted_message(dark, len(means)), stacklevel=stacklevel + 1)
    return high, low


def to_ink(image: Image, levels: tuple[float, float]) -> NDArray[np.float32]:
    """Grey values as amount of ink: paper 0, full ink 1."""
    paper, ink = (255.0, 0.0) if image.dtype == np.uint8 else levels
    return ((paper - image.astype(np.float32)) / (paper - ink)).astype(np.float32, copy=False)


class WidthBatches(Sampler[list[int]]):
    """Batches of samples of similar width, in random order.

    Samples are shuffled, sorted by width within runs of `run` batches, and cut into batches: little
    padding, yet new company each epoch.
    """

    def __init__(self, dataset: Batched, batch_size: int, shuffle: bool, run: int = 50):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.run = run

    def __len__(self) -> int:
        return self.dataset.n_batches(self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        n, widths = len(self.dataset), self.dataset.widths
        rng = np.random.default_rng([self.dataset.seed, self.dataset.epoch])
        order = rng.permutation(n) if self.shuffle else np.arange(n)
        run = self.run * self.batch_size if self.shuffle else n
        batches = []
        for start in range(0, n, run):
            part = order[start : start + run]
            if widths is not None:
                part = part[np.argsort(widths[part], kind="stable")]
            batches += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
        if self.shuffle:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        return iter([batch.tolist() for batch in batches])


def collate_rasters(batch: list[tuple[NDArray[np.float32], Any]]) -> tuple[dict[str, Tensor], Any]:
    """Images of one height, padded with paper to one width; targets joined end to end."""
    images = [image for image, _ in batch]
    widths = [image.shape[1] for image in images]
    width = -(-max(widths) // WIDTH_STEP) * WIDTH_STEP
    padded = torch.zeros(len(images), 1, images[0].shape[0], width)
    for row, image in zip(padded, images, strict=True):
        row[0, :, : image.shape[1]] = torch.from_numpy(image)
    X = {"images": padded, "widths": torch.tensor(widths)}
    targets = [target for _, target in batch]
    if targets[0] is None:
        return X, torch.zeros(0)
    lengths = torch.tensor([len(target) for target in targets])
    return X, (torch.from_numpy(np.concatenate(targets)), lengths)


class Net(NeuralNet):
    """A skorch net over what is `Batched`: mixed precision, channels last, batches by width."""

    def __init__(self, *args: Any, dtype: torch.dtype = torch.float32, **kwargs: Any) -> None:
        self.dtype = dtype
        super().__init__(*args, **kwargs)

    def get_iterator(self, dataset: Any, training: bool = False) -> DataLoader[Any]:
        batches = dataset.batches(self.batch_size, shuffle=training)
        return DataLoader(dataset, batch_sampler=batches, collate_fn=dataset.collate)

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        super().on_epoch_begin(net, dataset_train=dataset_train, **kwargs)
        dataset_train.epoch = len(self.history) - 1  # not a count of its own: a resumed fit agrees

    def infer(self, x: dict[str, Tensor], **fit_params: Any) -> Any:
        exact = torch.float64 if self.dtype == torch.float64 else torch.float32
        x = {
            name: value.to(self.device, exact if value.is_floating_point() else value.dtype)
            for name, value in x.items()
        }
        if "images" in x:
            x["images"] = x["images"].contiguous(memory_format=torch.channels_last)
        enabled = self.dtype == torch.bfloat16
        with torch.autocast(torch.device(self.device).type, self.dtype, enabled=enabled):
            return self.module_(**x)


class BatchScore(Callback):
    """Score the validation batches while they are run: no second pass.

    Parameters
    ----------
    score_batch : callable
        `score_batch(output, target)` gives (sum of errors, count); the epoch's score is
        1 - errors / count.
    """

    def __init__(self, score_batch: Callable[[Any, Any], tuple[float, float]]) -> None:
        self.score_batch = score_batch

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.errors_ = self.count_ = 0.0

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, y_pred: Any = None, **kwargs: Any
    ) -> None:
        if not training:
            errors, count = self.score_batch(y_pred, batch[1])
            self.errors_ += errors
            self.count_ += count

    def on_epoch_end(self, net: Any, dataset_valid: Any = None, **kwargs: Any) -> None:
        if dataset_valid is not None:
            net.history.record("valid_score", 1 - self.errors_ / max(1.0, self.count_))


class NetworkEstimator(BaseEstimator):
    """What every estimator with a network shares: training, batched outputs, pickling.

    A subclass has the parameters of `TRAINING_CONSTRAINTS`, and says

    - `_make_module()`: its torch module, from its parameters and what `fit` has learnt;
    - `_make_criterion()`: its loss;
    - `_score_batch(output, target)`: errors and their possible number, for early stopping.
    """

    net_: Net
    levels_: tuple[float, float]

    _net_class: type[Net] = Net
    _gradient_norm = 5.0  # a step's gradient is shortened to this length

    def _optimizer(self) -> type[torch.optim.Optimizer]:
        return torch.optim.AdamW

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def _make_net(
        self, module: nn.Module, callbacks: Sequence[Callback] = (), device: str | None = None
    ) -> Net:
        resolved = resolve_device(device or self.device)
        dtype = resolve_precision(self.precision, resolved)
        return self._net_class(
            # torch documents this form of `to`, and its type stubs lack it
            module.to(  # type: ignore[call-overload]
                torch.float64 if dtype == torch.float64 else torch.float32,
                memory_format=torch.channels_last,
            ),
            self._make_criterion(),
            optimizer=self._optimizer(),
            optimizer__weight_decay=self.weight_decay,
            lr=self.lr,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            train_split=None,
            callbacks=list(callbacks),
            callbacks__print_log=None,
            device=str(resolved),
            dtype=dtype,
            verbose=0,
        ).initialize()

    def _train(
        self,
        make_dataset: Callable[[NDArray[np.int64], bool, int], Batched],
        n_samples: int,
        groups: Any = None,
        make_module: Callable[[], nn.Module] | None = None,
        max_epochs: int | None = None,
        split: Split | None = None,
    ) -> None:
        """Train a module and keep the net as `net_`.

        Parameters
        ----------
        make_dataset : callable
            `make_dataset(rows, training, seed)`.
        n_samples : int
        groups : array-like of shape (n_samples,), optional
            Not divided by the validation split.
        make_module : callable, optional
            Makes the module, its weights drawn from `random_state`; `_make_module` by default.
        max_epochs : int, optional
            Other than the parameter (for `partial_fit`, which also keeps the rate constant).
        split : callable, optional
            `split(n_samples, groups, seed)` gives the rows to train and to validate on, for early
            stopping; `_split` by default.
        """
        epochs = self.max_epochs if max_epochs is None else max_epochs
        for callback in self.callbacks or []:  # skorch takes pairs of a name and a callback, too
            if not isinstance(callback[-1] if isinstance(callback, tuple) else callback, Callback):
                raise TypeError(
                    f"callbacks holds {callback!r}; each is an instance of a skorch callback, such "
                    "as hwsk.callbacks.Checkpoint(path)"
                )
        with seeded(self.random_state, resolve_device(self.device)) as seed:
            train, valid = np.arange(n_samples), None
            callbacks: list[Callback] = [GradientNormClipping(self._gradient_norm)]
            if max_epochs is None and self.lr_schedule == "one_cycle":
                callbacks.append(OneCycle(epochs))
            if max_epochs is None and self.lr_schedule == "plateau":
                callbacks.append(
                    LRScheduler(
                        ReduceLROnPlateau,
                        monitor="valid_loss" if self.early_stopping else "train_loss",
                        patience=self.n_iter_no_change // 3,
                    )
                )
            if self.ema_decay:
                callbacks.append(WeightAverage(self.ema_decay))
            if max_epochs is None and self.early_stopping:
                train, valid = (split or self._split)(n_samples, groups, seed)
                callbacks += [
                    BatchScore(self._score_batch),
                    EarlyStopping(
                        "valid_score",
                        patience=self.n_iter_no_change,
                        lower_is_better=False,
                        threshold=0,
                        load_best=True,
                        sink=_silent,
                    ),
                ]
            if self.verbose:
                callbacks.append(Progress(epochs, int(self.verbose)))
            module = (make_module or self._make_module)()
            net = self._make_net(module, callbacks + (self.callbacks or []))
            if max_epochs is not None and hasattr(self, "net_"):
                _hand_over_optimizer(self.net_, net)
            if valid is not None:
                valid_dataset = make_dataset(valid, False, seed)
                net.train_split = predefined_split(valid_dataset)
            net.partial_fit(make_dataset(train, True, seed), epochs=epochs)
        self._keep(net)
        losses = [row["train_loss"] for row in self.history_]
        if losses and not np.isfinite(losses[-1]):
            warnings.warn(
                f"the training loss became {losses[-1]} in epoch {len(losses)}: the network is "
                f"useless; lower lr (now {self.lr})",
                ConvergenceWarning,
                stacklevel=5,  # the caller of `fit`
            )

    def _module_to_train_further(self) -> nn.Module:
        """The fitted weights in a module of the present parameters."""
        module = self._make_module()
        try:
            module.load_state_dict(self.net_.module_.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "training goes on from a network of another architecture; set warm_start=False or "
                f"take the former parameters ({str(error).splitlines()[-1].strip()})"
            ) from None
        return module

    def _split(self, n: int, groups: Any, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if groups is not None and (absent := np.flatnonzero(pd.isna(list(groups)))).size:
            raise ValueError(
                f"groups has no value in {absent.size} of {n} rows, first in row {absent[0]}; "
                "leave those samples out, or give each a group of its own"
            )
        kind = ShuffleSplit if groups is None else GroupShuffleSplit
        if (n if groups is None else len(set(groups))) < 2:
            raise ValueError(
                f"early_stopping holds samples out, and there {'is' if n == 1 else 'are'} only "
                f"{n} sample(s){'' if groups is None else ' of one group'}; set "
                "early_stopping=False"
            )
        split = kind(1, test_size=self.validation_fraction, random_state=seed)
        train, valid = next(split.split(np.zeros(n), groups=groups))
        return train, valid

    def _keep(self, net: Net) -> None:
        """Keep what predicts, and drop what only training needed (callbacks, batch records)."""
        self.history_ = epoch_rows(net.history)
        self.n_iter_ = len(self.history_)
        self.net_ = self._make_net(net.module_)
        _hand_over_optimizer(net, self.net_)

    def _outputs(
        self,
        dataset: RasterDataset,
        *,
        batch_size: int | None = None,
        warn: bool = True,
        stacklevel: int = 4,
    ) -> Iterator[tuple[list[int], Any]]:
        """Yield (rows, output of the network) batch by batch, similar widths together.

        A chunk of rows is decoded at a time, so memory does not grow with their number. In the
        end, images that are clearly unlike those of `fit` are named in a warning.
        """
        check_is_fitted(self)
        size = batch_size or self.batch_size
        inverted: list[int] = []
        beyond: list[int] = []
        for start in range(0, len(dataset), CHUNK * size):
            rows = range(start, min(len(dataset), start + CHUNK * size))
            items = [dataset[i] for i in rows]
            inverted += [i for i, item in zip(rows, items, strict=True) if item[0].mean() > 0.6]
            beyond += [i for i, item in zip(rows, items, strict=True) if abs(item[0]).max() > 1.5]
            order = np.argsort([item[0].shape[1] for item in items], kind="stable")
            for i in range(0, len(items), size):
                chosen = order[i : i + size]
                batch = dataset.collate([items[j] for j in chosen])
                yield [start + int(j) for j in chosen], self.net_.evaluation_step(batch)
        if warn:
            self._warn_unlike(inverted, beyond, len(dataset), dataset.ink, stacklevel)

    def _warn_unlike(
        self, inverted: list[int], beyond: list[int], n: int, ink: str, stacklevel: int
    ) -> None:
        """Warn of images whose ink, on average or somewhere, is more than can be."""
        if hasattr(self, "n_features_in_"):  # the values of tables are free
            return
        if beyond:
            warnings.warn(
                f"{len(beyond)} of {n} images hold values far from those of `fit`, where paper was "
                f"{self.levels_[0]:g} and ink {self.levels_[1]:g}, rows {some_rows(beyond)}; "
                "floats are 0 to 1, and 0 to 255 is for uint8",
                stacklevel=stacklevel + 1,
            )
        elif inverted:
            warnings.warn(inverted_message(inverted, n, ink), stacklevel=stacklevel + 1)

    def _get_network_state(self) -> dict[str, NDArray[Any]]:
        """The network's weights as arrays, whatever device they are on."""
        return {k: v.detach().cpu().numpy() for k, v in self.net_.module_.state_dict().items()}

    def _set_network_state(self, weights: dict[str, NDArray[Any]]) -> None:
        """Rebuild the network from its weights, on a device that this machine has."""
        with seeded(0, torch.device("cpu")):  # initial weights are drawn, then overwritten
            module = self._make_module()
        if self.precision == "float64":
            module.double()
        module.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()})
        device = self.device
        try:
            resolve_device(device)
        except ValueError as error:
            warnings.warn(f"{error}; the estimator predicts on another device", stacklevel=2)
            device = "auto"
        self.net_ = self._make_net(module, device=device)

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


def _hand_over_optimizer(old: Net, new: Net) -> None:
    """Let `new` go on with the optimizer's moments; its rates are its own.

    Not if the network has grown, or another optimizer goes on.
    """
    learnt = [net.get_all_learnable_params() for net in (old, new)]
    shapes = [[weight.shape for _, weight in weights] for weights in learnt]
    if shapes[0] == shapes[1] and type(old.optimizer_) is type(new.optimizer_):
        moments = old.optimizer_.state_dict()["state"]
        new.optimizer_.load_state_dict({**new.optimizer_.state_dict(), "state": moments})


def _silent(text: str) -> None:
    """Where skorch's early stopping would print."""
