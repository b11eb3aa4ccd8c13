"""Open-set identification: its rate, candidates among known writers, the command."""

import copy
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import InvalidParameterError

import hwsk
from hwsk._data.images import check_images
from hwsk.cli import main
from hwsk.datasets import make_handwriting
from hwsk.documents import Line
from hwsk.metrics import detection_and_identification_rate, log_likelihood_ratio_cost
from hwsk.verification import HandComparer

LABELS = ["A", "B", "C"]


def make_searches(seed=0, n=400):
    """Scores of three known writers for samples by five, with ties."""
    rng = np.random.default_rng(seed)
    writers = rng.choice([*LABELS, "D", "E"], n)
    scores = rng.integers(0, 12, (n, 3)).astype(float)
    for column, name in enumerate(LABELS):
        scores[writers == name, column] += 5
    return writers, scores


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_rate_is_what_counting_gives(rate, rank):
    writers, scores = make_searches()
    unknown = ~np.isin(writers, LABELS)
    thresholds = [-np.inf, *np.unique(scores) + 1e-9]
    shares = [(scores[unknown].max(axis=1) >= t).mean() for t in thresholds]
    threshold = next(t for t, share in zip(thresholds, shares, strict=True) if share <= rate)
    found = [
        own >= threshold and sum(other >= own for other in row) <= rank
        for writer, row in zip(writers, scores, strict=True)
        if writer in LABELS
        for own in [row[LABELS.index(writer)]]
    ]
    got = detection_and_identification_rate(
        writers, scores, labels=LABELS, false_alarm_rate=rate, rank=rank
    )
    assert got == pytest.approx(np.mean(found))
    given = detection_and_identification_rate(
        writers, scores, labels=LABELS, rank=rank, threshold=threshold
    )
    assert given == pytest.approx(got)


def test_rate_by_weights_is_that_of_repeated_searches():
    writers, scores = make_searches(n=60)
    times = np.random.default_rng(1).integers(0, 4, 60)
    weighted = detection_and_identification_rate(
        writers, scores, labels=LABELS, false_alarm_rate=0.2, sample_weight=times
    )
    repeated = detection_and_identification_rate(
        np.repeat(writers, times),
        np.repeat(scores, times, axis=0),
        labels=LABELS,
        false_alarm_rate=0.2,
    )
    assert weighted == pytest.approx(repeated)


def test_rate_counts_no_writer_who_was_not_compared():
    scores = [[-np.inf, 1.0, 0.0], [3.0, 1.0, 0.0], [0.0, 0.0, -np.inf]]
    rate = detection_and_identification_rate(
        ["A", "A", "D"], scores, labels=LABELS, false_alarm_rate=1.0, rank=3
    )
    assert rate == 0.5


@pytest.mark.parametrize(
    ("writers", "scores", "labels", "match"),
    [
        (["A", "D"], [[1, 2], [3, np.nan]], ["A", "B"], "y_score is NaN in row 1, column 1"),
        (["A", "D"], [[1, 2], [3, 4]], ["A"], "2 columns, and there are 1 labels"),
        (["A", "D"], [[1, 2], [3, 4]], ["A", "A"], "labels has 'A' twice"),
        (["D", "D"], [[1, 2], [3, 4]], ["A", "B"], "there is nobody to find"),
        (["A", "B"], [[1, 2], [3, 4]], ["A", "B"], "no false alarms; give threshold"),
        (["A"], [[1, 2], [3, 4]], ["A", "B"], "inconsistent numbers of samples"),
    ],
)
def test_rate_says_what_is_wrong(writers, scores, labels, match):
    with pytest.raises(ValueError, match=match):
        detection_and_identification_rate(writers, scores, labels=labels)


# -- candidates


def make_writers(n_writers=80, seed=0):
    """Vectors of four samples by each writer, as images of 3 x 2 pixels, and the writers."""
    rng = np.random.default_rng(seed)
    writers = np.repeat(np.arange(n_writers), 4)
    vectors = rng.normal(size=(n_writers, 6))[writers] + rng.normal(0, 0.3, (len(writers), 6))
    return vectors, writers


@pytest.fixture(scope="module")
def comparer():
    vectors, writers = make_writers()
    return HandComparer(n_images=2, random_state=0).fit(vectors[200:], writers[200:])


def known_to(writers, n_images=2):
    """Samples of each of these writers, and the rows that are left."""
    vectors, _ = make_writers()
    return {f"w{i}": vectors[4 * i : 4 * i + n_images] for i in writers}


def test_candidates_are_what_bayes_makes_of_pair_scores(comparer):
    vectors, _ = make_writers()
    known = known_to(range(5), 1)
    before = copy.copy(comparer)  # as of a file that has not learnt from searches
    del before.search_coef_
    found = before.identify(vectors[3], known, prior=0.2)
    scores = comparer.decision_function([[vectors[3], side[0]] for side in known.values()])
    odds = np.exp(np.append(scores, 0)) * [*[0.2 / 5] * 5, 0.8]
    expected = odds / odds.sum()
    assert abs(found.score) < comparer.limits_[0]  # otherwise the bound would show
    assert found.ranking.loc[list(known), "probability"].to_numpy() == pytest.approx(expected[:5])
    assert found.none_probability == pytest.approx(expected[5])
    assert found.ranking["score"].is_monotonic_decreasing
    assert found.ranking["n_images"].tolist() == [1] * 5 and found.n_images == 1
    assert found.ranking["distance_vectors"].idxmin() == found.ranking.index[0]


def test_the_ratio_of_one_of_these_is_what_searches_have_taught(comparer):
    vectors, _ = make_writers()
    known = known_to(range(5), 1)
    found = comparer.identify(vectors[3], known)
    scores = comparer.decision_function([[vectors[3], side[0]] for side in known.values()])
    total, number, intercept = comparer.search_coef_[0]
    score = total * np.log(np.exp(scores).sum()) + number * np.log(5) + intercept
    assert found.score == pytest.approx(score)
    assert total > 0 > number
    assert found.none_probability == pytest.approx(1 / (1 + np.exp(found.log_likelihood_ratio)))
    few = HandComparer(random_state=0).fit(vectors[:36], np.repeat(np.arange(9), 4))
    np.testing.assert_array_equal(few.search_coef_[0], [1, -1, 0])  # too few to learn from


def test_none_of_these_keeps_to_the_bound_and_moves_with_the_prior(comparer):
    vectors, _ = make_writers()
    own = vectors[:2]
    far = {"far": vectors[:2] + 100}
    near = comparer.identify(own, {"near": own + 1e-3})
    assert near.log_likelihood_ratio == pytest.approx(comparer.limits_[1])
    assert near.none_probability == pytest.approx(1 / (1 + np.exp(comparer.limits_[1])))
    assert comparer.identify(own, far).log_likelihood_ratio == pytest.approx(-comparer.limits_[1])
    rare, common = (comparer.identify(own, known_to(range(3, 9)), prior=p) for p in (0.1, 0.9))
    assert rare.none_probability > common.none_probability
    assert rare.log_likelihood_ratio == common.log_likelihood_ratio


def test_probabilities_of_known_and_unknown_writers_hold(comparer):
    vectors, _ = make_writers()
    found = [
        comparer.identify(vectors[4 * i + 2 : 4 * i + 4], known_to(range(first, first + 10)))
        for first in (0, 10, 20, 30)
        for i in range(40)
    ]
    inside = np.array([first <= i < first + 10 for first in (0, 10, 20, 30) for i in range(40)])
    none = np.array([one.none_probability for one in found])
    assert none[~inside].mean() > 0.7 and none[inside].mean() < 0.4
    ratios = np.array([one.log_likelihood_ratio for one in found])
    assert log_likelihood_ratio_cost(inside, ratios) < 0.5
    scores = np.full((160, 40), -np.inf)
    for row, one in enumerate(found):
        scores[row, [int(name[1:]) for name in one.ranking.index]] = one.score
    assert (
        detection_and_identification_rate(
            [f"w{i}" if known else "" for i, known in zip([*range(40)] * 4, inside, strict=True)],
            scores,
            labels=[f"w{i}" for i in range(40)],
            rank=10,
        )
        > 0.5
    )


def test_candidates_print_the_first_and_none(comparer):
    vectors, _ = make_writers()
    lines = str(comparer.identify(vectors[2], known_to(range(8)))).splitlines()
    assert lines[0].endswith("probabilities at 0.5 beforehand for one of the 8 known:")
    assert lines[1].startswith("  w0: 0.") and lines[6].startswith("  3 others: ")
    assert lines[-1].startswith("  none of these: 0.")


class Pixels(TransformerMixin, BaseEstimator):
    """Vectors of the pixels of images of one size."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.stack([np.ravel(image) for image in check_images(X)]).astype(float)


@pytest.fixture(scope="module")
def of_images():
    rng = np.random.default_rng(0)
    writers = np.repeat(np.arange(30), 4)
    images = rng.normal(100 + 4 * writers[:, None, None], 20, (120, 8, 8)).astype(np.uint8)
    return HandComparer(Pixels().fit(None), n_images=2, random_state=0).fit(images, writers), images


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda q, known: (q, {}), "known is empty: give the images of each known writer"),
        (lambda q, known: (q, {**known, "C": []}), "writer 'C' has no image"),
        (lambda q, known: ([], known), "the questioned has no image"),
        (
            lambda q, known: (known["B"][1], known),
            "image 0 of the questioned and image 1 of writer 'B' are identical: a copy, not",
        ),
        (
            lambda q, known: (q, {**known, "C": known["A"]}),
            "image 0 of writer 'A' and image 0 of writer 'C' are identical: are these two names",
        ),
        (lambda q, known: ([q, q], known), "image 1 of the questioned are identical: give each"),
        (
            lambda q, known: (q, {**known, "C": np.full((8, 8), 255, np.uint8)}),
            "image 0 of writer 'C' has no ink",
        ),
    ],
)
def test_identify_refuses(of_images, change, match):
    comparer, images = of_images
    known = {"A": list(images[:2]), "B": list(images[4:6])}
    with pytest.raises(ValueError, match=match):
        comparer.identify(*change(images[2], known))


def test_identify_says_what_known_must_be(of_images):
    comparer, images = of_images
    with pytest.raises(InvalidParameterError, match="known"):
        comparer.identify(images[2], [images[0], images[1]])


# -- the command


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path, monkeypatch, of_images):
    """Known writers A and B with two images each, a questioned image q.png by A, a model."""
    monkeypatch.chdir(tmp_path)
    comparer = HandComparer(
        hwsk.VariationalAutoencoder(2, channels=(4, 4, 4, 4), max_epochs=1, random_state=0),
        n_images=2,
        random_state=0,
    ).fit(of_images[1], np.repeat(np.arange(30), 4))
    hwsk.save(comparer, "comparer.hwsk")
    for name, rows in {"A": (0, 1), "B": (4, 5), "": (2,)}.items():
        Path("known", name).mkdir(exist_ok=True, parents=True)
        for row in rows:
            path = f"known/{name}/{row}.png" if name else "q.png"
            cv2.imwrite(path, of_images[1][row])
    return tmp_path


def identify(*arguments):
    return run("identify", *arguments, "--known", "known", "-m", "comparer.hwsk")


def test_command_identifies_among_known_writers(folder):
    result = identify("q.png", "--json", "--prior", 0.3)
    (record,) = json.loads(result.stdout)
    known = {name: [str(file) for file in sorted(Path("known", name).iterdir())] for name in "AB"}
    expected = hwsk.load("comparer.hwsk").identify(["q.png"], known, prior=0.3)
    assert record["none_probability"] == pytest.approx(expected.none_probability, rel=1e-5)
    assert [of["writer"] for of in record["writers"]] == expected.ranking.index.tolist()
    assert [of["probability"] for of in record["writers"]] == pytest.approx(
        expected.ranking["probability"].tolist(), rel=1e-5
    )
    line = identify("q.png", "--top", 1).stdout
    assert line.startswith("q.png\t") and line.count("none of these 0.") == 1
    Path("questioned").mkdir()
    Path("q.png").rename("questioned/q.png")
    assert identify("questioned", "--pool", "--top", 1).stdout == line.replace(
        "q.png", "questioned"
    )


def test_command_gives_no_result_of_samples_in_doubt(folder, monkeypatch):
    doubt = "image 0 of the questioned (q.png): a stamp?"
    monkeypatch.setattr(HandComparer, "_find_doubts", lambda *_: [doubt])
    result = identify("q.png")
    assert result.exit_code == 1 and "\nHint: " in result.stderr
    assert result.stdout == "q.png\tno result, the calibration does not hold\n"
    (record,) = json.loads(identify("q.png", "--json", "--prior", 0.3).stdout)
    assert record["doubts"] == [doubt] and record["none_probability"] == pytest.approx(0.7)
    assert [of["probability"] for of in record["writers"]] == pytest.approx([0.15, 0.15])
    assert all(of["log_likelihood_ratio"] == 0 for of in record["writers"])
    candidates = hwsk.load("comparer.hwsk").identify("q.png", {"A": "known/A/0.png"})
    assert str(candidates) == f"no result, the calibration does not hold: {doubt}"


def test_command_leaves_hidden_files_alone(folder):
    before = identify("q.png").stdout
    Path("known/.cache").mkdir()
    Path("known/._A.png").write_bytes(b"of macOS")
    assert identify("q.png").stdout == before != ""


def test_command_refuses_what_is_not_known_writers(folder):
    cases = {
        "copy": "q.png) and image 0 of writer 'A' (known/A/0.png) are identical: a copy",
        "blank": "image 0 of the questioned (q.png) has no ink",
        "two names": "image 0 of writer 'C' (known/C/9.png) are identical: are these two names",
        "empty": "the folder known/D holds no image; put the images of each writer into a folder",
        "beside": "whose is known/8.png? put the images of each writer into a folder of their own",
    }
    first = Path("known/A/0.png").read_bytes()
    kept = Path("q.png").read_bytes()
    for case, message in cases.items():
        if case == "copy":
            Path("q.png").write_bytes(first)
        elif case == "blank":
            cv2.imwrite("q.png", np.full((8, 8), 255, np.uint8))
        elif case == "two names":
            Path("q.png").write_bytes(kept)
            Path("known/C").mkdir()
            Path("known/C/9.png").write_bytes(first)
        elif case == "empty":
            Path("known/D").mkdir()
        else:
            Path("known/8.png").write_bytes(kept)
        result = identify("q.png")
        assert result.exit_code == 1 and message in result.stderr
    result = run("identify", "q.png", "--known", "nobody", "-m", "comparer.hwsk")
    assert "nobody is not a folder of known writers" in result.stderr
    Path("nobody").mkdir()
    result = run("identify", "q.png", "--known", "nobody", "-m", "comparer.hwsk")
    assert "the folder nobody holds no image; put the images of each writer" in result.stderr
    assert run("identify", "q.png", "--pages").exit_code == 2


def test_command_refuses_pages_or_cuts_their_lines(folder, monkeypatch):
    line = make_handwriting(1, level="line", height=60, random_state=0).images[0]
    page = np.vstack([np.pad(line, ((15, 15), (0, 0)), constant_values=255)] * 8)
    cv2.imwrite("page.png", page)
    result = identify("page.png")
    assert result.exit_code == 1
    assert "page.png looks like a page of 8 lines, where one line" in result.stderr
    assert "--pages cuts the lines of pages" in result.stderr
    segmented = []

    class Segmenter:
        def predict(self, paths):
            segmented.extend(paths)
            line = Line(polygon=[[0, 0], [40, 0], [40, 30], [0, 30]])
            return [[] if "empty" in path else [line, line] for path in paths]

    comparer = hwsk.load("comparer.hwsk")
    asked = []

    def identify_lines(questioned, known, **options):
        asked.append([len(questioned), *map(len, known.values())])
        return HandComparer.identify(comparer, "q.png", {"A": "known/A/0.png"}, **options)

    monkeypatch.setattr(comparer, "identify", identify_lines)
    monkeypatch.setattr(
        hwsk, "load", lambda name: Segmenter() if name == "page-lines" else comparer
    )
    result = identify("page.png", "--pages")
    assert result.exit_code == 0, result.stderr
    assert asked == [[2, 4, 4]]
    assert "page.png" in segmented and "known/B/4.png" in segmented
    cv2.imwrite("empty.png", page)
    assert "no line is found on the page empty.png" in identify("empty.png", "--pages").stderr
