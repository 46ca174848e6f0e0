"""The authorisation table of docs/authorisation.md, every cell pressed on a playground."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

TABLE = Path(__file__).parents[2] / "docs" / "authorisation.md"
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split("|")]
    for line in TABLE.read_text("utf-8").splitlines()
    if line.startswith("|") and not line.startswith("|---")
]
PEOPLE = dict(zip(ROWS[0][1:], ROWS[0][1:], strict=True)) | {
    "owner": "painter", "member": "painter2", "roleless": "stranger",
}  # fmt: skip
CELLS = [
    (action, who, cell == "✓")
    for action, *cells in ROWS[1:]
    for who, cell in zip(ROWS[0][1:], cells, strict=True)
]
TWINS = {
    "owner": {"moderator", "admin"},
    "member": {"owner", "moderator", "admin"},
    "moderator": {"owner", "admin"},
    "admin": {"owner"},
    "roleless": {"member", "owner", "moderator", "admin"},
    "blocked": {"member", "owner", "moderator", "admin"},
    "banned": {"member", "owner", "moderator", "admin"},
}
"""Who differs from somebody only in what a row tests."""
REFUSED = re.compile(
    "Only (members|moderators)|You may not paint|you need one of these roles"
    "|the buttons under a grid are its painter's|There is no job"
)


@pytest.mark.asyncio(loop_scope="function")
async def test_every_denial_has_a_twin():
    """In every row, whoever is refused has a twin in all but the tested rule who is allowed."""
    allowed = {(action, who) for action, who, may in CELLS if may}
    for action, who, may in CELLS:
        assert may or any((action, twin) in allowed for twin in TWINS[who]), (action, who)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(tmp_path_factory, patient_model, open_stage):
    """A stage with everybody of the table on it, and the owner's grid."""
    from bot.playground import shapes

    added = {
        "blocked": ("1100000000000000006", [shapes.PAINTERS]),
        "banned": ("1100000000000000007", [shapes.PAINTERS]),
        "victim": ("1100000000000000008", [shapes.PAINTERS]),
    }
    shapes.PEOPLE.update(added)
    environment = {
        "BANNED": added["banned"][0], "RUNNING_PER_PAINTER": "2", "WAITING_PER_PAINTER": "20",
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("crowd")
    try:
        async with open_stage(
            folder, patient_model, environment=environment, limit_rates=False
        ) as stage:
            yield await Crowd(stage).gather()
    finally:
        for name in added:
            del shapes.PEOPLE[name]


class Crowd:
    """Everybody, and what they act upon."""

    def __init__(self, stage) -> None:
        self.stage = stage

    async def gather(self):
        names = {*PEOPLE.values(), "victim"}
        self.people = {name: await self.stage.person(name) for name in names}
        self.owner, self.admin = self.people["painter"], self.people["admin"]
        self.victim = self.people["victim"]
        commands = self.stage.server.commands
        listed = commands.listed
        commands.listed = lambda *scope: [
            {**command, "default_member_permissions": None} for command in listed(*scope)
        ]
        self.general = await self.admin.enter("general")
        await self.admin.enter("painting")
        roles = "painters moderators admins"
        await self.admin.slash("easel config set", roles=roles, log=self.general)
        await self.admin.slash("easel block", user=self.people["blocked"].id)
        self.grid = await self.owner.paint("a common fox --seed 3")
        self.single = await self.picture(self.owner)
        return self

    async def refused(self, person, gesture) -> bool:
        """Make a gesture; say whether its answer was a refusal."""
        before = {m["id"] for m in await person.messages()}
        await gesture
        for _ in range(100):
            new = [m for m in await person.messages() if m["id"] not in before]
            mine = [m for m in new if m.get("ephemeral_to") == person.id]
            if mine:
                return bool(REFUSED.search(mine[-1]["content"]))
            if any(person.id in json.dumps(m.get("interaction_metadata") or {}) for m in new):
                return False
            await asyncio.sleep(0.05)
        raise AssertionError("there was no answer at all")

    async def picture(self, person):
        """Post a picture of one's own."""
        known = {m["id"] for m in await person.messages()}
        await person.click(self.grid, "U1")
        return await person.wait_for(
            lambda m: m["id"] not in known and f"Image #1 <@{person.id}>" in m["content"]
        )

    async def report(self):
        """Let a picture be reported; return it and the report in the log channel."""
        picture = await self.picture(self.victim)
        await self.people["moderator"].react(picture, "⚠️")
        return picture, await self.admin.wait_for(
            lambda m: picture["id"] in m["content"] and m["components"], channel_id=self.general
        )

    async def exists(self, message) -> bool:
        return any(m["id"] == message["id"] for m in await self.admin.messages())


async def slash(crowd, person, words, **options):
    """Use a command; True if it was not refused."""
    return not await crowd.refused(person, person.slash(words, **options))


async def press(crowd, person, button, *, under=None, **rules):
    """Press a button under the owner's grid, or another message; True if it was not refused."""
    if rules:
        await crowd.admin.slash("easel config set", **rules)
    try:
        return not await crowd.refused(person, person.click(under or crowd.grid, button))
    finally:
        if rules:
            await crowd.admin.slash("easel config reset", setting="buttons")


async def settle(person):
    """Wait until a reaction has had its effect, or has had none."""
    await person.slash("help")
    await asyncio.sleep(0.3)


async def stop_running(crowd, person):
    """React to the owner's running job; True if it stopped."""
    job = await crowd.owner.start_long("a long fox")
    await person.react(job, "❌")
    await settle(person)
    for _ in range(100):
        now = next(m for m in await crowd.owner.messages() if m["id"] == job["id"])
        if "(Stopped)" in now["content"]:
            return True
        if person is not crowd.owner and not _moderates(crowd, person):
            break
        await asyncio.sleep(0.1)
    await crowd.owner.stop(job)
    return False


def _moderates(crowd, person):
    return person in (crowd.people["moderator"], crowd.admin)


async def delete_picture(crowd, person):
    """React to the owner's picture; True if it is deleted."""
    picture = await crowd.picture(crowd.owner)
    await person.react(picture, "❌")
    await settle(person)
    for _ in range(100 if person is crowd.owner or _moderates(crowd, person) else 1):
        if not await crowd.exists(picture):
            return True
        await asyncio.sleep(0.1)
    return False


async def get_letter(crowd, person):
    """React to the owner's picture; True if it comes by direct message."""
    picture = await crowd.picture(crowd.owner)
    here = person.channel_id
    letters = await person.enter("dm")
    before = len(await person.messages(letters))
    person.channel_id = here
    await person.react(picture, "✉️")
    await settle(person)
    for _ in range(100 if person is crowd.owner else 1):
        if len(await person.messages(letters)) > before:
            return True
        await asyncio.sleep(0.1)
    return False


async def bring_up(crowd, person):
    """Report the owner's picture; True if it stands in the log channel."""
    picture = await crowd.picture(crowd.owner)
    await person.react(picture, "⚠️")
    await settle(person)
    # who could report at all is given time, for Discord holds back what is written quickly
    for _ in range(1 if person in (crowd.people["blocked"], crowd.people["banned"]) else 100):
        shown = await crowd.admin.messages(crowd.general)
        if any(picture["id"] in message["content"] for message in shown):
            return True
        await asyncio.sleep(0.1)
    return False


async def act_on_report(crowd, person, button):
    """Press a button under a report; True if it was not refused."""
    _, report = await crowd.report()
    here, person.channel_id = person.channel_id, crowd.general
    try:
        return not await crowd.refused(person, person.click(report, button))
    finally:
        person.channel_id = here
        await crowd.admin.slash("easel unblock", user=crowd.victim.id)


def rules_file():
    """A file for the imports."""
    return json.dumps(
        {"rules": {"roles": ["1100000000000000301", "1100000000000000302", "1100000000000000303"],
                   "log": 1100000000000000202}}
    ).encode()  # fmt: skip


ACTIONS = {
    "`/help`": lambda c, p: slash(c, p, "help"),
    "`/info`": lambda c, p: slash(c, p, "info"),
    "`/cancel`": lambda c, p: slash(c, p, "cancel"),
    "`/settings`": lambda c, p: slash(c, p, "settings"),
    "`/history`": lambda c, p: slash(c, p, "history"),
    "`/export_my_data`": lambda c, p: slash(c, p, "export_my_data"),
    "`/delete_my_data`": lambda c, p: slash(c, p, "delete_my_data"),
    "`/show` of the owner's job": lambda c, p: slash(c, p, "show", job_id=c.grid["id"]),
    "`/imagine`": lambda c, p: slash(c, p, "imagine", prompt="a fox of one's own"),
    "U under the owner's grid": lambda c, p: press(c, p, "U1"),
    "V under the owner's grid": lambda c, p: press(c, p, "V1"),
    "🔄 under the owner's grid": lambda c, p: press(c, p, "🔄"),
    "*Vary (Subtle)* under the owner's picture": lambda c, p: press(
        c, p, "Vary (Subtle)", under=c.single
    ),
    "*Vary (Region)* under the owner's picture": lambda c, p: press(
        c, p, "Vary (Region)", under=c.single
    ),
    "*Vary (Region)* where `buttons` is `owner`": lambda c, p: press(
        c, p, "Vary (Region)", under=c.single, buttons="owner"
    ),
    "U where `buttons` is `moderators`": lambda c, p: press(c, p, "U1", buttons="moderators"),
    "U where `buttons` is `owner`": lambda c, p: press(c, p, "U1", buttons="owner"),
    "❌ on the owner's running job": stop_running,
    "❌ on the owner's picture": delete_picture,
    "✉️ on the owner's picture": get_letter,
    "⚠️ on the owner's picture": bring_up,
    "*Delete* under a report": lambda c, p: act_on_report(c, p, "Delete the picture"),
    "*Warn* under a report": lambda c, p: act_on_report(c, p, "Warn its painter"),
    "*Block* under a report": lambda c, p: act_on_report(c, p, "Block its painter"),
    "`/easel config show`": lambda c, p: slash(c, p, "easel config show"),
    "`/easel config set`": lambda c, p: slash(c, p, "easel config set", steps=900),
    "`/easel config reset`": lambda c, p: slash(c, p, "easel config reset", setting="steps"),
    "`/easel config export`": lambda c, p: slash(c, p, "easel config export"),
    "`/easel config import`": lambda c, p: slash(c, p, "easel config import", file=rules_file()),
    "`/easel config explain`": lambda c, p: slash(c, p, "easel config explain"),
    "`/easel words add`": lambda c, p: slash(c, p, "easel words add", word="badger"),
    "`/easel words remove`": lambda c, p: slash(c, p, "easel words remove", word="badger"),
    "`/easel words list`": lambda c, p: slash(c, p, "easel words list"),
    "`/easel words test`": lambda c, p: slash(c, p, "easel words test", prompt="a badger"),
    "`/easel words import`": lambda c, p: slash(c, p, "easel words import", file=b"badger\n"),
    "`/easel block`": lambda c, p: slash(c, p, "easel block", user=c.people["blocked"].id),
    "`/easel unblock`": lambda c, p: slash(c, p, "easel unblock", user=c.victim.id),
    "`/easel warn`": lambda c, p: slash(c, p, "easel warn", user=c.victim.id, text="Mind."),
    "`/easel cancel`": lambda c, p: slash(c, p, "easel cancel", user=c.victim.id),
    "`/easel queue`": lambda c, p: slash(c, p, "easel queue"),
    "`/easel stats`": lambda c, p: slash(c, p, "easel stats"),
    "`/easel setup`": lambda c, p: slash(c, p, "easel setup"),
}


@pytest.mark.parametrize(("action", "who", "may"), CELLS)
async def test_every_cell(crowd, action, who, may):
    """Whoever may do something can, and whoever may not is refused, as the table says."""
    assert await ACTIONS[action](crowd, crowd.people[PEOPLE[who]]) is may
