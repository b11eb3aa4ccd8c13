"""Damaged and hostile files, over all readers and `hwsk.load`: what becomes of each.

    python -m benchmarks.files.fuzz                   # 12,000 files
    python -m benchmarks.files.fuzz --quick           # some hundreds, as a test runs them
    python -m benchmarks.files.fuzz --reader load     # one reader

Files are valid ones that are damaged (bytes cut, flipped, put in; numbers and lines of text
changed; nodes and arrays of a model changed and its checksum repaired), and some that were written
to do harm. Each is read in a forked process with a limit of memory and of time. Printed is, for
each reader, how many files

- were read: they are valid still, or a model whose damage is a matter of its values;
- were refused by a ValueError or OSError that names the file;
- made any other exception (a MemoryError that became another counts here);
- were read in silence though they are damaged, or gave what a reader must not give;
- took too long; crashed the process.

The last four have to be 0; otherwise the exit code is 1, and the files are kept.
"""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

import hwsk
from benchmarks.files.readers import Reader, large_model, make_readers
from hwsk import persistence

MEMORY = 2 << 30  # bytes beyond what the process has when it is forked
SECONDS = 10  # of a processor, for one file
WALL_SECONDS = 60  # for one file, on a machine with other work to do
BATCH = 20  # files a process
OUTCOMES = ("read", "refused", "other exception", "silent", "too long", "crashed")
Outcome = tuple[str, str]  # and what happened

VALUES = [
    None, True, -1, 0, 1, 2**31, 10**12, 10**30, -(10**9), 0.5, -1e300, "", "x", "../a",
    "/dev/zero", "cuda:7", "<script>alert(1)</script>", "x" * 5000, [], [[]], [1, "a"],
    {}, {"a": {}},
    {"$float": "nan"}, {"$float": "inf"}, {"$tuple": [1, 2]}, {"$type": "object"},
    {"$dtype": "V999999999"}, {"$slice": [0, 10**12, None]},
    {"$items": ["a"] * 10 + ["b" * 1000], "shape": [11], "dtype": "U"},
    {"$items": [], "shape": [0, 10**12], "dtype": "O"},
    {"$estimator": "sklearn.pipeline.Pipeline", "params": {"steps": []}, "state": {}},
    {"$estimator": "hwsk.CTCRecognizer", "params": {}, "state": {}},
    {"$estimator": "os.system", "params": {"command": "ls"}, "state": {}},
]  # fmt: skip
NAMES = [
    "_doc_link_template", "predict", "get_params", "__class__", "__dict__", "net_", "classes_",
    "memory", "callbacks", "n_features_in_", "_fit_X", "$array", "$dict", "hidden_units",
]  # fmt: skip
TOKENS = [
    b"1e999", b"-1", b"0", b"1e12", b"99999999999999999999", b"nan", b"inf", b"", b"\x00", b"\xff",
    b"<", b'"', b",", b"\n", b"{", b"]", b"9" * 5000, "é".encode(), b"\xed\xa0\x80", b"-1e-320",
]  # fmt: skip


def damage(content: bytes, rng: np.random.Generator, is_text: bool) -> bytes:
    """A valid file with some bytes, or as text with some numbers and lines, changed."""
    for _ in range(int(rng.integers(1, 4))):
        n = len(content)
        place, end = sorted(rng.integers(0, n + 1, 2).tolist())
        end = min(end, place + int(rng.integers(1, 200)))
        kind = int(rng.integers(0, 12 if is_text else 8))
        if kind == 0:
            content = content[:place]
        elif kind <= 2 and n:
            changed = bytearray(content)
            for i in rng.integers(0, n, int(rng.integers(1, 8))):
                changed[i] ^= int(rng.integers(1, 256))
            content = bytes(changed)
        elif kind == 3:
            content = content[:place] + content[end:]
        elif kind == 4:
            content = content[:end] + content[place:]
        elif kind == 5:
            content = content[:place] + rng.bytes(int(rng.integers(1, 30))) + content[place:]
        elif kind == 6:
            filler = (b"\x00", b"\xff", b"\x7f")[int(rng.integers(3))]
            content = content[:place] + filler * (end - place) + content[end:]
        elif kind == 7:
            content += content[place:end]
        elif kind <= 9:
            numbers = list(re.finditer(rb"-?\d+\.?\d*", content))
            if numbers:
                number = numbers[int(rng.integers(len(numbers)))]
                token = TOKENS[int(rng.integers(len(TOKENS)))]
                content = content[: number.start()] + token + content[number.end() :]
        elif kind == 10:
            lines = content.split(b"\n")
            i, j = rng.integers(0, len(lines), 2)
            lines[i], lines[j] = lines[j], lines[i]
            content = b"\n".join(lines)
        else:
            token = TOKENS[int(rng.integers(len(TOKENS)))]
            content = content[:place] + token + content[place:]
    return content


def _places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every (container, key) in JSON."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        found.append((node, key))
        if isinstance(value, (dict, list)):
            _places(value, found)
    return found


def _change_array(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    kind = int(rng.integers(0, 8))
    if kind == 0:
        return array[:-1].copy() if array.ndim else array[None]
    if kind == 1:
        return np.ascontiguousarray(array.T)
    if kind == 2:
        return array.reshape(-1)
    if kind == 3:
        return np.concatenate([array, array]) if array.ndim else array
    if kind == 4:
        return array.astype(rng.choice(["<i4", "<f8", "<f4", "|u1", "<i8", "|b1"]))
    if kind == 5:
        return np.zeros((0, *array.shape[1:]), array.dtype)
    values = [np.nan, np.inf, -1, 2**31 - 1, 1e38, 0, 1]
    with np.errstate(all="ignore"):
        filler = np.array(values[int(rng.integers(len(values)))]).astype(array.dtype)
    changed = array.copy()
    if kind == 6 or not array.size:
        changed[...] = filler
    else:
        changed.flat[int(rng.integers(array.size))] = filler
    return changed


def damage_model(content: bytes, rng: np.random.Generator, folder: Path) -> bytes:
    """A model with nodes and arrays changed, and the checksum repaired."""
    path = folder / "seed.hwsk"
    path.write_bytes(content)
    model, arrays = persistence.read_model(path)
    arrays = dict(arrays)
    for _ in range(int(rng.integers(1, 4))):
        places = _places(model, [])
        if not places:
            break
        container, key = places[int(rng.integers(len(places)))]
        kind = int(rng.integers(0, 7))
        if kind <= 1 and arrays:
            name = list(arrays)[int(rng.integers(len(arrays)))]
            arrays[name] = _change_array(arrays[name], rng)
        elif kind == 2:
            other, place = places[int(rng.integers(len(places)))]
            if place in (other if isinstance(other, dict) else range(len(other))):
                container[key] = json.loads(json.dumps(other[place]))
        elif kind == 3 and isinstance(container, dict):
            copied = json.loads(json.dumps(container.get(key)))
            container[NAMES[int(rng.integers(len(NAMES)))]] = copied
        elif kind == 4 and isinstance(container, dict):
            container.pop(key, None)
        else:
            container[key] = json.loads(json.dumps(VALUES[int(rng.integers(len(VALUES)))]))
    persistence._write(path, json.dumps(model), arrays)
    return path.read_bytes()


def hostile_models(folder: Path) -> list[bytes]:
    """Models that would take gigabytes or minutes."""
    path = folder / "seed.hwsk"
    made = []
    for name, value in (("embedding_dim", 10**9), ("dense_units", 10**6), ("backbone", "resnet50")):
        path.write_bytes(large_model())
        model, arrays = persistence.read_model(path)
        model["estimator"]["params"][name] = value
        persistence._write(path, json.dumps(model), arrays)
        made.append(path.read_bytes())
    from sklearn.preprocessing import LabelEncoder, StandardScaler

    scaler = StandardScaler().fit(np.zeros((2, 200_000)))
    hwsk.save(scaler, path)
    model, arrays = persistence.read_model(path)
    state = model["estimator"]["state"]
    state["feature_names_in_"] = [state["mean_"]] * 3000
    persistence._write(path, json.dumps(model), arrays)
    made.append(path.read_bytes())
    hwsk.save(LabelEncoder().fit(["a", "b"]), path)
    model, arrays = persistence.read_model(path)
    items = ["a"] * 100_000 + ["b" * 60_000]
    model["estimator"]["state"]["classes_"] = {"$items": items, "shape": [100_001], "dtype": "U"}
    persistence._write(path, json.dumps(model), arrays)
    return [*made, path.read_bytes()]


def _model_digest(path: Path) -> bytes | None:
    """What a model says when it is saved again; None if it can't be loaded."""
    try:
        estimator = hwsk.load(path)
    except ValueError:
        return None
    again = path.with_name("again.hwsk")
    hwsk.save(estimator, again)
    return again.read_bytes()


def read_one(reader: Reader, path: Path, original: bytes | None) -> Outcome:
    """What becomes of one file; `original` is the valid one that it may not differ from."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = reader.read(path)
        except MemoryError as error:
            return "other exception", repr(error)
        except (ValueError, OSError) as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, MemoryError):
                    return "other exception", f"a MemoryError within {error!r:.300}"
                cause = cause.__cause__ or cause.__context__
            return ("refused", "") if path.name in str(error) else ("other exception", repr(error))
        except Exception as error:
            return "other exception", f"{error!r:.300}"
        try:
            reader.check(result)
        except AssertionError as error:
            return "silent", f"must not come out: {error!r:.300}"
        if original is not None:
            again = path.with_name("original.hwsk")
            again.write_bytes(original)
            if _model_digest(path) != _model_digest(again):
                return "silent", "another model than was saved"
    return "read", ""


def _vm_size() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    return pages * resource.getpagesize()


class _TooLong(BaseException):
    """No Exception, so that no reader takes it for one."""


def _alarm(*_: Any) -> None:
    raise _TooLong


def _work(reader: Reader, cases: list[tuple[bytes, bytes | None]], folder: Path, pipe: int) -> None:
    """Read files one after the other, and tell the parent before and after each."""
    resource.setrlimit(resource.RLIMIT_AS, (_vm_size() + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _alarm)
    os.environ["HWSK_DATA"] = str(folder / "home")
    os.chdir(folder)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    with os.fdopen(pipe, "wb") as stream:
        for number, (content, original) in enumerate(cases):
            path = folder / f"fuzzed{reader.suffix}"
            path.write_bytes(content)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                outcome = read_one(reader, path, original)
            except _TooLong:
                outcome = "too long", f"over {SECONDS} s of a processor"
            signal.setitimer(signal.ITIMER_PROF, 0)
            stream.write(json.dumps([number, *outcome]).encode() + b"\n")
            stream.flush()


def run_batch(reader: Reader, cases: list[tuple[bytes, bytes | None]]) -> list[Outcome]:
    """The outcome of each file, read in processes that are forked as often as one ends early."""
    outcomes: list[Outcome] = []
    while len(outcomes) < len(cases):
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        cv2.imwrite(str(folder / "a.png"), np.full((9, 9), 200, np.uint8))
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(out)
                _work(reader, cases[len(outcomes) :], folder, into)
            finally:
                os._exit(0)
        os.close(into)
        last = time.monotonic()
        buffer = b""
        # A loop in C does not see the alarm: the child is then killed from here.
        while True:
            ready = _wait(out, max(0.0, last + WALL_SECONDS - time.monotonic()))
            if not ready:
                os.kill(child, signal.SIGKILL)
                outcomes.append(("too long", "did not answer, and was killed"))
                break
            part = os.read(out, 1 << 16)
            if not part:
                if len(outcomes) < len(cases):
                    outcomes.append(("crashed", ""))
                break
            last = time.monotonic()
            buffer += part
            *lines, buffer = buffer.split(b"\n")
            outcomes += [tuple(json.loads(line)[1:]) for line in lines]
            if len(outcomes) == len(cases):
                break
        os.close(out)
        _, status = os.waitpid(child, 0)
        if outcomes[-1][0] == "crashed":
            outcomes[-1] = ("crashed", f"status {status}")
        shutil.rmtree(folder, ignore_errors=True)
    return outcomes


def _wait(descriptor: int, seconds: float) -> bool:
    import select

    return bool(select.select([descriptor], [], [], seconds)[0])


def warm_up(reader: Reader) -> None:
    """Read the valid files once: numba compiles for 20 s, and keeps that on the disk."""
    child = os.fork()
    if child == 0:
        try:
            with tempfile.TemporaryDirectory() as folder:
                for seed in reader.seeds:
                    path = Path(folder) / f"valid{reader.suffix}"
                    path.write_bytes(seed)
                    read_one(reader, path, None)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def make_cases(
    name: str, reader: Reader, n: int, rng: np.random.Generator, folder: Path
) -> list[tuple[bytes, bytes | None]]:
    """Files for one reader, each with the valid model that it may not silently differ from."""
    cases: list[tuple[bytes, bytes | None]] = [(content, None) for content in reader.hostile]
    if name == "load":
        cases += [(content, None) for content in hostile_models(folder)]
    for number in range(n):
        seed = reader.seeds[int(rng.integers(len(reader.seeds)))]
        if name == "load" and number % 4:
            cases.append((damage_model(seed, rng, folder), None))
        else:
            content = damage(seed, rng, reader.is_text)
            cases.append((content, seed if name == "load" else None))
    return cases


@click.command()
@click.option("--files", default=12_000, help="Damaged files, all readers together.")
@click.option("--quick", is_flag=True, help="300 files.")
@click.option("--reader", "only", default=None, help="One reader, by its name.")
@click.option("--seed", default=0)
@click.option("--keep", type=click.Path(path_type=Path), default=None, help="For what went wrong.")
def main(files: int, quick: bool, only: str | None, seed: int, keep: Path | None) -> None:
    """Print a table of outcomes; exit with 1 if there are any that must not be."""
    files = 300 if quick else files
    readers = make_readers()
    total = sum(reader.weight for reader in readers.values())
    keep = keep or Path(tempfile.mkdtemp(prefix="fuzz-kept-"))
    sums: Counter[str] = Counter()
    print(f"{'':16}" + "".join(f"{outcome:>17}" for outcome in OUTCOMES))
    gc.freeze()  # what is there is not touched by the collector in a child, and so not copied
    for name, reader in readers.items():
        if only not in (None, name):
            continue
        rng = np.random.default_rng([seed, len(name), *name.encode()])
        with tempfile.TemporaryDirectory() as folder:
            cases = make_cases(
                name, reader, round(files * reader.weight / total), rng, Path(folder)
            )
        warm_up(reader)
        found: Counter[str] = Counter()
        for start in range(0, len(cases), BATCH):
            batch = cases[start : start + BATCH]
            for number, (outcome, message) in enumerate(run_batch(reader, batch), start):
                found[outcome] += 1
                if outcome not in OUTCOMES[:2]:
                    kept = keep / f"{name.replace(' ', '_')}-{number}{reader.suffix}"
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    kept.write_bytes(cases[number][0])
                    print(f"{kept}: {outcome}: {message}", file=sys.stderr)
        print(f"{name:16}" + "".join(f"{found[outcome]:17}" for outcome in OUTCOMES), flush=True)
        sums += found
    print(f"{'all':16}" + "".join(f"{sums[outcome]:17}" for outcome in OUTCOMES))
    sys.exit(any(sums[outcome] for outcome in OUTCOMES[2:]))


if __name__ == "__main__":
    main()
