"""What the authorisation table says one may do: each deed tells whether it was let be done.

`ACTIONS` has them by the table's words; each takes the crowd and the person who acts.
"""

import asyncio
import itertools

_numbers = itertools.count(1)


async def start_another(crowd):
    """Start a long job of the owner, numbered: one just stopped may still look as if it ran."""
    return await crowd.owner.start_long(f"a long fox {next(_numbers)}")


async def stop_running(crowd, person):
    """React to the owner's running job; True if it stopped."""
    job = await start_another(crowd)
    await person.react(job, "❌")
    await crowd.settle(person)
    for _ in range(1200):
        now = next(m for m in await crowd.owner.messages() if m["id"] == job["id"])
        if "(Stopped)" in now["content"]:
            return True
        if person is not crowd.owner and not crowd.moderates(person):
            break
        await asyncio.sleep(0.1)
    await crowd.owner.stop(job)
    return False


async def delete_picture(crowd, person):
    """React to the owner's picture; True if it is deleted."""
    picture = await crowd.picture(crowd.owner)
    await person.react(picture, "❌")
    await crowd.settle(person)
    for _ in range(1200 if person is crowd.owner or crowd.moderates(person) else 1):
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
    await crowd.settle(person)
    for _ in range(1200 if person is crowd.owner else 1):
        if len(await person.messages(letters)) > before:
            return True
        await asyncio.sleep(0.1)
    return False


async def bring_up(crowd, person):
    """Report the owner's picture; True if it stands in the log channel."""
    picture = await crowd.picture(crowd.owner)
    await person.react(picture, "⚠️")
    await crowd.settle(person)
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


async def remix(crowd, person, button):
    """Press a button with Remix on, and send its window; True if neither was refused."""
    await person.slash("prefer remix")
    try:
        pressing = person.click(crowd.grid, button)
        return await crowd.fill(person, pressing, prompt="a fox of one's own")
    finally:
        await person.slash("prefer remix")


async def keep_where_owners(crowd, person):
    """Press ❤️ where the buttons are the painter's own."""
    await crowd.admin.slash("easel config set", buttons="owner")
    try:
        return await crowd.quiet(person, person.click(crowd.single, "❤️"))
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
    answers = [await crowd.press(person, name, under=crowd.single) for name in names]
    assert len(set(answers)) == 1, answers
    return answers[0]


async def settings_panel(crowd, person):
    """Press a button of one's own panel, and again; True if it was not refused."""
    await person.slash("settings")
    panel = await person.told()
    first = await crowd.quiet(person, person.press(panel, "settings:remix:true"))
    return first and await crowd.quiet(person, person.press(panel, "settings:remix:false"))


async def keep_data(crowd, person):
    """Ask for everything to be deleted, and think better of it."""
    await person.slash("delete_my_data")
    question = await person.wait_for(crowd.newest_for(person, "This deletes everything"))
    return await crowd.quiet(person, person.click(question, "Keep it"))


async def several(crowd, person, button, **values):
    """Ask for two jobs and answer the question; True if nothing was refused."""
    asking = person.slash("imagine", prompt="a {red, blue} fox of one's own --steps 2")
    if await crowd.refused(person, asking):
        return False
    question = await person.told()
    if values:
        return await crowd.fill_quietly(person, person.click(question, button), **values)
    return not await crowd.refused_quietly(person, person.click(question, button))


async def region(crowd, person, *, upload=False):
    """Open the panel of Vary (Region) and paint by it; True if nothing was refused."""
    if not await crowd.press(person, "Vary (Region)", under=crowd.single):
        return False
    panel = await person.wait_for(crowd.newest_for(person, "Choose the squares"))
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
    """Press 🔄 under a new description of the owner's; True if it was not refused."""
    return await crowd.quiet(person, person.click(await crowd.describe(), "🔄"))


async def paint_the_lost(crowd, person):
    """Press U where no picture is left, and have it painted again; True if nothing was refused."""
    if not await crowd.press(person, "U1", under=crowd.lost):
        return False
    offer = await person.wait_for(
        lambda m: m.get("ephemeral_to") == person.id and "Paint it again" in str(m["components"])
    )
    return await crowd.press(person, "Paint it again", under=offer)


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
                if place == letters and any(crowd.is_refusal(m) for m in new):
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
    job = await start_another(crowd)
    allowed = not await crowd.refused(person, person.menu(job, "Cancel Job"))
    if not allowed:
        await crowd.owner.stop(job)
    return allowed


async def into_the_gallery(crowd, person):
    """React with a star to a grid of the owner's; True if it is shown in the gallery."""
    prompt = f"a starry fox for {person.name}"
    await person.react(await crowd.owner.paint(prompt), "⭐")
    await crowd.settle(person)
    for _ in range(1200 if person is crowd.owner or crowd.moderates(person) else 1):
        shown = await crowd.admin.messages(crowd.gallery)
        if any(prompt in message["content"] for message in shown):
            return True
        await asyncio.sleep(0.1)
    return False


async def how_by_menu(crowd, person):
    """Ask how a picture was painted; True if it was not refused."""
    await person.menu(crowd.single, "Show parameters")
    shown = await person.wait_for(crowd.newest_for(person, "**Seed**"))
    return await crowd.press(person, "How it was painted", under=shown)


async def check_again(crowd, person, gesture):
    """Open the panel of the setup and press in it; True if neither was refused."""
    if await crowd.refused(person, gesture):
        return False
    panel = await person.told()
    return not await crowd.refused_quietly(person, person.press(panel, "setup:check"))


ACTIONS = {
    "`/help`": lambda c, p: c.slash(p, "help"),
    "`/info`": lambda c, p: c.slash(p, "info"),
    "`/cancel`": lambda c, p: c.slash(p, "cancel"),
    "`/settings`": lambda c, p: c.slash(p, "settings"),
    "`/history`": lambda c, p: c.slash(p, "history"),
    "`/export_my_data`": lambda c, p: c.slash(p, "export_my_data"),
    "`/delete_my_data`": lambda c, p: c.slash(p, "delete_my_data"),
    "`/show` of the owner's job": lambda c, p: c.slash(p, "show", job_id=c.grid["id"]),
    "`/imagine`": lambda c, p: c.slash(p, "imagine", prompt="a fox of one's own"),
    "*Remix mode* in the panel of `/settings`": settings_panel,
    **{
        f"`/{command}`": lambda c, p, command=command: c.slash(p, command)
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
        f"`/prefer {name}`": lambda c, p, name=name: c.twice(p, f"prefer {name}")
        for name in ("remix", "variability", "auto_dm")
    },
    "`/prefer suffix`": lambda c, p: c.twice(p, "prefer suffix", new_value="--no text"),
    "`/prefer option set`": lambda c, p: c.slash(
        p, "prefer option set", option="mine", value="--no text"
    ),
    "`/turbo` where `lanes` allows it": turbo,
    "*Keep it* under the question of `/delete_my_data`": keep_data,
    "`/imagine` of several jobs, and *Yes* under the question": lambda c, p: several(c, p, "Yes"),
    "`/imagine` of several jobs, and its template sent": lambda c, p: several(
        c, p, "Edit prompt template", template="a {pink, grey} fox of one's own"
    ),
    "`/blend`": lambda c, p: c.slash(p, "blend", image1=c.png, image2=c.png),
    "`/shorten`": lambda c, p: c.slash(p, "shorten", prompt="a very small fox"),
    "1️⃣ under the owner's `/shorten`, and its window sent": lambda c, p: c.fill(
        p, p.press(c.shortened, "shorten:0"), prompt="a fox of one's own"
    ),
    "`/describe`": lambda c, p: c.slash(p, "describe", image=c.png),
    "1️⃣ under the owner's `/describe`, and its window sent": lambda c, p: c.fill(
        p, p.press(c.described, "describe:0"), prompt="a fox of one's own"
    ),
    "🔄 under the owner's `/describe`": describe_again,
    "*Imagine all* under the owner's `/describe`": lambda c, p: c.press(
        p, "Imagine all", under=c.described
    ),
    "`/how`": lambda c, p: c.slash(p, "how", prompt="a fox of one's own --steps 2"),
    "U under the owner's grid": lambda c, p: c.press(p, "U1"),
    "V under the owner's grid": lambda c, p: c.press(p, "V1"),
    "🔄 under the owner's grid": lambda c, p: c.press(p, "🔄"),
    "🔄 with Remix, and its window sent": lambda c, p: remix(c, p, "🔄"),
    "V with Remix, and its window sent": lambda c, p: remix(c, p, "V1"),
    **{
        f"*{name}* under the owner's picture": lambda c, p, name=name: c.press(
            p, name, under=c.wide
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
    "*Custom Zoom* under the owner's picture, and its window sent": lambda c, p: c.fill(
        p, p.click(c.single, "Custom Zoom"), prompt="a fox of one's own --zoom 1.5"
    ),
    "⬅️ ➡️ ⬆️ ⬇️ under the owner's picture": lambda c, p: press_all(c, p, "⬅️", "➡️", "⬆️", "⬇️"),
    "❤️ under the owner's picture": lambda c, p: c.quiet(p, p.click(c.single, "❤️")),
    "U where the pictures are gone, and *Paint it again*": paint_the_lost,
    "*Vary (Region)*, squares chosen, and *Paint*": region,
    "*Vary (Region)*, and the window of *Upload a mask* sent": lambda c, p: region(
        c, p, upload=True
    ),
    "*Vary (Subtle)* under the owner's picture": lambda c, p: c.press(
        p, "Vary (Subtle)", under=c.single
    ),
    "*Vary (Region)* under the owner's picture": lambda c, p: c.press(
        p, "Vary (Region)", under=c.single
    ),
    "*Vary (Region)* where `buttons` is `owner`": lambda c, p: c.press(
        p, "Vary (Region)", under=c.single, buttons="owner"
    ),
    "U where `buttons` is `moderators`": lambda c, p: c.press(p, "U1", buttons="moderators"),
    "U where `buttons` is `owner`": lambda c, p: c.press(p, "U1", buttons="owner"),
    "🔄 where `buttons` is `owner`": lambda c, p: c.press(p, "🔄", buttons="owner"),
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
    "*DM Results* in the menu of the owner's picture": lambda c, p: c.quiet(
        p, p.menu(c.single, "DM Results")
    ),
    "*Report Job* in the menu of the owner's picture": lambda c, p: c.quiet(
        p, p.menu(c.single, "Report Job")
    ),
    "*Show parameters* in the menu of the owner's picture": lambda c, p: c.quiet(
        p, p.menu(c.single, "Show parameters")
    ),
    "*How it was painted* under them": how_by_menu,
    "*Use as image prompt* in a message's menu, and its window sent": lambda c, p: c.fill(
        p, p.menu(c.single, "Use as image prompt"), prompt="a fox of one's own"
    ),
    "❌ on the owner's running job": stop_running,
    "❌ on the owner's picture": delete_picture,
    "✉️ on the owner's picture": get_letter,
    "⚠️ on the owner's picture": bring_up,
    "*Delete* under a report": lambda c, p: act_on_report(c, p, "Delete the picture"),
    "*Warn* under a report": lambda c, p: act_on_report(c, p, "Warn its painter"),
    "*Block* under a report": lambda c, p: act_on_report(c, p, "Block its painter"),
    "`/easel config show`": lambda c, p: c.slash(p, "easel config show"),
    "`/easel config set`": lambda c, p: c.slash(p, "easel config set", steps=900),
    "`/easel config reset`": lambda c, p: c.slash(p, "easel config reset", setting="steps"),
    "`/easel config export`": lambda c, p: c.slash(p, "easel config export"),
    "`/easel config import`": lambda c, p: c.slash(p, "easel config import", file=c.rules_file()),
    "`/easel config explain`": lambda c, p: c.slash(p, "easel config explain"),
    "`/easel words add`": lambda c, p: c.slash(p, "easel words add", word="badger"),
    "`/easel words remove`": lambda c, p: c.slash(p, "easel words remove", word="badger"),
    "`/easel words list`": lambda c, p: c.slash(p, "easel words list"),
    "`/easel words test`": lambda c, p: c.slash(p, "easel words test", prompt="a badger"),
    "`/easel words import`": lambda c, p: c.slash(p, "easel words import", file=b"badger\n"),
    "`/easel block`": lambda c, p: c.slash(p, "easel block", user=c.people["blocked"].id),
    "`/easel unblock`": lambda c, p: c.slash(p, "easel unblock", user=c.victim.id),
    "`/easel warn`": lambda c, p: c.slash(p, "easel warn", user=c.victim.id, text="Mind."),
    "`/easel cancel`": lambda c, p: c.slash(p, "easel cancel", user=c.victim.id),
    "`/easel queue`": lambda c, p: c.slash(p, "easel queue"),
    "`/easel stats`": lambda c, p: c.slash(p, "easel stats"),
    "`/easel setup`": lambda c, p: c.slash(p, "easel setup"),
    "*Check again* in the panel of `/easel setup`": lambda c, p: check_again(
        c, p, p.slash("easel setup")
    ),
    "*Set up* under the offer to a new server": lambda c, p: check_again(
        c, p, p.click(c.offer, "Set up")
    ),
}
