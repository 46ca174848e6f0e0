"""Every sentence of ours that a person may read, and the catalogues that hold them.

`python tests/catalogues.py` brings the .po files up to date: what is new stands there with an empty
translation, what nobody says any more is gone.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
from discord import app_commands

from bot import language

ROOT = Path(__file__).parents[1]
MARKS = {"_", "N_", "ngettext", "Sentence"}
FOREIGN = {
    "playground": "another program's half",
    "__main__.py": "the operator's terminal",
    "app.py": "the operator's terminal",
    "client.py": "the operator's terminal",
    "control.py": "the operator's terminal",
    "database.py": "the operator's terminal",
    "doctor.py": "the operator's terminal",
    "documents.py": "the README, in English",
    "estate.py": "keeps data",
    "ledger.py": "keeps data",
    "live.py": "the operator's terminal",
    "memory.py": "a format of files",
    "operate.py": "the operator's terminal",
    "operator.py": "the operator's terminal",
    "paint.py": "the operator's terminal",
    "settings.py": "the operator's terminal",
    "shelf.py": "keeps data",
    "store.py": "keeps data",
    "strip.py": "it has numbers, and words of the prompt",
    "supervisor.py": "the operator's terminal",
    "words.py": "a list of words",
}
"""Parts of bot/ whose texts nobody reads on Discord, and who does."""
Key = tuple[str, str, str]
"""Context, sentence, and its plural; the first and the last may be empty."""


def modules() -> Iterator[Path]:
    """Yield the source files whose texts people read on Discord."""
    for path in sorted((ROOT / "bot").rglob("*.py")):
        if path.relative_to(ROOT / "bot").parts[0] not in FOREIGN:
            yield path


def wanted() -> set[Key]:
    """Return everything that has to be translated."""
    found = {key for path in [*modules(), *said_by_the_engine()] for key in marked(path)}
    return found | set(_of_commands())


def said_by_the_engine() -> list[Path]:
    """Return the engine's files, whose sentences may reach a painter."""
    return sorted((ROOT / "engine").glob("*.py"))


def marked(path: Path) -> Iterator[Key]:
    """Yield the sentences that a file marks."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and called(node) in MARKS:
            texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
            texts = [text for text in texts if isinstance(text, str)]
            if texts:
                yield "", texts[0], texts[1] if called(node) == "ngettext" else ""


def called(call: ast.Call) -> str:
    """Return the last name of what is called."""
    return ast.unparse(call.func).rpartition(".")[2]


def _of_commands() -> Iterator[Key]:
    """Yield the names, descriptions and choices of every command."""
    from bot.client import Easel

    for command in Easel().tree._get_all_commands():
        yield from _of_command(command)


def _of_command(command) -> Iterator[Key]:
    yield "name", command.name, ""
    if not isinstance(command, app_commands.ContextMenu):
        yield "", command.description, ""
    if isinstance(command, app_commands.Group):
        for inner in command.commands:
            yield from _of_command(inner)
    if isinstance(command, app_commands.Command):
        for option in command.parameters:
            yield "name", option.name, ""
            yield "", option.description, ""
            yield from (("", choice.name, "") for choice in option.choices)


def key_of(entry: polib.POEntry) -> Key:
    """Return the key of an entry of a .po file."""
    return entry.msgctxt or "", entry.msgid, entry.msgid_plural or ""


def text_of(entry: polib.POEntry) -> str:
    """Return an entry's translation; Chinese has one form for every number."""
    return entry.msgstr_plural.get(0, "") if entry.msgid_plural else entry.msgstr


def placeholders(text: str) -> list[str]:
    """Return what is filled in."""
    return sorted(re.findall(r"\{[^{}]*\}", text))


def fresh(known: polib.POFile, keys: set[Key]) -> polib.POFile:
    """Return a catalogue of these keys in their order, with the translations that are known."""
    texts = {key_of(entry): text_of(entry) for entry in known}
    catalogue = polib.POFile(wrapwidth=0)
    catalogue.metadata = known.metadata
    catalogue.header = "Kept up to date by `python tests/catalogues.py`."
    for context, sentence, plural in sorted(keys, key=lambda key: (key[1], key)):
        text = texts.get((context, sentence, plural), "")
        said = {"msgstr_plural": {0: text}} if plural else {"msgstr": text}
        named = {"msgctxt": context or None, "msgid": sentence, "msgid_plural": plural}
        catalogue.append(polib.POEntry(**named, **said))
    return catalogue


def main() -> None:
    """Bring every catalogue up to date."""
    for name in language.LANGUAGES[1:]:
        path = language.file_of(name)
        fresh(polib.pofile(str(path)), wanted()).save(str(path))


if __name__ == "__main__":
    main()
