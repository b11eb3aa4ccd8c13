"""The parameters of all estimators: one name, one meaning, and a page that lists them."""

import inspect
from pathlib import Path

import pytest
from sklearn.utils._param_validation import Interval, StrOptions

ROOT = Path(__file__).parents[1]

OTHER_MEANING = {
    "method": "each class has its own",
    "n_jobs": "PageReader reads whole pages in processes, networks prepare samples in them",
    "recognizer": "SpellingCorrector also takes a decoder, or None for texts",
    "random_state": "each class says what is drawn",
    "test_augmentations": "CTCRecognizer tilts lines by itself, the others use `augment`",
}
OTHER_KIND = {
    "class_weight": "MultiTaskClassifier has one for each column of y",
    "margin": "an int counts pixels, a float is a fraction of the height",
    "method": "each class has its own",
    "recognizer": "PageReader clones and fits it, SpellingCorrector takes it as it is",
    "size": "a character is as high as wide, a signature is not",
}


@pytest.fixture(scope="module")
def table():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        import parameter_table
    return parameter_table


@pytest.fixture(scope="module")
def uses(table):
    return table.collect()


def kind_of(constraint):
    """What a parameter may be, but for None and the ends of intervals."""
    if not isinstance(constraint, list):
        return str(constraint)
    return sorted(_kind_of_one(one) for one in constraint if one is not None)


def _kind_of_one(one):
    if isinstance(one, Interval):
        return one.type.__name__
    if isinstance(one, StrOptions):
        return str(sorted(one.options))
    return getattr(one, "__name__", str(one))


def test_one_name_has_one_meaning(uses):
    several = {
        name: {use.meaning for use in same}
        for name, same in uses.items()
        if len({use.meaning for use in same}) > 1
    }
    assert {*several} == {*OTHER_MEANING}, several


def test_one_name_has_one_kind(uses):
    kinds = {
        name: [kind_of(use.constraint) for use in same if use.constraint is not None]
        for name, same in uses.items()
    }
    several = {name: found for name, found in kinds.items() if any(k != found[0] for k in found)}
    assert {*several} == {*OTHER_KIND}, several


def test_options_are_spelt_with_underscores(uses):
    options = {
        option
        for same in uses.values()
        for use in same
        if isinstance(use.constraint, list)
        for one in use.constraint
        if isinstance(one, StrOptions)
        for option in one.options
    }
    assert len(options) > 40
    assert not {option for option in options if "-" in option or " " in option}


def test_parameters_after_the_second_are_by_keyword(table):
    for cls in table.find_estimators():
        parameters = inspect.signature(cls).parameters.values()
        positional = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        assert len(positional) <= 2, f"{cls.__name__}: {positional}"


def test_the_page_lists_every_parameter_of_every_class(table, uses, tmp_path):
    table.write(tmp_path / "parameters.rst")
    page = (tmp_path / "parameters.rst").read_text()
    assert len(table.find_estimators()) > 35
    for name, same in uses.items():
        assert f"* - ``{name}``" in page
        for use in same:
            assert f".{use.cls.__name__}`" in page
            assert use.meaning in page
    written = (tmp_path / "parameters.rst").stat().st_mtime_ns
    table.write(tmp_path / "parameters.rst")
    assert (tmp_path / "parameters.rst").stat().st_mtime_ns == written
