import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import hwsk
from hwsk.datasets import make_signatures
from hwsk.networks import matching
from hwsk.networks.matching import (
    LocalDescriptors,
    MatchingLoss,
    descriptor_histograms,
    match,
    matched_distance,
    reach_mask,
)
from hwsk.networks.siamese import SiameseNetwork, enlarged, grid_size, reach_mask_on
from hwsk.verification import SiameseVerifier
from hwsk.verification._places import match_places

pytestmark = pytest.mark.arithmetic

HEIGHT, WIDTH = 6, 10


def make_descriptors(n=4, dim=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    descriptors = torch.randn(n, HEIGHT * WIDTH, dim, generator=generator, dtype=torch.float64)
    weights = torch.rand(n, HEIGHT * WIDTH, generator=generator, dtype=torch.float64)
    return LocalDescriptors(
        F.normalize(descriptors, dim=2), weights / weights.sum(dim=1, keepdim=True)
    )


def by_loops(one, other, reach, of_cosine=float):
    """What the definition says, place by place."""
    total = 0.0
    for here, there in ((one, other), (other, one)):
        for i in range(HEIGHT * WIDTH):
            near = [
                float(here.descriptors[0, i] @ there.descriptors[0, j])
                for j in range(HEIGHT * WIDTH)
                if abs(i // WIDTH - j // WIDTH) <= reach[0]
                and abs(i % WIDTH - j % WIDTH) <= reach[1]
            ]
            total += float(here.weights[0, i]) * of_cosine(max(near)) / 2
    return total


def moved(places, rows, columns):
    """The same images with all places moved; what leaves on one side comes in on the other."""
    grids = (
        part.unflatten(1, (HEIGHT, WIDTH)).roll((rows, columns), (1, 2)) for part in places[:2]
    )
    return LocalDescriptors(*(grid.flatten(1, 2) for grid in grids))


@pytest.mark.parametrize("reach", [(0, 0), (1, 2), (4, 7)])
def test_matching_is_what_it_says(reach):
    one, other = make_descriptors(1, seed=1), make_descriptors(1, seed=2)
    far = reach_mask(HEIGHT, WIDTH, reach)
    alike = match(one, other, far)
    assert alike.item() == pytest.approx(by_loops(one, other, reach))
    torch.testing.assert_close(alike, match(other, one, far))
    distance = matched_distance(one, other, far)
    chords = by_loops(one, other, reach, lambda cosine: math.sqrt(2 - 2 * cosine))
    assert distance.item() == pytest.approx(chords)
    torch.testing.assert_close(distance, matched_distance(other, one, far))


def test_nothing_is_like_what_is_blank():
    places, far = make_descriptors(2), reach_mask(HEIGHT, WIDTH)
    blank = places._replace(weights=torch.zeros_like(places.weights))
    expected = torch.full((2,), math.sqrt(2), dtype=torch.float64)
    torch.testing.assert_close(matched_distance(blank, blank, far), expected)
    half_blank = matched_distance(blank, places, far)
    assert (half_blank > matched_distance(places, places, far) + 0.5).all()


def test_few_pairs_are_matched_at_once_where_there_are_many_places(monkeypatch):
    one, other = make_descriptors(7, seed=1), make_descriptors(7, seed=2)
    far = reach_mask(HEIGHT, WIDTH, (1, 2))
    at_once = match(one, other, far)
    for most in (1, 3 * far.numel()):
        monkeypatch.setattr(matching, "_AT_ONCE", most)
        torch.testing.assert_close(match(one, other, far), at_once)


def test_places_are_found_again_within_reach():
    one = make_descriptors(3)
    reach = reach_mask(HEIGHT, WIDTH)
    torch.testing.assert_close(match(one, one, reach), torch.ones(3, dtype=torch.float64))
    inside = torch.zeros(HEIGHT, WIDTH, dtype=torch.float64)
    inside[:2, :2] = 1 / 4  # so that nothing that counts leaves on one side
    one = LocalDescriptors(one.descriptors, inside.flatten().expand(3, -1))
    near, far = match(one, moved(one, 3, 5), reach), match(one, moved(one, 0, 8), reach)
    torch.testing.assert_close(near, torch.ones(3, dtype=torch.float64))
    assert (far < 0.99).all()


def test_loss_falls_as_places_of_the_same_writer_come_nearer():
    torch.manual_seed(0)
    loss = MatchingLoss(reach_mask(HEIGHT, WIDTH)).double()
    writers = torch.tensor([0, 0, 1, 1])
    apart = make_descriptors(4)
    pairs = apart.of(torch.tensor([0, 0, 2, 2]))
    contexts, alone = torch.zeros_like(writers), torch.zeros(4, dtype=torch.bool)
    assert loss(pairs, writers, contexts, alone) < loss(apart, writers, contexts, alone)
    apart = LocalDescriptors(*(part.requires_grad_() for part in apart[:2]))
    loss(apart, writers, contexts, alone).backward()
    assert all(part.grad.abs().sum() > 0 for part in (*apart[:2], loss.slope, loss.threshold))


def test_pairs_are_ranked_where_all_wrote_the_same(monkeypatch):
    """Moving the threshold can't help a positive pair that is below a negative one."""
    monkeypatch.setattr(matching, "_SHARE_RANKED", 1.0)
    loss = MatchingLoss(reach_mask(HEIGHT, WIDTH)).double()
    places = make_descriptors(6)
    first, second = torch.tensor([0, 2, 4]), torch.tensor([1, 3, 5])
    same, near = torch.tensor([True, False, False]), torch.ones(3, dtype=torch.bool)
    alike = match(places.of(first), places.of(second), loss.reach_mask)
    of_first = F.softplus(loss.slope * (alike[1] - alike[0]))
    pairs = (places, first, second, same, near)
    got = loss.of_pairs(*pairs, torch.tensor([7, 7, 8]))
    torch.testing.assert_close(got, of_first)
    got.backward()
    assert loss.threshold.grad == 0
    unlike = loss.of_pairs(*pairs, torch.tensor([7, 8, 8]))  # nothing to rank
    assert unlike == loss.of_pairs(*pairs)


def test_what_two_unknown_hands_wrote_teaches_nothing():
    """Two forgeries of a signature may be by one forger."""
    torch.manual_seed(0)
    loss = MatchingLoss(reach_mask(HEIGHT, WIDTH)).double()
    writers, contexts = torch.tensor([0, 1]), torch.tensor([0, 0])
    alone = torch.tensor([True, True])
    assert loss(make_descriptors(2), writers, contexts, alone) == 0
    assert loss(make_descriptors(2), writers, contexts, torch.tensor([True, False])) > 0
    assert loss(make_descriptors(2), writers, torch.tensor([0, 1]), alone) > 0


def test_few_pairs_of_a_kind_are_compared(monkeypatch):
    monkeypatch.setattr(matching, "_MOST", (2, 3, 1))
    seen = []
    loss = MatchingLoss(reach_mask(HEIGHT, WIDTH)).double()
    monkeypatch.setattr(loss, "of_pairs", lambda places, *pairs: seen.append(pairs))
    writers, contexts = torch.arange(12) // 3, torch.arange(12) // 6
    loss(make_descriptors(12), writers, contexts, torch.zeros(12, dtype=torch.bool))
    _, _, same, near, _ = seen[0]
    assert same.tolist() == [True] * 2 + [False] * 4
    assert near.tolist() == [True] * 5 + [False]


@pytest.mark.parametrize("size", [(96, 192), (20, 90), (33, 65)])
def test_network_describes_as_many_places_as_are_in_reach(size):
    network = SiameseNetwork(size, (2, 4, 4, 8), 16, 8, descriptor_dim=5).eval()
    images = torch.zeros(2, 1, *size)
    images[0, :, 8:16, 24:32] = 1
    with torch.no_grad():
        places = network(images)[-1]
    n = len(reach_mask_on(size))
    assert places.descriptors.shape == (2, n, 5) and places.weights.shape == (2, n)
    columns = -(-max(32, size[1]) // 8)
    inked = places.weights[0].nonzero()[:, 0].tolist()
    around = {row * columns + column for row in (1, 2) for column in (3, 4)}
    assert columns + 3 in inked and set(inked) <= around  # where there is ink
    assert not places.weights[1].any()  # and nothing of a blank image is NaN
    norms = places.descriptors.norm(dim=2).numpy()
    np.testing.assert_allclose(norms[0], 1, rtol=1e-5)


def test_histograms_say_which_kinds_are_where(monkeypatch):
    """Local descriptors of two kinds, assigned without doubt, and counted where each is alone."""
    monkeypatch.setattr(matching, "_SHARPNESS", 1e3)
    monkeypatch.setattr(matching, "_SPREAD", (0.05, 0.05))
    monkeypatch.setattr(matching, "_CELL", 1)
    codebook = torch.eye(2, dtype=torch.float64)
    kinds = torch.tensor([[0, 1, 1, 0, 0, 1]])
    weights = torch.tensor([[0.1, 0.2, 0.0, 0.3, 0.15, 0.25]], dtype=torch.float64)
    vectors = descriptor_histograms(LocalDescriptors(codebook[kinds], weights), codebook, (2, 3))
    expected = torch.stack([weights * (kinds == 0), weights * (kinds == 1)], dim=1).flatten(1)
    torch.testing.assert_close(vectors.square(), expected)


def test_histograms_change_the_more_the_farther_places_move():
    one, codebook = make_descriptors(3), make_descriptors(1, seed=5).descriptors[0, :20]
    start, near, far = (
        descriptor_histograms(places, codebook, (HEIGHT, WIDTH))
        for places in (one, moved(one, 0, 1), moved(one, 0, 4))
    )
    torch.testing.assert_close(start.norm(dim=1), torch.ones(3, dtype=torch.float64))
    assert ((near - start).norm(dim=1) < (far - start).norm(dim=1)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 3)])
def test_histograms_of_small_and_odd_maps(size):
    n = size[0] * size[1]
    places = LocalDescriptors(torch.eye(4)[torch.arange(n) % 4][None], torch.full((1, n), 1 / n))
    vectors = descriptor_histograms(places, torch.eye(4), size)
    n_cells = -(-size[0] // 2) * -(-size[1] // 2)
    assert vectors.shape == (1, 4 * n_cells)
    assert vectors.norm().item() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(("scale", "size"), [(1.0, (40, 90)), (7 / 6, (48, 104)), (1.5, (64, 136))])
def test_places_are_described_of_enlarged_images(scale, size):
    network = SiameseNetwork((40, 90), (2, 4, 4, 8), 16, 8, descriptor_dim=5).eval()
    assert enlarged((40, 90), scale) == size
    images = torch.rand(2, 1, 40, 90, generator=torch.Generator().manual_seed(0))
    (places,) = network(images, resized=torch.tensor(size))
    assert places.images.shape == (2, 1, *size)
    assert places.weights.shape[1] == math.prod(grid_size((40, 90), scale))
    assert len(reach_mask_on((40, 90), scale=scale)) == places.weights.shape[1]
    if scale == 1:
        torch.testing.assert_close(places.descriptors, network(images)[-1].descriptors)


def test_reach_grows_with_images():
    usual, larger = (reach_mask_on((32, 64), (1, 2), scale) for scale in (1.0, 2.0))
    assert (usual[0] == 0).sum() == 2 * 3
    assert (larger[0] == 0).sum() == 3 * 5


def test_matched_places_of_a_shifted_copy_are_shifted_as_it_is():
    verifier = hwsk.load("signature-verifier")
    signature = make_signatures(1, 1, 0, random_state=0, clean=True).images[0]
    found = match_places(verifier, signature, signature.copy())
    assert len(found.first) == len(found.second) == len(found.similarity) > 10
    np.testing.assert_allclose(found.first, found.second)
    np.testing.assert_allclose(found.similarity, 1, atol=1e-3)
    assert found.first.min() >= 0
    assert found.first.max() <= 1
    for image in found.images:
        assert image.shape == verifier.image_size_
    height, width = found.images[0].shape
    for x, y in found.first:  # on ink, or beside it
        row, column = int(y * height), int(x * width)
        near = found.images[0][max(0, row - 8) : row + 8, max(0, column - 8) : column + 8]
        assert near.min() < 128


def test_embeddings_have_no_places():
    with pytest.raises(ValueError, match="no places"):
        match_places(SiameseVerifier(), None, None)
