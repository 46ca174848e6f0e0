"""A language's sentences: its .po file, read when the bot starts, so nothing has to be compiled."""

import ast
import gettext
import io
import re
import struct
from collections.abc import Mapping
from pathlib import Path

FIELD = re.compile(r'(?:(msgctxt|msgid|msgid_plural|msgstr)(?:\[([0-9])\])? )?(".*")')
Entry = dict[str, str]
"""One block of the file, by the names of its fields: `msgid`, `msgstr`, `msgstr0` …"""


def read(path: Path) -> list[Entry]:
    """Return the entries of a .po file; the first one, of the empty msgid, is its head.

    Raises:
        ValueError: a line is none that belongs there.

    """
    entries: list[Entry] = []
    for block in path.read_text("utf-8").split("\n\n"):
        entry, name = Entry(), ""
        for line in filter(None, block.splitlines()):
            found = FIELD.fullmatch(line)
            if line.startswith("#") and not line.startswith("#,"):
                continue
            if found is None or not (found[1] or name):
                raise ValueError(f"{path} has the line {line!r}.")
            name = f"{found[1]}{found[2] or ''}" if found[1] else name
            if found[1] and name in entry:
                raise ValueError(f"{path} lacks an empty line before {line!r}.")
            entry[name] = entry.get(name, "") + ast.literal_eval(found[3])
        if entry:
            entries.append(entry)
    return entries


def key_of(entry: Entry) -> str:
    """Return an entry's key as gettext has it."""
    key = entry["msgid"]
    return f"{entry['msgctxt']}\x04{key}" if "msgctxt" in entry else key


def open_catalogue(path: Path) -> gettext.GNUTranslations:
    """Return the sentences of a .po file."""
    texts = {}
    for entry in read(path):
        if "msgid_plural" in entry:
            forms = [entry[name] for name in sorted(entry) if re.fullmatch("msgstr[0-9]", name)]
            texts[f"{key_of(entry)}\0{entry['msgid_plural']}"] = "\0".join(forms)
        elif entry["msgstr"]:
            texts[key_of(entry)] = entry["msgstr"]
    return gettext.GNUTranslations(io.BytesIO(_packed(texts)))


def _packed(texts: Mapping[str, str]) -> bytes:
    """Return the texts in the form that gettext reads (a .mo file)."""
    pairs = sorted((key.encode(), text.encode()) for key, text in texts.items())
    columns: list[bytes] = [key for key, _ in pairs] + [text for _, text in pairs]
    place, table = 28 + 8 * len(columns), b""
    for column in columns:
        table += struct.pack("<II", len(column), place)
        place += len(column) + 1
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + table + b"".join(column + b"\0" for column in columns)
