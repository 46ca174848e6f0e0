"""The page and what it is told: late, twice, while it is busy, and by nobody at all."""

import asyncio

import pytest
from playwright.async_api import expect

from bot.playground.world import EVERYBODY, Event

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]
LOST = "The playground is out of reach: do this again when it is back."


def message_box(page):
    """Find the box in which one writes."""
    return page.get_by_role("textbox", name="Message", exact=True)


def message_of(page, text):
    """Find the message that says this."""
    return page.get_by_role("article").filter(has_text=text).last


async def choose_in_menu(page, text, entry):
    """Open the menu of the message that says this, and choose an entry of it."""
    await message_of(page, text).click(button="right")
    await page.get_by_role("menuitem", name=entry, exact=True).click()


async def hold_back(page, address):
    """Hold the next answer from an address back; return when it is there, and what lets it go."""
    asked, due = asyncio.Event(), asyncio.Event()

    async def answer_late(route):
        response = await route.fetch()
        asked.set()
        await due.wait()
        await route.fulfill(response=response)

    await page.route(address, answer_late, times=1)
    return asked, due


async def test_a_late_account_undoes_nothing(visit, shared):
    """What the server tells while its account of things is under way is not undone by that."""
    page = await visit()
    offline = page.get_by_text("Easel is offline")
    await shared.bot.stop()
    await expect(offline).to_be_visible()
    asked, due = await hold_back(page, "**/page/state*")
    shared.server.world.tell(Event(name="COMMANDS", data={}, to=EVERYBODY))
    await asked.wait()
    await shared.bot.start()
    await expect(offline).to_be_hidden()
    async with page.expect_event("requestfinished"):
        due.set()
    await page.wait_for_timeout(300)
    await expect(offline).to_be_hidden(timeout=100)


async def test_late_messages_undo_nothing(visit, shared):
    """What is said, changed and deleted while the list is under way is in it when it comes."""
    writer = await shared.person("painter2")
    doomed = await writer.say("this is deleted")
    page = await visit()
    await page.get_by_role("button", name="general").click()
    await expect(page.get_by_role("article").filter(has_text="this is deleted")).to_have_count(0)
    asked, due = await hold_back(page, "**/page/channels/*/messages*")
    await page.get_by_role("button", name="painting", exact=True).click()
    await asked.wait()
    await writer.delete(doomed)
    await writer.say("this is new")
    due.set()
    await expect(page.get_by_role("article").filter(has_text="this is new")).to_be_visible()
    await page.wait_for_timeout(300)
    await expect(page.get_by_role("article").filter(has_text="this is new")).to_be_visible()
    await expect(page.get_by_role("article").filter(has_text="this is deleted")).to_have_count(0)


async def test_a_reaction_that_is_told_late_counts_once(visit, shared):
    """A reaction that the list of messages knows already is not counted again by its event."""
    writer = await shared.person("painter2")
    message = await writer.say("a message to like once")
    page = await visit()
    due, passed = asyncio.Event(), []

    def join(socket):
        server = socket.connect_to_server()

        async def pass_on(frame):
            await due.wait()
            socket.send(frame)
            passed.append(frame)

        server.on_message(pass_on)

    await page.route_web_socket("**/page/events*", join)
    await page.reload()
    reactions = message_of(page, "a message to like once").get_by_role("button", name="👍")
    await expect(message_of(page, "a message to like once")).to_be_visible()
    await writer.react(message, "👍")
    await page.get_by_role("button", name="general").click()
    await page.get_by_role("button", name="painting", exact=True).click()
    await expect(reactions.first).to_contain_text("1")
    due.set()
    await writer.say("said after the reaction")
    await expect(message_of(page, "said after the reaction")).to_be_visible()
    assert any("REACTION_ADD" in frame for frame in passed)
    await expect(reactions.first).to_contain_text("1")
    await writer.unreact(message, "👍")
    await expect(reactions).to_have_count(0)


async def test_a_failure_stays_where_it_began(visit, shared):
    """What a message's command fails with is no note in a channel that was opened since."""
    writer = await shared.person("painter2")
    await writer.say("a message of no job")
    page = await visit(forgiven="ERR_FAILED")
    asked, due = asyncio.Event(), asyncio.Event()

    async def fail_late(route):
        asked.set()
        await due.wait()
        await route.abort()

    await page.route("**/page/interactions*", fail_late, times=1)
    await choose_in_menu(page, "a message of no job", "Show parameters")
    await asked.wait()
    await page.get_by_role("button", name="general").click()
    await expect(page.get_by_role("heading", name="general", exact=True)).to_be_visible()
    due.set()
    await expect(page.get_by_text(f"Show parameters: {LOST}")).to_be_visible()
    await expect(page.get_by_role("article").filter(has_text=LOST)).to_have_count(0)


async def test_who_reacts_or_deletes_in_vain_is_told_in_a_sentence(visit, shared):
    """While the server is away the page says so in its own words, not in the browser's."""
    writer = await shared.person()
    await writer.say("nobody takes this away")
    page = await visit(forgiven="ERR_FAILED")
    await expect(message_of(page, "nobody takes this away")).to_be_visible()
    await page.route("**/page/channels/**", lambda route: route.abort())
    hint = page.locator("#composer").get_by_role("status")
    for entry in ("Add a reaction", "Delete message"):
        await choose_in_menu(page, "nobody takes this away", entry)
        if entry == "Add a reaction":
            await page.get_by_role("menuitem", name="👍").click()
        await expect(hint).to_have_text(LOST)
        await message_box(page).fill("on")
        await message_box(page).fill("")
        await expect(hint).to_have_text("")


async def test_an_open_list_of_persons_stays_open(visit, shared):
    """News of the bot or of the commands closes no list that somebody is choosing from."""
    page = await visit()
    persons = page.get_by_label("Who am I")
    await persons.focus()
    await page.keyboard.press("Alt+ArrowDown")
    is_open = "e => e.matches(':open') && e === document.activeElement"
    select = await persons.element_handle()
    assert await select.evaluate(is_open)
    tell = shared.server.world.tell
    for status in ("painting 3 pictures", "painting 2 pictures"):
        tell(Event(name="BOT", data={"online": True, "status": status}, to="page"))
        await expect(page.get_by_text(status)).to_be_visible()
        assert await select.evaluate(is_open)
    async with page.expect_response("**/page/state*"):
        tell(Event(name="COMMANDS", data={}, to=EVERYBODY))
    await page.wait_for_timeout(300)
    assert await select.evaluate(is_open)
