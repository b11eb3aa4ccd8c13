"""Pretrained models by name: where they are looked for, the download, the registry, the cards."""

import hashlib
import importlib
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

import hwsk
from hwsk.models import _files, get_model, list_models, verify_models
from hwsk.models._registry import registry

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "models"
NAME = "emnist-characters"  # the smallest
CONTENT = (FOLDER / f"{NAME}.hwsk").read_bytes()


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No place has a model; returns the data home, which is not made yet."""
    monkeypatch.setattr(_files, "CHECKOUT", tmp_path / "no checkout")
    monkeypatch.setitem(sys.modules, "hwsk_models", None)
    monkeypatch.setenv("HWSK_DATA", str(tmp_path / "home"))
    monkeypatch.delenv("HWSK_MODELS", raising=False)
    monkeypatch.delenv("HWSK_MODELS_URL", raising=False)
    return tmp_path / "home"


# The registry


def test_the_registry_agrees_with_the_files():
    assert {path.stem for path in FOLDER.glob("*.hwsk")} == set(registry())
    register = importlib.import_module("benchmarks.models.register").register
    text = (ROOT / "hwsk" / "models" / "registry.toml").read_text()
    assert register(text, FOLDER) == text, "run python -m benchmarks.models.register"


def number(value):
    """A score as cards have it: 6.4%, .0107 or 1081.9."""
    return re.escape(f"{value:.4f}".lstrip("0")), re.escape(f"{value:.1f}"), f"{value:.1%}"


@pytest.mark.parametrize("name", registry())
def test_the_registry_agrees_with_the_card_and_the_model(name):
    record = registry()[name]
    card = (FOLDER / f"{name}.md").read_text()
    assert f'hwsk.load("{name}")' in card
    score, low, high = ("|".join(number(record[key])) for key in ("score", "low", "high"))
    low, high = low.replace("%", "%?"), high.replace("%", "%?")  # one sign may stand for all
    assert re.search(rf"({score}) \(({low}) to ({high})\)", card)
    assert record["class"].rpartition(".")[2] in card
    model = hwsk.load(name)
    last = model[-1] if hasattr(model, "steps") else model
    assert isinstance(last, getattr(importlib.import_module(record["class"].rpartition(".")[0]),
                                    record["class"].rpartition(".")[2]))  # fmt: skip
    terms = "public" if "public" in record["license"] else "Research use"
    assert terms in card
    assert re.search(r"\d[\d,]+", record["data"])[0] in card
    assert record["low"] <= record["score"] <= record["high"]


def test_list_models():
    models = list_models()
    assert models.index.tolist() == sorted(registry())
    assert not models.isna().any(axis=None)
    assert models.loc["iam-lines", "file"] == "iam-lines.hwsk"
    assert list_models("identify").index.tolist() == ["iam-writers"]
    with pytest.raises(ValueError, match=r"task is 'fly'; expected one of .*'verify', 'write'"):
        list_models("fly")


# Where models are looked for


def test_an_unknown_name_lists_the_names():
    with pytest.raises(FileNotFoundError, match=r"no file 'iam-line', and .*'iam-lines'\?.*iam-wo"):
        hwsk.load("iam-line")
    with pytest.raises(ValueError, match="is called 'x'; the models: and-comparer, and-features"):
        get_model("x")
    with pytest.raises(FileNotFoundError, match=r"No such file.*iam-line\.hwsk"):
        hwsk.load("iam-line.hwsk")


def test_a_file_called_like_a_model_gives_the_name():
    for path in ("iam-lines.hwsk", Path("none", "iam-lines.hwsk")):
        with pytest.raises(FileNotFoundError, match=r"does not exist; .* is 'iam-lines', without"):
            hwsk.load(path)


def test_a_tilde_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    hwsk.save(hwsk.CTCRecognizer(height=32), "~/mine.hwsk")
    assert (tmp_path / "mine.hwsk").is_file()
    assert hwsk.load("~/mine.hwsk").height == hwsk.load(Path("~", "mine.hwsk")).height == 32


def test_a_file_goes_before_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(FOLDER / "and-features.hwsk", NAME)
    assert type(hwsk.load(NAME)).__name__ == "MultiTaskClassifier"
    Path(NAME).unlink()
    assert type(hwsk.load(NAME)).__name__ == "CharacterClassifier"
    with pytest.raises(FileNotFoundError):
        hwsk.load(Path(NAME))  # a Path is a path


def test_places_are_looked_at_in_order(nowhere, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"HWSK_MODELS_URL names no.*pip install \./models"):
        get_model(NAME)
    assert not nowhere.exists()
    (nowhere / "models").mkdir(parents=True)
    for place in (nowhere / "models", package := tmp_path / "hwsk_models",
                  checkout := tmp_path / "no checkout", chosen := tmp_path / "chosen"):  # fmt: skip
        place.mkdir(exist_ok=True)
        shutil.copy(FOLDER / f"{NAME}.hwsk", place)
    assert get_model(NAME).parent == nowhere / "models"
    (package / "__init__.py").touch()
    monkeypatch.delitem(sys.modules, "hwsk_models")
    monkeypatch.syspath_prepend(tmp_path)
    assert get_model(NAME).parent == package
    (checkout / "pyproject.toml").touch()
    assert get_model(NAME).parent == checkout
    monkeypatch.setenv("HWSK_MODELS", str(chosen))
    assert get_model(NAME).parent == chosen
    monkeypatch.setenv("HWSK_MODELS", str(tmp_path / "absent"))
    assert get_model(NAME).parent == checkout
    monkeypatch.delitem(sys.modules, "hwsk_models")


def test_verify_models(tmp_path, nowhere, monkeypatch):
    monkeypatch.setenv("HWSK_MODELS", str(tmp_path))
    (tmp_path / f"{NAME}.hwsk").write_bytes(CONTENT)
    (tmp_path / "iam-lines.hwsk").write_bytes(CONTENT)
    found = verify_models()["status"]
    assert (found[NAME], found["iam-lines"], found["iam-words"]) == ("right", "other", "missing")
    with pytest.raises(ValueError, match="the models: "):
        verify_models(["x"])
    assert not nowhere.exists()


# The download


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        step = self.server.script.pop(0) if self.server.script else "good"
        content = CONTENT[:-1] + b"x" if step == "other" else CONTENT
        self.server.wait.wait(10)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if step == "cut" else content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(nowhere, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.script, server.asked, server.wait = [], [], threading.Event()
        server.wait.set()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("HWSK_MODELS_URL", f"{address}/v1/")
        yield server
        server.shutdown()
        thread.join()


def kept(home):
    return sorted(path.name for path in (home / "models").iterdir())


def test_download_once(server, nowhere):
    assert type(hwsk.load(NAME)).__name__ == "CharacterClassifier"
    assert get_model(NAME).read_bytes() == CONTENT
    assert server.asked == [f"/v1/{NAME}.hwsk"] and kept(nowhere) == [f"{NAME}.hwsk"]
    (nowhere / "models" / f"{NAME}.hwsk").write_bytes(CONTENT[:-1])
    with pytest.warns(UserWarning, match=rf"{NAME}\.hwsk is damaged .* downloading it again"):
        assert get_model(NAME).read_bytes() == CONTENT
    (nowhere / "models" / f"{NAME}.hwsk").unlink()
    with pytest.raises(FileNotFoundError, match="downloading is off"):
        get_model(NAME, download_if_missing=False)


def test_wrong_hash(server, nowhere):
    server.script = ["other"]
    found = hashlib.sha256(CONTENT[:-1] + b"x").hexdigest()
    with pytest.raises(OSError, match=rf"SHA-256 {found} .* expected .*Install the package hwsk"):
        get_model(NAME)
    assert kept(nowhere) == [] and len(server.asked) == 1


def test_cut_transfer(server, nowhere, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.script = ["cut"]
    with pytest.warns(UserWarning, match="cut after .* 3 more tries"):
        assert get_model(NAME).read_bytes() == CONTENT
    (nowhere / "models" / f"{NAME}.hwsk").unlink()
    server.script = ["cut"] * 4
    with (
        pytest.warns(UserWarning, match="1 more try"),
        pytest.raises(OSError, match=r"can't download http.*cut after .*HWSK_MODELS to a folder"),
    ):
        get_model(NAME)
    assert kept(nowhere) == []


def test_no_network(nowhere, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("HWSK_MODELS_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with (
        pytest.warns(UserWarning, match="3 more tries"),
        pytest.raises(OSError, match=r"can't download http://127\.0\.0\.1:9/.*hwsk-models"),
    ):
        hwsk.load(NAME)
    assert kept(nowhere) == []


def test_two_processes_at_once(server, nowhere):
    server.wait.clear()  # until both have asked
    code = (
        "import sys; from pathlib import Path; from hwsk.models import _files; "
        "_files.CHECKOUT = Path('nowhere'); sys.modules['hwsk_models'] = None; "
        f"print(_files.get_model({NAME!r}))"
    )

    def run(_):
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                              timeout=60, check=False)  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        runs = pool.map(run, range(2))
        deadline = time.monotonic() + 60
        while len(server.asked) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        server.wait.set()
    expected = nowhere / "models" / f"{NAME}.hwsk"
    for done in runs:
        assert (done.returncode, done.stdout) == (0, f"{expected}\n"), done.stderr
    assert expected.read_bytes() == CONTENT and kept(nowhere) == [expected.name]


# The data package


@pytest.mark.skipif(
    int(version("setuptools").split(".")[0]) < 77, reason="models/pyproject.toml: setuptools>=77"
)
def test_the_data_package_builds_a_wheel(tmp_path):
    """Of a copy with one model: the build writes beside its sources."""
    source = tmp_path / "models"
    source.mkdir()
    for file in ("__init__.py", "pyproject.toml", f"{NAME}.hwsk", f"{NAME}.md"):
        shutil.copy(FOLDER / file, source)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(tmp_path), str(source)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    (wheel,) = tmp_path.glob("hwsk_models-*.whl")
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    assert (tmp_path / "site" / "hwsk_models" / f"{NAME}.hwsk").read_bytes() == CONTENT
    assert (tmp_path / "site" / "hwsk_models" / f"{NAME}.md").is_file()
