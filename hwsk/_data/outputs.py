"""Say of transformers that give images, strokes or texts why these are no table."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, Self


class ObjectOutputMixin:
    """A transformer whose output is a list of objects, not a table with columns.

    It stands before `TransformerMixin`, and sets `_gives`. A table that is asked for in
    `sklearn.set_config` is that of the steps behind it: objects stay objects.
    """

    _gives: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs | {"auto_wrap_output_keys": None})

    def get_feature_names_out(self, input_features: Any = None) -> NoReturn:
        """Raise an error: the output has no columns that could have names.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Ignored.

        Raises
        ------
        ValueError
            Always.
        """
        raise ValueError(
            f"{type(self).__name__} gives {self._gives}, which are not columns of a table and have "
            "no names; ask the step behind it, such as pipeline[-1].get_feature_names_out()"
        )

    def set_output(self, *, transform: str | None = None) -> Self:
        """Refuse a table as the output.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            None and "default" leave the output as it is.

        Returns
        -------
        self : object
            The transformer itself.

        Raises
        ------
        ValueError
            If a table is asked for.
        """
        if transform not in (None, "default"):
            raise ValueError(
                f"transform={transform!r}: {type(self).__name__} gives {self._gives}, which can't "
                "be a table; set the output of the step behind it, such as "
                f"pipeline[-1].set_output(transform={transform!r})"
            )
        return self
