"""Keep how far a folder of lines is written, so that an interrupted run can go on (`Course`)."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hwsk._data.digest import digest
from hwsk._files import read_file, remove_parts, write_file
from hwsk._warn import warn_caller
from hwsk.writing._legibility import Legibility, UnreadWord

TABLE, STATE = "lines.csv", "lines.ckpt"
PART = 128  # lines that are written before they are saved; more fill the batches better
LACKS = f", and has no {STATE} of an interrupted run to go on from (a finished one leaves none)"
_FORMAT = 1

Given = dict[str, int | float | str | None]


class OtherLinesError(ValueError):
    """A folder was begun with other texts or parameters; `differing` has their names."""

    def __init__(self, path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
        self.differing = {
            name: f" ({there.get(name)!r} there, {here[name]!r} here)" if name in _SHOWN else ""
            for name in here
            if there.get(name) != here[name]
        }
        super().__init__(
            f"{path} was left by a run that differs in {self.describe(str)}; resume=True takes the "
            "same texts and parameters, and a new folder begins anew"
        )

    def describe(self, rename: Callable[[str], str]) -> str:
        """Name all differences, the parameters as `rename` calls them."""
        return ", ".join(f"{rename(name)}{values}" for name, values in self.differing.items())


_SHOWN = {"candidates", "height", "bias", "tolerance", "tries", "version"}  # others are digests


class Part(NamedTuple):
    """Lines that are written and saved together."""

    legibility: Legibility | None
    checksum: str  # of the images

    def left_out(self) -> set[int]:
        """Numbers of the lines that are not saved, from 0 in this part."""
        return set() if self.legibility is None else {word.line for word in self.legibility.unread}


@dataclass
class Course:
    """How far a folder of lines is written.

    Images are saved first, then this in `STATE`, then the table: what both name is there.

    Parameters
    ----------
    folder : Path
    lines : sequence of str
        All texts.
    given : dict
        What the lines depend on, by the names of parameters: plain values, or digests.
    seeds : list of int
        One for each part.
    parts : list of Part or None
        None for what is not written yet.
    """

    folder: Path
    lines: Sequence[str]
    given: Given
    seeds: list[int]
    parts: list[Part | None]

    @classmethod
    def begin(cls, folder: Path, lines: Sequence[str], given: Given, seeds: list[int]) -> Course:
        """Begin in an empty folder."""
        remove_parts(folder)
        new = cls(folder, lines, given, seeds, [None] * len(seeds))
        new._save()
        return new

    @classmethod
    def resume(cls, folder: Path, lines: Sequence[str], given: Given) -> Course:
        """Go on in the folder of an interrupted run; parts that are not whole count for nothing.

        Raises
        ------
        OtherLinesError
            If the run had other texts or parameters.
        ValueError
            If its state is damaged.

        Warns
        -----
        UserWarning
            If images are missing, or other than they were written.
        """
        path = folder / STATE
        try:
            state = json.loads(read_file(path))
            if state["format"] != _FORMAT:
                raise ValueError(f"its format is {state['format']}, not {_FORMAT}")
            there, seeds = dict(state["given"]), [int(seed) for seed in state["seeds"]]
            parts = [None if part is None else _parse(part) for part in state["parts"]]
        except OSError:
            raise
        except Exception as error:  # a damaged file can provoke any
            raise ValueError(
                f"{path} is damaged, or not the state of a folder of lines ({error!r}): begin anew "
                "in a new folder"
            ) from error
        if there != given:
            raise OtherLinesError(path, there, given)
        if not len(seeds) == len(parts) == count_parts(lines):
            raise ValueError(
                f"{path} is damaged: it has {len(seeds)} seeds and {len(parts)} parts; "
                f"{len(lines)} lines have {count_parts(lines)}"
            )
        course = cls(folder, lines, given, seeds, parts)
        remove_parts(folder)
        course._forget_damaged()
        course._save()
        return course

    def missing(self) -> list[int]:
        """Numbers of the parts that are not written yet."""
        return [number for number, part in enumerate(self.parts) if part is None]

    def rows(self, number: int) -> range:
        """Numbers of the lines of a part."""
        return range(len(self.lines))[number * PART : (number + 1) * PART]

    def n_done(self) -> int:
        """Count the lines of all parts that are written."""
        return sum(len(self.rows(i)) for i, part in enumerate(self.parts) if part is not None)

    def keep(self, number: int, legibility: Legibility | None, images: Sequence[bytes]) -> None:
        """Save the images of a part but for lines that were not read right, and name them."""
        part = Part(legibility, "")
        left_out = part.left_out()
        files = {
            self.folder / _file_name(row): image
            for i, (row, image) in enumerate(zip(self.rows(number), images, strict=True))
            if i not in left_out
        }
        for path, image in files.items():
            write_file(path, image, durable=True)
        self.parts[number] = part._replace(checksum=_checksum(files.values()))
        self._save()

    def finish(self) -> Legibility | None:
        """Remove the state of a folder that is done, and say how legible all of it is."""
        (self.folder / STATE).unlink()
        total: Legibility | None = None
        for number, part in enumerate(self.parts):
            if part is not None and part.legibility is not None:
                total = part.legibility.after(total, self.rows(number).start)
        return total

    def _saved_rows(self, number: int) -> list[int]:
        part = self.parts[number]
        left_out = None if part is None else part.left_out()
        rows = self.rows(number)
        return [] if left_out is None else [row for i, row in enumerate(rows) if i not in left_out]

    def _forget_damaged(self) -> None:
        for number in range(len(self.parts)):
            part, rows = self.parts[number], self.rows(number)
            if part is None:
                continue
            paths = [self.folder / _file_name(row) for row in self._saved_rows(number)]
            if (
                not all(map(Path.is_file, paths))
                or _checksum(map(read_file, paths)) != part.checksum
            ):
                warn_caller(
                    f"texts {rows.start} to {rows.stop - 1} are written again: images of them in "
                    f"{self.folder} are missing, or changed since they were written"
                )
                self.parts[number] = None

    def _save(self) -> None:
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["path", "text"])
        for number in range(len(self.parts)):
            for row in self._saved_rows(number):
                writer.writerow([_file_name(row), self.lines[row]])
        state = {
            "format": _FORMAT,
            "given": self.given,
            "seeds": self.seeds,
            "parts": [None if part is None else _to_json(part) for part in self.parts],
        }
        write_file(self.folder / STATE, json.dumps(state), durable=True)
        write_file(self.folder / TABLE, table.getvalue(), durable=True)


def identify(model: Any) -> str:
    """Compute a digest of a model: of all that `hwsk.save` stores, or of its class and parameters.

    What can't be saved counts by the latter.
    """
    from hwsk.persistence import checksum

    try:
        return checksum(model)
    except (TypeError, ValueError):
        return digest(model)


def count_parts(lines: Sequence[str]) -> int:
    """Count the parts that lines are written in."""
    return -(-len(lines) // PART)


def _file_name(row: int) -> str:
    return f"{row + 1:06d}.png"


def _checksum(images: Any) -> str:
    found = hashlib.sha256()
    for image in images:
        found.update(hashlib.sha256(image).digest())
    return found.hexdigest()


def _to_json(part: Part) -> list[Any]:
    of = part.legibility
    return [part.checksum, of and [of.n_words, of.n_first, of.n_samples, of.unread]]


def _parse(part: Any) -> Part:
    checksum, of = part
    if of is None:
        return Part(None, str(checksum))
    n_words, n_first, n_samples = map(int, of[:3])
    unread = tuple(UnreadWord(int(line), str(word), str(read)) for line, word, read in of[3])
    return Part(Legibility(n_words, n_first, n_samples, unread), str(checksum))
