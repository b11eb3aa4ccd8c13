"""Searches on a dask cluster: the same results as one process gives, from real workers."""

import os
import pickle

import cv2
import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline

from hwsk.datasets import make_handwriting
from hwsk.preprocessing import HeightNormalizer
from hwsk.recognition import CTCRecognizer

distributed = pytest.importorskip("distributed", reason="pip install 'hwsk[dask]'")
pytestmark = [
    pytest.mark.slow,
    # distributed's own, while it stops
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lines")
    made = make_handwriting(24, texts=["on", "no", "ten"], n_writers=6, random_state=0)
    paths = [str(folder / f"{i}.png") for i in range(24)]
    for path, image in zip(paths, made.images, strict=True):
        cv2.imwrite(path, image)
    return paths, made.text, made.writer


def search():
    recognizer = CTCRecognizer(
        channels=(4, 8, 8),
        dense_units=8,
        hidden_units=8,
        num_layers=1,
        max_epochs=6,
        batch_size=4,
        random_state=0,
    )
    pipeline = Pipeline([("height", HeightNormalizer(16)), ("recognize", recognizer)])
    pipeline.set_params(recognize__height=16)
    return GridSearchCV(pipeline, {"recognize__lr": [1e-4, 2e-2]}, cv=GroupKFold(3), n_jobs=2)


@pytest.mark.filterwarnings("ignore:.*reads nothing at all")
def test_grid_search_on_two_workers_equals_one_process(client, lines):
    paths, text, writer = lines
    alone = search().set_params(n_jobs=None).fit(paths, text, groups=writer)
    with parallel_config("dask"):
        shared = search().fit(paths, text, groups=writer)
    assert np.ptp(alone.cv_results_["mean_test_score"]) > 0.02  # or all could be alike by chance
    for split in range(3):
        key = f"split{split}_test_score"
        np.testing.assert_allclose(shared.cv_results_[key], alone.cv_results_[key], rtol=1e-4)
    assert shared.best_params_ == alone.best_params_
    assert shared.predict(paths).tolist() == alone.predict(paths).tolist()


def test_the_work_is_done_by_workers(client):
    with parallel_config("dask"):
        pids = Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(8))
    workers = set(client.run(os.getpid).values())
    assert len(workers) == 2
    assert set(pids) <= workers


def test_paths_travel_instead_of_pixels(lines):
    paths, *_ = lines
    pixels = sum(cv2.imread(path, cv2.IMREAD_GRAYSCALE).nbytes for path in paths)
    pipeline = search().estimator
    images = pipeline[:-1].fit_transform(paths)
    assert len(pickle.dumps(images)) < pixels / 10
    assert len(pickle.dumps(images[:12])) < len(pickle.dumps(images))
