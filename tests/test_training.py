"""The bridge between scikit-learn and skorch, tried with the smallest estimator that crosses it."""

import copy
import pickle
import random
import sys

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback, LRScheduler
from small_words import draw_words, small_recognizer, weights

import hwsk
from hwsk._data.images import LazyImages
from hwsk._data.levels import to_ink
from hwsk._training import prediction
from hwsk._training.batches import WIDTH_STEP, RasterDataset, WidthBatches, collate_rasters
from hwsk._training.devices import resolve_device, resolve_precision, seeded
from hwsk._training.schedules import OneCycle
from hwsk.callbacks import Checkpoint
from hwsk.metrics import character_error_rate
from hwsk.preprocessing import Grayscale, InkCropper
from hwsk.recognition import CharacterClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore:after .* epochs the recognizer reads nothing"),
    pytest.mark.filterwarnings("ignore:training was interrupted"),
]
X, Y = draw_words(40)
UNSEEN, UNSEEN_Y = draw_words(12, seed=1)


@pytest.fixture(scope="module")
def reader():
    """A recognizer that reads most words; tests that change it take a copy."""
    return small_recognizer(max_epochs=15).fit(X, Y)


def flat(augmented: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An augmentation: lighter ink, by chance, and a pixel less of height."""
    return np.maximum(augmented, np.uint8(rng.integers(100)))[1:]


class Spy(Callback):
    """Notes what a fit does."""

    def __init__(self) -> None:
        self.rates = []
        self.train = self.valid = None

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.train, self.valid = dataset_train, dataset_valid

    def on_batch_begin(self, net, training=False, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])


class Interrupt(Callback):
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


class Ruin(Callback):
    """From an epoch on, the network says nothing but "blank"."""

    def __init__(self, epoch: int = 1) -> None:
        self.epoch = epoch

    def on_batch_begin(self, net, training=False, **kwargs):
        if len(net.history) >= self.epoch:
            with torch.no_grad():
                net.module_.head.bias[0] = 100


# --- seeds, devices, number formats


def global_states():
    numpy_state = np.random.get_state()  # noqa: NPY002
    return pickle.dumps((numpy_state, random.getstate(), torch.get_rng_state().numpy()))


@pytest.mark.parametrize("random_state", [0, np.random.RandomState(0), None])
def test_global_generators_are_left_alone(random_state, tmp_path):
    before = global_states()
    recognizer = small_recognizer(random_state=random_state, dropout=0.5, augment=flat)
    recognizer.fit(X[:8], Y[:8]).predict(X[:8])
    pickle.loads(pickle.dumps(recognizer))
    hwsk.save(recognizer.set_params(augment=None, random_state=None), tmp_path / "a.hwsk")
    hwsk.load(tmp_path / "a.hwsk").partial_fit(X[:8], Y[:8])
    assert global_states() == before


def test_seed_decides_the_weights():
    def fit(seed):
        params = {"dropout": 0.3, "augment": flat, "max_epochs": 2}
        return weights(small_recognizer(random_state=seed, **params).fit(X[:16], Y[:16]))

    first = fit(3)
    torch.manual_seed(99)  # nothing global matters
    assert_array_equal(fit(3), first)
    assert_array_equal(fit(np.random.RandomState(5)), fit(np.random.RandomState(5)))
    assert not np.array_equal(fit(4), first)
    assert not np.array_equal(fit(None), fit(None))


def test_seeded_ends_with_an_error():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(0, torch.device("cpu")):
        torch.rand(3)
        raise RuntimeError
    assert torch.equal(torch.get_rng_state(), before)


def test_resolve_device(monkeypatch):
    assert resolve_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto").type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto").type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"


def test_a_torch_device_counts_as_its_name(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
    classifier = CharacterClassifier(
        hidden_units=4, num_layers=1, max_epochs=1, device=torch.device("cpu"), random_state=0
    ).fit(images, np.arange(12) % 2)
    assert clone(classifier).device == torch.device("cpu")
    hwsk.save(classifier, tmp_path / "model.hwsk")
    assert hwsk.load(tmp_path / "model.hwsk").device == "cpu"


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_device_that_is_not_there(device):
    with pytest.raises(ValueError, match=f"device='{device}' can't be used here"):
        small_recognizer(device=device).fit(X[:4], Y[:4])


def test_resolve_precision(monkeypatch):
    cpu = torch.device("cpu")
    assert resolve_precision("float32", cpu) == torch.float32
    assert resolve_precision("bfloat16", cpu) == torch.bfloat16
    for able, vectors, expected in (
        ({"amx_bf16": True}, "AVX512", torch.bfloat16),
        ({"amx_bf16": True}, "DEFAULT", torch.float32),  # by ATEN_CPU_CAPABILITY
        ({}, "AVX512", torch.float32),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able, raising=False)
        monkeypatch.setattr(
            torch.backends.cpu, "get_cpu_capability", lambda vectors=vectors: vectors
        )
        assert resolve_precision("auto", cpu) == expected
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # as in old versions of torch
    assert resolve_precision("auto", cpu) == torch.float32
    assert resolve_precision("auto", torch.device("mps")) == torch.float32
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert resolve_precision("auto", torch.device("cuda")) == torch.bfloat16
    with pytest.raises(ValueError, match="'precision' parameter"):
        small_recognizer(precision="float16").fit(X, Y)


def test_bfloat16_reads_as_float32_does(reader):
    rough = pickle.loads(pickle.dumps(copy.deepcopy(reader).set_params(precision="bfloat16")))
    assert rough.net_.dtype == torch.bfloat16
    same = rough.predict(X) == reader.predict(X)
    assert same.mean() >= 0.9
    for ours, theirs in zip(rough.predict_log_proba(X), reader.predict_log_proba(X), strict=True):
        assert ours.dtype == np.float32
        assert np.abs(np.exp(ours) - np.exp(theirs)).mean() < 0.02


def test_bfloat16_trains_float32_weights():
    recognizer = small_recognizer(precision="bfloat16").fit(X[:8], Y[:8])
    state = recognizer.net_.module_.state_dict().values()
    assert {value.dtype for value in state} == {torch.float32, torch.int64}  # batch norms count
    assert np.isfinite(recognizer.history_[0]["train_loss"])


# --- batches


def dataset_of_widths(widths, seed=0):
    dataset = RasterDataset([None] * len(widths), (1.0, 0.0), seed=seed)
    dataset.widths = np.asarray(widths)
    return dataset


def lines_like_iam(n=2000):
    rng = np.random.default_rng(0)
    return np.clip(rng.lognormal(6.4, 0.35, n), 100, 1200).astype(int)


@pytest.mark.parametrize("n", [1, 7, 8, 2000])
def test_batches_cover_each_row_once_an_epoch_and_anew_in_each(n):
    widths = lines_like_iam(n)
    dataset = dataset_of_widths(widths)
    batches = WidthBatches(dataset, 8, shuffle=True, run=10)
    first = list(batches)
    assert list(batches) == first  # the same epoch again
    assert len(first) == len(batches) == dataset.n_batches(8)
    assert sorted(row for batch in first for row in batch) == list(range(n))
    assert max(map(len, first)) <= 8
    dataset.epoch = 1
    second = list(batches)
    assert sorted(row for batch in second for row in batch) == list(range(n))
    if n > 8:
        assert {frozenset(batch) for batch in second} != {frozenset(batch) for batch in first}
        other = list(WidthBatches(dataset_of_widths(widths, seed=1), 8, shuffle=True))
        assert other != first
    assert len({len(batch) for batch in first}) <= 2


@pytest.mark.parametrize("shuffle", [True, False])
def test_padding_is_under_a_tenth(shuffle):
    widths = lines_like_iam()
    batches = WidthBatches(dataset_of_widths(widths), 16, shuffle=shuffle)
    step = WIDTH_STEP
    padded = sum(len(batch) * -(-widths[batch].max() // step) * step for batch in batches)
    assert padded / widths.sum() < 1.1


def test_batches_without_shuffling_are_the_same_each_epoch():
    dataset = dataset_of_widths(lines_like_iam(50))
    batches = WidthBatches(dataset, 8, shuffle=False)
    first = list(batches)
    dataset.epoch = 1
    assert list(batches) == first


def test_collate_rasters():
    items = [
        (np.ones((4, 3), np.float32), np.array([1, 2])),
        (np.ones((4, 33), np.float32), np.array([3])),
    ]
    X, (targets, lengths) = collate_rasters(items)
    assert X["images"].shape == (2, 1, 4, 64)
    assert X["images"].sum(dim=(1, 2, 3)).tolist() == [12, 132]
    assert X["widths"].tolist() == [3, 33]
    assert targets.tolist() == [1, 2, 3]
    assert lengths.tolist() == [2, 1]
    assert pickle.loads(pickle.dumps(collate_rasters)) is collate_rasters


def test_ink_is_one_and_paper_nought():
    assert to_ink(np.uint8([[0, 255]]), (5.0, 3.0)).tolist() == [[1, 0]]
    assert to_ink(np.float32([[3, 5, 4]]), (5.0, 3.0)).tolist() == [[1, 0, 0.5]]


def test_dataset_augments_afresh_in_each_epoch_and_the_same_again():
    dataset = RasterDataset(X[:2], (1.0, 0.0), 16, augment=flat, seed=3)
    first, _ = dataset[0]
    assert first.shape[0] == 16  # one row less, scaled up again
    assert_array_equal(dataset[0][0], first)
    dataset.epoch = 1
    assert not np.array_equal(dataset[0][0], first)


def test_augmentation_is_for_training_only():
    calls = []

    def note(image, rng):
        calls.append(image.dtype)
        return image

    params = {"augment": note, "max_epochs": 3, "early_stopping": True, "validation_fraction": 0.5}
    recognizer = small_recognizer(**params).fit(X[:8], Y[:8])
    in_fit = len(calls)
    assert in_fit >= 12  # and once more where a text hardly fits its image
    recognizer.predict(X)
    assert calls == [np.uint8] * in_fit


# --- the contract


def test_parameters_are_not_changed_by_fit():
    params = {"max_epochs": 2, "early_stopping": True, "callbacks": [Spy()], "augment": flat}
    recognizer = small_recognizer(**params)
    before = recognizer.get_params()
    recognizer.fit(X[:8], Y[:8])
    after = recognizer.get_params()
    assert all(after[name] is value for name, value in before.items())


def test_clone_of_a_fitted_one_fits_other_data(reader):
    other = clone(reader).set_params(max_epochs=1)
    assert not hasattr(other, "net_")
    images = np.random.default_rng(0).random((5, 23, 41, 3))
    other.fit(images, ["éa", "Zé", "a ß", "Z", "日"])
    assert other.alphabet_ == " Zaßé日"
    assert len(other.predict_log_proba(images)[0][0]) == 7
    assert reader.alphabet_ == "abc"


def test_refit_forgets():
    recognizer = small_recognizer().fit(X[:8], Y[:8])
    first = weights(recognizer)
    recognizer.fit(np.random.default_rng(0).random((6, 9, 30)), list("123123"))
    assert recognizer.alphabet_ == "123"
    recognizer.fit(X[:8], Y[:8])
    assert_array_equal(weights(recognizer), first)


@pytest.mark.parametrize("module", [pickle, cloudpickle, joblib, copy])
def test_round_trip_predicts_the_same(module, reader, tmp_path):
    if module is joblib:
        joblib.dump(reader, tmp_path / "reader.joblib")
        again = joblib.load(tmp_path / "reader.joblib")
    elif module is copy:
        again = copy.deepcopy(reader)
    else:
        again = module.loads(module.dumps(reader))
    assert_array_equal(again.predict(X), reader.predict(X))
    assert_array_equal(weights(again), weights(reader))
    assert again.history_ == reader.history_
    assert repr(again) == repr(reader)
    before = weights(reader)
    again.partial_fit(X[:8], Y[:8])
    assert_array_equal(weights(reader), before)  # nothing is shared


def test_pickle_holds_no_data():
    few, many = (
        len(pickle.dumps(small_recognizer(early_stopping=True).fit(X[:n], Y[:n]))) for n in (8, 40)
    )
    assert abs(few - many) < 100


def test_pickle_from_a_device_that_is_not_here(reader):
    elsewhere = copy.deepcopy(reader)
    elsewhere.device = "cuda:99"
    dumped = pickle.dumps(elsewhere)
    with pytest.warns(UserWarning, match=r"cuda:99.*predicts on another device"):
        here = pickle.loads(dumped)
    assert here.device == "cuda:99"
    assert_array_equal(here.predict(X), reader.predict(X))


def test_grid_search_in_two_processes_equals_one():
    def sharpness(estimator, X, y):  # finer than the error rate, which is 1 so early
        return float(np.mean([line.max(1).mean() for line in estimator.predict_log_proba(X)]))

    steps = make_pipeline(Grayscale(), InkCropper(), small_recognizer(max_epochs=2))
    grid = {"ctcrecognizer__lr": [1e-3, 1e-2], "inkcropper__margin": [1]}
    results = [
        GridSearchCV(
            steps, grid, cv=2, scoring=sharpness, n_jobs=n_jobs, error_score="raise", refit=False
        )
        .fit(X[:12], Y[:12])
        .cv_results_
        for n_jobs in (1, 2)
    ]
    assert len(set(results[0]["mean_test_score"])) == 2
    for split in ("split0_test_score", "split1_test_score"):
        assert_allclose(results[1][split], results[0][split], rtol=1e-3)  # other thread counts


def test_cross_validation_with_strings_and_groups():
    groups = np.arange(12) // 3
    steps = make_pipeline(Grayscale(), small_recognizer())
    scores = cross_val_score(
        steps, X[:12], Y[:12], groups=groups, cv=GroupKFold(4), error_score="raise"
    )
    assert scores.shape == (4,)
    assert (scores <= 1).all()


def test_set_output():
    with config_context(transform_output="pandas"):
        steps = make_pipeline(Grayscale(), small_recognizer())
        assert steps.fit(X[:8], Y[:8]).predict(X[:8]).shape == (8,)


def test_score_is_one_minus_the_character_error_rate(reader):
    expected = 1 - character_error_rate(UNSEEN_Y, reader.predict(UNSEEN))
    assert reader.score(UNSEEN, UNSEEN_Y) == pytest.approx(expected)
    assert make_pipeline(Grayscale(), reader).score(UNSEEN, UNSEEN_Y) == pytest.approx(expected)


# --- the course of a training


def test_history():
    recognizer = small_recognizer(max_epochs=3).fit(X[:8], Y[:8])
    assert recognizer.n_iter_ == len(recognizer.history_) == 3
    assert [row["epoch"] for row in recognizer.history_] == [1, 2, 3]
    assert {frozenset(row) for row in recognizer.history_} == {
        frozenset({"epoch", "train_loss", "dur"})
    }
    recognizer.set_params(early_stopping=True).fit(X[:8], Y[:8])
    for row in recognizer.history_:
        assert set(row) == {"epoch", "train_loss", "dur", "valid_loss", "valid_score"}
        assert all(type(value) in (int, float) for value in row.values())


def test_one_cycle_warms_up_and_ends_near_nought():
    spy = Spy()
    small_recognizer(max_epochs=20, lr=0.01, callbacks=[spy]).fit(X[:16], Y[:16])
    rates = np.array(spy.rates)
    assert len(rates) == 40
    top = rates.argmax()
    assert rates[top] == pytest.approx(0.01)
    assert 3 <= top <= 4
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) <= 0).all()
    assert 0 <= rates[-1] < 0.01 * 0.01


def test_constant_rate():
    spy = Spy()
    params = {"max_epochs": 2, "lr": 0.01, "lr_schedule": "constant", "callbacks": [spy]}
    recognizer = small_recognizer(**params).fit(X[:16], Y[:16])
    recognizer.set_params(lr=0.003, lr_schedule="one_cycle").partial_fit(X[:8], Y[:8])
    assert spy.rates == [0.01] * 4 + [0.003]


def test_early_stopping_restores_the_best_weights(reader):
    spy = Spy()
    recognizer = copy.deepcopy(reader).set_params(
        warm_start=True, early_stopping=True, validation_fraction=0.3, n_iter_no_change=2,
        max_epochs=9, lr=1e-5, callbacks=[Ruin(epoch=3), spy],
    )  # fmt: skip
    recognizer.fit(X, Y)
    scores = [row["valid_score"] for row in recognizer.history_]
    assert min(scores[:2]) > 0.5
    assert scores[2:] == [0] * (len(scores) - 2)
    assert recognizer.n_iter_ == np.argmax(scores) + 1 + 2
    assert len(spy.valid) == 12
    held_out = ["".join(recognizer.alphabet_[i - 1] for i in row) for row in spy.valid.targets]
    assert recognizer.score(list(spy.valid.images), held_out) == pytest.approx(max(scores))


def test_early_stopping_keeps_groups_apart():
    spy = Spy()
    groups = np.array([f"writer{i % 6}" for i in range(24)])
    writer = {id(image): group for image, group in zip(X, groups, strict=False)}
    recognizer = small_recognizer(early_stopping=True, validation_fraction=0.3, callbacks=[spy])
    recognizer.fit(X[:24], Y[:24], groups=groups)
    train, valid = ({writer[id(image)] for image in part.images} for part in (spy.train, spy.valid))
    assert len(train) == 4
    assert len(valid) == 2
    assert not train & valid


def test_early_stopping_needs_something_to_hold_out():
    recognizer = small_recognizer(early_stopping=True)
    with pytest.raises(ValueError, match=r"only 1 sample.*early_stopping=False"):
        recognizer.fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="of one group"):
        recognizer.fit(X[:4], Y[:4], groups=["w"] * 4)

    with pytest.raises(ValueError, match="groups has no value in 2 of 4 rows, first in row 1"):
        recognizer.fit(X[:4], Y[:4], groups=["w", None, "v", np.nan])


@pytest.mark.parametrize(
    ("early_stopping", "ema_decay", "lr_schedule"),
    [
        (False, 0.0, "one_cycle"),
        (True, 0.0, "one_cycle"),
        (False, 0.9, "one_cycle"),
        (True, 0.9, "one_cycle"),
        (False, 0.0, "plateau"),
    ],
)
def test_checkpoint_goes_on_as_if_nothing_had_been(
    early_stopping, ema_decay, lr_schedule, tmp_path
):
    def fit(*callbacks):
        recognizer = small_recognizer(
            max_epochs=5, dropout=0.3, augment=flat, callbacks=list(callbacks),
            early_stopping=early_stopping, n_iter_no_change=3, ema_decay=ema_decay,
            lr_schedule=lr_schedule,
        )  # fmt: skip
        return recognizer.fit(X[:16], Y[:16])

    def losses(recognizer):
        return [row["train_loss"] for row in recognizer.history_]

    checkpoint = Checkpoint(tmp_path / "fit.ckpt")
    whole = fit()
    part = fit(checkpoint, Interrupt(epoch=3))
    assert losses(part) == losses(whole)[:2]
    resumed = fit(checkpoint)
    assert losses(resumed) == losses(whole)
    assert_array_equal(weights(resumed), weights(whole))
    again = fit(checkpoint)
    assert losses(again) == losses(whole)
    assert_array_equal(weights(again), weights(whole))
    assert [path.name for path in tmp_path.iterdir()] == ["fit.ckpt"]


class Trajectory(Callback):
    """Keeps the weights before the first step and after each."""

    def on_train_begin(self, net, **kwargs):
        self.steps = [flat_weights(net.module_)]

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.steps.append(flat_weights(net.module_))


def flat_weights(module: torch.nn.Module) -> np.ndarray:
    return torch.cat([weight.detach().ravel() for weight in module.parameters()]).numpy()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_ema_is_the_average_of_the_steps(early_stopping):
    plain, averaged = Trajectory(), Trajectory()
    settings = {
        "max_epochs": 3, "early_stopping": early_stopping, "n_iter_no_change": 5,
        "lr_schedule": "constant",
    }  # fmt: skip
    small_recognizer(callbacks=[plain], **settings).fit(X, Y)
    recognizer = small_recognizer(callbacks=[averaged], ema_decay=0.8, **settings).fit(X, Y)
    assert_array_equal(plain.steps, averaged.steps)  # training itself is the same
    averages = plain.steps[:1]
    for i, step in enumerate(plain.steps[1:]):
        decay = min(0.8, (1 + i) / (10 + i))
        averages.append(decay * averages[-1] + (1 - decay) * step)
    epochs = averages[:: len(averages[1:]) // 3][1:]
    scores = [row.get("valid_score", 0) for row in recognizer.history_]
    best = np.argmax(scores) if early_stopping else -1
    assert_allclose(flat_weights(recognizer.net_.module_), epochs[best], rtol=1e-4, atol=1e-6)


def test_ema_after_ctrl_c():
    steps = Trajectory()
    recognizer = small_recognizer(
        max_epochs=5, ema_decay=0.9, callbacks=[steps, Interrupt(epoch=2)]
    ).fit(X[:16], Y[:16])
    assert not np.allclose(flat_weights(recognizer.net_.module_), steps.steps[-1])


@pytest.mark.parametrize("content", [b"", b"abc", pickle.dumps({"fit": 1}, 2), "other"])
def test_checkpoint_that_is_none(content, tmp_path):
    path = tmp_path / "fit.ckpt"
    if content == "other":
        torch.save({"epoch": 1}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"fit\.ckpt is damaged or no checkpoint: remove it"):
        small_recognizer(callbacks=[Checkpoint(path)]).fit(X[:8], Y[:8])


def test_checkpoint_in_no_folder(tmp_path):
    spy = Spy()
    with pytest.raises(FileNotFoundError, match="nowhere"):
        small_recognizer(callbacks=[Checkpoint(tmp_path / "nowhere" / "a"), spy]).fit(X[:8], Y[:8])


@pytest.mark.parametrize(
    ("augment", "match"),
    [
        (lambda image, rng: None, "returned NoneType"),
        (lambda image, rng: image / 1.0, r"dtype uint8, and returned an array .* dtype float64"),
        (lambda image, rng: image[..., None], r"1\) and dtype uint8; it must return a 2-D array"),
        (lambda image, rng: image[:0], r"shape \(0, "),
    ],
)
def test_augmentation_that_gives_no_image(augment, match):
    with pytest.raises(ValueError, match=match):
        small_recognizer(augment=augment).fit(X[:8], Y[:8])


@pytest.mark.parametrize("callback", ["checkpoint", Checkpoint, ("name", 3)])
def test_callbacks_that_are_none(callback):
    with pytest.raises(TypeError, match="each is an instance of a skorch callback"):
        small_recognizer(callbacks=[callback]).fit(X[:8], Y[:8])


def test_ctrl_c_leaves_a_usable_estimator():
    recognizer = small_recognizer(max_epochs=5, callbacks=[Interrupt(epoch=2)]).fit(X[:8], Y[:8])
    assert recognizer.n_iter_ == len(recognizer.history_) == 1
    assert recognizer.predict(X).shape == (40,)
    assert clone(recognizer).set_params(callbacks=[Interrupt(epoch=1)]).fit(X, Y).n_iter_ == 0


def test_failed_fit_leaves_what_was_fitted(reader):
    class Broken(Callback):
        def on_batch_end(self, net, **kwargs):
            raise RuntimeError("no memory")

    recognizer = copy.deepcopy(reader).set_params(callbacks=[Broken()])
    with pytest.raises(RuntimeError, match="no memory"):
        recognizer.fit(*draw_words(8, "ad"))
    with pytest.raises(RuntimeError, match="no memory"):
        recognizer.partial_fit(*draw_words(8, "ad"))
    assert_array_equal(recognizer.predict(X), reader.predict(X))
    assert_array_equal(recognizer.set_params(callbacks=None).predict(X), reader.predict(X))


def test_silence(capfd):
    small_recognizer(max_epochs=2, early_stopping=True, n_iter_no_change=1).fit(X, Y).predict(X)
    assert capfd.readouterr() == ("", "")


def test_progress_bar(capfd, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    small_recognizer(max_epochs=2, verbose=1).fit(X[:16], Y[:16])
    printed, shown = capfd.readouterr()
    assert printed == ""
    assert "4/4" in shown
    assert "epoch 2 train_loss" in shown


@pytest.mark.parametrize("verbose", [1, 2])  # what pytest captures is not a terminal
def test_a_line_an_epoch(capfd, verbose):
    small_recognizer(max_epochs=2, verbose=verbose, early_stopping=True).fit(X[:16], Y[:16])
    printed, shown = capfd.readouterr()
    lines = printed.splitlines()
    assert [line.split(":")[0] for line in lines] == ["epoch 1", "epoch 2"]
    assert all("train_loss" in line and "valid_score" in line for line in lines)
    assert shown == ""


# --- streaming


def test_predicting_decodes_a_chunk_at_a_time(reader, monkeypatch):
    monkeypatch.setattr(prediction, "CHUNK", 2)
    recognizer = copy.deepcopy(reader).set_params(batch_size=4)
    decoded, read, most = 0, 0, 0

    def count(image):
        nonlocal decoded, most
        decoded += 1
        most = max(most, decoded - read)
        return image

    evaluate = recognizer.net_.evaluation_step

    def count_read(batch):
        nonlocal read
        read += len(batch[0]["widths"])
        return evaluate(batch)

    monkeypatch.setattr(recognizer.net_, "evaluation_step", count_read)
    assert_array_equal(recognizer.predict(LazyImages(X).map(count)), reader.predict(X))
    assert decoded == read == len(X)
    assert most == 8


def test_checkpoint_of_another_fit_is_refused(tmp_path):
    recognizer = small_recognizer(max_epochs=1, callbacks=[Checkpoint(tmp_path / "fit.ckpt")])
    recognizer.fit(X, Y)
    with pytest.raises(ValueError, match="left by another fit"):
        recognizer.fit(X[:-1], Y[:-1])
    with pytest.raises(ValueError, match="left by another fit"):
        recognizer.set_params(random_state=7).fit(X, Y)


# Fits that end before they should


class At(Callback):
    """Do something at the end of an epoch, or before a batch."""

    def __init__(self, epoch, do):
        self.epoch, self.do = epoch, do

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            self.do(net)


def spoil(net):
    with torch.no_grad():
        next(net.module_.parameters()).fill_(np.nan)


def interrupt(net):
    raise KeyboardInterrupt


def fail(net):
    raise OSError("no space left on device")


def test_training_stops_at_the_first_loss_that_is_not_finite(tmp_path):
    X, y = draw_words(24)
    path = tmp_path / "fit.ckpt"
    callbacks = [Checkpoint(path), At(2, spoil)]
    recognizer = small_recognizer(max_epochs=5, callbacks=callbacks)
    message = r"weights became NaN .* in epoch 2 of 5: training stopped, .* of epoch 1; lower lr"
    with pytest.warns(ConvergenceWarning, match=message):
        recognizer.fit(X, y)
    assert recognizer.n_iter_ == 1
    weights = recognizer._get_network_state().values()
    assert all(np.isfinite(weight).all() for weight in weights)
    kept = torch.load(path, weights_only=True)["module"]
    assert all(torch.isfinite(value).all() for value in kept.values() if value.is_floating_point())


@pytest.mark.parametrize("bad", [{"lr": np.inf}, {"callbacks": [At(1, spoil)]}])
def test_partial_fit_that_diverges_leaves_what_was_learnt(bad):
    recognizer = small_recognizer().partial_fit(X[:8], Y[:8])
    further = small_recognizer().partial_fit(X[:8], Y[:8]).partial_fit(X[:8], Y[:8])
    untouched = further.net_.module_.state_dict()
    before = copy.deepcopy(vars(recognizer))
    weights = copy.deepcopy(recognizer.net_.module_.state_dict())
    with pytest.raises(
        ValueError, match=r"became .* in epoch 1 of 1: nothing was learnt; lower lr"
    ):
        recognizer.set_params(**bad).partial_fit(X[:8], Y[:8])
    assert vars(recognizer).keys() == before.keys()
    assert recognizer.history_ == before["history_"]
    for name, value in recognizer.net_.module_.state_dict().items():
        assert torch.equal(value, weights[name])
    recognizer.set_params(lr=before["lr"], callbacks=None).partial_fit(
        X[:8], Y[:8]
    )  # nor are the moments spoilt
    for name, value in recognizer.net_.module_.state_dict().items():
        assert torch.equal(value, untouched[name])


def test_weights_that_the_last_step_of_a_fit_spoils_are_found():
    recognizer = small_recognizer(max_epochs=1, callbacks=[At(1, spoil)])
    with pytest.raises(ValueError, match=r"became .* in epoch 1 of 1: nothing was learnt"):
        recognizer.fit(X[:8], Y[:8])


def test_weights_of_the_last_finite_epoch_are_kept():
    X, y = draw_words(24)

    class Spoil(Callback):
        def on_batch_begin(self, net, training=False, **kwargs):
            if training and len(net.history) == 3:
                spoil(net)

    expected = small_recognizer(max_epochs=2, lr_schedule="constant").fit(X, y)
    recognizer = small_recognizer(max_epochs=5, lr_schedule="constant", callbacks=[Spoil()])
    with pytest.warns(ConvergenceWarning, match="epoch 3 of 5"):
        recognizer.fit(X, y)
    assert_array_equal(weights(recognizer), weights(expected))


def test_nothing_learnt_is_an_error():
    X, y = draw_words(24)
    former = small_recognizer(max_epochs=1, lr_schedule="constant").fit(X, y)
    before = weights(former)
    former.set_params(lr=1e30, max_epochs=3)
    with pytest.raises(ValueError, match=r"loss became .* in epoch 1 of 3: nothing was learnt"):
        former.fit(X, y)
    assert_array_equal(weights(former), before)


def test_interruption_is_said_and_keeps_what_was_learnt():
    X, y = draw_words(24)
    recognizer = small_recognizer(max_epochs=9, callbacks=[At(2, interrupt)])
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 2 of 9: the CTCRecognizer"):
        recognizer.fit(X, y)
    assert recognizer.n_iter_ == 2
    assert len(recognizer.predict(X)) == 24


def test_failure_of_a_callback_keeps_the_epochs_before():
    X, y = draw_words(24)
    recognizer = small_recognizer(max_epochs=9, callbacks=[At(3, fail)])
    with pytest.raises(OSError, match="no space left") as caught:
        recognizer.fit(X, y)
    assert caught.value.__notes__ == ["the CTCRecognizer keeps what it learnt in 2 epochs"]
    assert recognizer.n_iter_ == 2
    assert len(recognizer.predict(X)) == 24


def test_early_stopping_is_no_interruption(recwarn):
    X, y = draw_words(60)
    small_recognizer(max_epochs=30, early_stopping=True, n_iter_no_change=1).fit(X, y)
    assert not [w for w in recwarn if "interrupted" in str(w.message)]


def test_fits_in_threads_give_what_they_give_alone():
    X, y = draw_words(40)
    recognizers = [small_recognizer(dropout=0.3, max_epochs=3, random_state=i) for i in range(4)]
    alone = [weights(clone(recognizer).fit(X, y)) for recognizer in recognizers]
    jobs = (joblib.delayed(clone(recognizer).fit)(X, y) for recognizer in recognizers)
    together = joblib.Parallel(2, backend="threading")(jobs)
    for expected, recognizer in zip(alone, together, strict=True):
        assert_array_equal(weights(recognizer), expected)


@pytest.mark.parametrize(("early_stopping", "expected"), [(False, OneCycle), (True, LRScheduler)])
def test_schedule_that_goes_with_early_stopping(early_stopping, expected):
    X, y = draw_words(24)
    used = []

    class Watch(Callback):
        def on_train_begin(self, net, **kwargs):
            used.extend(type(callback) for _, callback in net.callbacks_)

    small_recognizer(early_stopping=early_stopping, callbacks=[Watch()]).fit(X, y)
    assert [kind for kind in used if kind in (OneCycle, LRScheduler)] == [expected]
