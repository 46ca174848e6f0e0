"""How the engine says that something cannot be had; each text is a sentence for its reader."""

from typing import Self


class Sentence(str):
    """A sentence for a painter that can be said in another language, for it knows its pattern and
    what was filled in."""

    def __new__(cls, pattern: str, **values: object) -> Self:
        """Fill the values into a pattern, as `str.format` does."""
        self = super().__new__(cls, pattern.format(**values))
        self.pattern, self.values = pattern, values
        return self

    pattern: str
    values: dict[str, object]

    def __str__(self) -> Self:
        """Return it as it is: so `str` of an error that was raised with it knows as much."""
        return self


def N_(pattern: str) -> str:  # noqa: N802 - so it is called wherever gettext is known
    """Mark the pattern of a sentence that stands in a constant."""
    return pattern


LOADING = N_("loading {model}")
FETCHING = N_("fetching {model}")
NO_OTHER = N_(", and no other either")


class ModelError(Exception):
    """A model cannot be opened: which one, what was wrong, and what would be right."""


class PaintError(Exception):
    """One job cannot be painted; the text may be shown to the painter."""


class StoppedError(Exception):
    """The job was cancelled: thrown out of its pipeline, so that nothing more is computed."""
