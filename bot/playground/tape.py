"""The last things that went over the wire, for whoever wants to look: no tokens, no file contents.

Each is one line of JSON: {"n", "at", "way": "rest" | "to bot" | "from bot", "what", "status", "ms",
"request", "response", "files"}; `n` counts up, and the oldest lines fall out.
"""

import json
import re
from collections import deque
from typing import Any

from bot.playground.clock import Clock
from bot.playground.errors import Json
from bot.playground.wire import Exchange

KEPT = 500
LARGEST = 20_000
SECRET = re.compile(r"^(/interactions/\d+|/webhooks/\d+)/[^/]+")
OPS = {1: "HEARTBEAT", 2: "IDENTIFY", 3: "PRESENCE", 6: "RESUME", 7: "RECONNECT", 8: "MEMBERS",
       9: "INVALID SESSION", 10: "HELLO", 11: "HEARTBEAT ACK"}  # fmt: skip


class Tape:
    """A ring of lines."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._lines: deque[tuple[int, str]] = deque(maxlen=KEPT)
        self._n = 0

    def since(self, n: int = 0) -> str:
        """All lines after that number."""
        return "".join(line for number, line in self._lines if number > n)

    def exchange(self, seen: Exchange, ms: float) -> None:
        """A request of the bot and its answer."""
        path = SECRET.sub(r"\1/…", seen.path)
        self._keep(
            way="rest",
            what=f"{seen.method} {path}",
            status=seen.status,
            ms=round(ms, 1),
            request=seen.body,
            response=seen.response if seen.fault is None else {"fault": seen.fault},
            files={part: f"{name}, {size} bytes" for part, (name, size) in seen.files.items()},
        )

    def event(self, name: str, data: Json) -> None:
        """An event that the bot is told of."""
        self._keep(way="to bot", what=name, response=data)

    def frame(self, op: int, data: Any, *, to_bot: bool) -> None:
        """A frame that is no event."""
        way, side = ("to bot", "response") if to_bot else ("from bot", "request")
        self._keep(way=way, what=OPS.get(op, f"op {op}"), **{side: data})

    def closed(self, code: int | None, sentence: str) -> None:
        """The end of a connection."""
        self._keep(way="to bot", what="CLOSE", status=code, response=sentence)

    def _keep(self, **fields: Any) -> None:
        self._n += 1
        entry = {"n": self._n, "at": self.clock.iso()}
        entry |= {k: _bounded(_clean(v)) for k, v in fields.items() if v not in (None, {})}
        self._lines.append((self._n, json.dumps(entry, ensure_ascii=False) + "\n"))


def _clean(value: Any) -> Any:
    """The same without what opens something."""
    if isinstance(value, dict):
        return {k: "…" if k == "token" else _clean(v) for k, v in value.items()}
    return [_clean(v) for v in value] if isinstance(value, list) else value


def _bounded(value: Any) -> Any:
    size = len(json.dumps(value)) if isinstance(value, (dict, list)) else 0
    return value if size <= LARGEST else f"{size} characters, left out"
