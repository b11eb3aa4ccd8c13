"""The text lines that the recognizers train on: sources by name, one split by writer for all.

    python -m benchmarks.lines.data --out /root/hwsk-training/pools --seed 0 --strokes strokes.npz

writes pools: the training lines of each source, on random paper (`paper.degrade`) and then
preprocessed, in one file a source, from which `train.py` draws batches; and the validation lines in
`validation/`, as they are and, of IAM, on random paper.

No writer is in training and validation, of whatever source. IAM and the grey lines of `iam_pages`
share writers and forms, so the validation writers of `benchmarks/shared/iam.py` are those of both;
of the 22 writers who are in `iam_pages` alone, every third is for validation, too. Copiste is split
by the text copied, so that both copies of a text are on one side. Whether a writer of IAM-OnDB also
wrote for IAM is not known: its lines are all for training, without the texts of validation lines.
Lines of figures and signs (`signs.py`) are composed of what `benchmarks.strokes.data` has written.
"""

from __future__ import annotations

import csv
import gzip
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from benchmarks.lines.paper import Image, degrade
from benchmarks.lines.signs import compose_lines, draw_strokes, emnist_lines
from benchmarks.shared.iam import load_split, prompt, spaced_punctuation
from hwsk._data.decoding import read_image
from hwsk.datasets import load_iam_online, make_handwriting
from hwsk.datasets._data_home import unpack
from hwsk.preprocessing import LineNormalizer

HEIGHT = 40
WEIGHTS = {
    "iam": 0.36,
    "iam_pages": 0.14,
    "copiste": 0.28,
    "iamondb": 0.10,
    "generated": 0.02,
    "signs": 0.10,
}
LETTERS = "ÀÂÄÆÇÈÉÊËÎÏÔÖÙÛÜŸàâäæçèéêëîïôöùûüÿœŒßñÑáíóúÁÍÓÚ«»°€$@+=*/%&[]{}_^<>–—…£§"
CLEAN = 0.35  # share of the training lines that keep their paper
_SPELLINGS = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\xa0": " ", "‑": "-"})
_LABEL = re.compile(r"wikitexte|_\d{3,4}\b")
_ALTO = "{http://www.loc.gov/standards/alto/ns-v4#}"


class Source(NamedTuple):
    """Text lines of one origin."""

    name: str
    texts: list[str]
    writers: list[str]  # of one name space for all sources
    ids: list[str]
    validation: NDArray[np.bool_]
    read: Callable[[int, np.random.Generator | None], Image]  # row, and what may vary in the cut


def preprocessing(height: int = HEIGHT) -> list[tuple[str, Any]]:
    """Steps of the Pipeline that ships, before the recognizer.

    Training lines have the rules of their paper; without rules, French lines are read worse.
    """
    return [("line", LineNormalizer(height, stroke_spacing=13.0 * height / 40, remove_rules=False))]


def load_sources(
    data: str, names: Sequence[str] = tuple(WEIGHTS), seed: int = 0, strokes: Path | None = None
) -> list[Source]:
    """Load sources by name; `seed` decides the generated lines and the signs alone."""
    iam, _, valid = load_split(data)
    writers, known = set(iam.writer[valid].astype(str)), set(iam.writer.astype(str))
    pages = _read_pages_table(data)
    newcomers = sorted({row["writer"] for row in pages} - known)
    writers |= set(newcomers[::3])
    loaders = {
        "iam": lambda: _load_iam(iam, valid),
        "iam_pages": lambda: _load_iam_pages(data, pages, writers),
        "copiste": lambda: _load_copiste(data),
        "iamondb": lambda: _load_iamondb(data, _held_out_prompts(iam, valid, pages, writers)),
        "generated": lambda: _generate(data, seed),
        "signs": lambda: _load_signs(data, strokes, seed),
    }
    return [loaders[name]() for name in names]


def _read_pages_table(data: str) -> list[dict[str, str]]:
    with open(Path(data) / "iam_pages" / "splits.csv", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _held_out_prompts(
    iam: Any, valid: NDArray[np.intp], pages: list[dict[str, str]], writers: set[str]
) -> set[str]:
    """Texts of the validation lines, of IAM and of the grey pages."""
    held_out = {prompt(iam.form[i]) for i in valid}
    return held_out | {prompt(row["form"]) for row in pages if row["writer"] in writers}


def _load_iam(iam: Any, valid: NDArray[np.intp]) -> Source:
    validation = np.zeros(len(iam.text), bool)
    validation[valid] = True
    paths = [str(path) for path in iam.images]
    return Source(
        "iam",
        [str(text) for text in iam.text],
        [f"iam {writer}" for writer in iam.writer],
        [Path(path).stem for path in paths],
        validation,
        lambda row, rng: read_image(paths[row]),
    )


def _load_iam_pages(data: str, pages: list[dict[str, str]], writers: set[str]) -> Source:
    """Cut grey lines from whole forms by their official boxes."""
    folder = unpack(Path(data) / "iam_pages" / "pages.tgz")
    writer_of = {row["form"]: row["writer"] for row in pages}
    texts, found, ids, boxes = [], [], [], []
    for row in (Path(data) / "iam_pages" / "ascii" / "lines.txt").read_text("utf-8").splitlines():
        if row.startswith("#"):
            continue
        name, _, _, _, *box, text = row.split(" ", 8)
        texts.append(" ".join(text.replace("|", " ").split()))
        ids.append(name)
        found.append(writer_of[name.rpartition("-")[0]])
        boxes.append([int(side) / 2 for side in box])  # pixel = box / 2
    cache: dict[str, Image] = {}

    def read(row: int, rng: np.random.Generator | None) -> Image:
        form = ids[row].rpartition("-")[0]
        if form not in cache:
            cache.clear()
            cache[form] = read_image(next(folder.rglob(f"{form}.jpg")))
        x, y, width, height = boxes[row]
        margins = np.full(4, 2.0) if rng is None else rng.uniform(0, 7, 4)
        left, top = max(0, round(x - margins[0])), max(0, round(y - margins[1]))
        return cache[form][
            top : round(y + height + margins[2]), left : round(x + width + margins[3])
        ].copy()

    validation = np.array([writer in writers for writer in found])
    return Source("iam_pages", texts, [f"iam {writer}" for writer in found], ids, validation, read)


class _AltoLine(NamedTuple):
    page: Path
    volunteer: str
    number: int
    text: str
    polygon: NDArray[np.int32]


def _load_copiste(data: str) -> Source:
    """Cut French lines from pages by their polygons, or by the boxes of these.

    Left out: lines with struck-out words (`>word<`), labels of the copier, lines without text;
    from validation also lines that several volunteers copied (the sentence of consent).
    """
    folder = unpack(Path(data) / "copiste" / "copiste.tgz")
    lines = [line for path in sorted(folder.rglob("alto/*.xml")) for line in _read_alto(path)]
    lines = [
        line for line in lines if line.text and not re.search(r"[<>]", line.text)
        and not _LABEL.search(line.text)
    ]  # fmt: skip
    texts = sorted({line.volunteer.replace("_double", "") for line in lines})
    chosen = set(np.random.default_rng(0).permutation(texts)[: round(0.15 * len(texts))])
    counts = Counter(line.text for line in lines)
    in_validation = np.array([line.volunteer.replace("_double", "") in chosen for line in lines])
    often = np.array([counts[line.text] > 1 for line in lines])
    lines = [line for line, drop in zip(lines, in_validation & often, strict=True) if not drop]
    in_validation = in_validation[~(in_validation & often)]
    cache: dict[Path, Image] = {}

    def read(row: int, rng: np.random.Generator | None) -> Image:
        line = lines[row]
        if line.page not in cache:
            cache.clear()
            cache[line.page] = read_image(line.page)
        return cut_polygon(cache[line.page], line.polygon, rng)

    return Source(
        "copiste",
        [line.text for line in lines],
        [f"copiste {line.volunteer}" for line in lines],
        [f"{line.page.stem}-{line.number}" for line in lines],
        in_validation,
        read,
    )


def _read_alto(path: Path) -> list[_AltoLine]:
    volunteer = re.sub(r"_\d$", "", path.stem)
    page = path.parents[1] / "jpg" / f"{path.stem}.jpg"
    lines = []
    for number, line in enumerate(ElementTree.parse(path).iter(f"{_ALTO}TextLine")):
        words = [string.get("CONTENT", "") for string in line.iter(f"{_ALTO}String")]
        shape = line.find(f".//{_ALTO}Polygon")
        if shape is None:
            continue
        points = np.array(shape.get("POINTS", "").split(), float).reshape(-1, 2).astype(np.int32)
        text = " ".join(" ".join(words).translate(_SPELLINGS).split())
        if len(points) > 2 and np.ptp(points, axis=0).min() >= 8:
            lines.append(_AltoLine(page, volunteer, number, text, points))
    return lines


def cut_polygon(page: Image, polygon: NDArray[np.int32], rng: np.random.Generator | None) -> Image:
    """Cut a line from a page: its polygon, the rest filled with paper; or, half the time, a box."""
    grow = 3 if rng is None else int(rng.integers(1, 7))
    x, y, width, height = cv2.boundingRect(polygon)
    left, top = max(0, x - grow), max(0, y - grow)
    crop = page[top : y + height + grow, left : x + width + grow].copy()
    if rng is not None and rng.random() < 0.4:
        return crop
    mask = np.zeros(crop.shape, np.uint8)
    cv2.fillPoly(mask, [polygon - [left, top]], 255)
    mask = cv2.dilate(mask, np.ones((2 * grow + 1, 2 * grow + 1), np.uint8))
    crop[mask == 0] = np.percentile(crop, 75)
    return crop


def _load_iamondb(data: str, without_prompts: set[str]) -> Source:
    """IAM-OnDB drawn with a pen of random width, without the texts of validation lines."""
    lines = load_iam_online(f"{data}/iamondb")
    rows = [i for i, form in enumerate(lines.form) if prompt(form) not in without_prompts]

    return Source(
        "iamondb",
        [spaced_punctuation(lines.text[i]) for i in rows],
        [f"iamondb {lines.writer[i]}" for i in rows],
        [str(lines.ids[i]) for i in rows],
        np.zeros(len(rows), bool),
        lambda row, rng: draw_strokes(lines.strokes[rows[row]], rng),
    )


def _load_signs(data: str, strokes: Path | None, seed: int, n_lines: int = 3000) -> Source:
    """Lines of figures, signs and capitals: as many composed of strokes as of images."""
    if strokes is None:
        raise click.UsageError("signs need --strokes, which benchmarks.strokes.data writes")
    rng = np.random.default_rng([seed, 2])
    texts, reads = compose_lines(strokes, n_lines, rng)
    more, images = emnist_lines(f"{data}/emnist", n_lines, rng)
    texts, reads = texts + more, reads + images
    return Source(
        "signs",
        texts,
        [f"signs {seed}"] * len(texts),
        [f"signs-{seed}-{number}" for number in range(len(texts))],
        np.zeros(len(texts), bool),
        lambda row, rng: reads[row](rng),
    )


def _generate(data: str, seed: int, n_lines: int = 4000) -> Source:
    """Synthetic lines: Brown sentences, and rare letters, digits and marks at random."""
    rng = np.random.default_rng([seed, 1])
    with gzip.open(Path(data) / "text" / "brown_sentences.tsv.gz", "rt", encoding="utf-8") as file:
        words = " ".join(row.rstrip("\n").split("\t")[1] for row in file).split(" ")
    rare = list(LETTERS + "0123456789" * 3)
    common = list("etaoinsrldcmpuvq")
    texts = []
    for i in range(n_lines):
        start = int(rng.integers(len(words) - 10))
        line = words[start : start + int(rng.integers(2, 10))]
        if i % 3 == 0:  # letters that no other source has in number
            made = [
                "".join(rng.choice(rare if rng.random() < 0.6 else common, rng.integers(1, 8)))
                for _ in range(int(rng.integers(1, 6)))
            ]
            line = [*line[:3], *made]
        texts.append(" ".join(line)[:70].strip())
    writable = set(_writable())
    texts = ["".join(c for c in text if c in writable).strip() or "a" for text in texts]
    texts = [" ".join(text.split()) for text in texts]
    made = make_handwriting(len(texts), level="line", texts=texts, n_writers=800, random_state=seed)
    return Source(
        "generated",
        [str(text) for text in made.text],
        [f"generated {seed} {writer}" for writer in made.writer],
        [str(name) for name in made.ids],
        np.zeros(len(texts), bool),
        lambda row, rng: made.images[row],
    )


def _writable() -> str:
    """Characters among ours that `make_handwriting` can write."""
    found = ""
    for character in "".join(map(chr, range(32, 127))) + LETTERS:
        try:
            make_handwriting(1, texts=[character.strip() or "a"], random_state=0)
        except ValueError:
            continue
        found += character
    return found


def is_feasible(text: str, width: int) -> bool:
    """Whether an image gives CTC the time steps that its text needs."""
    return -(-width // 4) >= len(text) + sum(a == b for a, b in pairwise(text))


class Pool:
    """Preprocessed lines in one file, mapped into memory; or, packed, decoded into memory.

    Parameters
    ----------
    path : path
        The `.npz` file that `write_pool` or `write_packed` wrote.
    """

    def __init__(self, path: Path) -> None:
        table = np.load(path)
        self.name = str(table["name"])
        self.height = int(table["height"])
        self.widths: NDArray[np.int64] = table["widths"]
        self.texts = [text.decode() for text in table["texts"].tolist()]
        self.offsets = np.concatenate([[0], np.cumsum(self.widths * self.height)])
        if "codes" in table:
            parts = np.split(table["codes"], np.cumsum(table["code_sizes"])[:-1])
            with ThreadPoolExecutor() as threads:
                images = list(threads.map(_decode, parts))
            self._pixels = np.concatenate([image.ravel() for image in images])
        else:
            self._pixels = np.memmap(path.with_suffix(".bin"), np.uint8, "r")

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, row: int) -> Image:
        part = self._pixels[self.offsets[row] : self.offsets[row + 1]]
        return np.array(part).reshape(self.height, -1)


def _decode(code: NDArray[np.uint8]) -> Image:
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)


def write_packed(path: Path, pool: Pool, rows: NDArray[np.intp], quality: int = 40) -> int:
    """Write some lines of a pool as one file of WebP images; return its size in bytes."""
    setting = [cv2.IMWRITE_WEBP_QUALITY, quality]
    codes = [cv2.imencode(".webp", pool[row], setting)[1].ravel() for row in rows]
    np.savez(
        path,
        name=pool.name,
        height=pool.height,
        widths=pool.widths[rows],
        texts=np.array([pool.texts[row].encode() for row in rows]),
        codes=np.concatenate(codes),
        code_sizes=np.array([len(code) for code in codes]),
    )
    return path.stat().st_size


def write_pool(
    path: Path,
    source: Source,
    rows: NDArray[np.intp],
    seed: int,
    *,
    clean: float = CLEAN,
    vary_cut: bool = True,
) -> int:
    """Write lines of a source, preprocessed, a share `clean` of them on their own paper.

    Lines that are too narrow for their text are left out. Returns the number of lines.
    """
    steps = Pipeline(preprocessing())
    rng = np.random.default_rng([seed, sum(map(ord, source.name))])
    widths, texts, other = [], [], None
    with open(path.with_suffix(".part"), "wb") as file:
        for row in rows:
            image = source.read(int(row), rng if vary_cut else None)
            degraded = image
            if rng.random() >= clean and other is not None:
                degraded = degrade(image, other, rng)
            other = image
            line = steps.fit_transform([degraded])[0]
            if is_feasible(source.texts[row], line.shape[1]):
                file.write(line.tobytes())
                widths.append(line.shape[1])
                texts.append(source.texts[row])
    path.with_suffix(".part").rename(path.with_suffix(".bin"))
    np.savez(
        path.with_suffix(".npz"),
        name=source.name,
        height=HEIGHT,
        widths=np.array(widths),
        texts=np.array([text.encode() for text in texts]),
    )
    return len(texts)


class Mixture:
    """Batches of lines from several pools, each line drawn by the weight of its source.

    A batch depends on the seed and its number alone, so that a training that stops goes on with
    the same batches.

    Parameters
    ----------
    pools : list of Pool
        Pools of one source share its weight.
    weights : dict of str to float
        Weight of each source; those without a pool are ignored.
    batch_size : int
        Lines in a batch.
    seed : int
        Decides which lines come when.
    run : int, default=50
        Batches whose lines are drawn together and sorted by width: little padding.
    """

    def __init__(
        self,
        pools: Sequence[Pool],
        weights: dict[str, float],
        batch_size: int,
        seed: int,
        run: int = 50,
    ) -> None:
        self.pools = [pool for pool in pools if weights.get(pool.name, 0) > 0]
        if not self.pools:
            raise ValueError(f"no pool of {sorted(weights)} among {[p.name for p in pools]}")
        sizes = Counter[str]()
        for pool in self.pools:
            sizes[pool.name] += len(pool)
        shares = [weights[pool.name] * len(pool) / sizes[pool.name] for pool in self.pools]
        self.shares = np.array(shares) / sum(shares)
        self.batch_size, self.seed, self.run = batch_size, seed, run
        self._drawn: tuple[int, list[NDArray[np.int64]]] = (-1, [])

    def batch(self, number: int) -> NDArray[np.int64]:
        """Pool and row of each line of a batch, an array of shape (batch_size, 2)."""
        run, place = divmod(number, self.run)
        if self._drawn[0] != run:
            rng = np.random.default_rng([self.seed, run])
            n = self.run * self.batch_size
            pools = rng.choice(len(self.pools), n, p=self.shares)
            rows = np.array([rng.integers(len(self.pools[i])) for i in pools])
            widths = [self.pools[i].widths[row] for i, row in zip(pools, rows, strict=True)]
            order = np.argsort(widths, kind="stable")
            batches = np.column_stack([pools, rows])[order].reshape(self.run, self.batch_size, 2)
            self._drawn = run, list(rng.permutation(batches))
        return self._drawn[1][place]


def find_pools(folder: Path) -> list[Pool]:
    """All pools in a folder, in the order of their names."""
    return [Pool(path) for path in sorted(folder.glob("*.npz"))]


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--seed", default=0, help="Decides paper, cut and generated lines.")
@click.option("--source", "names", multiple=True, help="One source; all by default.")
@click.option("--strokes", type=click.Path(exists=True, path_type=Path), help="For signs.")
@click.option("--clean", default=CLEAN, help="Share of the lines that keep their own paper.")
def main(
    data: str, out: Path, seed: int, names: tuple[str, ...], strokes: Path | None, clean: float
) -> None:
    """Write the pools of the training and validation lines; those that exist are kept."""
    (out / "validation").mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    for name in names or tuple(WEIGHTS):
        path = out / f"{name}-{seed}"
        valid_path = out / "validation" / name
        if path.with_suffix(".npz").exists() and valid_path.with_suffix(".npz").exists():
            continue
        (source,) = load_sources(data, [name], seed, strokes)
        rows, valid = np.flatnonzero(~source.validation), np.flatnonzero(source.validation)
        if len(valid) and not valid_path.with_suffix(".npz").exists():
            n = write_pool(valid_path, source, valid, 0, clean=1, vary_cut=False)
            print(f"{name}: {n} of {len(valid)} validation lines", flush=True)
            if name == "iam":
                rough = source._replace(name="iam_rough")
                write_pool(valid_path.with_name("iam_rough"), rough, valid, 0, clean=0)
        if not path.with_suffix(".npz").exists():
            n = write_pool(path, source, rows, seed, clean=clean)
            print(f"{name}: {n} of {len(rows)} training lines", flush=True)


if __name__ == "__main__":
    main()
