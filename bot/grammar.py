"""Words of a prompt → the text before the first parameter, and every parameter's value."""

import difflib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from bot.absent import ABSENT, why_not
from bot.errors import UserError
from bot.language import N_, _
from bot.parameters import BY_NAME, PARAMETERS, Parameter
from bot.readers import DASHES, Setting

INVALID = N_("Invalid parameter")
_NAMES = "|".join(sorted(BY_NAME, key=len, reverse=True))
_TYPED_DASHES = re.compile(rf"(?<!\S)(?=-*[{DASHES[1:]}])[{DASHES}]{{1,4}}(?=[A-Za-z])")
_HAN = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_UNSPACED = re.compile(
    rf"(?:(?<=[{_HAN}])[{DASHES}]{{2,4}}|(?<=\S)－{{2}})(?=(?:{_NAMES})(?![a-z0-9]))",
    re.IGNORECASE,
)
"""A parameter right behind a text that is written without spaces."""
_LINK = re.compile(r"<?([a-z][a-z0-9+.-]*://[^<>]+?)>?,?", re.IGNORECASE)
_WIDE = {sign: sign - 0xFEE0 for sign in range(0xFF01, 0xFF5F) if chr(sign) not in "，－！？；"}
"""What a Chinese keyboard writes for brackets, colons and digits; `，` and the like are text."""
_SIGNS = {
    **_WIDE,
    **str.maketrans("“”„‟‘’‚‛", "\"\"\"\"''''"),
    **dict.fromkeys([0x200B, 0x2060, 0xFEFF]),  # nobody sees them, but they would part words
}


def normalise(text: str) -> list[str]:
    """The words of a text, with the signs that keyboards replace put back."""
    clean = "".join(" " if unicodedata.category(sign) in {"Cc", "Cs"} else sign for sign in text)
    clean = " ".join(clean.translate(_SIGNS).split())
    return _TYPED_DASHES.sub("--", _UNSPACED.sub(" --", clean)).split()


def split(words: Sequence[str]) -> tuple[str, list[tuple[Parameter, str]]]:
    """The text before the first parameter, and each parameter with the words after it.

    Raises:
        UserError: there is no such parameter; the nearest name is suggested.

    """
    starts = [place for place, word in enumerate(words) if word.startswith("--")]
    prompt = " ".join(words[: starts[0]] if starts else words)
    names = [words[start][2:].casefold() for start in starts]
    if unknown := [name for name in names if name not in BY_NAME]:
        raise UserError(_unrecognised(unknown), title=_(INVALID))
    ends = [*starts[1:], len(words)]
    given = [
        (BY_NAME[name], " ".join(words[start + 1 : end]))
        for name, start, end in zip(names, starts, ends, strict=False)
    ]
    return prompt, given


def take_links(prompt: str) -> tuple[str, tuple[str, ...]]:
    """Take the links out of a text: the rest of it, and their addresses."""
    found = {word: link for word in prompt.split() if (link := _LINK.fullmatch(word))}
    rest = " ".join(word for word in prompt.split() if word not in found) if found else prompt
    return rest, tuple(link[1] for link in found.values())


def without_links(text: str) -> str:
    """Return a text without the links of its prompt; those of its parameters stay."""
    words = normalise(text)
    start = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
    return " ".join([take_links(" ".join(words[:start]))[0], *words[start:]]).strip()


def _unrecognised(names: Sequence[str]) -> str:
    """Say what of names that are none is meant, as far as one can guess."""
    for name in names:
        if name in ABSENT:
            return _("Unrecognized parameter(s): `--{name}`. {advice}").format(
                name=name, advice=_(ABSENT[name])
            )
        glued = re.match(r"([a-z]+)[=:]?[0-9.]", name)
        if glued and glued[1] in BY_NAME:
            row = BY_NAME[glued[1]]
            return _("`--{name}` needs a space between name and value, as in `{row}`.").format(
                name=short(name), row=row
            )
    near = [near for name in names for near in difflib.get_close_matches(name, BY_NAME, 1, 0.5)]
    if near:
        meant = _(" and ").join(f"`--{name}`" for name in dict.fromkeys(near))
        advice = _("Did you mean {names}?").format(names=meant)
    else:
        names_known = ", ".join(f"`--{row.name}`" for row in PARAMETERS)
        advice = _("There are {names}.").format(names=names_known)
    listed = ", ".join(f"`--{short(name)}`" for name in dict.fromkeys(names))
    return _("Unrecognized parameter(s): {listed}. {advice}").format(listed=listed, advice=advice)


def check_lasting(given: Sequence[tuple[Parameter, str]]) -> None:
    """Refuse what is said of one job alone where it would hold for all.

    Raises:
        UserError: one of the parameters is such.

    """
    for row, _text in given:
        if row.once:
            raise UserError(
                _("`--{name}` is said behind one prompt, and cannot hold for all.").format(
                    name=row.name
                ),
                title=_(INVALID),
            )


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
    if row.needs and row.needs not in setting.card.honours:
        raise UserError(_incompatible(row, setting), title=_(INVALID))
    if not text and not row.flag:
        raise UserError(
            _("`--{name}` needs a value: {allowed}, as in `{row}`.").format(
                name=row.name, allowed=row.allowed(setting), row=row
            ),
            title=_(INVALID),
        )
    if row.words:
        first, rest = text, ""
    else:
        first, _space, rest = text.partition(" ")
        first = unicodedata.normalize("NFKC", first)
    value = row.read(first, setting)
    if value is None and (sentence := why_not(row.name, first)):
        raise UserError(sentence, title=_(INVALID))
    if value is None:
        raise UserError(
            _("`--{name}` must be {allowed}, as in `{row}`; found `{found}`.").format(
                name=row.name, allowed=row.allowed(setting), row=row, found=short(first)
            ),
            title=_(INVALID),
        )
    if rest:
        raise UserError(
            _(
                "`{rest}` stands after `--{name} {first}`; put all text before the parameters."
            ).format(rest=short(rest), name=row.name, first=short(first)),
            title=_(INVALID),
        )
    return value


def _incompatible(row: Parameter, setting: Setting) -> str:
    able = [card.name for card in setting.cards if row.needs in card.honours]
    said = _("`--{name}` is not compatible with `{model}`.").format(
        name=row.name, model=setting.card.name
    )
    models = ", ".join(f"`{name}`" for name in able)
    return f"{said} {_('It is with {models}.').format(models=models)}" if able else said


def written(values: dict[str, Any]) -> str:
    """Values as a painter would type them."""
    return " ".join(BY_NAME[name].written(value) for name, value in values.items())


def sentence(text: str) -> str:
    """The same with a capital at its start and a full stop at its end."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "。")) else _("{text}.").format(text=text)


def short(text: str) -> str:
    """What was found, fit to be quoted in a sentence."""
    text = text.replace("`", "'")
    return text if len(text) <= 60 else f"{text[:59]}…"
