"""Compare signatures by matched local descriptors: calibration, report, and what is refused."""

import re
import warnings
from datetime import date

import cv2
import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer

import hwsk
from hwsk._data.images import object_array
from hwsk.datasets import make_handwriting, make_signatures
from hwsk.verification import HandComparer, LocalDescriptorMatching, SiameseVerifier
from hwsk.verification._copies import name_copies
from hwsk.verification._inked import separate, take_ink
from hwsk.verification._joined import find_longest, name_joined
from hwsk.verification._parts import OWN_SHARE
from hwsk.verification._stamps import has_stamp
from hwsk.verification._typicality import measure_ink, name_unusual

DATE = date(2026, 11, 29)
SMALL = {"image_size": (32, 64), "channels": (4, 8, 8, 16), "dense_units": 16, "embedding_dim": 8}


@pytest.fixture(scope="module")
def signatures():
    return make_signatures(12, 4, 3, random_state=0)


@pytest.fixture(scope="module")
def verifier(signatures):
    verifier = SiameseVerifier(
        comparator=LocalDescriptorMatching(), max_epochs=1, random_state=0, **SMALL
    )
    return verifier.fit(signatures.images[:40], signatures.writer[:40])


@pytest.fixture(scope="module")
def comparer(verifier, signatures):
    union = FeatureUnion([("signature", FrozenEstimator(verifier))])
    comparer = HandComparer(union, n_images=2, random_state=0)
    return comparer.fit(signatures.images, signatures.writer, forged=signatures.forged)


def test_a_part_that_matches_has_the_distances_of_the_verifier(comparer, verifier, signatures):
    images = signatures.images
    pairs = [[images[0], images[i]] for i in (1, 5, 20)]
    found = comparer.part_distances(pairs)[:, 0]
    np.testing.assert_allclose(found, verifier.pair_distance(pairs), rtol=1e-4)
    between = verifier.pair_distance([[images[0], images[i]] for i in (1, 2, 3)]).mean()
    within = verifier.pair_distance([[images[i], images[j]] for i, j in ((1, 2), (1, 3), (2, 3))])
    (several,) = comparer.part_distances([(images[0], list(images[1:4]))])[0]
    assert several == pytest.approx(between - OWN_SHARE * within.mean(), rel=1e-4)
    index = np.array([[0, 1], [2, 9]])
    np.testing.assert_allclose(
        comparer._score_samples(images[:10], index), comparer.pair_score(images[index]), rtol=1e-4
    )


def test_steps_before_a_verifier_are_taken(verifier, signatures):
    turned = make_pipeline(
        FunctionTransformer(lambda X: object_array([x[::-1] for x in X])), FrozenEstimator(verifier)
    )
    comparer = HandComparer(FrozenEstimator(turned), n_images=1, random_state=0)
    comparer.fit(signatures.images, signatures.writer)
    pair = [signatures.images[0], signatures.images[9]]
    (found,) = comparer.part_distances([pair])[0]
    expected = verifier.pair_distance([[image[::-1] for image in pair]])[0]
    assert found == pytest.approx(expected, rel=1e-4)


def test_forgeries_calibrate_one_questioned_sample_against_references(comparer, signatures):
    assert comparer.coef_.shape == (2, 1)
    np.testing.assert_allclose(np.exp(comparer.limits_), 12)
    assert comparer.coef_[0, 0] < 0  # the farther, the less likely
    assert len(comparer.calibration_writers_) == 12
    images = signatures.images
    for size in (1, 2, 3):
        comparison = comparer.compare(images[0], list(images[1 : 1 + size]))
        row = min(size, 2) - 1
        distance = comparison.distances.loc["signature", "distance"]
        assert comparison.score == pytest.approx(
            comparer.coef_[row, 0] * distance + comparer.intercept_[row]
        )
        assert comparison.basis["forgeries"]
    np.testing.assert_array_equal(comparer.search_coef_, [[1, -1, 0]] * 2)


def test_forged_is_checked(comparer, signatures):
    X, y, forged = signatures.images, signatures.writer, signatures.forged
    with pytest.raises(ValueError, match="give one of both"):
        HandComparer(comparer.representation).fit(X, y, groups=y, forged=forged)
    with pytest.raises(ValueError, match=r"no writer .* has two genuine samples and a forgery"):
        HandComparer(comparer.representation).fit(X[[0, 4, 7]], y[[0, 4, 7]], forged=[0, 1, 0])
    with pytest.raises(ValueError, match="forged is 2 in row 1"):
        HandComparer(comparer.representation).fit(X[:3], y[:3], forged=[0, 2, 0])


def test_another_way_to_compare_needs_another_fit(comparer, verifier, signatures):
    verifier.set_params(comparator__scale=1.5)
    try:
        for use in (comparer.predict_proba, comparer.predict, comparer.part_distances):
            with pytest.raises(ValueError, match=r"signature__comparator__scale=1\.0.* call fit"):
                use([signatures.images[:2]])
        with pytest.raises(ValueError, match="call fit again"):
            comparer.set_threshold(1)
    finally:
        verifier.set_params(comparator__scale=1.0)


def test_a_saved_comparer_compares_the_same(comparer, signatures, tmp_path):
    hwsk.save(comparer, tmp_path / "c.hwsk")
    loaded = hwsk.load(tmp_path / "c.hwsk")
    sides = signatures.images[0], list(signatures.images[1:4])
    one, other = comparer.compare(*sides), loaded.compare(*sides)
    assert one.score == pytest.approx(other.score, rel=1e-4)
    assert one.basis["forgeries"] is other.basis["forgeries"] is True
    np.testing.assert_array_equal(comparer.sample_ranges_, loaded.sample_ranges_)


@pytest.mark.parametrize("ending", ["html", "pdf"])
def test_a_report_shows_matched_places_and_is_reproducible(comparer, signatures, tmp_path, ending):
    reports = []
    for number in range(2):  # compared anew, too
        comparison = comparer.compare(signatures.images[0], list(signatures.images[1:3]))
        path = tmp_path / f"{number}.{ending}"
        getattr(comparison, f"to_{ending}")(path, date=DATE)
        reports.append(path.read_bytes())
    assert reports[0] == reports[1]
    assert [pair.images for pair in comparison.places] == [(0, 0), (0, 1)]
    if ending == "html":
        html = reports[0].decode()
        assert "<h2>Matched places</h2>" in html and html.count("<img") == 3 + 2
        assert "signature: A1 above, B2 below" in html
        assert "skilled forgeries of them" in html and "less 80% of the mean distance" in html


# -- the comparer that ships


@pytest.fixture(scope="module")
def shipped():
    return hwsk.load("signature-comparer")


@pytest.fixture(scope="module")
def shipped_verifier():
    return hwsk.load("signature-verifier")


@pytest.fixture(scope="module")
def good():
    """Signatures of two writers, like those of the calibration."""
    made = make_signatures(2, 4, 0, random_state=8, clean=True)
    enlarged = [cv2.resize(image, None, fx=2, fy=2) for image in made.images]
    padded = [cv2.copyMakeBorder(x, 9, 9, 9, 9, cv2.BORDER_CONSTANT, value=255) for x in enlarged]
    return padded[:4], padded[4:]


def page():
    lines = make_handwriting(8, level="line", height=40, random_state=0).images
    width = max(line.shape[1] for line in lines)
    return np.vstack(
        [np.pad(x, ((9, 9), (0, width - x.shape[1])), constant_values=255) for x in lines]
    )


def stamp():
    image = np.full((240, 240), 255, np.uint8)
    cv2.circle(image, (120, 120), 100, 60, 4)
    for text, place in (("PAID", (62, 115)), ("29 NOV", (62, 155))):
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_DUPLEX, 1.0, 60, 2)
    return image


BAD = {
    "page": (lambda good: page(), "pieces of ink, and .*a page"),
    "stamp": (lambda good: stamp(), "a stamp, or a frame"),
    "negative": (lambda good: 255 - good, "a negative, light ink on dark paper"),
    "beside": (
        lambda good: np.hstack([good, np.full((good.shape[0], 300), 255, np.uint8), good]),
        "widest gap, and .*two samples side by side",
    ),
    "above": (
        lambda good: np.vstack([good, np.full((300, good.shape[1]), 255, np.uint8), good]),
        "highest gap, and .*two samples, one above the other",
    ),
    "shadow": (
        lambda good: np.where(np.arange(good.shape[1]) > good.shape[1] / 2, good // 3, good),
        "of its area is ink, and .*a shadow",
    ),
    "speck": (lambda good: np.full((9, 9), 255, np.uint8) - np.eye(9, dtype=np.uint8) * 200, "9 x"),
}


def test_signatures_have_a_ratio(shipped, good):
    comparison = shipped.compare(good[0][0], good[0][1:])
    assert comparison.doubts == () and comparison.log_likelihood_ratio != 0
    assert (
        comparison.log_likelihood_ratio
        > shipped.compare(good[1][0], good[0][1:]).log_likelihood_ratio
    )


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_a_signature_gets_no_ratio(shipped, good, kind):
    make, message = BAD[kind]
    bad = make(good[0][0]).astype(np.uint8)
    for sides in ((bad, good[0][1]), (good[0][1], [good[0][2], bad])):
        with pytest.warns(UserWarning) as warned:  # it may be said to be mostly dark, too
            comparison = shipped.compare(*sides)
        assert any(re.search(message, str(warning.message)) for warning in warned)
        assert comparison.log_likelihood_ratio == 0 and comparison.probability == 0.5
        name = "image 0 of a" if sides[0] is bad else "image 1 of b"
        assert any(doubt.startswith(name) for doubt in comparison.doubts)
        assert str(comparison).startswith("No ratio is given")


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_a_signature_gets_no_decision(shipped_verifier, good, kind):
    """As questioned one, as one of several references, and in pairs."""
    make, message = BAD[kind]
    bad = make(good[0][0]).astype(np.uint8)
    for questioned, references, name in (
        (bad, [good[0][1]], "image 0 of the questioned: "),
        (good[0][1], [good[0][2], good[0][3], bad], "image 2 of the references: "),
    ):
        with pytest.warns(UserWarning, match=f"no decision is given: {name}"):
            found = shipped_verifier.verify(questioned, references)
        assert found.doubts[0].startswith(name) and re.search(message, found.doubts[0])
        assert found.probability == 0.5 and str(found).startswith("no decision, the calib")
    for predict in (shipped_verifier.predict, shipped_verifier.predict_proba):
        with pytest.warns(UserWarning, match="image 0 of side 1 of pair 1: "):
            predict([[good[0][1], good[0][2]], [good[0][1], bad]])


def test_signatures_get_a_decision(shipped_verifier, good):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = shipped_verifier.verify(good[0][0], good[0][1:])
        shipped_verifier.predict_proba([[good[0][0], image] for image in good[1]])
    assert found.doubts == () and found.probability != 0.5
    assert str(found).startswith("same writer: score ")


def test_two_signatures_near_each_other_get_no_decision(shipped_verifier, good):
    both = np.hstack([good[0][0][9:-9, 9:-9][:, : good[0][0].shape[1]]] * 2)
    with pytest.warns(UserWarning, match="two samples side by side"):
        assert shipped_verifier.verify(both, good[0][1:]).doubts


def test_pairs_of_images_of_two_signatures_and_of_copies_are_named(shipped_verifier, good):
    """Although each image for itself is like those of the calibration."""
    one, other, third = (image[9:-9, 9:-9] for image in good[0][:3])
    height = max(len(one), len(other))
    both = np.hstack([np.pad(x, ((0, height - len(x)), (0, 6)), constant_values=255) for x in
                      (one, other)])  # fmt: skip
    with pytest.warns(UserWarning, match="^no result holds for 1 pair: image 0 of side 1 of pair"):
        shipped_verifier.predict([[one, other], [third, both]])
    with pytest.warns(UserWarning, match="no result holds for 2 pairs: .* nearly identical"):
        shipped_verifier.predict_proba([[one, stored_again(one)], [third, third]])


def stored_again(image):
    """Scaled, with another margin, in a format that loses something."""
    smaller = cv2.resize(np.pad(image, 20, constant_values=255), None, fx=0.8, fy=0.8)
    return cv2.imdecode(cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, 70])[1], 0)


def test_a_copy_that_is_stored_again_gets_no_result(shipped, shipped_verifier, good):
    copy = stored_again(good[0][0])
    match = r"image 0 of .* and image 1 of .* are nearly identical \(copies of one image\?\)"
    with pytest.warns(UserWarning, match=match):
        assert shipped_verifier.verify(copy, [good[0][1], good[0][0]]).probability == 0.5
    with pytest.warns(UserWarning, match=match):
        assert shipped.compare(good[0][1], [good[0][0], copy]).log_likelihood_ratio == 0
    known = {"Ada": good[0][1:3], "Bob": good[1][:2]}
    with pytest.warns(UserWarning, match="image 0 of the questioned and image 0 of writer 'Ada'"):
        assert shipped.identify(stored_again(good[0][1]), known).doubts


def test_signatures_are_not_taken_for_copies_or_stamped(good):
    for samples in take_ink([("a", good[0]), ("b", good[1])]):
        assert name_copies(samples) == []
        assert not any(has_stamp(sample.ink) for sample in samples)


@pytest.mark.parametrize("angle", [0, 7])
@pytest.mark.parametrize("kind", ["ring", "frame"])
def test_a_signature_under_a_stamp_gets_no_decision(shipped_verifier, good, kind, angle):
    image = np.pad(good[0][0], 40, constant_values=255)
    height, width = image.shape
    layer = np.full_like(image, 255)
    if kind == "ring":
        cv2.circle(layer, (width // 2, height // 2), round(0.4 * height), 90, 3)
    else:
        corners = (round(0.2 * width), 12), (round(0.8 * width), height - 12)
        cv2.rectangle(layer, *corners, 90, 3)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    stamped = np.minimum(image, cv2.warpAffine(layer, turn, (width, height), borderValue=255))
    assert has_stamp(separate(stamped)) and not has_stamp(separate(image))
    ranges = shipped_verifier.sample_ranges_
    ((sample,),) = take_ink([("the questioned", [stamped])])
    assert "stamp" in name_unusual([sample], ranges)[0]


@pytest.mark.parametrize(("axis", "where"), [(1, "side by side"), (0, "one above the other")])
def test_two_samples_in_the_shape_of_two_get_no_ratio(shipped, good, axis, where):
    """Of one writer, near each other: the gap alone is one that names have between their words."""
    ink = [image[9:-9, 9:-9] for image in good[0]]
    across = max(image.shape[1 - axis] for image in ink)
    padded = [
        np.pad(image, [(0, 0 if side == axis else across - image.shape[side]) for side in (0, 1)],
               constant_values=255)
        for image in ink[:2]
    ]  # fmt: skip
    apart = round(0.5 * ink[0].shape[0])
    blank = np.full((across, apart) if axis else (apart, across), 255, np.uint8)
    joined = np.concatenate([padded[0], blank, padded[1]], axis=axis)
    for sides in ((joined, good[0][2:]), (good[0][2], [joined, good[0][3]])):
        with pytest.warns(UserWarning, match=f"two samples {where}"):
            comparison = shipped.compare(*sides)
        assert comparison.log_likelihood_ratio == 0 and comparison.doubts


def test_longer_writers_are_not_taken_for_two():
    """Where a writer's images have all lengths, and fall into such parts, length is no sign."""
    image = np.full((60, 260), 255, np.uint8)
    image[20:40, 10:60] = image[20:40, 70:120] = 0
    longer = image.copy()
    longer[20:40, 130:180] = longer[20:40, 190:240] = 0
    (long,), (short,) = take_ink([("a", [longer]), ("b", [image])])
    assert name_joined([long], [short], 1.0) != []
    writers, forged = np.zeros(4, int), np.zeros(4, bool)
    assert find_longest([image, longer, image, longer], writers, forged) is None
    longest = find_longest([image, longer], writers[:2], np.array([False, True]))
    assert longest > 1.3
    assert name_joined([long], [short], longest * 2) == []
    assert find_longest([image] * 4, writers, forged) == 1
    assert find_longest([np.full((60, 60), 255, np.uint8)] * 4, writers, forged) == 1


def test_lines_of_all_lengths_are_not_taken_for_two():
    """Which lines have a word that is written twice, or twice as many: so none is named."""
    words = make_handwriting(12, n_writers=1, random_state=0).images
    height = max(map(len, words))
    padded = [np.pad(x, ((0, height - len(x)), (9, 9)), constant_values=255) for x in words]
    lines = [np.hstack(padded[i : i + 1] * n) for i in range(12) for n in (1, 2)]
    writers, forged = np.repeat(np.arange(12), 2), np.zeros(24, bool)
    assert find_longest(lines, writers, forged) is None
    assert find_longest(words, writers[::2], forged[:12]) == 1


def test_a_file_of_before_compares_as_before():
    lines = make_handwriting(2, level="line", n_writers=2, height=110, random_state=0).images
    comparer = hwsk.load("iam-comparer")
    del comparer.sample_ranges_, comparer.longest_shape_
    comparison = comparer.compare(*lines)
    assert comparison.doubts == () and comparison.places == ()
    assert not comparison.basis["forgeries"] and comparison.log_likelihood_ratio != 0


def test_lines_have_a_ratio_and_no_others(good):
    comparer = hwsk.load("iam-comparer")
    lines = make_handwriting(3, level="line", n_writers=2, height=110, random_state=0).images
    assert comparer.compare(lines[0], lines[1:]).doubts == ()
    for bad in (stamp(), 255 - lines[0], np.eye(200, 300, dtype=np.uint8) * 255 ^ 255):
        with pytest.warns(UserWarning, match="no ratio is given: image 0 of a"):
            assert comparer.compare(bad, lines[0]).log_likelihood_ratio == 0


@pytest.mark.parametrize("name", ["and-comparer", "and-verifier"])
def test_models_of_words_know_how_these_look(name, good):
    model = hwsk.load(name)
    assert model.longest_shape_ >= 1
    (samples,) = take_ink([("a", [page(), stamp(), 255 - good[0][0]])])
    assert len(name_unusual(samples, model.sample_ranges_)) == len(samples)


def test_references_of_two_writers_get_no_ratio(shipped, good, tmp_path):
    mixed = [good[0][1], good[1][0], good[0][2], good[1][1]]
    with pytest.warns(UserWarning, match="of b look like those of two writers"):
        comparison = shipped.compare(good[0][0], mixed)
    assert comparison.log_likelihood_ratio == 0
    comparison.to_html(tmp_path / "r.html", date=DATE)
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "No ratio is given" in html and "The scale" not in html
    with pytest.warns(UserWarning, match="writer 'Ada' look like those of two writers"):
        candidates = shipped.identify(good[0][0], {"Ada": mixed, "Bob": good[1][2]})
    assert candidates.none_probability == 0.5 and candidates.doubts
    assert candidates.ranking["probability"].tolist() == [0.25, 0.25]


def test_blank_images_and_copies_are_refused(shipped, good):
    blank = np.full((100, 200), 240, np.uint8)
    with pytest.raises(ValueError, match="image 0 of a has no ink"):
        shipped.compare(blank, good[0][0])
    with pytest.raises(ValueError, match="identical: a copy, not a comparison"):
        shipped.compare(good[0][0], [good[0][1], good[0][0].copy()])


def test_measures_do_not_depend_on_resolution(good):
    small = good[0][0]
    large = cv2.resize(small, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    one, other = measure_ink(separate(small)), measure_ink(separate(large))
    np.testing.assert_allclose(one, other, rtol=0.2, atol=0.05)
    assert not measure_ink(separate(np.full((40, 90), 255, np.uint8))).any()
