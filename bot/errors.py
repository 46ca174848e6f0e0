"""The ways things go wrong here, each a sentence for its reader.

- `UserError`: shown to the painter or admin who asked; names what was wrong, what would be right.
- `DiskError`: the data folder cannot be written just now; what was to be written was not.
- `OperatorError`: logged, and at start the last line before the process exits with `code`.
"""

from bot.language import told


class UserError(Exception):
    """What a person asked for cannot be had; the text is shown to them as it stands.

    What the engine says is said in the language spoken when the error is made.
    `title` names the kind of mistake, as Midjourney does; `asked` is what they had typed, which is
    given back to them so that nothing has to be typed again.
    """

    def __init__(self, sentence: str, *, title: str = "", asked: str = "") -> None:
        super().__init__(told(sentence))
        self.title, self.asked = title, asked


class DiskError(Exception):
    """Nothing was written; the same may succeed when there is room again."""


class OperatorError(Exception):
    """The host must change something; the text names it and `code` is the exit code."""

    def __init__(self, sentence: str, code: int = 78) -> None:
        super().__init__(sentence)
        self.code = code
