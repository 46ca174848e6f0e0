"""In which language Easel speaks just now: that of who asks, or of the server where all see it.

`_` looks a sentence up when it is called, so a sentence that stands in a constant is marked by `N_`
where it is written and goes through `_` where it is said. CONTRIBUTING.md says how a sentence, or a
language, is added.
"""

import functools
import gettext as gnu
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import polib

from engine import Sentence

LOCALE = Path(__file__).with_name("locale")
ENGLISH = "en"
LANGUAGES = (ENGLISH, *sorted(path.name.replace("_", "-") for path in LOCALE.glob("*_*")))
"""As Discord writes them, but for English, of which Discord knows two."""

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


P = ParamSpec("P")
R = TypeVar("R")


class Told(Protocol):
    """What has a language of its own, such as a job."""

    @property
    def language(self) -> str:
        """One of `LANGUAGES`."""


T = TypeVar("T", bound=Told)


@functools.cache
def _catalogue(language: str) -> gnu.NullTranslations:
    if language == ENGLISH:
        return gnu.NullTranslations()
    return open_catalogue(file_of(language))


def open_catalogue(path: Path) -> gnu.NullTranslations:
    """Read a .po file, so that nothing has to be compiled.

    Raises:
        OSError: it cannot be read, or a line is none that belongs there.

    """
    return gnu.GNUTranslations(io.BytesIO(polib.pofile(str(path)).to_binary()))


def file_of(language: str) -> Path:
    """Return where a language's sentences stand."""
    return LOCALE / language.replace("-", "_") / "LC_MESSAGES" / "easel.po"


def spoken() -> str:
    """Return the language in which Easel speaks just now."""
    return _spoken.get()


def nearest(locale: object) -> str:
    """Return the language for one of Discord's locales; English where Easel does not know it."""
    return str(locale) if str(locale) in LANGUAGES else ENGLISH


def speak(locale: object) -> None:
    """Speak the language of that locale for the rest of the running task."""
    _spoken.set(nearest(locale))


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language for a while."""
    token = _spoken.set(nearest(language))
    try:
        yield
    finally:
        _spoken.reset(token)


def in_its_language(
    say: Callable[Concatenate[T, P], R],
) -> Callable[Concatenate[T, P], R]:
    """Let a function speak the language of what it is told of, whoever asks."""

    @functools.wraps(say)
    def said(told: T, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with speaking(told.language):
            return say(told, *args, **kwargs)

    return said


def _(sentence: str) -> str:
    """Return a sentence in the language spoken now."""
    return _catalogue(spoken()).gettext(sentence) if sentence else ""


def told(sentence: str) -> str:
    """Return one of the engine's sentences in the language spoken now; any other as it is."""
    if not isinstance(sentence, Sentence):
        return sentence
    filled = sentence.values.items()
    values = {name: told(value) if isinstance(value, str) else value for name, value in filled}
    return _(sentence.pattern).format(**values)


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """Return the sentence that fits a number, which stands in it as `{number}`."""
    return _catalogue(spoken()).ngettext(one, many, number).format(number=number, **values)


def N_(sentence: str) -> str:  # noqa: N802 - so it is called wherever gettext is known
    """Mark a sentence of a constant, which is translated where it is said."""
    return sentence


def named(name: str) -> str:
    """Return the name of a command or an option in the language spoken now."""
    return _catalogue(spoken()).pgettext("name", name)
