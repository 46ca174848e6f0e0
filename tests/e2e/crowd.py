"""Everybody of the authorisation table on one playground, what they act upon, and their hands."""

import asyncio
import json
import re

NAMES = {"owner": "painter", "member": "painter2", "roleless": "stranger"} | {
    name: name for name in ("moderator", "admin", "blocked", "banned")
}
"""The people of the table, by their names on the playground."""
THINKING = 128
"""The flag of an answer that is still to come."""
REFUSED = re.compile(
    "Only (members|moderators|its painter)|You may not paint|you need one of these roles"
    "|the buttons under a grid are its painter's|There is no job"
)


class Crowd:
    """Everybody, and what they act upon."""

    def __init__(self, stage) -> None:
        self.stage = stage

    async def gather(self):
        from bot.playground import shapes

        names = {*NAMES.values(), "victim"}
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
        self.described = await self.describe()
        self.lost = await self.owner.paint("a lost fox --seed 4")
        for file in (self.stage.bot.data / "pictures" / self.job_of(self.lost)).glob("*.png"):
            file.unlink()
        button = {"type": 2, "style": 2, "label": "Set up", "custom_id": "setup:open"}
        offer = {"content": "Hello!", "components": [{"type": 1, "components": [button]}]}
        messages = self.stage.server.messages
        self.offer = messages.create(self.grid["channel_id"], shapes.BOT_ID, offer, {})
        return self

    async def refused(self, person, gesture) -> bool:
        """Make a gesture; say whether its answer was a refusal."""
        before = await person.newest()
        await gesture

        async def look():
            new = [m for m in await person.messages(after=before) if not m["flags"] & THINKING]
            mine = [m for m in new if m.get("ephemeral_to") == person.id]
            if mine:
                return self.is_refusal(mine[-1])
            if any(person.id in json.dumps(m.get("interaction_metadata") or {}) for m in new):
                return False
            return None

        return await person.until(look)

    async def refused_quietly(self, person, gesture) -> bool:
        """The same for a gesture that changes a message, or opens a window; and its answer."""
        before = await person.newest()
        self.answer = await gesture
        new = await person.messages(after=before)
        return any(self.is_refusal(m) for m in new if m.get("ephemeral_to") == person.id)

    async def picture(self, person, grid=None):
        """Post a picture of one's own."""
        known = {m["id"] for m in await person.messages()}
        await person.click(grid or self.grid, "U1")
        return await person.wait_for(
            lambda m: m["id"] not in known and f"Image #1 <@{person.id}>" in m["content"]
        )

    async def describe(self):
        """Let the owner's picture be described."""
        known = {m["id"] for m in await self.owner.messages()}
        await self.owner.slash("describe", image=self.png)
        return await self.owner.wait_for(
            lambda m: m["id"] not in known and "describe:0" in str(m["components"])
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

    async def slash(self, person, words, **options):
        """Use a command; True if it was not refused."""
        return not await self.refused(person, person.slash(words, **options))

    async def press(self, person, button, *, under=None, **rules):
        """Press a button under the owner's grid, or another message; True if it was not refused."""
        if rules:
            await self.admin.slash("easel config set", **rules)
        try:
            return not await self.refused(person, person.click(under or self.grid, button))
        finally:
            if rules:
                await self.admin.slash("easel config reset", setting="buttons")

    async def settle(self, person):
        """Wait until a reaction has had its effect, or has had none."""
        await person.slash("help")
        await asyncio.sleep(0.3)

    async def quiet(self, person, gesture):
        """Do something that changes a message; True if it was not refused."""
        return not await self.refused_quietly(person, gesture)

    async def twice(self, person, words, **options):
        """Use a command that switches something, and back; True if it was not refused."""
        first = await self.slash(person, words, **options)
        return first and await self.slash(person, words)

    async def fill(self, person, gesture, **values):
        """Open a window and send it; True if neither was refused."""
        if await self.refused_quietly(person, gesture):
            return False
        assert self.answer["outcome"] == "modal", self.answer
        return not await self.refused(person, person.submit(self.answer, **values))

    async def fill_quietly(self, person, gesture, **values):
        """The same where that changes the message."""
        if await self.refused_quietly(person, gesture):
            return False
        return not await self.refused_quietly(person, person.submit(self.answer, **values))

    def moderates(self, person):
        """Say whether somebody may stop and delete what is others'."""
        return person in (self.people["moderator"], self.admin)

    def job_of(self, message):
        """Return the job under whose buttons a message stands, as it is written there."""
        return message["components"][0]["components"][0]["custom_id"].split(":")[1]

    def newest_for(self, person, text):
        """Match what only this person sees, with this text."""
        return lambda m: text in m["content"] and m.get("ephemeral_to") == person.id

    def is_refusal(self, message) -> bool:
        """Say whether a message tells somebody that they may not."""
        return bool(REFUSED.search(message["content"]))

    def by_name(self, who):
        """Return a person of the table."""
        return self.people[NAMES[who]]

    def rules_file(self):
        """A file to import: the rules as they are."""
        roles = [f"1100000000000000{number}" for number in (301, 302, 303)]
        return json.dumps({"rules": {"roles": roles, "log": int(self.general)}}).encode()
