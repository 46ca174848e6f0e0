"""Words of a prompt → the text before the first parameter, and every parameter's value."""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from bot.errors import UserError
from bot.parameters import BY_NAME, PARAMETERS, Parameter
from bot.readers import DASHES, Setting

_TYPED_DASHES = re.compile(rf"(?<!\S)(?=-*[{DASHES[1:]}])[{DASHES}]{{1,4}}(?=[A-Za-z])")
_QUOTES = str.maketrans("“”„‟‘’‚‛", '""""' + "''''")


def normalise(text: str) -> list[str]:
    """The words of a text, with the dashes and quotes that keyboards replace put back."""
    clean = "".join(" " if unicodedata.category(sign) in {"Cc", "Cs"} else sign for sign in text)
    clean = " ".join(clean.translate(_QUOTES).split())
    return _TYPED_DASHES.sub("--", clean).split()


def split(words: Sequence[str]) -> tuple[str, list[tuple[Parameter, str]]]:
    """The text before the first parameter, and each parameter with the words after it."""
    starts = [place for place, word in enumerate(words) if word.startswith("--")]
    prompt = " ".join(words[: starts[0]] if starts else words)
    ends = [*starts[1:], len(words)]
    given = [
        (find(words[start]), " ".join(words[start + 1 : end]))
        for start, end in zip(starts, ends, strict=False)
    ]
    return prompt, given


def find(word: str) -> Parameter:
    """Return the row of a parameter as it is typed; a UserError suggests the nearest name."""
    name = word[2:].casefold()
    if name in BY_NAME:
        return BY_NAME[name]
    glued = re.match(r"([a-z]+)[=:]?[0-9.]", name)
    if glued and glued[1] in BY_NAME:
        row = BY_NAME[glued[1]]
        raise UserError(f"`{short(word)}` needs a space between name and value, as in `{row}`.")
    near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.5)
    if near:
        advice = f"Did you mean `--{near[0]}`?"
    else:
        advice = "There are " + ", ".join(f"`--{row.name}`" for row in PARAMETERS) + "."
    raise UserError(f"`{short(word)}` is not a parameter. {advice}")


def evaluate(given: Sequence[tuple[Parameter, str]], setting: Setting) -> dict[str, Any]:
    """Values by name, in the order of the text; raises where one is missing or not allowed."""
    values: dict[str, Any] = {}
    for row, text in given:
        value = read_value(row, text, setting)
        if row.twice == "all":
            values[row.name] = tuple(dict.fromkeys((*values.get(row.name, ()), *value)))
        elif row.twice == "last" or row.name not in values:
            values[row.name] = value
    return values


def read_value(row: Parameter, text: str, setting: Setting) -> Any:
    """Return what the words after a parameter say, or raise a UserError."""
    if not text and not row.flag:
        raise UserError(f"`--{row.name}` needs a value: {row.allowed(setting)}, as in `{row}`.")
    if row.words:
        first, rest = text, ""
    else:
        first, _, rest = text.partition(" ")
        first = unicodedata.normalize("NFKC", first)
    value = row.read(first, setting)
    if value is None:
        raise UserError(
            f"`--{row.name}` must be {row.allowed(setting)}, as in `{row}`; found `{short(first)}`."
        )
    if rest:
        raise UserError(
            f"`{short(rest)}` stands after `--{row.name} {short(first)}`; put all text before "
            "the parameters."
        )
    return value


def written(values: dict[str, Any]) -> str:
    """Values as a painter would type them."""
    return " ".join(BY_NAME[name].written(value) for name, value in values.items())


def sentence(text: str) -> str:
    """The same with a capital at its start and a full stop at its end."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def short(text: str) -> str:
    """What was found, fit to be quoted in a sentence."""
    text = text.replace("`", "'")
    return text if len(text) <= 60 else f"{text[:59]}…"
