"""What there is, as data and as the README's tables: every command, every parameter.

The commands come from the tree that Discord is told, the parameters from the table that reads them,
so that nothing here has to be kept up by hand.
"""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bot.client import Easel
from bot.parameters import PARAMETERS, Parameter, honoured
from bot.readers import Limits, Setting
from engine import ModelCard, honoured_by

Json = dict[str, Any]

MESSAGE_MENU = 3
GROUPS = (1, 2)
"""Kinds of options that are commands themselves."""
KINDS = {3: "text", 4: "whole number", 5: "yes or no", 6: "person", 7: "channel", 8: "role"} | {
    9: "person or role", 10: "number", 11: "file",
}  # fmt: skip


def document(cards: Sequence[ModelCard]) -> Json:
    """Return every command with its options and every parameter with what is to be said of it."""
    setting = Setting(card=cards[0], cards=cards, limits=Limits())
    return {
        "commands": list(commands()),
        "parameters": [_parameter(row, setting) for row in PARAMETERS],
    }


def commands() -> Iterator[Json]:
    """Yield what Discord is told of each command, those in groups by their whole names."""
    tree = Easel().tree
    told = [_told(command, tree) for command in tree.get_commands()]
    for command in sorted(told, key=_place):
        yield from _leaves(command, "")


def _told(command: Any, tree: Any) -> Json:
    """What Discord is told; of an entry of a menu, which has no words there, our own."""
    found: Json = command.to_dict(tree)
    if found["type"] == MESSAGE_MENU:
        found["description"] = (inspect.getdoc(command.callback) or "").partition(".")[0]
    return found


def _place(command: Json) -> tuple[int, bool, str]:
    """Everybody's commands come before those of the admins, and menus at the end."""
    return command["type"], command["default_member_permissions"] is not None, command["name"]


def _leaves(command: Any, before: str) -> Iterator[Json]:
    name = f"{before} {command['name']}".strip()
    options = command.get("options") or []
    if any(option["type"] in GROUPS for option in options):
        for option in options:
            yield from _leaves(option, name)
        return
    kind = "message menu" if not before and command["type"] == MESSAGE_MENU else "command"
    yield {
        "name": name,
        "kind": kind,
        "description": command.get("description", ""),
        "options": [_option(option) for option in options],
    }


def _option(option: Json) -> Json:
    found = {
        "name": option["name"],
        "type": KINDS[option["type"]],
        "description": option["description"],
        "required": bool(option.get("required")),
        "autocomplete": bool(option.get("autocomplete")),
        "choices": [choice["value"] for choice in option.get("choices") or []],
    }
    bounds = ("min_value", "max_value", "min_length", "max_length")
    return found | {name: option[name] for name in bounds if option.get(name) is not None}


def _parameter(row: Parameter, setting: Setting) -> Json:
    families = honoured_by()
    return {
        "name": row.name,
        "aliases": list(row.aliases),
        "example": str(row),
        "description": row.help,
        "range": row.allowed(setting),
        "default": row.assumed(setting),
        "families": [name for name, known in families.items() if row.name in honoured(known)],
    }


# -- the README -----------------------------------------------------------------------------------


def tables(cards: Sequence[ModelCard]) -> dict[str, str]:
    """Return the README's tables by the names of their marks."""
    found = document(cards)
    families = list(honoured_by())
    return {
        "commands": _table(
            ("command", "what it does"), [_command_row(one) for one in found["commands"]]
        ),
        "parameters": _table(
            ("parameter", "what it does", "range", "without it", "models"),
            [_parameter_row(one, families) for one in found["parameters"]],
        ),
    }


def _command_row(command: Json) -> tuple[str, ...]:
    if command["kind"] == "message menu":
        return f"Apps ▸ **{command['name']}** on a message", command["description"]
    options = " ".join(
        f"`{option['name']}:`" if option["required"] else f"[`{option['name']}:`]"
        for option in command["options"]
    )
    return f"`/{command['name']}` {options}".strip(), command["description"]


def _parameter_row(row: Json, families: Sequence[str]) -> tuple[str, ...]:
    names = f"`{row['example']}`" + "".join(f" `--{alias}`" for alias in row["aliases"])
    models = "all" if row["families"] == families else ", ".join(row["families"])
    return names, row["description"], row["range"], row["default"], models


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    escaped = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def with_tables(text: str, cards: Sequence[ModelCard]) -> str:
    """Return a document with the tables between its marks made anew."""
    for name, table in tables(cards).items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, _, rest = text.partition(start)
        _, _, after = rest.partition(end)
        text = f"{before}{start}{table}{end}{after}"
    return text


def write(readme: Path, cards: Sequence[ModelCard]) -> None:
    """Make the tables of a file anew."""
    readme.write_text(with_tables(readme.read_text(encoding="utf-8"), cards), encoding="utf-8")
