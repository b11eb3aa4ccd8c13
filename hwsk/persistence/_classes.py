"""Declare the stored attributes of hwsk's classes, by version, and upgrade older files.

To change a class
- a new attribute or parameter with a default: declare it, nothing else;
- another name or meaning: raise its `version`, and enter in `UPGRADES` how a file of the version
  before becomes one of the new;
- another name of the class: enter it in `RENAMED`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from hwsk.persistence._declared import Declaration, State

_NETWORK = "history_=history! n_iter_=count! levels_=levels! "
_CANVAS = _NETWORK + "image_size_=size! "
_STROKES = "history_=history! n_iter_=count! mean_[2]! scale_[2]! "
_THRESHOLD = "threshold_=number calibration_=two_numbers calibrated_with_=named_texts "
_LOOKS = "sample_ranges_[m 2|] longest_shape_=positive|none "

CLASSES = {
    "hwsk.CharacterClassifier": Declaration(
        _NETWORK + "classes_:[c]! image_shape_=size ink_=polarity", version=2
    ),
    "hwsk.CTCRecognizer": Declaration(
        _NETWORK + "alphabet_=text! text_direction_=direction temperature_=positive "
        "confidence_=number calibrated_with_=named_texts",
        version=2,
    ),
    "hwsk.HandComparer": Declaration(
        _THRESHOLD + "representation_=transformer|none part_names_=texts! feature_names_=names "
        "feature_ratios_=arrays feature_shares_=arrays coef_[s p]! intercept_[s]! "
        "typical_distances_[s p 2]! limits_[s]! search_coef_[s 3] "
        "calibration_writers_:[w] classes_:[2]! _of_table=bool _across_groups=bool "
        "_of_forgeries=bool least_alike_[s] " + _LOOKS,
        version=2,
    ),
    "hwsk.HandwritingSynthesizer": Declaration(
        _STROKES + "alphabet_=text! first_step_=positive seed_=count styles_[w s]", version=2
    ),
    "hwsk.recognition.InkRecognizer": Declaration(
        "history_=history! n_iter_=count! alphabet_=text! temperature_=positive confidence_=number "
        "calibrated_with_=named_texts"
    ),
    "hwsk.MultiTaskClassifier": Declaration(
        _CANVAS + "classes_=classes_of_tasks! task_names_=names! tasks_=tasks! loss_weights_[t]! "
        "class_priors_=arrays _class_weights=arrays _n_writers=count",
        version=2,
    ),
    "hwsk.SiameseVerifier": Declaration(
        _CANVAS + _THRESHOLD + _LOOKS + "reference_calibration_[s 4] classes_:[2]! "
        "preprocessor_=transformer|none tasks_=tasks|none! "
        "feature_names_=names _feature_counts=arrays _n_writers=count",
        version=3,
    ),
    "hwsk.StrokePredictor": Declaration(_STROKES, version=2),
    "hwsk.VariationalAutoencoder": Declaration(_CANVAS),
    "hwsk.WriterClassifier": Declaration(
        _NETWORK + "classes_:[c]! pages_:[p]",
        version=3,
        file="backbone_weights",
        no_file=("imagenet",),
    ),
    "hwsk.documents.LineSegmenter": Declaration(
        "history_=history! n_iter_=count! line_height_=positive!"
    ),
    "hwsk.documents.PageReader": Declaration("segmenter_=segmenter! recognizer_=predictor"),
    "hwsk.verification.DescriptorHistogram": Declaration("codebook_[k d]! _n_features_out=count"),
    "hwsk.identification.VLADEncoder": Declaration(
        "vocabularies_[v k f]! mean_[d|] components_[o d|] _n_features_out=count"
    ),
    "hwsk.identification.WriterEmbedder": Declaration(
        _NETWORK, version=3, file="backbone_weights", no_file=("imagenet",)
    ),
    "hwsk.preprocessing.JumpCapper": Declaration("limit_=positive!"),
    "hwsk.preprocessing.SkipUnusable": Declaration("estimator_=estimator"),
    "hwsk.preprocessing.SignatureNormalizer": Declaration(version=2),
    "hwsk.preprocessing.StrokeNormalizer": Declaration("mean_[2]! scale_[2]!"),
    "hwsk.preprocessing.StrokeRasterizer": Declaration(version=2),
    "hwsk.preprocessing.StrokeResampler": Declaration("spacing_=positive!"),
    "hwsk.recognition.CTCDecoder": Declaration("alphabet_=text!", version=2),
    "hwsk.recognition.NgramLanguageModel": Declaration(
        "symbols_=texts! n_ngrams_=counts! ngrams_=named_arrays!", version=2
    ),
    "hwsk.recognition.SpellingCorrector": Declaration(
        "recognizer_=predictor|none words_=texts! counts_[w]! alphabet_=text! confusions_[a a]! "
        "spelling_=language_model!",
        version=3,
    ),
}
"""By public name. A class that is not here has parameters alone, and version 1."""

RENAMED: dict[str, str] = {
    "hwsk.comparison.HandComparer": "hwsk.HandComparer",
    "hwsk.multitask.MultiTaskClassifier": "hwsk.MultiTaskClassifier",
}
"""Names that classes had, and those that they have now."""

Weights = dict[str, NDArray[Any]]
Step = Callable[[dict[str, Any], State, Weights], None]


def _rename(**names: str) -> Step:
    """Make a step that gives parameters other names: `new=old`."""

    def step(params: dict[str, Any], state: State, weights: Weights) -> None:
        for new, old in names.items():
            if old in params:
                params[new] = params.pop(old)

    return step


def _spell_architecture(params: dict[str, Any], state: State, weights: Weights) -> None:
    """Version 1 wrote "cnn-rows"."""
    if params.get("architecture") == "cnn-rows":
        params["architecture"] = "cnn_rows"


_OF_PATCHES = {
    "backbone_weights": "weights",
    "dense_units": "head_units",
    "patch_size": "image_size",
    "patch_scale": "scale",
}


def _forget_weights(params: dict[str, Any], state: State, weights: Weights) -> None:
    """Version 1 kept the path of the weights that training had begun with."""
    if params.get("weights") != "imagenet":
        params["weights"] = None


def _move_comparison(params: dict[str, Any], state: State, weights: Weights) -> None:
    """Version 1 had a parameter of its own for each of the comparator."""
    from hwsk.verification import LocalDescriptorMatching, SiameseVerifier

    names = {"registration": "registration", "n_duplicates": "n_duplicates", "test_scale": "scale"}
    given = {new: params.pop(old) for old, new in names.items() if old in params}
    params["comparator"] = LocalDescriptorMatching(**given) if params.pop("matching", 0) else None
    params["cosine_scale"] = params.pop("scale")
    for name in ("image_shape", "codebook_"):
        params.pop(name, None)
        state.pop(name, None)
    for name in [name for name in weights if name.startswith("places.")]:
        weights[name.replace("places.", "descriptors.", 1)] = weights.pop(name)
    if "threshold_" in state:
        of_today = {"comparator", "test_augmentations", "augment"}
        verifier = SiameseVerifier(**{k: v for k, v in params.items() if k in of_today})
        state["calibrated_with_"] = verifier._comparison_parameters()


def _set_threshold(params: dict[str, Any], state: State, weights: Weights) -> None:
    """Version 1 accepted from a log-likelihood ratio of 0."""
    if "coef_" in state:
        state |= {"threshold_": 0.0, "calibrated_with_": {}}


def _drop_numbers(params: dict[str, Any], state: State, weights: Weights) -> None:
    """Version 1 took whole numbers for texts, and rows of numbers for images, texts and strokes."""
    of_rows = state.pop("n_features_in_", None) is not None or state.pop("n_channels_", 3) != 3
    if of_rows or state.pop("label_type_", "str") != "str":
        raise ValueError(
            "it was fitted on numbers in place of images, strokes or texts, which hwsk takes no "
            "more: fit it anew, numbers as texts by astype(str)"
        )


def _move_decoding(params: dict[str, Any], state: State, weights: Weights) -> None:
    """Version 1 had the decoder's parameters among its own."""
    from hwsk.recognition import CTCDecoder

    names = ("decoder", "beam_width", "language_model", "lm_weight", "word_bonus", "lexicon")
    given = {name: params.pop(name) for name in names if name in params}
    _rename_method(given, state, weights)
    is_plain = all(given.get(name) is None for name in ("language_model", "lexicon"))
    plain_greedy = given["method"] == "greedy" and is_plain
    params["decoder"] = None if plain_greedy else CTCDecoder(**given)


def _keep(params: dict[str, Any], state: State, weights: Weights) -> None:
    """Version 1 had the arrays of n-grams as they are used, which are still read."""


def _rename_method(params: dict[str, Any], state: State, weights: Weights) -> None:
    """Version 1 had "lexicon" as a method of its own."""
    _drop_numbers(params, state, weights)
    method = params.pop("decoder", "greedy")
    params["method"] = "greedy" if method == "greedy" else "beam"
    if method == "beam":
        params["lexicon"] = None


UPGRADES: dict[tuple[str, int], Step] = {
    ("hwsk.CharacterClassifier", 1): _spell_architecture,
    ("hwsk.CTCRecognizer", 1): _move_decoding,
    ("hwsk.HandComparer", 1): _set_threshold,
    ("hwsk.HandwritingSynthesizer", 1): _drop_numbers,
    ("hwsk.MultiTaskClassifier", 1): _rename(
        dense_units="hidden_units", transform_kind="representation"
    ),
    ("hwsk.SiameseVerifier", 1): _move_comparison,
    ("hwsk.SiameseVerifier", 2): _rename(dense_units="hidden_units", loss_margin="margin"),
    ("hwsk.StrokePredictor", 1): _drop_numbers,
    ("hwsk.WriterClassifier", 1): _forget_weights,
    ("hwsk.WriterClassifier", 2): _rename(**_OF_PATCHES),
    ("hwsk.identification.WriterEmbedder", 1): _forget_weights,
    ("hwsk.identification.WriterEmbedder", 2): _rename(**_OF_PATCHES, loss_margin="margin"),
    ("hwsk.preprocessing.SignatureNormalizer", 1): _rename(speck_widths="speck"),
    ("hwsk.preprocessing.StrokeRasterizer", 1): _rename(ink_level="ink"),
    ("hwsk.recognition.CTCDecoder", 1): _rename_method,
    ("hwsk.recognition.NgramLanguageModel", 1): _keep,
    ("hwsk.recognition.SpellingCorrector", 1): _rename(min_gain="margin"),
    ("hwsk.recognition.SpellingCorrector", 2): _drop_numbers,
}
"""For a class's present name and a version, the step to the next: it changes what it is given."""


def upgrade(
    name: str, version: int, params: dict[str, Any], state: State, weights: Weights
) -> None:
    """Bring parameters, attributes and weights of an older version to the present one, in place."""
    now = CLASSES.get(name, Declaration()).version
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{name} is of version {version!r}, which is not a version")
    if version > now:
        raise ValueError(
            f"{name} is of version {version}, written by a newer hwsk, and here it is {now}: pip "
            "install --upgrade hwsk"
        )
    for old in range(version, now):
        if (name, old) in UPGRADES:
            UPGRADES[name, old](params, state, weights)
