"""Declare the classes of scikit-learn that files may hold, and their stored attributes.

Methods of these classes trust attributes that `fit` has set: some are C code that reads past the
end of an array which is shorter than another says. So only classes stand here whose attributes are
all declared and checked; `tests/test_persistence_sklearn.py` saves, loads and damages each.
"""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from hwsk._limits import NGRAM
from hwsk.persistence._declared import Declaration, State

_TOKEN = re.compile(
    r"""(\(\?u\))? (\\b)?
    (\\[wWsSdD] | \[\^?(\\[wWsSdD]|[^][\\])+\] | [^][\\.^$*+?{}|()])*
    (\\w\+\\b | (\\[wWsSdD] | \[\^?(\\[wWsSdD]|[^][\\])+\])\+)?""",
    re.VERBOSE,
)
"""Patterns of tokens that take time in proportion to the text: classes of characters, of which the
last may be repeated. Others, such as `(a+)+$`, may take time that doubles with each character."""


def _check_neighbors(state: State, params: dict[str, Any]) -> None:
    if "_fit_X" in state and (state["_fit_method"] != "brute" or state["_tree"] is not None):
        raise ValueError("neighbours are searched by a tree; fit with algorithm='brute'")
    classes, numbers = state.get("classes_"), state.get("_y")
    if isinstance(classes, np.ndarray) and isinstance(numbers, np.ndarray):
        known = numbers.dtype.kind in "iu" and np.isin(numbers, range(len(classes))).all()
        if not known:
            raise ValueError("_y holds numbers of classes that there are not")


def _check_svc(state: State, params: dict[str, Any]) -> None:
    if "support_" not in state:
        return
    counts, n = state["_n_support"], len(state["support_"])
    k = len(state["classes_"])
    pairs = k * (k - 1) // 2
    sizes = {"_intercept_": pairs, "intercept_": pairs, "_dual_coef_": k - 1, "dual_coef_": k - 1}
    sound = (
        not state["_sparse"]
        and params.get("kernel") in ("linear", "poly", "rbf", "sigmoid")
        and k >= 2
        and counts.dtype == np.int32
        and (counts >= 0).all()
        and counts.sum() == n
        and all(len(state[name]) == size for name, size in sizes.items())
        and all(len(state[name]) in (0, pairs) for name in ("_probA", "_probB"))
        and len(state["_probA"]) == len(state["_probB"])
        and (len(state["_probA"]) or not state.get("_effective_probability", params["probability"]))
    )
    if not sound:
        raise ValueError("the support vectors of an SVC don't fit together")


def _check_kmeans(state: State, params: dict[str, Any]) -> None:
    if "cluster_centers_" in state:
        if not len(state["cluster_centers_"]) or state["cluster_centers_"].dtype.kind != "f":
            raise ValueError("cluster_centers_ of KMeans are none, or no floats")
        # As many threads as processors: another machine's number is of no use.
        state["_n_threads"] = max(1, min(int(state["_n_threads"]), os.cpu_count() or 1))


def _check_vocabulary(state: State, params: dict[str, Any]) -> None:
    if params.get("input") != "content":
        raise ValueError(f"input={params.get('input')!r} opens files; expected 'content'")
    pattern = params.get("token_pattern")
    if pattern is not None and not (isinstance(pattern, str) and _TOKEN.fullmatch(pattern)):
        raise ValueError(
            f"token_pattern={pattern!r:.80} may take time without end; expected is one such as "
            r"'(?u)\b\w\w+\b', '\S+' or '[a-z]+': characters, of which the last may be repeated"
        )
    sizes = params.get("ngram_range")
    if not (
        isinstance(sizes, (tuple, list))
        and len(sizes) == 2
        and all(isinstance(size, int) for size in sizes)
        and 1 <= sizes[0] <= sizes[1] <= NGRAM
    ):
        raise ValueError(f"ngram_range={sizes!r:.80} is not two numbers from 1 to {NGRAM}")
    words = state.get("vocabulary_", {})
    if not isinstance(words, dict) or sorted(words.values()) != list(range(len(words))):
        raise ValueError("vocabulary_ does not number its words 0, 1, ...")
    idf = getattr(state.get("_tfidf"), "idf_", None)
    if idf is not None and len(idf) != len(words):
        raise ValueError("idf_ and vocabulary_ differ in length")


def _check_categories(state: State, params: dict[str, Any]) -> None:
    categories = state.get("categories_", [])
    if not isinstance(categories, list) or not all(
        isinstance(c, np.ndarray) and c.ndim == 1 for c in categories
    ):
        raise ValueError("categories_ is not a list of 1-D arrays")
    if state and len(categories) != state.get("n_features_in_"):
        raise ValueError("there are not as many categories_ as columns")
    if state.get("_infrequent_enabled"):
        raise ValueError("encoders of infrequent categories are not stored")
    dropped = state.get("_drop_idx_after_grouping")
    if dropped is not None and len(dropped) != len(categories):
        raise ValueError("drop_idx_ has not an entry a column")
    for column, c in enumerate(categories):
        drop = None if dropped is None else dropped[column]
        if drop is not None and not (isinstance(drop, int) and 0 <= drop < len(c)):
            raise ValueError("drop_idx_ names a category that there is not")
        n = len(c) - (drop is not None)
        if "_n_features_outs" in state and state["_n_features_outs"][column] != n:
            raise ValueError("_n_features_outs does not count the categories_")


def _check_steps(state: State, params: dict[str, Any]) -> None:
    """Steps of a Pipeline, FeatureUnion or ColumnTransformer: names and estimators."""
    key = next(key for key in ("steps", "transformer_list", "transformers") if key in params)
    length = 3 if key == "transformers" else 2
    steps = params[key]
    if not isinstance(steps, (list, tuple)) or not steps:
        raise ValueError(f"{key} is not a list of steps")
    for step in steps:
        sound = (
            isinstance(step, (list, tuple))
            and len(step) == length
            and isinstance(step[0], str)
            and (isinstance(step[1], BaseEstimator) or step[1] in (None, "passthrough", "drop"))
        )
        if not sound:
            raise ValueError(f"{key} holds {str(step)[:80]!r}, not a name and an estimator")


_LINEAR = "coef_[c f|f] intercept_[c|1|] n_iter_[i|] classes_:[k] "
_NEIGHBORS = (
    "_fit_X[n f] n_samples_fit_ _fit_method _tree effective_metric_ effective_metric_params_* "
    "radius "
)
_WORDS = "vocabulary_* fixed_vocabulary_ "

SKLEARN = {
    "sklearn.cluster.KMeans": Declaration(
        "cluster_centers_[k f] labels_[n] inertia_ n_iter_ _n_features_out _n_threads _tol _n_init "
        "_algorithm",
        check=_check_kmeans,
    ),
    "sklearn.compose.ColumnTransformer": Declaration(
        "transformers_* output_indices_* sparse_output_ _columns* _transformer_to_input_indices* "
        "_remainder* _n_features _name_to_fitted_passthrough*",
        check=_check_steps,
    ),
    "sklearn.decomposition.PCA": Declaration(
        "components_[k f] mean_[f] explained_variance_[k] explained_variance_ratio_[k] "
        "singular_values_[k] noise_variance_ n_samples_ n_components_ _fit_svd_solver"
    ),
    "sklearn.decomposition.TruncatedSVD": Declaration(
        "components_[k f] explained_variance_[k] explained_variance_ratio_[k] singular_values_[k]"
    ),
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": Declaration(
        "classes_:[k] priors_[k] means_[k f] xbar_[f] scalings_[f s] coef_[c f] intercept_[c] "
        "explained_variance_ratio_[e] covariance_[f f] _max_components _n_features_out"
    ),
    "sklearn.dummy.DummyClassifier": Declaration(
        "classes_:[k] class_prior_[k] n_classes_ n_outputs_ sparse_output_ _strategy"
    ),
    "sklearn.feature_extraction.text.CountVectorizer": Declaration(_WORDS, check=_check_vocabulary),
    "sklearn.feature_extraction.text.TfidfTransformer": Declaration("idf_[f]"),
    "sklearn.feature_extraction.text.TfidfVectorizer": Declaration(
        _WORDS + "_tfidf*", check=_check_vocabulary
    ),
    "sklearn.frozen.FrozenEstimator": Declaration(),
    "sklearn.impute.SimpleImputer": Declaration(
        "statistics_:[f] indicator_ _fit_dtype _fill_dtype"
    ),
    "sklearn.linear_model.LinearRegression": Declaration(_LINEAR + "rank_ singular_[s]"),
    "sklearn.linear_model.LogisticRegression": Declaration(_LINEAR),
    "sklearn.linear_model.Ridge": Declaration(_LINEAR + "solver_"),
    "sklearn.linear_model.RidgeClassifier": Declaration(_LINEAR + "solver_ _label_binarizer*"),
    "sklearn.mixture.GaussianMixture": Declaration(
        "weights_[k] means_[k f] covariances_[k f f|f f|k f|k] precisions_[k f f|f f|k f|k] "
        "precisions_cholesky_[k f f|f f|k f|k] converged_ n_iter_ lower_bound_ lower_bounds_*"
    ),
    "sklearn.naive_bayes.GaussianNB": Declaration(
        "classes_:[k] theta_[k f] var_[k f] class_count_[k] class_prior_[k] epsilon_"
    ),
    "sklearn.neighbors.KNeighborsClassifier": Declaration(
        _NEIGHBORS + "classes_:[k] _y[n] outputs_2d_", check=_check_neighbors
    ),
    "sklearn.neighbors.NearestCentroid": Declaration(
        "classes_:[k] centroids_[k f] class_prior_[k] deviations_[k f] within_class_std_dev_[f]"
    ),
    "sklearn.neighbors.NearestNeighbors": Declaration(_NEIGHBORS, check=_check_neighbors),
    "sklearn.pipeline.FeatureUnion": Declaration(check=_check_steps),
    "sklearn.pipeline.Pipeline": Declaration(file="memory", check=_check_steps),
    "sklearn.preprocessing.Binarizer": Declaration(),
    "sklearn.preprocessing.FunctionTransformer": Declaration(),
    "sklearn.preprocessing.LabelBinarizer": Declaration("classes_:[k] y_type_ sparse_input_"),
    "sklearn.preprocessing.LabelEncoder": Declaration("classes_:[k]"),
    "sklearn.preprocessing.MaxAbsScaler": Declaration("max_abs_[f] scale_[f] n_samples_seen_[f|]"),
    "sklearn.preprocessing.MinMaxScaler": Declaration(
        "scale_[f] min_[f] data_min_[f] data_max_[f] data_range_[f] n_samples_seen_[f|]"
    ),
    "sklearn.preprocessing.Normalizer": Declaration(),
    "sklearn.preprocessing.OneHotEncoder": Declaration(
        "categories_* drop_idx_:[f|] _drop_idx_after_grouping:[f|] _n_features_outs* "
        "_infrequent_enabled",
        check=_check_categories,
    ),
    "sklearn.preprocessing.OrdinalEncoder": Declaration(
        "categories_* _missing_indices* _infrequent_enabled", check=_check_categories
    ),
    "sklearn.preprocessing.PowerTransformer": Declaration("lambdas_[f] _scaler*"),
    "sklearn.preprocessing.QuantileTransformer": Declaration(
        "n_quantiles_ references_[q] quantiles_[q f]"
    ),
    "sklearn.preprocessing.RobustScaler": Declaration("center_[f|] scale_[f|]"),
    "sklearn.preprocessing.StandardScaler": Declaration(
        "mean_[f|] var_[f|] scale_[f|] n_samples_seen_[f|]"
    ),
    "sklearn.svm.LinearSVC": Declaration(_LINEAR),
    "sklearn.svm.SVC": Declaration(
        "support_[s] support_vectors_[s f] _n_support[k] dual_coef_[d s] _dual_coef_[d s] "
        "intercept_[p] _intercept_[p] _probA[a] _probB[a] classes_:[k] class_weight_[k] "
        "fit_status_ n_iter_[i] _num_iter[i] shape_fit_* nu epsilon _sparse _gamma "
        "_effective_probability",
        check=_check_svc,
    ),
}
"""By public name. The version of what is stored is scikit-learn's own."""
