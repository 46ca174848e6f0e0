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
    "Only (members|moderators|its painter)|You may not paint|you need one of these roles"
    "|the buttons under a grid are its painter's|There is no job"
)


@pytest.mark.asyncio(loop_scope="function")
async def test_every_denial_has_a_twin():
    """In every row, whoever is refused has a twin in all but the tested rule who is allowed."""
    allowed = {(action, who) for action, who, may in CELLS if may}
    for action, who, may in CELLS:
        assert may or any((action, twin) in allowed for twin in TWINS[who]), (action, who)


@pytest.mark.asyncio(loop_scope="function")
async def test_every_command_and_button_has_a_row():
    """Nothing that the bot offers is missing: commands, menus, and buttons under pictures."""
    from bot.buttons import FACES, NUMBERED
    from bot.documents import commands

    actions = "\n".join(action for action, *_ in ROWS[1:])
    for command in commands():
        form = "*{}*" if "menu" in command["kind"] else "`/{}`"
        assert form.format(command["name"]) in actions
    faces = (FACES[op].label or FACES[op].emoji for op in FACES.keys() - NUMBERED)
    assert not [face for face in faces if face not in actions]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(tmp_path_factory, patient_model, open_stage, captioners):
    """A stage with everybody of the table on it, and the owner's grid."""
    from bot.playground import shapes

    added = {
        "blocked": ("1100000000000000006", [shapes.PAINTERS]),
        "banned": ("1100000000000000007", [shapes.PAINTERS]),
        "victim": ("1100000000000000008", [shapes.PAINTERS]),
    }
    shapes.PEOPLE.update(added)
    folder = tmp_path_factory.mktemp("crowd")
    environment = {
        "BANNED": added["banned"][0], "RUNNING_PER_PAINTER": "2", "WAITING_PER_PAINTER": "20",
        "CAPTIONER": str(captioners.save_captioner(folder / "blip")),
    }  # fmt: skip
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
        from bot.playground import shapes

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
        self.gallery = self.stage.server.world.add_channel(shapes.GUILD_ID, "gallery")["id"]
        await self.admin.slash(
            "easel config set", roles="painters moderators admins", log=self.general,
            lanes="turbo fast relax", gallery=self.gallery,
        )  # fmt: skip
        await self.admin.slash("easel block", user=self.people["blocked"].id)
        self.grid = await self.owner.paint("a common fox --seed 3")
        self.single = await self.picture(self.owner)
        self.png = await self.owner.download(self.single["attachments"][0])
        self.wide = await self.picture(self.owner, await self.owner.paint("a wide fox --ar 2:1"))
        await self.owner.slash("shorten", prompt="a very small and quite common fox in the snow")
        self.shortened = await self.owner.wait_for(lambda m: "shorten:0" in str(m["components"]))
        await self.owner.slash("describe", image=self.png)
        self.described = await self.owner.wait_for(lambda m: "describe:0" in str(m["components"]))
        self.lost = await self.owner.paint("a lost fox --seed 4")
        for file in (self.stage.bot.data / "pictures" / job_of(self.lost)).glob("*.png"):
            file.unlink()
        button = {"type": 2, "style": 2, "label": "Set up", "custom_id": "setup:open"}
        offer = {"content": "Hello!", "components": [{"type": 1, "components": [button]}]}
        messages = self.stage.server.messages
        self.offer = messages.create(self.grid["channel_id"], shapes.BOT_ID, offer, {})
        return self

    async def refused(self, person, gesture) -> bool:
        """Make a gesture; say whether its answer was a refusal."""
        before = {m["id"] for m in await person.messages()}
        await gesture
        for _ in range(1200):
            new = [m for m in await person.messages() if m["id"] not in before]
            mine = [m for m in new if m.get("ephemeral_to") == person.id]
            if mine:
                return bool(REFUSED.search(mine[-1]["content"]))
            if any(person.id in json.dumps(m.get("interaction_metadata") or {}) for m in new):
                return False
            await asyncio.sleep(0.05)
        raise AssertionError("there was no answer at all")

    async def refused_quietly(self, person, gesture) -> bool:
        """The same for a gesture that changes a message, or opens a window; and its answer."""
        before = {m["id"] for m in await person.messages()}
        self.answer = await gesture
        new = [m for m in await person.messages() if m["id"] not in before]
        return any(REFUSED.search(m["content"]) for m in new if m.get("ephemeral_to") == person.id)

    async def picture(self, person, grid=None):
        """Post a picture of one's own."""
        known = {m["id"] for m in await person.messages()}
        await person.click(grid or self.grid, "U1")
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
    for _ in range(1200):
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
    for _ in range(1200 if person is crowd.owner or _moderates(crowd, person) else 1):
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
    for _ in range(1200 if person is crowd.owner else 1):
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
    for _ in range(1 if person in (crowd.people["blocked"], crowd.people["banned"]) else 1200):
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


def job_of(message):
    """Return the job under whose buttons a message stands, as it is written there."""
    return message["components"][0]["components"][0]["custom_id"].split(":")[1]


def newest_for(person, text):
    """Match what only this person sees, with this text."""
    return lambda m: text in m["content"] and m.get("ephemeral_to") == person.id


async def quiet(crowd, person, gesture):
    """Do something that changes a message; True if it was not refused."""
    return not await crowd.refused_quietly(person, gesture)


async def twice(crowd, person, words, **options):
    """Use a command that switches something, and back; True if it was not refused."""
    first = await slash(crowd, person, words, **options)
    return first and await slash(crowd, person, words)


async def fill(crowd, person, gesture, **values):
    """Open a window and send it; True if neither was refused."""
    if await crowd.refused_quietly(person, gesture):
        return False
    assert crowd.answer["outcome"] == "modal", crowd.answer
    return not await crowd.refused(person, person.submit(crowd.answer, **values))


async def remix(crowd, person, button):
    """Press a button with Remix on, and send its window; True if neither was refused."""
    await person.slash("prefer remix")
    try:
        pressing = person.click(crowd.grid, button)
        return await fill(crowd, person, pressing, prompt="a fox of one's own")
    finally:
        await person.slash("prefer remix")


async def keep_where_owners(crowd, person):
    """Press ❤️ where the buttons are the painter's own."""
    await crowd.admin.slash("easel config set", buttons="owner")
    try:
        return await quiet(crowd, person, person.click(crowd.single, "❤️"))
    finally:
        await crowd.admin.slash("easel config reset", setting="buttons")


async def turbo(crowd, person):
    """Choose the turbo lane, and the usual one again; True if it was not refused."""
    await person.slash("turbo")
    switched = "before everybody" in (await person.told())["content"]
    await person.slash("fast")
    return switched


async def press_all(crowd, person, *names):
    """Press several buttons under the owner's picture; all or none are refused."""
    answers = [await press(crowd, person, name, under=crowd.single) for name in names]
    assert len(set(answers)) == 1, answers
    return answers[0]


async def settings_panel(crowd, person):
    """Press a button of one's own panel, and again; True if it was not refused."""
    await person.slash("settings")
    panel = await person.told()
    first = await quiet(crowd, person, person.press(panel, "settings:remix:true"))
    return first and await quiet(crowd, person, person.press(panel, "settings:remix:false"))


async def keep_data(crowd, person):
    """Ask for everything to be deleted, and think better of it."""
    await person.slash("delete_my_data")
    question = await person.wait_for(newest_for(person, "This deletes everything"))
    return await quiet(crowd, person, person.click(question, "Keep it"))


async def several(crowd, person, button, **values):
    """Ask for two jobs and answer the question; True if nothing was refused."""
    asking = person.slash("imagine", prompt="a {red, blue} fox of one's own --steps 2")
    if await crowd.refused(person, asking):
        return False
    question = await person.told()
    if values:
        return await fill_quietly(crowd, person, person.click(question, button), **values)
    return not await crowd.refused_quietly(person, person.click(question, button))


async def fill_quietly(crowd, person, gesture, **values):
    """Open a window and send it, where that changes the message; True if neither was refused."""
    if await crowd.refused_quietly(person, gesture):
        return False
    return not await crowd.refused_quietly(person, person.submit(crowd.answer, **values))


async def region(crowd, person, *, upload=False):
    """Open the panel of Vary (Region) and paint by it; True if nothing was refused."""
    if not await press(crowd, person, "Vary (Region)", under=crowd.single):
        return False
    panel = await person.wait_for(newest_for(person, "Choose the squares"))
    if upload:
        if await crowd.refused_quietly(person, person.click(panel, "Upload a mask")):
            return False
        sending = person.submit_file(crowd.answer, "mask", crowd.png)
        return not await crowd.refused_quietly(person, sending)
    menu = panel["components"][0]["components"][0]["custom_id"]
    if await crowd.refused_quietly(person, person.press(panel, menu, ["0", "1"])):
        return False
    panel = next(m for m in await person.messages() if m["id"] == panel["id"])
    return not await crowd.refused(person, person.click(panel, "Paint"))


async def describe_again(crowd, person):
    """Press 🔄 under the owner's description, as it stands now; True if it was not refused."""
    described = next(m for m in await person.messages() if m["id"] == crowd.described["id"])
    return await quiet(crowd, person, person.click(described, "🔄"))


async def paint_the_lost(crowd, person):
    """Press U where no picture is left, and have it painted again; True if nothing was refused."""
    if not await press(crowd, person, "U1", under=crowd.lost):
        return False
    offer = await person.wait_for(
        lambda m: m.get("ephemeral_to") == person.id and "Paint it again" in str(m["components"])
    )
    return await press(crowd, person, "Paint it again", under=offer)


async def react_like_a_button(crowd, person, emoji, expected, **rules):
    """React to the owner's grid; True if what was expected came, False for a refusal by letter."""
    if rules:
        await crowd.admin.slash("easel config set", **rules)
    here, letters = person.channel_id, await person.enter("dm")
    person.channel_id = here
    before = {m["id"] for place in (here, letters) for m in await person.messages(place)}
    await person.react(crowd.grid, emoji)
    try:
        for _ in range(2400):
            for place in (here, letters):
                new = [m for m in await person.messages(place) if m["id"] not in before]
                if place == here and any(expected(m["content"]) for m in new):
                    return True
                if place == letters and any(REFUSED.search(m["content"]) for m in new):
                    return False
            await asyncio.sleep(0.05)
        raise AssertionError("there was no answer at all")
    finally:
        await person.unreact(crowd.grid, emoji)
        if rules:
            await crowd.admin.slash("easel config reset", setting="buttons")


def take_first(crowd, person, **rules):
    """1️⃣ on the owner's grid."""
    return react_like_a_button(
        crowd, person, "1️⃣", lambda text: f"Image #1 <@{person.id}>" in text, **rules
    )


def paint_again(crowd, person):
    """🔁 on the owner's grid."""
    return react_like_a_button(
        crowd, person, "🔁", lambda text: f"<@{person.id}> (" in text and "a common fox" in text
    )


async def cancel_by_menu(crowd, person, *, running):
    """Use Cancel Job on what is the owner's; True if it was not refused."""
    if not running:
        picture = await crowd.picture(crowd.owner)
        return not await crowd.refused(person, person.menu(picture, "Cancel Job"))
    job = await crowd.owner.start_long("a long fox")
    allowed = not await crowd.refused(person, person.menu(job, "Cancel Job"))
    if not allowed:
        await crowd.owner.stop(job)
    return allowed


async def into_the_gallery(crowd, person):
    """React with a star to a grid of the owner's; True if it is shown in the gallery."""
    prompt = f"a starry fox for {person.name}"
    await person.react(await crowd.owner.paint(prompt), "⭐")
    await settle(person)
    for _ in range(1200 if person is crowd.owner or _moderates(crowd, person) else 1):
        shown = await crowd.admin.messages(crowd.gallery)
        if any(prompt in message["content"] for message in shown):
            return True
        await asyncio.sleep(0.1)
    return False


async def how_by_menu(crowd, person):
    """Ask how a picture was painted; True if it was not refused."""
    await person.menu(crowd.single, "Show parameters")
    shown = await person.wait_for(newest_for(person, "**Seed**"))
    return await press(crowd, person, "How it was painted", under=shown)


async def check_again(crowd, person, gesture):
    """Open the panel of the setup and press in it; True if neither was refused."""
    if await crowd.refused(person, gesture):
        return False
    panel = await person.told()
    return not await crowd.refused_quietly(person, person.press(panel, "setup:check"))


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
    "*Remix mode* in the panel of `/settings`": settings_panel,
    **{
        f"`/{command}`": lambda c, p, command=command: slash(c, p, command)
        for command in (
            "models",
            "loras",
            "samplers",
            "invite",
            "relax",
            "fast",
            "stealth",
            "public",
            "prefer option list",
        )
    },
    **{
        f"`/prefer {name}`": lambda c, p, name=name: twice(c, p, f"prefer {name}")
        for name in ("remix", "variability", "auto_dm")
    },
    "`/prefer suffix`": lambda c, p: twice(c, p, "prefer suffix", new_value="--no text"),
    "`/prefer option set`": lambda c, p: slash(
        c, p, "prefer option set", option="mine", value="--no text"
    ),
    "`/turbo` where `lanes` allows it": turbo,
    "*Keep it* under the question of `/delete_my_data`": keep_data,
    "`/imagine` of several jobs, and *Yes* under the question": lambda c, p: several(c, p, "Yes"),
    "`/imagine` of several jobs, and its template sent": lambda c, p: several(
        c, p, "Edit prompt template", template="a {pink, grey} fox of one's own"
    ),
    "`/blend`": lambda c, p: slash(c, p, "blend", image1=c.png, image2=c.png),
    "`/shorten`": lambda c, p: slash(c, p, "shorten", prompt="a very small fox"),
    "1️⃣ under the owner's `/shorten`, and its window sent": lambda c, p: fill(
        c, p, p.press(c.shortened, "shorten:0"), prompt="a fox of one's own"
    ),
    "`/describe`": lambda c, p: slash(c, p, "describe", image=c.png),
    "1️⃣ under the owner's `/describe`, and its window sent": lambda c, p: fill(
        c, p, p.press(c.described, "describe:0"), prompt="a fox of one's own"
    ),
    "🔄 under the owner's `/describe`": describe_again,
    "*Imagine all* under the owner's `/describe`": lambda c, p: press(
        c, p, "Imagine all", under=c.described
    ),
    "`/how`": lambda c, p: slash(c, p, "how", prompt="a fox of one's own --steps 2"),
    "U under the owner's grid": lambda c, p: press(c, p, "U1"),
    "V under the owner's grid": lambda c, p: press(c, p, "V1"),
    "🔄 under the owner's grid": lambda c, p: press(c, p, "🔄"),
    "🔄 with Remix, and its window sent": lambda c, p: remix(c, p, "🔄"),
    "V with Remix, and its window sent": lambda c, p: remix(c, p, "V1"),
    **{
        f"*{name}* under the owner's picture": lambda c, p, name=name: press(
            c, p, name, under=c.wide
        )
        for name in (
            "Vary (Strong)",
            "Upscale (Subtle)",
            "Upscale (Creative)",
            "Zoom Out 2x",
            "Zoom Out 1.5x",
            "Make Square",
        )
    },
    "*Custom Zoom* under the owner's picture, and its window sent": lambda c, p: fill(
        c, p, p.click(c.single, "Custom Zoom"), prompt="a fox of one's own --zoom 1.5"
    ),
    "⬅️ ➡️ ⬆️ ⬇️ under the owner's picture": lambda c, p: press_all(c, p, "⬅️", "➡️", "⬆️", "⬇️"),
    "❤️ under the owner's picture": lambda c, p: quiet(c, p, p.click(c.single, "❤️")),
    "U where the pictures are gone, and *Paint it again*": paint_the_lost,
    "*Vary (Region)*, squares chosen, and *Paint*": region,
    "*Vary (Region)*, and the window of *Upload a mask* sent": lambda c, p: region(
        c, p, upload=True
    ),
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
    "🔄 where `buttons` is `owner`": lambda c, p: press(c, p, "🔄", buttons="owner"),
    "❤️ where `buttons` is `owner`": keep_where_owners,
    "1️⃣ where `buttons` is `owner`": lambda c, p: take_first(c, p, buttons="owner"),
    "1️⃣ on the owner's grid": take_first,
    "🔁 on the owner's grid": paint_again,
    "*Cancel Job* in the menu of the owner's running job": lambda c, p: cancel_by_menu(
        c, p, running=True
    ),
    "*Cancel Job* in the menu of the owner's picture": lambda c, p: cancel_by_menu(
        c, p, running=False
    ),
    "⭐ on the owner's grid, which brings it into the gallery": into_the_gallery,
    "*DM Results* in the menu of the owner's picture": lambda c, p: quiet(
        c, p, p.menu(c.single, "DM Results")
    ),
    "*Report Job* in the menu of the owner's picture": lambda c, p: quiet(
        c, p, p.menu(c.single, "Report Job")
    ),
    "*Show parameters* in the menu of the owner's picture": lambda c, p: quiet(
        c, p, p.menu(c.single, "Show parameters")
    ),
    "*How it was painted* under them": how_by_menu,
    "*Use as image prompt* in a message's menu, and its window sent": lambda c, p: fill(
        c, p, p.menu(c.single, "Use as image prompt"), prompt="a fox of one's own"
    ),
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
    "*Check again* in the panel of `/easel setup`": lambda c, p: check_again(
        c, p, p.slash("easel setup")
    ),
    "*Set up* under the offer to a new server": lambda c, p: check_again(
        c, p, p.click(c.offer, "Set up")
    ),
}


@pytest.mark.parametrize(("action", "who", "may"), CELLS)
async def test_every_cell(crowd, action, who, may):
    """Whoever may do something can, and whoever may not is refused, as the table says."""
    assert await ACTIONS[action](crowd, crowd.people[PEOPLE[who]]) is may
