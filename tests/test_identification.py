import os
import threading
import warnings
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler

import cv2
import joblib
import numpy as np
import pytest
import safetensors.torch
import sklearn
import torch
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from torch import nn

import hwsk
from hwsk._data.levels import find_ink
from hwsk.datasets import make_handwriting
from hwsk.identification import LeakageWarning, WriterClassifier, WriterEmbedder
from hwsk.identification import _weights as weights_module
from hwsk.identification._embedding import _PairDataset
from hwsk.identification._patches import cut, draw_windows, lay_windows
from hwsk.networks.encoder import ConvEncoder
from hwsk.networks.losses import PairLoss
from hwsk.networks.patches import PatchNetwork
from hwsk.networks.resnet import BasicBlock, ResNet, load_backbone, resnet18, resnet50
from hwsk.preprocessing import HeightNormalizer

N_WRITERS, N_TRAIN = 3, 45
SMALL = {"patch_size": (32, 64), "n_patches": 4, "max_epochs": 12, "random_state": 0}


@pytest.fixture(scope="module")
def lines():
    lines = make_handwriting(90, n_writers=N_WRITERS, height=32, random_state=0)
    lines.page = np.array([f"{w}-{i % 2}" for i, w in enumerate(lines.writer)])
    return lines


@pytest.fixture(scope="module")
def fitted(lines):
    classifier = WriterClassifier(**SMALL)
    return classifier.fit(lines.images[:N_TRAIN], lines.writer[:N_TRAIN])


class Flat(nn.Module):
    """A backbone of a user's own."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, stride=4)

    def forward(self, x):
        return self.conv(x).mean(dim=(2, 3))


class Map(nn.Module):
    def forward(self, x):
        return x


# Where patches lie


def test_windows_cover_all_ink():
    rng = np.random.default_rng(0)
    for height, width in [(30, 40), (64, 64), (65, 200), (10, 300), (129, 67)]:
        ink = np.zeros((height, width), bool)
        seen = np.zeros((height, width), bool)
        ink[rng.integers(height, size=50), rng.integers(width, size=50)] = True
        for top, left, count in lay_windows(ink, (64, 64)):
            part = np.s_[max(0, top) : top + 64, max(0, left) : left + 64]
            assert ink[part].sum() == count
            assert top <= max(0, height - 64) and left <= max(0, width - 64)
            seen[part] = True
        assert seen[ink].mean() > 0.9  # what stands nearly alone is left out


def test_windows_overlap_by_half_and_blank_paper_has_none():
    windows = lay_windows(np.ones((64, 256), bool), (64, 64))
    assert [window.left for window in windows] == [0, 32, 64, 96, 128, 160, 192]
    assert lay_windows(np.zeros((64, 256), bool), (64, 64)) == []


def test_drawn_windows_hold_ink():
    ink = np.zeros((100, 400), bool)
    ink[80, 350] = True
    for top, left, _ in draw_windows(ink, (64, 64), 50, np.random.default_rng(0)):
        assert ink[top : top + 64, left : left + 64].any()
        assert 0 <= top <= 36 and 0 <= left <= 336


def test_small_image_gets_paper_of_its_own_tone():
    image = np.full((10, 20), 200, np.uint8)
    image[5, 5] = 0
    ((window),) = lay_windows(find_ink(1 - image / np.float32(255)), (32, 32))
    patch = cut(image, window, (32, 32), (1.0, 0.0))
    assert patch.shape == (32, 32)
    assert sorted(np.unique(patch)) == [0, 200]
    np.testing.assert_array_equal(patch[11:21, 6:26], image)


# Networks


def table_of_resnet(kind):
    """Names and shapes as torchvision's documentation and checkpoints have them."""
    depths, expansion = {"resnet18": ((2, 2, 2, 2), 1), "resnet50": ((3, 4, 6, 3), 4)}[kind]
    table = {"conv1.weight": (64, 3, 7, 7)} | norm("bn1", 64)
    n_in = 64
    for i, depth in enumerate(depths):
        width = 64 * 2**i
        for j in range(depth):
            block = f"layer{i + 1}.{j}"
            if kind == "resnet18":
                convs = [(width, n_in, 3, 3), (width, width, 3, 3)]
            else:
                convs = [(width, n_in, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)]
            for number, shape in enumerate(convs, 1):
                table[f"{block}.conv{number}.weight"] = shape
                table |= norm(f"{block}.bn{number}", shape[0])
            n_out = width * expansion
            if j == 0 and n_in != n_out:
                table[f"{block}.downsample.0.weight"] = (n_out, n_in, 1, 1)
                table |= norm(f"{block}.downsample.1", n_out)
            n_in = n_out
    return table | {"fc.weight": (1000, n_in), "fc.bias": (1000,)}


def norm(name, n):
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (n,) for part in vectors} | {f"{name}.num_batches_tracked": ()}


def checkpoint(kind):
    """A state dict as torchvision would save it, of random numbers."""
    rng = torch.Generator().manual_seed(0)
    return {
        name: torch.rand(shape, generator=rng) / max(1, np.prod(shape[1:])) ** 0.5
        for name, shape in table_of_resnet(kind).items()
    }


@pytest.mark.parametrize(
    ("kind", "make", "n_tensors", "n_weights"),
    [("resnet18", resnet18, 122, 11_689_512), ("resnet50", resnet50, 320, 25_557_032)],
)
def test_resnet_is_torchvisions(kind, make, n_tensors, n_weights):
    published = table_of_resnet(kind)
    learnt = [shape for name, shape in published.items() if "running" not in name and shape != ()]
    assert len(published) == n_tensors
    assert sum(int(np.prod(shape)) for shape in learnt) == n_weights
    grey = {name: shape for name, shape in published.items() if not name.startswith("fc.")}
    grey["conv1.weight"] = (64, 1, 7, 7)
    module = make()
    assert {name: tuple(value.shape) for name, value in module.state_dict().items()} == grey
    assert len(module.stages()) == 5
    with torch.no_grad():
        assert module.eval()(torch.zeros(2, 1, 64, 96)).shape == (2, module.n_features)


def test_grey_is_the_sum_over_colours():
    state = checkpoint("resnet18")
    module = resnet18().eval()
    assert load_backbone(module, state)
    assert "fc.weight" in state  # the caller's own is left as it was
    grey = torch.rand(1, 1, 32, 32)
    colour = nn.functional.conv2d(grey.expand(-1, 3, -1, -1), state["conv1.weight"], None, 2, 3)
    torch.testing.assert_close(module.conv1(grey), colour)
    assert not load_backbone(module, module.state_dict())


def test_photographs_standard_scale_is_kept():
    network = PatchNetwork(resnet18(), 2).eval()
    network.load_backbone(checkpoint("resnet18"))
    again = PatchNetwork(resnet18(), 2).eval()
    again.load_state_dict(network.state_dict())
    patch = torch.rand(1, 1, 32, 32)
    inside = network.backbone((1 - patch - 0.449) / 0.226)
    for module in (network, again):
        torch.testing.assert_close(module(patch)[1], inside, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frozen", [0, 1, 3, 4])
def test_frozen_stages_keep_weights_and_statistics(frozen, lines):
    classifier = WriterClassifier(**{**SMALL, "max_epochs": 1}, frozen=frozen)
    classifier.fit(lines.images[:20], lines.writer[:20])
    with hwsk._training.devices.seeded(0, torch.device("cpu")):
        first = classifier._make_module().state_dict()
    now = classifier.net_.module_.state_dict()
    kept = {
        name.split(".")[1]
        for name in now
        if "stage" in name and now[name].ndim and torch.equal(now[name], first[name])
    }
    changed = {
        name.split(".")[1]
        for name in now
        if "stage" in name and now[name].ndim and not torch.equal(now[name], first[name])
    }
    assert kept - changed == {f"stage{i + 1}" for i in range(frozen)}
    assert not torch.equal(now["output.weight"], first["output.weight"])


def test_resnet_gradients_and_blocks():
    module = ResNet(BasicBlock, (1, 1, 1, 1))
    module(torch.rand(2, 1, 32, 32)).sum().backward()
    assert all(weight.grad is not None for weight in module.parameters())


# Checkpoints


def put_checkpoint(path, kind="resnet18"):
    torch.save(checkpoint(kind), path)
    return path


def test_weights_from_files(tmp_path, lines, fitted):
    backbone = fitted.net_.module_.backbone.state_dict()
    torch.save(backbone, tmp_path / "own.pth")
    whole = {name: value.contiguous() for name, value in backbone.items()}
    safetensors.torch.save_file(whole, tmp_path / "own.safetensors")
    for name in ("own.pth", "own.safetensors"):
        further = WriterClassifier(
            **{**SMALL, "max_epochs": 1}, backbone_weights=tmp_path / name, frozen=True
        ).fit(lines.images[:20], lines.writer[:20])
        now = further.net_.module_.backbone.state_dict()
        assert all(torch.equal(now[name], backbone[name]) for name in backbone)


class Quiet(SimpleHTTPRequestHandler):
    asked: list[str] = []

    def log_message(self, *args):
        self.asked.append(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """torchvision's address and the data home, both on this machine."""
    (tmp_path / "www").mkdir()
    monkeypatch.setenv("HWSK_DATA", str(tmp_path / "home"))
    Quiet.asked.clear()
    with HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "www")) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        names = {kind: url.rpartition("/")[2] for kind, url in weights_module.OFFICIAL.items()}
        official = {kind: f"{address}/{name}" for kind, name in names.items()}
        monkeypatch.setattr(weights_module, "OFFICIAL", official)
        yield tmp_path, official
        server.shutdown()
        thread.join()


def publish(folder, official, monkeypatch):
    """Put a checkpoint where torchvision's would be, its hash in its name."""
    made = put_checkpoint(folder / "made.pth")
    digest = joblib.hashing.hashlib.sha256(made.read_bytes()).hexdigest()[:8]
    os.replace(made, folder / "www" / f"resnet18-{digest}.pth")
    url = official["resnet18"].rpartition("/")[0] + f"/resnet18-{digest}.pth"
    monkeypatch.setitem(official, "resnet18", url)
    return folder / "www" / f"resnet18-{digest}.pth"


def test_imagenet_weights_are_downloaded_once(server, monkeypatch, lines):
    folder, official = server
    publish(folder, official, monkeypatch)
    for _ in range(2):
        classifier = WriterClassifier(
            "resnet18",
            backbone_weights="imagenet",
            frozen=True,
            patch_size=32,
            n_patches=1,
            max_epochs=1,
        ).fit(lines.images[:8], lines.writer[:8])
    assert len(Quiet.asked) == 1
    state = checkpoint("resnet18")
    now = classifier.net_.module_.backbone.state_dict()
    torch.testing.assert_close(now["conv1.weight"], state["conv1.weight"].sum(1, keepdim=True))
    torch.testing.assert_close(now["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])


@pytest.mark.parametrize("trouble", ["wrong hash", "cut", "absent"])
def test_failed_download_leaves_nothing(trouble, server, monkeypatch, lines):
    folder, official = server
    file = publish(folder, official, monkeypatch)
    if trouble == "wrong hash":
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    elif trouble == "cut":
        file.write_bytes(file.read_bytes()[: 1 << 20])
    else:
        file.unlink()
    classifier = WriterClassifier(
        "resnet18", backbone_weights="imagenet", patch_size=32, max_epochs=1
    )
    with pytest.raises(OSError, match=r"http.*pass its path as backbone_weights"):
        classifier.fit(lines.images[:8], lines.writer[:8])
    assert not list((folder / "home" / "downloaded").iterdir())
    assert not hasattr(classifier, "net_") and not hasattr(classifier, "classes_")


def test_unusable_checkpoints(tmp_path, lines):
    X, y = lines.images[:8], lines.writer[:8]

    def fit(weights, backbone="resnet18"):
        WriterClassifier(backbone, backbone_weights=weights, patch_size=32, max_epochs=1).fit(X, y)

    with pytest.raises(FileNotFoundError, match=r"no\.pth.*there is no such file"):
        fit(tmp_path / "no.pth")
    with pytest.raises(ValueError, match="'imagenet' is for backbone='resnet18' or 'resnet50'"):
        fit("imagenet", "small")
    file = put_checkpoint(tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"weights\.pth.*another architecture.*are missing"):
        fit(file, "resnet50")
    with pytest.raises(ValueError, match=r"another architecture.*are unknown"):
        fit(file, "small")
    half = tmp_path / "half.pth"
    half.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"half\.pth \(100000 bytes\).*half downloaded"):
        fit(half)
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds no state dict"):
        fit(tmp_path / "list.pth")
    wrong = checkpoint("resnet18")
    wrong["layer1.0.conv1.weight"] = torch.zeros(64, 64, 1, 1)
    torch.save(wrong, tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match=r"another shape, such as layer1\.0\.conv1\.weight"):
        fit(tmp_path / "wrong.pth")


# The classifier


def test_writers_are_distinguished(fitted, lines):
    X, y = lines.images[N_TRAIN:], lines.writer[N_TRAIN:]
    assert fitted.score(X, y) > 0.6
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_allclose(np.log(proba), fitted.predict_log_proba(X))
    assert (fitted.classes_[proba.argmax(axis=1)] == fitted.predict(X)).all()
    assert fitted.score(X, y) == (fitted.predict(X) == y).mean()


def test_pages_are_judged_as_one(fitted, lines):
    X, pages = lines.images[N_TRAIN:], lines.page[N_TRAIN:]
    alone, together = fitted.predict_log_proba(X), fitted.predict_log_proba(X, pages=pages)
    for page in np.unique(pages):
        assert len(np.unique(together[pages == page], axis=0)) == 1
    numbers = np.arange(len(X))
    np.testing.assert_allclose(fitted.predict_log_proba(X, pages=numbers), alone)
    # A page is the mean over the patches of its lines.
    patches = [fitted.predict_patches(image)[fitted.classes_] for image in X]
    of_page = np.concatenate(
        [p for p, page in zip(patches, pages, strict=True) if page == pages[0]]
    )
    expected = torch.from_numpy(of_page.mean(axis=0)).log_softmax(0)
    np.testing.assert_allclose(together[0], expected, atol=1e-6)
    assert fitted.score(X, lines.writer[N_TRAIN:], pages=pages) >= fitted.score(
        X, lines.writer[N_TRAIN:]
    )


def test_patches_of_an_image(fitted, lines):
    table = fitted.predict_patches(lines.images[0])
    assert list(table.columns[:5]) == ["top", "left", "height", "width", "ink"]
    assert list(table.columns[5:]) == list(fitted.classes_)
    np.testing.assert_allclose(np.exp(table[fitted.classes_]).sum(axis=1), 1)
    proba = fitted.predict_proba(lines.images[:1])[0]
    mean = table[fitted.classes_].mean().to_numpy()
    np.testing.assert_allclose(np.exp(mean) / np.exp(mean).sum(), proba, atol=1e-6)
    assert len(fitted.predict_patches(np.full((50, 50), 255, np.uint8))) == 0


def test_embedding(fitted, lines):
    embedding = fitted.transform(lines.images)
    assert embedding.shape == (90, 512) and embedding.dtype == np.float32
    blank = fitted.transform([np.full((40, 40), 255, np.uint8)])
    assert not blank.any()


def test_many_images_as_one_by_one(fitted, lines):
    several = fitted.predict_proba(lines.images[:40])  # more than are in memory at once
    single = np.concatenate([fitted.predict_proba(lines.images[i : i + 1]) for i in range(40)])
    np.testing.assert_allclose(several, single, atol=0.02)  # bfloat16 sums depend on the batch


def test_seed_decides(lines):
    X, y = lines.images[:20], lines.writer[:20]
    settings = {**SMALL, "max_epochs": 1}
    a, b, c = (
        WriterClassifier(**{**settings, "random_state": seed}).fit(X, y).predict_proba(X)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(a, b)
    assert abs(a - c).max() > 1e-4


@pytest.mark.parametrize(
    "labels", [np.array([7, -3, 12]), np.array([0.5, 1.5, 2.5]) * 2, ["x", "y", "zz"]]
)
def test_labels_of_any_type(labels, lines):
    labels = np.asarray(labels)
    y = labels[np.unique(lines.writer[:20], return_inverse=True)[1]]
    classifier = WriterClassifier(**{**SMALL, "max_epochs": 1}).fit(lines.images[:20], y)
    assert classifier.predict(lines.images[:3]).dtype == labels.dtype
    assert set(classifier.predict(lines.images)) <= set(labels)


def test_saved_and_dumped(fitted, lines, tmp_path):
    model = make_pipeline(HeightNormalizer(32), WriterClassifier(**SMALL))
    model.fit(lines.images[:N_TRAIN], lines.writer[:N_TRAIN])
    expected = model.predict_proba(lines.images[:5])
    hwsk.save(model, tmp_path / "writers.hwsk")
    joblib.dump(model, tmp_path / "writers.joblib")
    for copy in (hwsk.load(tmp_path / "writers.hwsk"), joblib.load(tmp_path / "writers.joblib")):
        np.testing.assert_allclose(copy.predict_proba(lines.images[:5]), expected)


def test_loaded_without_its_checkpoint(tmp_path, lines):
    file = put_checkpoint(tmp_path / "weights.pth")
    classifier = WriterClassifier(
        "resnet18", backbone_weights=file, frozen=True, patch_size=32, n_patches=1, max_epochs=1
    )
    classifier.set_params(backbone_weights=str(file)).fit(lines.images[:8], lines.writer[:8])
    expected = classifier.predict_proba(lines.images[:2])
    hwsk.save(classifier, tmp_path / "model.hwsk")
    file.unlink()
    loaded = hwsk.load(tmp_path / "model.hwsk")
    np.testing.assert_allclose(loaded.predict_proba(lines.images[:2]), expected)


def test_own_backbone(lines):
    classifier = WriterClassifier(Flat, **{**SMALL, "max_epochs": 1}, frozen=1, dense_units=5)
    classifier.fit(lines.images[:20], lines.writer[:20])
    assert classifier.transform(lines.images[:2]).shape == (2, 5)
    with pytest.raises(TypeError, match=r"Map gives shape .1, 1, 64, 64. for a batch of one patch"):
        WriterClassifier(Map, **SMALL).fit(lines.images[:20], lines.writer[:20])


def test_training_goes_on(lines):
    X, y = lines.images[:20], lines.writer[:20]
    parameters = {**SMALL, "max_epochs": 2, "lr": 3e-4}
    classifier = WriterClassifier(**parameters, warm_start=True).fit(X, y)
    first = classifier.net_.module_.output.weight.detach().clone()
    loss = classifier.history_[0]["train_loss"]
    classifier.fit(X, y)
    assert classifier.history_[0]["train_loss"] < 0.6 * loss  # 0.26 to 0.32 with four seeds
    assert not torch.equal(first, classifier.net_.module_.output.weight)
    with pytest.raises(ValueError, match="another architecture"):
        classifier.set_params(dense_units=7).fit(X, y)
    with pytest.raises(ValueError, match=r"labels is none of the 3 classes.*'nobody'"):
        classifier.set_params(dense_units=None).fit(X, ["nobody", *y[1:]])
    assert classifier.predict(X).shape == (20,)  # what failed changed nothing


def test_partial_fit(lines):
    classifier = WriterClassifier(**SMALL)
    for start in (0, 15, 30):
        part = slice(start, start + 15)
        classifier.partial_fit(lines.images[part], lines.writer[part], np.unique(lines.writer))
    assert classifier.n_iter_ == 1
    with pytest.raises(ValueError, match="class_weight='balanced' is of all data"):
        classifier.set_params(class_weight="balanced").partial_fit(lines.images, lines.writer)


@pytest.mark.slow
def test_early_stopping_holds_out_pages_of_writers_with_another(lines):
    classifier = WriterClassifier(
        **SMALL, early_stopping=True, validation_fraction=0.3, lr_schedule="plateau"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.fit(lines.images, lines.writer, pages=lines.page)
    assert {"valid_loss", "valid_score"} <= set(classifier.history_[0])
    train, valid = classifier._split_pages(lines.writer, len(lines.page), lines.page, 0)
    assert not set(lines.page[train]) & set(lines.page[valid])
    assert set(lines.writer[train]) == set(lines.writer)
    with pytest.raises(ValueError, match="no writer has two"):
        classifier.fit(lines.images, lines.writer, pages=lines.writer)


def test_plateau_lowers_the_rate(lines):
    classifier = WriterClassifier(
        **{**SMALL, "max_epochs": 8}, lr_schedule="plateau", n_iter_no_change=1, lr=0.5
    )
    rates = []

    class Watch(hwsk._training.net.Callback):
        def on_epoch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    classifier.set_params(callbacks=[Watch()]).fit(lines.images[:12], lines.writer[:12])
    assert rates[0] == 0.5 and rates[-1] < 0.5


def test_grid_search_in_a_pipeline(lines):
    model = make_pipeline(HeightNormalizer(24), WriterClassifier(**{**SMALL, "max_epochs": 1}))
    grid = {"writerclassifier__patch_size": [(24, 24), (24, 48)]}
    search = GridSearchCV(model, grid, cv=GroupKFold(2), error_score="raise")
    search.fit(lines.images[:24], lines.writer[:24], groups=lines.page[:24])
    assert search.best_score_ >= 0


# Leakage


def test_leakage_by_pages_with_metadata_routing(lines):
    X, y, pages = lines.images[:30], lines.writer[:30], lines.page[:30]
    with sklearn.config_context(enable_metadata_routing=True):
        model = WriterClassifier(**{**SMALL, "max_epochs": 1})
        model.set_fit_request(pages=True).set_score_request(pages=True)
        with pytest.warns(LeakageWarning):
            cross_val_score(model, X, y, params={"pages": pages}, cv=KFold(2))


def _write_images(names, images, folder):
    paths = [str(folder / name) for name in names]
    for path, image in zip(paths, images, strict=False):
        cv2.imwrite(path, image)
    return paths


def test_names_of_iam_tell_the_page(lines, tmp_path):
    seen = ["a01-000u-00.png", "b02-013-s00-01.png"]  # official, and of Kaggle's subset
    same = ["a01-000u-s01-05.png", "b02-013-02-07.png", "b02-013.png"]
    other = ["a01-000x-00.png", "b02-014-s00-01.png", "b02-0130-01.png", "a01-000u-note.png"]
    paths = _write_images([*seen, *same, *other], lines.images, tmp_path)
    classifier = WriterClassifier(**{**SMALL, "max_epochs": 1}).fit(paths[:2], ["a", "b"])
    assert classifier.pages_.tolist() == ["a01-000u", "b02-013"]
    for judge in (classifier.predict, classifier.predict_proba):
        with pytest.warns(LeakageWarning, match="3 of 7 images come from pages .* 'a01-000u'"):
            judge(paths[2:])
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeakageWarning)
        classifier.predict(paths[5:])
        classifier.predict(paths, pages=["new"] * len(paths))  # what is said comes first
        classifier.predict(lines.images[:2])
    with pytest.warns(LeakageWarning, match="2 of 2 images come from pages"):
        classifier.predict(lines.images[:2], pages=["a01-000u"] * 2)


def test_other_names_tell_no_page(lines, tmp_path):
    paths = _write_images(["w1_01.png", "w2_01.png"], lines.images, tmp_path)
    classifier = WriterClassifier(**{**SMALL, "max_epochs": 1}).fit(paths, ["a", "b"])
    assert classifier.pages_.size == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeakageWarning)
        classifier.predict(paths)


def test_pages_are_remembered(lines, fitted):
    assert fitted.pages_.size == 0
    classifier = WriterClassifier(**{**SMALL, "max_epochs": 1})
    classifier.fit(lines.images[:10], lines.writer[:10], pages=lines.page[:10])
    assert set(classifier.pages_) == set(lines.page[:10])
    for judge in (classifier.predict, classifier.predict_proba, classifier.predict_log_proba):
        with pytest.warns(LeakageWarning, match="such as") as caught:
            judge(lines.images[:3], pages=lines.page[:3])
        assert caught[0].filename == __file__
    classifier.partial_fit(lines.images[10:12], lines.writer[10:12], pages=["new", "new"])
    assert set(classifier.pages_) == {*lines.page[:10], "new"}


# Bad input


def test_no_ink(fitted, lines):
    blank = np.full((40, 100), 250, np.uint8)
    images = [*lines.images[:9], blank]
    with pytest.raises(ValueError, match="1 of 10 images has no ink, rows 9"):
        WriterClassifier(**SMALL).fit(images, lines.writer[:10])
    with pytest.warns(UserWarning, match="1 of 10 images has no ink, rows 9: all") as caught:
        proba = fitted.predict_proba(images)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(proba[9], 1 / 3)
    together = fitted.predict_proba(images, pages=[0] * 10)  # the page's other lines tell
    np.testing.assert_allclose(together[9], together[0])


def test_image_smaller_than_a_patch(fitted, lines):
    dot = np.full((3, 3), 255, np.uint8)
    dot[1, 1] = 0
    assert np.isfinite(fitted.predict_proba([dot, lines.images[0][:, :20]])).all()


@pytest.mark.parametrize("size", [(0, 5), (3,), (1, 2, 3), (2.5, 3), ("a", 1)])
def test_wrong_patch_size(size, lines):
    with pytest.raises(ValueError, match="it is a height and a width, whole numbers"):
        WriterClassifier(patch_size=size).fit(lines.images[:5], lines.writer[:5])


def test_wrong_calls(fitted, lines):
    X, y = lines.images[:6], lines.writer[:6]
    with pytest.raises(ValueError, match="one class only"):
        WriterClassifier(**SMALL).fit(X, [1] * 6)
    with pytest.raises(ValueError, match="target y is None"):
        WriterClassifier(**SMALL).fit(X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        WriterClassifier(**SMALL).fit(X, y, pages=y[:3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted.predict(X, pages=y[:3])
    with pytest.raises(ValueError, match="frozen=9, and the backbone has 4 stages"):
        WriterClassifier(**SMALL, frozen=9).fit(X, y)
    with pytest.warns(UserWarning, match="looks inverted"):
        fitted.predict([255 - lines.images[0]])


def test_unknown_writers_count_as_wrong(fitted, lines):
    y = ["nobody", *lines.writer[1:6]]
    with pytest.warns(UserWarning, match=r"1 of 6 images is by writers .* as 'nobody', rows 0:"):
        score = fitted.score(lines.images[:6], y)
    assert score <= 5 / 6


def test_small_backbone_takes_any_size():
    module = ConvEncoder().eval()
    with torch.no_grad():
        for shape in [(1, 1), (1, 9), (64, 128)]:
            assert module(torch.zeros(2, 1, *shape)).shape == (2, module.n_features)


# Vectors


@pytest.fixture(scope="module")
def hands():
    return make_handwriting(96, n_writers=8, height=32, random_state=1)


@pytest.mark.slow
def test_embedder_brings_a_hand_together(hands):
    embedder = WriterEmbedder(
        patch_size=(32, 64), embedding_dim=16, n_patches=4, max_epochs=15, random_state=0
    )
    seen, new = hands.writer < "w006", hands.writer >= "w006"
    embedder.fit(hands.images[seen], hands.writer[seen])
    vectors = embedder.transform(hands.images)
    assert vectors.shape == (96, 16) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert embedder.score(hands.images[seen], hands.writer[seen]) > 0.8
    chance = np.mean(hands.writer[new] == hands.writer[new][0])
    assert embedder.score(hands.images[new], hands.writer[new]) > chance + 0.1
    assert not embedder.transform([np.full((40, 40), 255, np.uint8)]).any()


def test_embedder_in_a_pipeline_and_in_a_file(hands, tmp_path):
    model = make_pipeline(
        HeightNormalizer(32),
        WriterEmbedder(patch_size=(32, 64), max_epochs=4, n_patches=2, random_state=0),
        KNeighborsClassifier(3),
    )
    model.fit(hands.images[:64], hands.writer[:64])
    hwsk.save(model[:-1], tmp_path / "embedder.hwsk")
    loaded = hwsk.load(tmp_path / "embedder.hwsk")
    np.testing.assert_allclose(
        loaded.transform(hands.images[:3]), model[:-1].transform(hands.images[:3])
    )
    assert set(model.predict(hands.images[64:])) <= set(hands.writer)


def test_embedder_stops_by_other_writers(hands):
    embedder = WriterEmbedder(
        patch_size=(32, 64), max_epochs=2, n_patches=2, early_stopping=True, validation_fraction=0.3
    )
    embedder.fit(hands.images, hands.writer, groups=hands.writer)
    assert 0 <= embedder.history_[0]["valid_score"] <= 1


def test_batches_hold_pairs(hands):
    writers = np.unique(hands.writer, return_inverse=True)[1]
    targets = [(writer, i) for i, writer in enumerate(writers)]
    dataset = _PairDataset(hands.images, targets, (1.0, 0.0), None, 1, None, 0, False)
    batches = list(dataset.batches(8, shuffle=True))
    assert sorted(np.concatenate(batches)) == list(range(96))
    for batch in batches:
        counts = np.bincount(writers[batch])
        assert set(counts[counts > 0] % 2) == {0} and len(counts[counts > 0]) > 1
    dataset.epoch = 1
    assert list(dataset.batches(8, shuffle=True)) != batches


def test_pair_loss_by_hand():
    vectors = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    loss = PairLoss(margin=1.0)((vectors, None), (torch.tensor([0, 0, 1, 0]), None))
    near = 2 * np.sin(np.pi / 8)  # between directions 45 degrees apart
    positive = near  # of three pairs, the one of equal vectors is 0 and not counted
    negative = 1 - near  # the two others are further apart than the margin
    assert loss.item() == pytest.approx(positive + negative, abs=1e-4)


def test_embedder_wrong_calls(hands):
    X, y = hands.images[:6], hands.writer[:6]
    with pytest.raises(ValueError, match="all n_samples=6 are by one writer"):
        WriterEmbedder().fit(X, ["a"] * 6)
    with pytest.raises(ValueError, match="target y is None"):
        WriterEmbedder().fit(X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        WriterEmbedder().fit(X, y[:3])
