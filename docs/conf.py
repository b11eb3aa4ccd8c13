"""Sphinx settings."""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from inspect import getsource
from pathlib import Path

import hwsk

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import api_reference  # noqa: E402
import generated_pages  # noqa: E402
import parameter_table  # noqa: E402

api_reference.write(HERE / "api.rst")
generated_pages.write(HERE)
parameter_table.write(HERE / "parameters.rst")

project = "hwsk"
author = "The hwsk developers"
copyright = f"2026, {author}"
version = release = hwsk.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "myst_parser",
    "sphinx_design",
    "gallery_figure",
    "mathml",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "py:obj"

# A build asks nothing of a network: the names of other projects that these pages link to stand in
# docs/inventories, by hand (a name, its kind, its page).
intersphinx_mapping = {
    name: (address, f"inventories/{name}.inv")
    for name, address in {
        "joblib": "https://joblib.readthedocs.io/en/stable/",
        "sklearn": "https://scikit-learn.org/stable/",
        "skorch": "https://skorch.readthedocs.io/en/stable/",
    }.items()
}

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc says the types
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "subsection_order": [
        f"../examples/{name}"
        for name in (
            "documents",
            "recognition",
            "verification",
            "identification",
            "characters",
            "representation",
            "synthesis",
            "pipelines",
            "datasets",
            "preprocessing",
        )
    ],
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("hwsk",),
    "backreferences_dir": "generated/backreferences",
    "plot_gallery": not tags.has("text"),  # noqa: F821  (sphinx-build -t text)
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,  # those tables take scripts from a network
    "parallel": 2,
    "remove_config_comments": True,
    "capture_repr": ("_repr_html_",),
}

html_theme = "pydata_sphinx_theme"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["hwsk.css"]
html_title = f"hwsk {version}"
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}


def skip_inherited(app, what, name, obj, skip, options):
    """Leave out the methods that every estimator has of scikit-learn, and tells of there."""
    return True if str(getattr(obj, "__module__", "")).startswith("sklearn.") else None


def find_source(app, name):
    """Return source and places of classes and functions; Sphinx's parser fails at `{**a}`."""
    source = getsource(import_module(name))
    places = {}

    def visit(nodes, prefix):
        for node in nodes:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                kind = "class" if isinstance(node, ast.ClassDef) else "def"
                places[prefix + node.name] = (kind, node.lineno, node.end_lineno)
                if kind == "class":
                    visit(node.body, f"{prefix}{node.name}.")

    visit(ast.parse(source).body, "")
    return source, places


def setup(app):
    app.connect("autodoc-skip-member", skip_inherited)
    app.connect("viewcode-find-source", find_source)
