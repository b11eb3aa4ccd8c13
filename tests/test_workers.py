"""`n_jobs`: worker processes give what one process gives, name the same errors, and end.

That weights and outputs of every estimator with a network agree, test_determinism tests.
"""

import multiprocessing
import subprocess
import sys
import textwrap

import joblib
import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from hwsk._training.workers import count_workers, map_rows
from hwsk.recognition import CharacterClassifier

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
CLASSES = np.arange(60) % 3


def make_classifier(**params):
    return CharacterClassifier(
        hidden_units=8, num_layers=1, max_epochs=2, batch_size=16, n_jobs=2, **params
    )


def workers():
    """The processes of loaders: joblib's stay after its work."""
    children = multiprocessing.active_children()
    return [child for child in children if "Loky" not in type(child).__name__]


def as_float(image, rng):
    return image / 255


def test_workers_are_counted_as_joblib_counts():
    assert count_workers(None) == count_workers(1) == 1
    assert count_workers(3) == 3
    assert count_workers(-1) == joblib.cpu_count()
    assert count_workers(-1000) == 1
    with joblib.parallel_config(n_jobs=3):
        assert count_workers(None) == 3
        assert count_workers(2) == 2
    with pytest.raises(ValueError, match="n_jobs=0: give a number of processes from 1"):
        count_workers(0)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_one_process_within_what_joblib_runs(backend):
    calls = joblib.Parallel(2, backend=backend)(joblib.delayed(count_workers)(4) for _ in range(2))
    assert calls == [1, 1]


def test_rows_come_in_order_and_other_processes_made_them():
    made = list(map_rows(lambda row: (row, multiprocessing.current_process().name), 100, 2))
    assert [row for row, _ in made] == list(range(100))
    assert len({name for _, name in made}) == 2
    assert "MainProcess" not in dict(made).values()


class CountChildren(Callback):
    def on_batch_end(self, net, **kwargs):
        CountChildren.seen = len(workers())


def test_workers_work_and_end():
    CountChildren.seen = 0
    classifier = make_classifier(callbacks=[CountChildren()], early_stopping=True, random_state=0)
    classifier.fit(IMAGES, CLASSES)
    assert CountChildren.seen >= 2
    assert not workers()
    classifier.predict(IMAGES)
    assert not workers()


def test_workers_end_when_a_prediction_is_abandoned():
    rows = map_rows(str, 1000, 2)
    assert next(rows) == "0"
    assert len(workers()) == 2
    rows.close()
    assert not workers()


def test_an_error_of_a_worker_is_that_of_one_process():
    classifier = make_classifier(augment=as_float)
    messages = []
    for n_jobs in (1, 2):
        with pytest.raises(ValueError, match="augment was given an image") as caught:
            classifier.set_params(n_jobs=n_jobs).fit(IMAGES, CLASSES)
        messages.append(str(caught.value))
        assert not workers()
    assert messages[0] == messages[1]
    assert "in a worker process" in "".join(caught.value.__notes__)  # and where it came from


class Unpicklable(Exception):
    def __init__(self, what, where):
        super().__init__(f"{what} at {where}")


def raise_unpicklable(row):
    raise Unpicklable("broken", row)


def test_an_error_that_no_pickle_holds_comes_as_text():
    with pytest.raises(RuntimeError, match="Unpicklable: broken at 0"):
        list(map_rows(raise_unpicklable, 40, 2))


def test_all_bad_rows_are_named():
    classifier = make_classifier(random_state=0).fit(IMAGES, CLASSES)
    queries = list(IMAGES)
    queries[3], queries[50] = queries[3][:5], np.full((8, 8), np.nan)
    messages = []
    for n_jobs in (1, 2):
        with pytest.raises(ValueError, match=r"2 of 60 images can't be used, rows 3, 50") as caught:
            classifier.set_params(n_jobs=n_jobs).predict(queries)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    make_classifier(random_state=0).fit(IMAGES, CLASSES).predict(IMAGES)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("fork", marks=pytest.mark.slow),
        pytest.param("forkserver", marks=pytest.mark.slow),  # Linux's default from Python 3.14 on
        "spawn",
    ],
)
def test_a_guarded_script_may_ask_for_workers(tmp_path, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import multiprocessing
            import numpy as np
            from hwsk.recognition import CharacterClassifier

            def darken(image, rng):
                return image // 2

            if __name__ == "__main__":
                multiprocessing.set_start_method({method!r})
                images = np.random.default_rng(0).integers(0, 256, (32, 8, 8), np.uint8)
                weights = []
                for n_jobs in (1, 2):
                    classifier = CharacterClassifier(
                        hidden_units=8, num_layers=1, max_epochs=2, batch_size=16,
                        augment=lambda image, rng: darken(image, rng), n_jobs=n_jobs,
                        random_state=0
                    )
                    classifier.fit(images, np.arange(32) % 2)
                    weights.append(classifier.net_.module_.state_dict())
                print(all((weights[0][name] == weights[1][name]).all() for name in weights[0]))
            """
        )
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True"], run.stderr
