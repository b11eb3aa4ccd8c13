import numpy as np
import pytest
import torch
import torch.nn.functional as F

from hwsk.networks import registration
from hwsk.networks.matching import LocalDescriptors
from hwsk.networks.registration import find_registrations, registered

pytestmark = pytest.mark.arithmetic

HEIGHT, WIDTH = 12, 24


def places_at(maps, noise=0.0, seed=0):
    """Images of many places, each like no other, and the same where the maps lead."""
    rng = np.random.default_rng(seed)
    n, dim = len(maps), 32
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    at = np.stack([y - (HEIGHT - 1) / 2, x - (WIDTH - 1) / 2], axis=-1).reshape(-1, 2)
    at = at / (HEIGHT / 2)
    one = rng.standard_normal((n, HEIGHT * WIDTH, dim))
    other = rng.standard_normal((n, HEIGHT * WIDTH, dim))
    weights = np.zeros((n, HEIGHT * WIDTH))
    for i, map_ in enumerate(maps):
        there = np.c_[np.ones(len(at)), at] @ map_ * (HEIGHT / 2)
        rows = np.rint(there[:, 0] + (HEIGHT - 1) / 2).astype(int)
        columns = np.rint(there[:, 1] + (WIDTH - 1) / 2).astype(int)
        inside = (rows >= 0) & (rows < HEIGHT) & (columns >= 0) & (columns < WIDTH)
        inside &= rng.random(len(at)) >= noise
        other[i, (rows * WIDTH + columns)[inside]] = one[i, inside]
        weights[i, (np.abs(at[:, 0]) < 0.7) & (np.abs(at[:, 1]) < 1.4)] = 1
    weights /= weights.sum(axis=1, keepdims=True)
    sides = [
        LocalDescriptors(F.normalize(torch.from_numpy(part), dim=2), torch.from_numpy(weights))
        for part in (one, other)
    ]
    return sides[0], sides[1]


STILL = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
MOVED = STILL + [[1 / 3, -1 / 2], [0.0, 0.0], [0.0, 0.0]]
SCALED = STILL * [[1.0, 1.0], [0.75, 1.0], [1.0, 1.3]]
TURNED = STILL + [[1 / 6, 1 / 6], [0.0, 0.25], [-0.25, 0.0]]


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_maps_are_found_again(noise, monkeypatch):
    monkeypatch.setattr(registration, "_STIFFNESS", 1e-6)
    monkeypatch.setattr(registration, "_SHIFT_STIFFNESS", 1e-6)
    maps = np.array([STILL, MOVED, SCALED, TURNED])
    found = find_registrations(*places_at(maps, noise), (HEIGHT, WIDTH)).numpy()
    np.testing.assert_allclose(found, maps, atol=0.05)  # places are whole numbers


def test_what_holds_maps_to_the_identity_takes_part_of_each():
    maps = np.array([MOVED, SCALED, TURNED])
    found = find_registrations(*places_at(maps), (HEIGHT, WIDTH)).numpy()
    changed = maps != STILL
    share = ((found - STILL) / np.where(changed, maps - STILL, 1))[changed]
    assert (share > 0.3).all() and (share < 1.05).all()


def test_no_map_is_made_of_nothing():
    places, _ = places_at(np.array([STILL, STILL]))
    blank = places._replace(weights=torch.zeros_like(places.weights))
    np.testing.assert_allclose(
        find_registrations(blank, places, (HEIGHT, WIDTH)), np.array([STILL, STILL]), atol=1e-6
    )


def test_images_are_seen_where_maps_lead():
    images = torch.zeros(3, 1, 32, 64)
    images[:, 0, 8:12, 40:50] = 1
    maps = np.array([STILL, STILL + [[0.25, 0.5], [0, 0], [0, 0]], STILL * [[1], [2], [2]]])
    seen = registered(images, torch.from_numpy(maps).float())
    torch.testing.assert_close(seen[0], images[0])
    moved = torch.zeros(32, 64)  # by a quarter and a half of 16 pixels
    moved[4:8, 32:42] = 1
    torch.testing.assert_close(seen[1, 0], moved)
    assert seen[2].sum().item() == pytest.approx(images[2].sum().item() / 4)


def test_matches_are_looked_for_farther_in_larger_images():
    halves = find_registrations(*places_at(np.array([SCALED])), (HEIGHT, WIDTH), scale=0.1)
    np.testing.assert_allclose(halves[0], STILL, atol=0.1)  # each place with the one at its own
