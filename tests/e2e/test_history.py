"""What painters find again of their own work: in a server, in a DM, after a restart."""

import asyncio
import io
import json
import zipfile

import pytest
import pytest_asyncio
from easel_tests_painter import walk
from PIL import Image

pytestmark = pytest.mark.asyncio(loop_scope="module")


def texts(message):
    """Return all text of a message made of parts."""
    return "\n".join(c["content"] for c in walk(message["components"]) if c["type"] == 10)


def thumbnails(message):
    """Return the thumbnails of a message."""
    return [c for c in walk(message["components"]) if c["type"] == 11]


def disabled(message):
    """Return the labels of the buttons that cannot be pressed."""
    return [c["label"] for c in walk(message["components"]) if c["type"] == 2 and c.get("disabled")]


async def history_of(person, **options):
    """Use /history and return its first page."""
    before = {message["id"] for message in await person.messages()}
    await person.slash("history", **options)
    return await person.wait_for(
        lambda m: m["id"] not in before and m.get("ephemeral_to") == person.id and m["components"]
    )


async def page_after(person, page, button):
    """Turn a page and return it."""
    before = texts(page)
    await person.click(page, button)
    return await person.wait_for(lambda m: m["id"] == page["id"] and texts(m) != before)


@pytest_asyncio.fixture(loop_scope="module")
async def member(shared):
    """Somebody with a few pictures."""
    person = await shared.person("painter2")
    if "You have no pictures" in texts(await history_of(person)):
        for number in range(6):
            await person.paint(f"fox number {number} --seed {number} --steps 1")
        await person.enter("dm")
        await person.paint("a Private owl of mine, 9% blue --steps 1")
        await person.enter("painting")
    return person


async def test_ones_own_pictures_page_by_page(shared, member):
    """/history shows one's own pictures, newest first, with thumbnails and links, also after a
    restart, and to nobody else.
    """
    page = await history_of(member)
    text = texts(page)
    assert "7 jobs, page 1 of 2" in text
    assert text.index("Private owl") < text.index("fox number 5") < text.index("fox number 2")
    assert "fox number 1" not in text
    grid = await member.wait_for(lambda m: "fox number 5" in m["content"])
    assert f"/{member.channel_id}/{grid['id']})" in text
    assert len(thumbnails(page)) == 5
    assert disabled(page) == ["Newer"]
    picture = await member.download(page["attachments"][0])
    assert max(Image.open(io.BytesIO(picture)).size) <= 192

    await shared.bot.restart()
    second = await page_after(member, page, "Older")
    assert "page 2 of 2" in texts(second)
    assert "fox number 0" in texts(second)
    assert len(thumbnails(second)) == 2
    assert disabled(second) == ["Older"]

    other = await shared.person("painter")
    assert "You have no pictures" in texts(await history_of(other))


async def test_searching_by_prompt(member):
    """A search finds every word, however capitalised, and takes no sign for a wildcard."""
    found = texts(await history_of(member, search="MINE 9% owl"))
    assert "Private owl" in found
    assert "fox number" not in found
    assert "None of your pictures has **f%x**" in texts(await history_of(member, search="f%x"))
    paged = await history_of(member, search="number")
    assert "6 jobs with **number** in the prompt, page 1 of 2" in texts(paged)
    assert "fox number 0" in texts(await page_after(member, paged, "Older"))


async def test_only_the_favourites(member):
    """/history favourites: shows what one keeps with ⭐, and says how where there is nothing."""
    assert "react with ⭐" in texts(await history_of(member, favourites=True))
    grid = await member.wait_for(lambda m: "fox number 2" in m["content"])
    await member.react(grid, "⭐")
    async with asyncio.timeout(120):
        while "fox number 2" not in (found := texts(await history_of(member, favourites=True))):
            await asyncio.sleep(0.2)
    assert "1 job among your favourites" in found
    assert "fox number 3" not in found


async def test_a_deleted_message_is_no_dead_link(member):
    """Where a message is deleted, the history says how to get it back, and /show does that."""
    grid = await member.wait_for(lambda m: "fox number 3" in m["content"])
    await member.react(grid, "❌")
    await member.gone(grid)
    page = texts(await history_of(member, search="number 3"))
    assert "Jump" not in page
    job_id = page.partition("/show job_id:")[2].partition("`")[0]
    await member.slash("show", job_id=job_id)
    again = await member.wait_for(lambda m: "fox number 3" in m["content"] and m["components"])
    assert again["content"] == grid["content"]
    await member.click(again, "U2")
    await member.wait_for(lambda m: "fox number 3" in m["content"] and "Image #2" in m["content"])


async def test_showing_a_job_elsewhere(shared, member):
    """/show posts one's own job anywhere, by id, link or words, and nobody else's."""
    grid = await member.wait_for(lambda m: "fox number 4" in m["content"])
    link = f"https://discord.com/channels/1/{member.channel_id}/{grid['id']}"
    choices = await member.complete("show", "job_id", job_id="number 4")
    assert [choice["name"] for choice in choices] == ["fox number 4 --seed 4 --steps 1"]
    other = await shared.person("painter")
    for given in (choices[0]["value"], link, "7", "x" * 90):
        await other.slash("show", job_id=given)
        refused = await other.wait_for(lambda m, g=given: f"There is no job `{g}`" in m["content"])
        assert refused["ephemeral_to"] == other.id
    await member.enter("dm")
    for given in (link, "number 4"):
        before = {message["id"] for message in await member.messages()}
        await member.slash("show", job_id=given)
        shown = await member.wait_for(lambda m, b=before: m["id"] not in b and m["attachments"])
        assert shown["content"] == grid["content"]
    await member.react(shown, "❌")
    await member.gone(shown)


async def test_an_unfinished_job_is_not_shown(member):
    """A job that is being painted, or was stopped, is answered with a sentence."""
    running = await member.start_long("a slow fox")
    page = await history_of(member, search="slow")
    assert "None of your pictures" in texts(page)
    await member.slash("show", job_id=running["id"])
    await member.wait_for(lambda m: "There is no job" in m["content"])
    await member.stop(running)


async def test_the_way_to_another_server(member):
    """/invite says in the playground that one cannot invite it."""
    await member.slash("invite")
    await member.wait_for(lambda m: "Easel's playground" in m["content"])


# -- one's own data -------------------------------------------------------------------------------


async def export_of(person):
    """Use /export_my_data and return its answer and the archive."""
    before = {message["id"] for message in await person.messages()}
    await person.slash("export_my_data")
    answer = await person.wait_for(lambda m: m["id"] not in before and m["attachments"])
    assert answer["ephemeral_to"] == person.id
    return answer, zipfile.ZipFile(io.BytesIO(await person.download(answer["attachments"][0])))


async def test_taking_ones_data_away(member):
    """/export_my_data gives jobs, preferences and pictures as one file, in a DM too."""
    await member.slash("prefer suffix", new_value="--no text")
    await member.enter("dm")
    answer, archive = await export_of(member)
    await member.slash("prefer suffix")
    assert "Here is what Easel keeps of you" in answer["content"]
    data = json.loads(archive.read("data.json"))
    assert {"key": "suffix", "value": "--no text", "user_id": int(member.id)} in data["preferences"]
    (job,) = [job for job in data["jobs"] if "number 4" in job["shown"]]
    for tile in range(1, 5):
        picture = Image.open(io.BytesIO(archive.read(f"pictures/{job['id']}-{tile}.png")))
        assert picture.size == (64, 64)
    assert {job["user_id"] for job in data["jobs"]} == {int(member.id)}


async def test_what_stopped_before_it_was_announced_is_forgotten_too(shared):
    """The message of a job that was cancelled while Discord took it is deleted with the data."""
    person = await shared.person("painter2")
    await person.slash("imagine", prompt="a hasty {red, blue} fox --steps 5000")
    asked = await person.wait_for(lambda m: "You are about to imagine" in m["content"])
    shared.server.faults.add("POST", r"/webhooks/.*", "slow", wait_s=3)
    await person.click(asked, "Yes")
    await person.slash("cancel")
    stopped = [
        await person.wait_for(
            lambda m, colour=colour: f"{colour} fox" in m["content"] and "(Stopped)" in m["content"]
        )
        for colour in ("red", "blue")
    ]
    await person.slash("delete_my_data")
    question = await person.wait_for(lambda m: "deletes everything" in m["content"])
    await person.click(question, "Delete everything")
    for message in stopped:
        await person.gone(message)


async def test_being_forgotten(shared, admin):
    """/delete_my_data asks first; then jobs, running ones too, pictures, preferences and messages
    of this person are gone everywhere, and nobody else's.
    """
    person = await shared.person("stranger")
    other = await shared.person("painter")
    kept = await other.paint("a fox of somebody else --steps 1")
    grid = await person.paint("a fox to forget --steps 1")
    await person.click(grid, "U1")
    taken = await person.wait_for(
        lambda m: "Image #1" in m["content"] and "to forget" in m["content"]
    )
    await person.enter("dm")
    letter = await person.paint("a private fox to forget --steps 1")
    await person.slash("prefer suffix", new_value="--no text")
    await person.enter("painting")
    await person.start_long("a running fox to forget")
    files = len(list((shared.bot.data / "pictures").iterdir()))

    await person.slash("delete_my_data")
    question = await person.wait_for(lambda m: "deletes everything" in m["content"])
    await person.click(question, "Keep it")
    await person.wait_for(lambda m: m["content"] == "Nothing was deleted.")
    await person.slash("delete_my_data")
    question = await person.wait_for(lambda m: "deletes everything" in m["content"])
    await shared.bot.restart()  # the running job starts again
    await person.click(question, "Delete everything")
    done = await person.wait_for(lambda m: m["content"].startswith("Done!"))
    assert done["ephemeral_to"] == person.id
    assert "3 jobs with all pictures" in done["content"]
    for message in (grid, taken, letter):
        await person.gone(message)

    assert len(list((shared.bot.data / "pictures").iterdir())) == files - 2
    assert "You have no pictures" in texts(await history_of(person))
    _, archive = await export_of(person)
    data = json.loads(archive.read("data.json"))
    assert not any(data[table] for table in ("jobs", "preferences", "messages", "favourites"))
    assert (await person.paint("a new fox"))["content"].startswith("**a new fox**")
    assert kept["id"] in [message["id"] for message in await other.messages()]
    assert "somebody else" in texts(await history_of(other, search="somebody"))
