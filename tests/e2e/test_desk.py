"""The admin's desk as admins and painters see it: layers, quotas, words, people, reports, setup."""

import asyncio
import contextlib
import json
import re
import sqlite3

import pytest

from bot.data import DataFolder

pytestmark = pytest.mark.asyncio(loop_scope="module")


def says(text, to=None):
    """Match a message with this text, only for one person where `to` is given."""
    return lambda message: text in message["content"] and message.get("ephemeral_to") == to


async def last(person):
    """Return the newest answer that this person alone sees."""
    return (await person.told())["content"]


# -- layers ---------------------------------------------------------------------------------------


async def test_a_channel_and_a_role_have_rules_of_their_own(shared, painter, admin):
    """The closer layer decides, at once, and explain says which one it was."""
    role = "1100000000000000301"
    await admin.slash("easel config set", steps=40)
    await admin.slash("easel config set", steps=9, for_channel=admin.channel_id)
    await admin.slash("easel config show")
    assert f"<#{admin.channel_id}> Largest steps: 9" in await last(admin)
    await painter.slash("imagine", prompt="a fox --steps 10")
    assert "1 to 9" in await last(painter)
    await admin.slash("easel config set", steps=20, for_role=role)
    await painter.slash("imagine", prompt="a fox --steps 21")
    assert "1 to 20" in await last(painter)
    await admin.slash("easel config explain", member=painter.id)
    explained = await last(admin)
    assert f"Largest steps: 20 (<@&{role}>: the closest layer that sets it decides)" in explained
    assert "Channels: all (nobody has set it)" in explained
    await admin.slash("easel config reset", setting="steps", for_role=role)
    await admin.slash("easel config explain", member=painter.id)
    assert f"Largest steps: 9 (<#{admin.channel_id}>" in await last(admin)


async def test_fewer_pictures_and_other_models(painter, admin):
    """A job paints as many pictures as the server says, and only with its models."""
    await admin.slash("easel config set", pictures=2, models="tiny")
    grid = await painter.paint("a doubled fox --seed 4")
    labels = [part.get("label") for row in grid["components"] for part in row["components"]]
    assert "U2" in labels
    assert "U3" not in labels
    await admin.slash("easel config set", models="huge")
    assert "There is no model huge; there are `tiny`" in await last(admin)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"hour": "a lot"}, "`hour` must be such as `40 pictures`"),
        ({"channels": "#general", "for_channel": "here"}, "only be set for the whole server"),
        ({"for_channel": "here"}, "Name what to change"),
    ],
)
async def test_layers_that_cannot_be_set(admin, options, named):
    """A rule that makes no sense, or not in that layer, is refused with what would be right."""
    options = {k: admin.channel_id if v == "here" else v for k, v in options.items()}
    await admin.slash("easel config set", **options)
    assert named in await last(admin)


async def test_rules_travel_in_a_file(admin):
    """What export gives, import takes back; a file with a stranger's channel changes nothing."""
    await admin.slash("easel config set", steps=33, cooldown=1)
    await admin.slash("easel words add", word="badger", weight="warn")
    await admin.slash("easel config export")
    message = await admin.told()
    content = await admin.download(message["attachments"][0])
    assert json.loads(content)["rules"] == {"steps": 33, "cooldown": 1}
    await admin.slash("easel config reset")
    await admin.slash("easel words remove", word="badger")
    await admin.slash("easel words add", word="weasel")
    await admin.slash("easel config import", file=content)
    assert "Largest steps: 33" in await last(admin)
    await admin.slash("easel words list")
    shown = await last(admin)
    assert "badger: warn" in shown
    assert "weasel" not in shown, "what stood beside the file's words has gone"
    for wrong, named in (
        ({"rules": {"channels": [123456789012345678]}}, "this server does not have"),
        ({"rules": {"steps": 0}}, "a whole number from 1 to 1000"),
        ({"rules": {"paint": 1}}, "is no rule"),
        ({"rules": {}, "words": {"fox": "perhaps"}}, "one of allow, warn, refuse, log"),
        ({"rules": {}, "words": {"fox": ["log"], "*": "log"}}, "one of allow, warn"),
        ([], "must be what"),
    ):
        await admin.slash("easel config import", file=json.dumps(wrong).encode())
        assert named in await last(admin)
    await admin.slash("easel config import", file=b"[" * 100_000)
    assert "must be what" in await last(admin)
    await admin.slash("easel config show")
    assert "Largest steps: 33" in await last(admin)
    await admin.slash("easel words remove", word="badger")


# -- quotas ---------------------------------------------------------------------------------------


async def test_a_quota_holds_and_a_cancelled_job_is_given_back(shared, admin):
    """Beyond the quota a painter is refused with when it comes back; a cancelled job is free."""
    person = await shared.person("moderator")
    await admin.slash("easel config set", day="8 pictures")
    running = await person.start_long("a costly fox")
    await person.stop(running)
    for number in (1, 2):
        await person.paint(f"a counted fox {number}")
    await person.slash("imagine", prompt="a fox too many")
    refused = await last(person)
    assert "Your quota is 8 pictures in a day, and you have used 8" in refused
    assert "<t:" in refused
    await shared.bot.restart()
    await person.slash("imagine", prompt="a fox too many")
    assert "Your quota is 8 pictures" in await last(person)
    await admin.slash("easel config set", day="12 pictures", for_role="1100000000000000302")
    await person.paint("a privileged fox")


async def test_two_at_once_do_not_both_fit(shared, admin):
    """Of jobs asked for at the same moment just as many are taken in as the quota allows."""
    person = await shared.person("stranger")
    await admin.slash("easel config set", hour="4 pictures")
    await asyncio.gather(*(person.slash("imagine", prompt="one fox of four") for _ in range(4)))
    refused = [m for m in await person.messages() if "4 pictures in an hour" in m["content"]]
    assert len(refused) == 3
    await person.wait_for(lambda m: "one fox of four" in m["content"] and m["components"])


async def test_a_cooldown_lets_one_wait(shared, admin):
    """Between two jobs a painter waits as long as the server says."""
    person = await shared.person("painter2")
    await person.paint("a patient fox")
    await admin.slash("easel config set", cooldown=300)
    await person.slash("imagine", prompt="a hasty fox")
    assert "one waits 300 seconds" in await last(person)


# -- words ----------------------------------------------------------------------------------------


async def test_words_refuse_warn_and_are_tested(shared, painter, admin):
    """A refused word is refused in disguise and under an old button; a warning lets it pass."""
    grid = await painter.paint("a quick badger fox --seed 8")
    await admin.slash("easel words add", word="Badger")
    await painter.slash("imagine", prompt="a fox and a b.4.d.g.e.r")
    assert "word badger is not wanted here" in await last(painter)
    await painter.click(grid, "🔄")
    assert "word badger is not wanted here" in await last(painter)
    await admin.slash("easel words test", prompt="Two BÄDGERS")
    assert "badger (refuse) finds badgers" in await last(admin)
    await admin.slash("easel words add", word="badger", weight="warn")
    await painter.slash("imagine", prompt="a badgers' fox")
    await painter.wait_for(says("badger is frowned upon", painter.id))
    await painter.wait_for(lambda m: "badgers' fox" in m["content"] and m["components"])
    await admin.slash("easel words remove", word="badger")
    await admin.slash("easel words remove", word="gore")
    assert "is allowed here from now on" in await last(admin)
    await admin.slash("easel words import", file=b"weasel\nwarn: stoat\n")
    assert "Added 2 words." in await last(admin)
    await admin.slash("easel words import", file=b"otter\n*\n")
    assert "found \\*" in await last(admin)
    for word in ("weasel", "stoat", "gore"):
        await admin.slash("easel words remove", word=word)
    await admin.slash("easel words remove", word="otter")
    assert "is in no list" in await last(admin)


async def test_a_heavy_word_stands_in_the_log(shared, painter, admin):
    """A word of the heaviest weight is refused and told in the log channel, and pings nobody."""
    general = await admin.enter("general")
    await admin.enter("painting")
    await admin.slash("easel config set", log=general)
    await painter.slash("imagine", prompt="a l.o.l.i.c.o.n fox @everyone")
    assert "Banned prompt detected" in await last(painter)
    told = await painter.wait_for(says("prompt refused"), channel_id=general)
    assert f"<@{painter.id}>: lolicon" in told["content"]
    assert not told["mentions"]
    assert not told["mention_everyone"]


# -- people ---------------------------------------------------------------------------------------


async def test_block_and_unblock(shared, admin):
    """A blocked painter's jobs stop, they may not paint until unblocked, and the log says who."""
    general = await admin.enter("general")
    await admin.enter("painting")
    await admin.slash("easel config set", log=general)
    person = await shared.person("painter2")
    await admin.slash("easel config reset", setting="cooldown")
    job = await person.start_long("a blocked fox")
    await admin.slash("easel block", user=person.id, reason="foxes @everyone", span=3600)
    await person.wait_for(lambda m: m["id"] == job["id"] and "(Stopped)" in m["content"])
    await person.slash("imagine", prompt="a fox all the same")
    refused = await last(person)
    assert "You may not paint on this server until <t:" in refused
    assert "foxes" in refused
    told = await admin.wait_for(says("**block** by"), channel_id=general)
    assert f"<@{admin.id}>: user {person.id}" in told["content"]
    await admin.slash("easel unblock", user=person.id)
    await person.paint("a forgiven fox")
    await admin.slash("easel unblock", user=person.id)
    assert "is not blocked" in await last(admin)
    await admin.slash("easel block", user=admin.id)
    await admin.wait_for(says("cannot block yourself", admin.id))


async def test_a_warning_reaches_its_reader(shared, painter, admin):
    """A warning comes by direct message; with a closed letterbox it comes before the next job."""
    await admin.slash("easel warn", user=painter.id, text="No more foxes.")
    here = painter.channel_id
    letters = await painter.enter("dm")
    painter.channel_id = here
    await painter.wait_for(says("No more foxes"), channel_id=letters)
    shared.server.world.closed_dms.add(painter.id)
    try:
        await admin.slash("easel warn", user=painter.id, text="Really none.")
        await admin.wait_for(says("when they next want to paint", admin.id))
    finally:
        shared.server.world.closed_dms.discard(painter.id)
    await painter.slash("imagine", prompt="a warned fox")
    assert "Really none" in await last(painter)
    await painter.paint("a warned fox again")


async def test_queue_stats_and_cancel(shared, painter, admin):
    """An admin sees what runs and whose, who painted how much, and stops it."""
    await painter.paint("a tallied fox --steps 1")
    job = await painter.start_long("a visible fox")
    await admin.slash("easel queue")
    seen = await last(admin)
    assert re.match(r"\*\*[1-9] running", seen)
    assert f"a visible fox --steps 5000** <@{painter.id}>: runs for" in seen
    await admin.slash("easel cancel", user=painter.id)
    await admin.wait_for(says("1 job stopped.", admin.id))
    await painter.wait_for(lambda m: m["id"] == job["id"] and "(Stopped)" in m["content"])
    await admin.slash("easel stats")
    assert f"<@{painter.id}>:" in await last(admin)


# -- reports --------------------------------------------------------------------------------------


async def test_a_report_and_what_is_done_about_it(shared, painter, admin):
    """⚠️ brings a picture into the log once, hidden, with buttons that do what they say."""
    general = await admin.enter("general")
    await admin.enter("painting")
    await admin.slash("easel config set", log=general)
    other = await shared.person("painter2")
    grid = await painter.paint("a reported fox --seed 9")
    await other.react(grid, "⚠️")
    await admin.react(grid, "⚠️")
    report = await admin.wait_for(says("**Report** by"), channel_id=general)
    assert grid["id"] in report["content"]
    assert report["attachments"][0]["filename"].startswith("SPOILER_")
    admin.channel_id = general
    await admin.click(report, "Delete the picture")
    await painter.gone(grid)
    await admin.click(report, "Delete the picture")
    await admin.wait_for(says("is gone already", admin.id), channel_id=general)
    await admin.click(report, "Block its painter")
    await admin.wait_for(says("may not paint here any more", admin.id), channel_id=general)
    await admin.enter("painting")
    await painter.slash("imagine", prompt="a fox after a report")
    assert "a reported picture" in await last(painter)
    await admin.slash("easel unblock", user=painter.id)
    reports = [m for m in await admin.messages(general) if grid["id"] in m["content"]]
    assert sum("**Report**" in m["content"] for m in reports) == 1


async def test_a_picture_that_made_room_is_reported_and_offered_again(shared, painter, admin):
    """Without its pictures a grid can still be reported, and /show offers to paint it again."""
    general = await admin.enter("general")
    await admin.enter("painting")
    await admin.slash("easel config set", log=general)
    grid = await painter.paint("an old fox --seed 9")
    (job_id,) = re.findall(r"'u:([0-9]+):0'", str(grid["components"]))
    with (
        contextlib.closing(sqlite3.connect(DataFolder(shared.bot.data).database)) as database,
        database,
    ):
        database.execute("DELETE FROM pictures WHERE job_id = ?", (job_id,))
    await admin.react(grid, "⚠️")
    report = await admin.wait_for(
        lambda m: "**Report** by" in m["content"] and grid["id"] in m["content"],
        channel_id=general,
    )
    assert report["attachments"] == []
    await painter.slash("show", job_id=job_id)
    await painter.wait_for(says("no longer on Easel's disk", painter.id))


# -- the gallery ----------------------------------------------------------------------------------


async def test_pictures_taken_out_are_in_the_gallery(shared, painter, admin):
    """U shows the picture in the gallery too, and there it belongs to its painter."""
    general = await admin.enter("general")
    await admin.enter("painting")
    await admin.slash("easel config set", gallery=general)
    grid = await painter.paint("a gallery fox --seed 10")
    await painter.click(grid, "U2")
    shown = await painter.wait_for(says("a gallery fox"), channel_id=general)
    assert "Image #2" in shown["content"]
    await painter.react(shown, "❌")
    await painter.gone(shown)


# -- setup ----------------------------------------------------------------------------------------


async def test_the_panel_sets_what_is_chosen(shared, painter, admin):
    """What is chosen in the panel holds at once, and the panel shows it; empty takes it back."""
    await admin.slash("easel setup")
    panel = await admin.told()
    general = await admin.enter("general")
    await admin.enter("painting")
    await admin.press(panel, "setup:channels", [general])
    panel = await admin.wait_for(
        lambda m: m["id"] == panel["id"] and f"Now: <#{general}>" in m["content"]
    )
    assert f"<#{general}>: yes" in panel["content"]
    await painter.slash("imagine", prompt="a fox in the wrong place")
    assert "does not paint here" in await last(painter)
    await admin.press(panel, "setup:channels", [])
    await admin.press(panel, "setup:log", [general])
    await admin.press(panel, "setup:nsfw", ["spoiler"])
    await admin.slash("easel config show")
    shown = await last(admin)
    assert "Channels: all" in shown
    assert "not safe for all: spoiler" in shown
    assert f"and reports: <#{general}>" in shown


async def test_the_panel_names_what_easel_lacks(shared, admin):
    """A chosen channel in which Easel lacks a permission stands there with the remedy."""
    from bot.playground.permissions import Permission
    from bot.playground.shapes import BOT_ID

    general = await admin.enter("general")
    await admin.enter("painting")
    channel = shared.server.world.channels[general]
    deny = {"id": BOT_ID, "type": 1, "allow": "0", "deny": str(int(Permission.ATTACH_FILES))}
    channel["permission_overwrites"].append(deny)
    try:
        shared.server.world.tell(_changed(channel))
        await admin.slash("easel config set", channels="#general")
        await admin.slash("easel setup")
        assert f"<#{general}>: Easel lacks Attach Files; allow it" in await last(admin)
        await admin.slash("easel config set", log=general)
        assert "Easel lacks Attach Files" in await last(admin)
    finally:
        channel["permission_overwrites"].remove(deny)
        shared.server.world.tell(_changed(channel))


def _changed(channel):
    from bot.playground.world import BOT, GUILDS, Event

    return Event(name="CHANNEL_UPDATE", data=channel, to=BOT, intent=GUILDS)
