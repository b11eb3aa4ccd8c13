"""Prepare samples in worker processes, with the results that one process gives.

The workers are those of torch's DataLoader. They are given the number of a sample and of the epoch,
from which augmentation draws, so it does not matter which worker prepares what.
"""

from __future__ import annotations

import multiprocessing
import pickle
import traceback
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import cv2
import joblib
import torch
from joblib.parallel import get_active_backend
from torch.utils.data import DataLoader, Dataset, Sampler
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from hwsk._training.batches import Batched

_AT_ONCE = 16  # samples that a worker prepares at a time, in prediction


def count_workers(n_jobs: int | None) -> int:
    """Count the processes that `n_jobs` stands for here; 1 is this one alone.

    None takes that of `joblib.parallel_config`, otherwise 1; -1 is a process for each processor.
    Within what joblib runs in parallel, and where a process may start none, it is 1.

    Raises
    ------
    ValueError
        If `n_jobs` is 0.
    """
    backend, configured = get_active_backend()
    if n_jobs is None:
        n_jobs = 1 if configured is None else configured
    if n_jobs == 0:
        raise ValueError("n_jobs=0: give a number of processes from 1, -1 for all, or None")
    if backend.nesting_level or multiprocessing.current_process().daemon:
        return 1
    return max(1, joblib.cpu_count() + 1 + n_jobs) if n_jobs < 0 else n_jobs


def map_rows(function: Callable[[int], Any], n: int, n_jobs: int | None) -> Iterator[Any]:
    """Yield what a function makes of each of the rows 0 to n - 1, in order.

    Parameters
    ----------
    function : callable
    n : int
    n_jobs : int or None
        As in `count_workers`. The workers end with the iterator.
    """
    n_workers = count_workers(n_jobs)
    if n_workers == 1 or n <= _AT_ONCE:
        return map(function, range(n))
    parts = [range(start, min(start + _AT_ONCE, n)) for start in range(0, n, _AT_ONCE)]
    n_workers = min(n_workers, len(parts))
    return _flatten(_start_workers(partial(_call_each, function), parts, n_workers))


def _call_each(function: Callable[[int], Any], rows: range) -> list[Any]:
    return [function(row) for row in rows]


def _flatten(loader: DataLoader[Any]) -> Iterator[Any]:
    for part in loader:
        yield from _result(part)


class BatchLoader:
    """Make the batches of a dataset in worker processes, which stay from epoch to epoch.

    Parameters
    ----------
    dataset : Batched
        What the batches are of.
    batches : Sampler
        Rows of each batch.
    n_workers : int
        Processes.
    """

    def __init__(self, dataset: Batched, batches: Sampler[list[int]], n_workers: int) -> None:
        make = partial(_make_batch, dataset)
        self._loader = _start_workers(make, _Numbered(batches, dataset), n_workers, stay=True)
        self._batches: Generator[Any, None, None] | None = None

    def __iter__(self) -> Iterator[Any]:
        # A loader without workers draws a seed for them that nobody uses. Drawing it here as well
        # leaves dropout the numbers that it has without workers.
        torch.empty((), dtype=torch.int64).random_()
        self._batches = self._iterate()
        return self._batches

    def _iterate(self) -> Generator[Any, None, None]:
        for batch in self._loader:
            yield _result(batch)

    def close(self) -> None:
        """End the workers; torch does by itself only when nobody refers to their iterator."""
        if self._batches is not None:
            self._batches.close()
        iterator = self._loader._iterator
        if isinstance(iterator, _MultiProcessingDataLoaderIter):  # a traceback may refer to it
            iterator._shutdown_workers()
        del self._loader


def _make_batch(dataset: Any, item: tuple[int, list[int]]) -> Any:
    dataset.epoch, rows = item
    return dataset.collate([dataset[row] for row in rows])


class _Numbered(Sampler[Any]):
    """Put the number of the epoch to the rows of each batch."""

    def __init__(self, batches: Sampler[list[int]], dataset: Batched) -> None:
        self.batches = batches
        self.dataset = dataset

    def __len__(self) -> int:
        # torch's base class has no length, since a sampler may be endless: ours are not
        return len(self.batches)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        return ((self.dataset.epoch, rows) for rows in self.batches)


def _start_workers(
    function: Callable[[Any], Any], items: Any, n_workers: int, *, stay: bool = False
) -> DataLoader[Any]:
    """Make a loader of what a function makes of items."""
    return DataLoader(
        _Calls(function),
        batch_size=None,
        sampler=items,
        collate_fn=_unchanged,
        num_workers=min(n_workers, len(items)),
        worker_init_fn=_begin,
        persistent_workers=stay,
        generator=torch.Generator(),  # of the seeds of workers, which is not to be torch's global
    )


class _Calls(Dataset[Any]):
    """Call a function on items, and return what it raises: each is raised in the other process."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        # Where workers are not forked, functions of a script or notebook come to them, too.
        self.function = joblib.wrap_non_picklable_objects(function)

    def __getitem__(self, item: Any) -> Any:
        try:
            return self.function(item)
        except Exception as error:
            error.add_note(f"in a worker process:\n{traceback.format_exc()}")
            return _Failure(error)


class _Failure:
    """Carry an exception to the process that waits for a result."""

    def __init__(self, error: Exception) -> None:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # of a class that pickle can't make anew
            error = RuntimeError("".join(traceback.format_exception(error)))
        self.error = error


def _result(result: Any) -> Any:
    if isinstance(result, _Failure):
        raise result.error
    return result


def _unchanged(result: Any) -> Any:
    return result


def _begin(worker: int) -> None:
    cv2.setNumThreads(0)  # its threads don't outlive a fork, and the workers share the processors
