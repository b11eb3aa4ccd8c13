"""The data of the recognizers of lines: no writer on both sides, cuts, pools, mixtures."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data"
ALTO = """<alto xmlns="http://www.loc.gov/standards/alto/ns-v4#"><Layout><Page><TextBlock>
<TextLine><Shape><Polygon POINTS="10 20 90 20 90 44 10 44"/></Shape>
<String CONTENT="{}"/></TextLine>
<TextLine><Shape><Polygon POINTS="10 60 90 60 90 84 10 84"/></Shape>
<String CONTENT="{}"/></TextLine>
<TextLine><String CONTENT="no polygon"/></TextLine></TextBlock></Page></Layout></alto>"""


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    before = set(sys.modules)
    from benchmarks.lines import data, pack, paper, train

    yield {"data": data, "pack": pack, "paper": paper, "train": train}
    for name in set(sys.modules) - before:
        if name.startswith("benchmarks"):
            del sys.modules[name]


@pytest.fixture
def data(benchmarks):
    return benchmarks["data"]


def make_source(data, name="iam", texts=("on no", "no", "a", "noon"), validation=None):
    def read(row, rng):
        image = np.full((60, 300), 255, np.uint8)
        cv2.putText(image, texts[row], (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1, 0, 3)
        return image

    validation = np.zeros(len(texts), bool) if validation is None else np.array(validation)
    writers = [f"{name} {i}" for i in range(len(texts))]
    return data.Source(name, list(texts), writers, writers, validation, read)


def write(data, folder, name, clean=1.0):
    source = make_source(data, name)
    data.write_pool(folder / f"{name}-0", source, np.arange(4), 0, clean=clean)
    return data.Pool(folder / f"{name}-0.npz")


def test_a_pool_holds_what_the_pipeline_makes(data, tmp_path):
    pool = write(data, tmp_path, "iam")
    source = make_source(data)
    steps = data.Pipeline(data.preprocessing())
    assert pool.name == "iam" and pool.texts == source.texts
    for row in range(4):
        assert np.array_equal(pool[row], steps.fit_transform([source.read(row, None)])[0])


def test_random_paper_changes_lines_and_repeats(data, tmp_path):
    plain = write(data, tmp_path, "iam")
    rough = write(data, tmp_path, "iam", clean=0.0)
    again = write(data, tmp_path, "iam", clean=0.0)
    assert any(plain[row].shape != rough[row].shape or (plain[row] != rough[row]).any()
               for row in range(1, 4))  # fmt: skip
    assert all(np.array_equal(rough[row], again[row]) for row in range(4))


def test_lines_too_narrow_for_their_text_are_left_out(data, tmp_path):
    source = make_source(data, texts=("on", "l" * 400))
    assert data.write_pool(tmp_path / "iam-0", source, np.arange(2), 0, clean=1) == 1
    assert data.is_feasible("ab", 8) and not data.is_feasible("aa", 8)


@pytest.mark.parametrize("seed", range(25))
def test_degraded_images_are_images(benchmarks, seed):
    rng = np.random.default_rng(seed)
    image = make_source(benchmarks["data"]).read(0, None)
    changed = benchmarks["paper"].degrade(image, image[:, ::-1].copy(), rng)
    assert changed.dtype == np.uint8 and changed.ndim == 2 and min(changed.shape) >= 8
    assert image.min() == 0 and image.max() == 255  # not written to


def test_mixture_follows_weights_and_repeats(data, tmp_path):
    pools = [write(data, tmp_path, name) for name in ("iam", "copiste", "iamondb")]
    weights = {"iam": 0.75, "copiste": 0.25, "unknown": 1.0}
    mixture = data.Mixture(pools, weights, batch_size=8, seed=0)
    drawn = np.concatenate([mixture.batch(number) for number in range(100)])
    assert drawn.shape == (800, 2) and {mixture.pools[i].name for i in drawn[:, 0]} == {
        "iam",
        "copiste",
    }
    share = np.mean([mixture.pools[i].name == "iam" for i in drawn[:, 0]])
    assert 0.68 < share < 0.82
    later = data.Mixture(pools, weights, batch_size=8, seed=0)
    assert np.array_equal(later.batch(73), mixture.batch(73))
    with pytest.raises(ValueError, match="no pool of"):
        data.Mixture(pools, {"unknown": 1.0}, 8, 0)


def test_packed_lines_are_nearly_the_same(benchmarks, data, tmp_path):
    pool = write(data, tmp_path, "iam")
    data.write_packed(tmp_path / "packed.npz", pool, np.array([1, 3]), quality=90)
    packed = data.Pool(tmp_path / "packed.npz")
    assert packed.texts == [pool.texts[1], pool.texts[3]] and packed.name == "iam"
    for row, original in enumerate((1, 3)):
        assert packed[row].shape == pool[original].shape
        assert np.abs(packed[row].astype(int) - pool[original]).mean() < 8
    choose = benchmarks["pack"].choose_rows
    few, many = choose([pool, pool], {"iam": 1.0}, 4)
    assert len(few) == len(many) == 2
    assert [len(rows) for rows in choose([pool], {"iam": 1.0}, 100)] == [4]


def test_training_goes_on_where_it_stopped(benchmarks, data, tmp_path):
    from click.testing import CliRunner

    train = benchmarks["train"]
    (tmp_path / "pools" / "validation").mkdir(parents=True)
    for folder in (tmp_path / "pools", tmp_path / "pools" / "validation"):
        write(data, folder, "iam")

    def run(out, *options):
        always = ["--pools", tmp_path / "pools", "--out", tmp_path / out, "--batch-size", "2"]
        result = CliRunner().invoke(
            train.main, ["run", *map(str, [*always, *options])], catch_exceptions=False
        )
        assert result.exit_code == 0
        return result.output

    assert "step 0 validation CER iam" in run("run", "--steps", 2)
    run("run", "--steps", 4)
    run("whole", "--steps", 4)
    states = [train.torch.load(tmp_path / out / "last.pt") for out in ("run", "whole")]
    assert states[0]["step"] == states[1]["step"] == 4
    run("end", "--branch", tmp_path / "run" / "last.pt", "--decay", 2, "--slim")
    ended = train.torch.load(tmp_path / "end" / "last.pt")
    assert ended["step"] == 6 and ended["decay"] == (4, 2) and "optimizer" not in ended
    assert (tmp_path / "end" / "last.pt").stat().st_size < 16e6
    model = train.to_pipeline(tmp_path / "end" / "last.pt")
    train.hwsk.save(model, tmp_path / "model.hwsk", half_precision=True)
    loaded = train.hwsk.load(tmp_path / "model.hwsk")
    image = make_source(data).read(0, None)
    assert list(loaded.predict([image])) == list(model.predict([image]))


def test_averaged_branches_and_the_english_characters_alone(benchmarks, tmp_path):
    from click.testing import CliRunner

    train = benchmarks["train"]
    files = [tmp_path / "one.pt", tmp_path / "other.pt"]
    for seed, file in enumerate(files):
        train.Trainer(train.make_network(None, seed), "cpu", lr=1e-3, dropout=0.1).save(file)
    both = tmp_path / "both.pt"
    CliRunner().invoke(train.main, ["average", *map(str, [*files, both])], catch_exceptions=False)
    one, other, mean = (train.torch.load(file)["average"] for file in (*files, both))
    for name in ("head.weight", "stem.conv.weight"):
        np.testing.assert_allclose(mean[name], (one[name] + other[name]) / 2, rtol=1e-6)

    whole, english = train.to_pipeline(both)[-1], train.to_pipeline(both, train.ENGLISH)[-1]
    assert set(english.alphabet_) < set(whole.alphabet_)
    line = np.random.default_rng(0).integers(0, 256, (1, 40, 90)).astype(np.uint8)
    kept = [0, *(1 + whole.alphabet_.index(character) for character in english.alphabet_)]
    logits = whole.predict_log_proba(line)[0][:, kept]
    expected = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    np.testing.assert_allclose(english.predict_log_proba(line)[0], expected, atol=1e-4)


def test_learning_rate_warms_up_and_falls(benchmarks):
    train = benchmarks["train"]
    trainer = train.Trainer(train.make_network(None, 0), "cpu", lr=1.0, dropout=0.1)
    assert trainer.rate(10) == pytest.approx(0.1)
    trainer.step = 500
    assert trainer.rate(10) == 1
    trainer.decay = (500, 100)
    assert trainer.rate(10) == 1
    trainer.step = 525
    assert trainer.rate(10) == pytest.approx(0.5)
    trainer.step = 600
    assert trainer.rate(10) == 0


def test_copiste_lines_without_struck_out_words_and_labels(data, tmp_path):
    folder = tmp_path / "copiste" / "copiste"
    for part in ("alto", "jpg"):
        (folder / part).mkdir(parents=True)
    pages = {
        "wikitexte_0001": ("l’été", "&gt;struck&lt; out"),
        "wikitexte_0001_double": ("un", "imp_wikitexte_0156"),
        **{f"imp_wikitexte_{i:04}": (f"ligne {i}", "même phrase") for i in range(20)},
    }
    for name, texts in pages.items():
        (folder / "alto" / f"{name}.xml").write_text(ALTO.format(*texts), encoding="utf-8")
        page = np.full((100, 100), 200, np.uint8)
        page[30:34, 20:80], page[50:54] = 20, 0
        cv2.imwrite(str(folder / "jpg" / f"{name}.jpg"), page)
    import shutil

    shutil.make_archive(str(tmp_path / "copiste" / "copiste"), "gztar", folder.parent, "copiste")
    (tmp_path / "copiste" / "copiste.tar.gz").rename(tmp_path / "copiste" / "copiste.tgz")
    source = data._load_copiste(str(tmp_path))
    assert "l'été" in source.texts and "un" in source.texts
    assert not any("struck" in text or "wikitexte" in text for text in source.texts)
    chosen = {writer for writer, v in zip(source.writers, source.validation, strict=True) if v}
    assert chosen and not chosen & {
        writer for writer, v in zip(source.writers, source.validation, strict=True) if not v
    }
    assert not any(
        text == "même phrase" for text, v in zip(source.texts, source.validation, strict=True) if v
    )
    image = source.read(0, None)
    assert image.shape == (31, 87)
    assert (image.min(axis=1) < 100).any() and image[-1].min() > 150  # the neighbour is cut off


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_no_writer_or_form_is_on_both_sides(data, monkeypatch, tmp_path):
    monkeypatch.setenv("HWSK_DATA", str(tmp_path))
    names = ["iam", "iam_pages", "copiste"]
    sources = data.load_sources(str(DATA), names)
    sides = {False: set(), True: set()}
    forms = {False: set(), True: set()}
    for source in sources:
        for writer, name, side in zip(source.writers, source.ids, source.validation, strict=True):
            sides[bool(side)].add(writer)
            forms[bool(side)].add((source.name == "copiste", name.rpartition("-")[0]))
    assert not sides[True] & sides[False]
    assert not forms[True] & forms[False]
    assert [int(source.validation.sum()) for source in sources] == [632, 349, 640]
    alphabet = set("".join(text for source in sources for text in source.texts))
    from benchmarks.lines.train import ALPHABET

    assert not alphabet - set(ALPHABET)
