"""`a {red, {light, dark} green} fox` → the prompts it stands for; pure.

`\\,` `\\{` `\\}` are the signs themselves. What comes out means itself when it is read again.
"""

import itertools
import re
from collections.abc import Iterator

from bot.errors import UserError
from bot.language import N_, _

INVALID = N_("Invalid prompt")
NOT_OPEN = N_(
    "A `}` closes nothing: choices are written `{red, green}`, and the sign itself `\\}`."
)
NOT_CLOSED = N_(
    "A `{` is not closed: choices are written `{red, green}`, and the sign itself `\\{`."
)
DEEPEST = 20
_COMMAS = ",，、"
"""Between choices, what a Chinese keyboard writes for a comma is one too."""
_TOKENS = re.compile(rf"\\[\\{{}}{_COMMAS}]|[{{}}{_COMMAS}]|[^\\{{}}{_COMMAS}]+|\\")
_ESCAPED = {f"\\{comma}": comma for comma in _COMMAS}
_OPEN_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\$")

Piece = str | tuple["Sequence", ...]
"""A text, or a group: the texts it stands for, each of pieces itself."""
Sequence = tuple[Piece, ...]


def expand(text: str, most: int) -> tuple[str, ...]:
    """Return the prompts that a text with groups in braces stands for, the last group fastest.

    Raises:
        UserError: a brace has no partner, or they are more than `most`.

    """
    pieces = _read(text)
    if (number := _count(pieces)) > most:
        raise too_many(number, most)
    return tuple(" ".join(one.split()) for one in _spell(pieces))


def too_many(number: int, most: int) -> UserError:
    """Say that a prompt asks for more jobs than one may have at once."""
    found = f"{number:,}" if number < 10**6 else _("more than a million")
    return UserError(
        _(
            "That makes {found} jobs; {most} at once are the most here. "
            "Write fewer choices in braces, or a smaller `--repeat`."
        ).format(found=found, most=most),
        title=_("Job action restricted"),
    )


def plain(text: str) -> str:
    """Return a text with the escaped braces as they are meant."""
    return re.sub(r"\\([{}])|\\\\", lambda found: found[1] or found[0], text)


def _read(text: str) -> Sequence:
    """Read braces, innermost first; each frame has the choices of one group so far."""
    frames: list[list[list[Piece]]] = [[[]]]
    for sign in _TOKENS.findall(text):
        choices = frames[-1]
        if sign == "{":
            if len(frames) > DEEPEST:
                deep = _("Braces may stand {most} deep at most.").format(most=DEEPEST)
                raise UserError(deep, title=_(INVALID))
            frames.append([[]])
        elif sign == "}":
            if len(frames) == 1:
                raise UserError(_(NOT_OPEN), title=_(INVALID))
            frames.pop()
            frames[-1][-1].append(tuple(map(tuple, choices)))
        elif sign in _COMMAS and len(frames) > 1:
            choices.append([])
        else:
            choices[-1].append(_ESCAPED.get(sign, sign))
    if len(frames) > 1:
        raise UserError(_(NOT_CLOSED), title=_(INVALID))
    return tuple(frames[0][0])


def _count(pieces: Sequence) -> int:
    number = 1
    for piece in pieces:
        if not isinstance(piece, str):
            number *= sum(map(_count, piece))
    return number


def _spell(pieces: Sequence) -> Iterator[str]:
    """Yield every text that the pieces stand for."""
    choices = ([piece] if isinstance(piece, str) else _spell_all(piece) for piece in pieces)
    return ("".join(chosen) for chosen in itertools.product(*choices))


def _spell_all(group: tuple[Sequence, ...]) -> list[str]:
    """Return the texts of a group, without the space around each."""
    return [_trim(text) for pieces in group for text in _spell(pieces)]


def _trim(text: str) -> str:
    """Drop the space around a choice, but for one that keeps `\\` from what follows."""
    text = text.strip()
    return f"{text} " if _OPEN_ESCAPE.search(text) else text
