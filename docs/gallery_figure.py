"""The directive ``gallery-figure``: a picture of the gallery, as it was drawn, in another page.

``.. gallery-figure:: recognition/plot_read_words 2`` takes the second picture of that example; the
content is the caption, and the option ``:alt:`` says what is seen. A click leads to the example.
Where the gallery isn't run (``sphinx-build -t text``), nothing stands there.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective


class GalleryFigure(SphinxDirective):
    """Put a picture of the gallery, with a caption, in its place."""

    required_arguments = 2
    has_content = True
    option_spec = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the figure, or nothing where the gallery isn't run."""
        name, number = self.arguments
        folder, _, example = name.rpartition("/")
        if not (self.env.srcdir / ".." / "examples" / f"{name}.py").exists():
            raise self.error(f"examples/{name}.py does not exist")
        if not self.config.sphinx_gallery_conf["plot_gallery"]:
            return []
        picture = f"auto_examples/{folder}/images/sphx_glr_{example}_{int(number):03}.png"
        image = nodes.image(uri=f"/{picture}", alt=self.options["alt"])
        link = nodes.reference("", "", image, refuri=self._link(f"auto_examples/{name}"))
        caption = nodes.caption()
        inline, messages = self.parse_inline(" ".join(self.content))
        caption += inline
        return [nodes.figure("", link, caption, align="center"), *messages]

    def _link(self, page: str) -> str:
        return self.env.app.builder.get_relative_uri(self.env.docname, page)


def setup(app: Any) -> dict[str, bool]:
    """Add the directive to Sphinx."""
    app.add_directive("gallery-figure", GalleryFigure)
    return {"parallel_read_safe": True}
