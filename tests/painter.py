"""A person in the playground: speaks the page's API, as the page does.

`async with Painter(url, "painter") as painter:` or the fixture `make_painter`.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

import aiohttp

Json = dict[str, Any]
PATIENCE_S = 120.0
"""How long a test waits for what must come: on a busy machine everything is slow."""


class RefusedError(Exception):
    """The playground refused; the text is its sentence."""


def walk(components: list[Json]) -> list[Json]:
    """Every component of a message, those inside others too."""
    found: list[Json] = []
    for component in components:
        inner = [*component.get("components", [])]
        inner += [component[k] for k in ("accessory", "component") if component.get(k)]
        found += [component, *walk(inner)]
    return found


class Painter:
    """One person, in one channel at a time (the first text channel, until `enter`)."""

    RefusedError = RefusedError

    def __init__(self, base_url: str, name: str = "painter") -> None:
        self.base_url, self.name = base_url, name
        self.channel_id = ""
        self.locale = "en-US"
        self.events: list[Json] = []
        self._changed = asyncio.Condition()
        self._session: aiohttp.ClientSession | None = None
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(self.base_url)
        state = await self.state()
        self.me: Json = state["me"]
        self.id: str = self.me["id"]
        self.channel_id = next(c["id"] for c in state["channels"] if c["type"] == "text")
        socket = await self._session.ws_connect("/page/events", params={"as": self.name})
        self._listening = asyncio.create_task(self._listen(socket))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        assert self._listening is not None
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        await self._session.close()

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            async with self._changed:
                self.events.append(json.loads(frame.data))
                self._changed.notify_all()

    async def call(
        self, method: str, path: str, body: Any = None, *, files: dict[str, bytes] | None = None,
        **query: str,
    ) -> Any:  # fmt: skip
        """One request to the page's API; RefusedError with its sentence."""
        assert self._session is not None
        if path == "/page/interactions":
            body = {"locale": self.locale, **body}
        sent: dict[str, Any] = {} if body is None else {"json": body}
        if files:
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("payload_json", json.dumps(body), content_type="application/json")
            for n, (name, content) in enumerate(files.items()):
                kind = "image/png" if name.endswith(".png") else "application/octet-stream"
                form.add_field(f"files[{n}]", content, filename=name, content_type=kind)
            sent = {"data": form}
        params = {"as": self.name, **query}
        async with self._session.request(method, path, params=params, **sent) as response:
            if response.status == 204:
                return None
            if "json" not in response.content_type:
                raise RefusedError(f"{response.status} {await response.text()}")
            answer = await response.json()
            if response.status >= 400:
                raise RefusedError(answer["error"])
            return answer

    # looking ---------------------------------------------------------------------------------

    async def state(self) -> Json:
        """What the page learns at its start."""
        state: Json = await self.call("GET", "/page/state")
        return state

    async def enter(self, name: str) -> str:
        """Go to a text channel by name, or to "dm", the one with the bot."""
        if name == "dm":
            self.channel_id = (await self.call("POST", "/page/dm"))["id"]
        else:
            channels = (await self.state())["channels"]
            self.channel_id = next(c["id"] for c in channels if c["name"] == name)
        return self.channel_id

    async def messages(
        self, channel_id: str | None = None, limit: int = 50, after: str = "0"
    ) -> list[Json]:
        """The channel's messages as this person sees them, newest last."""
        path = f"/page/channels/{channel_id or self.channel_id}/messages"
        rows: list[Json] = await self.call("GET", path, limit=str(limit), after=after)
        return rows

    async def newest(self) -> str:
        """The id of the channel's newest message, with which `messages(after=…)` begins."""
        return next((row["id"] for row in await self.messages(limit=1)), "0")

    async def told(self) -> Json:
        """The newest message that this person alone sees."""
        return [m for m in await self.messages() if m.get("ephemeral_to") == self.id][-1]

    async def wait_for(
        self,
        wanted: Callable[[Json], Any],
        timeout_s: float = PATIENCE_S,
        channel_id: str | None = None,
    ) -> Json:
        """The newest message of the channel that fits, as soon as there is one."""
        rows: list[Json] = []

        async def look() -> Json | None:
            rows[:] = await self.messages(channel_id)
            return next((row for row in reversed(rows) if wanted(row)), None)

        try:
            return await self.until(look, timeout_s)
        except TimeoutError:
            contents = [(r["id"], r["content"], len(r["attachments"])) for r in rows[-8:]]
            raise TimeoutError(
                f"no such message in {timeout_s} s; the newest are {contents}"
            ) from None

    async def until(self, look: Callable[[], Awaitable[Any]], timeout_s: float = PATIENCE_S) -> Any:
        """What `look` finds, asked again whenever something happens, until it is not None."""
        end = time.monotonic() + timeout_s
        while True:
            seen = len(self.events)
            if (found := await look()) is not None:
                return found
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"it did not come in {timeout_s} s")
            async with self._changed:
                if len(self.events) == seen:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), min(left_s, 1.0))

    async def wait_for_event(
        self,
        name: str,
        wanted: Callable[[Json], Any] = lambda _: True,
        timeout_s: float = PATIENCE_S,
    ) -> Json:
        """The first event of that name that fits, past or to come."""
        async with asyncio.timeout(timeout_s), self._changed:
            while True:
                for event in self.events:
                    if event["t"] == name and wanted(event["d"]):
                        found: Json = event["d"]
                        return found
                await self._changed.wait()

    async def wait_until_online(self, timeout_s: float = PATIENCE_S) -> None:
        """Until the bot is connected and has registered commands."""
        async with asyncio.timeout(timeout_s):
            while True:
                state = await self.state()
                if state["bot"]["online"] and state["commands"]:
                    return
                await asyncio.sleep(0.05)

    async def download(self, attachment: Json) -> bytes:
        """The bytes of an attachment."""
        assert self._session is not None
        async with self._session.get(attachment["url"].removeprefix(self.base_url)) as response:
            assert response.status == 200, await response.text()
            return await response.read()

    # doing -----------------------------------------------------------------------------------

    async def slash(self, command: str, **options: Any) -> Json:
        """Use a command ("imagine", "easel config set"); bytes are attached as a PNG."""
        files = {f"{k}.png": v for k, v in options.items() if isinstance(v, bytes)}
        names = list(files)
        given = {
            k: {"file": names.index(f"{k}.png")} if isinstance(v, bytes) else v
            for k, v in options.items()
        }
        body = {"type": 2, "channel_id": self.channel_id, "command": command, "options": given}
        answer: Json = await self.call("POST", "/page/interactions", body, files=files)
        return answer

    async def complete(self, command: str, focused: str, **options: Any) -> list[Json]:
        """The choices which the bot proposes for an option."""
        body = {"type": 4, "channel_id": self.channel_id, "command": command,
                "options": options, "focused": focused}  # fmt: skip
        answer = await self.call("POST", "/page/interactions", body)
        choices: list[Json] = answer.get("choices", [])
        return choices

    async def click(self, message: Json, button: str) -> Json:
        """Press the button with this label, emoji or custom_id."""
        for component in walk(message["components"]):
            emoji = (component.get("emoji") or {}).get("name")
            if component["type"] == 2 and button in (
                component.get("label"), emoji, component.get("custom_id"),
            ):  # fmt: skip
                return await self.press(message, component["custom_id"])
        labels = [c.get("label") for c in walk(message["components"]) if c["type"] == 2]
        raise LookupError(f"no button {button!r}; there are {labels}")

    async def press(self, message: Json, custom_id: str, values: list[str] | None = None) -> Json:
        """Use a component by its custom_id, with values for a select."""
        body = {"type": 3, "message_id": message["id"], "custom_id": custom_id, "values": values}
        answer: Json = await self.call("POST", "/page/interactions", body)
        return answer

    async def submit(self, interaction: Json, **values: Any) -> Json:
        """Fill in and send the window that an interaction was answered with."""
        body = {"type": 5, "interaction_id": interaction["interaction_id"], "values": values}
        answer: Json = await self.call("POST", "/page/interactions", body)
        return answer

    async def submit_file(
        self, interaction: Json, field: str, content: bytes, **values: Any
    ) -> Json:
        """Fill in and send a window with a PNG in one of its fields."""
        given = {field: [{"file": 0}], **values}
        body = {"type": 5, "interaction_id": interaction["interaction_id"], "values": given}
        files = {f"{field}.png": content}
        answer: Json = await self.call("POST", "/page/interactions", body, files=files)
        return answer

    async def menu(self, message: Json, command: str) -> Json:
        """Use a command of a message's menu."""
        body = {"type": 2, "channel_id": message["channel_id"], "command": command,
                "target_id": message["id"]}  # fmt: skip
        answer: Json = await self.call("POST", "/page/interactions", body)
        return answer

    async def say(self, content: str, files: dict[str, bytes] | None = None) -> Json:
        """Post a message."""
        path = f"/page/channels/{self.channel_id}/messages"
        message: Json = await self.call("POST", path, {"content": content}, files=files)
        return message

    async def react(self, message: Json, emoji: str) -> None:
        """Add a reaction."""
        await self.call("PUT", _reaction(message, emoji))

    async def unreact(self, message: Json, emoji: str) -> None:
        """Take one's reaction back."""
        await self.call("DELETE", _reaction(message, emoji))

    async def delete(self, message: Json) -> None:
        """Delete a message, or dismiss one that only this person sees."""
        await self.call(
            "DELETE", f"/page/channels/{message['channel_id']}/messages/{message['id']}"
        )


def _reaction(message: Json, emoji: str) -> str:
    place = f"/page/channels/{message['channel_id']}/messages/{message['id']}"
    return f"{place}/reactions/{emoji}"
