"""The page for everybody: by keyboard, by ear, in Chinese, for an admin and for the curious."""

import json
import re

import pytest
from playwright.async_api import expect

PROMPT = "a red apple on a beach"
PHONE = {"width": 390, "height": 844}
SLOW = 100_000
"""How long a page may take on a busy machine, in milliseconds."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
    pytest.mark.usefixtures("painted"),
]


def message_box(page):
    """Find the box in which one writes."""
    return page.get_by_role("textbox", name="Message", exact=True)


def grid(page):
    """Find the newest finished grid."""
    button = page.get_by_role("button", name="U2", exact=True)
    return page.get_by_role("article").filter(has=button).last


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_no_serious_fault(visit, faults_of, theme):
    """The list, the picker, the chips, the menus, the viewer and the wire are for everybody."""
    page = await visit(color_scheme=theme)
    found = {}
    await expect(grid(page)).to_be_visible()
    found["list"] = await faults_of(page)

    await message_box(page).fill("/")
    await expect(page.get_by_role("listbox", name="Commands")).to_be_visible()
    found["picker"] = await faults_of(page)
    await message_box(page).fill("/imagine")
    await page.keyboard.press("Tab")
    await page.keyboard.type("a cat")
    await page.get_by_role("button", name="Add negative").click()
    await expect(page.get_by_role("textbox", name="negative")).to_be_visible()
    found["chips"] = await faults_of(page)
    await page.get_by_role("button", name="Add picture").click()
    found["file"] = await faults_of(page)
    await page.get_by_title("Leave the command").click()
    await message_box(page).fill("")

    await grid(page).hover()
    await page.get_by_role("button", name="Add a reaction").first.click()
    await expect(page.get_by_role("menu")).to_be_visible()
    found["reactions"] = await faults_of(page)
    await page.keyboard.press("Escape")
    await grid(page).click(button="right", position={"x": 300, "y": 10})
    await expect(page.get_by_role("menu", name="Message menu")).to_be_visible()
    found["menu"] = await faults_of(page)
    await page.keyboard.press("Escape")

    await grid(page).get_by_role("link", name=PROMPT).click()
    await expect(page.get_by_role("dialog", name="Picture viewer")).to_contain_text("Seed")
    found["viewer"] = await faults_of(page)
    await page.keyboard.press("Escape")

    await page.get_by_role("button", name="Show what goes over the wire").click()
    await page.get_by_role("region", name="Wire").locator("summary").first.click()
    found["wire"] = await faults_of(page)
    await page.get_by_role("region", name="Wire").get_by_role("button", name="Close").click()
    await page.get_by_role("navigation").get_by_role("button", name="general").click()
    await expect(page.get_by_role("heading", name="Welcome to #general")).to_be_visible()
    found["welcome"] = await faults_of(page)
    assert {what: faults for what, faults in found.items() if faults} == {}


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
async def test_axe_finds_no_serious_fault_on_a_phone(visit, faults_of, locale):
    """The phone and its drawers are for everybody, in both languages."""
    page = await visit(viewport=PHONE, has_touch=True, is_mobile=True, locale=locale)
    await expect(grid(page)).to_be_visible()
    found = await faults_of(page)
    for drawer in ("side", "members"):
        await page.locator(f"[aria-controls={drawer}]").tap()
        await expect(page.locator(f"#{drawer}")).to_be_in_viewport()
        found += await faults_of(page)
        await page.keyboard.press("Escape")
    assert found == []


async def test_what_a_screen_reader_is_told(visit):
    """The tree of roles and names: regions in order, a message with its picture and its buttons."""
    page = await visit()
    await expect(grid(page)).to_be_visible()
    await expect(page.get_by_role("navigation")).to_match_aria_snapshot("""
        - navigation "Channels":
          - heading "Easel playground" [level=1]
          - region "Channels":
            - heading "Channels" [level=2]
            - list:
              - listitem:
                - button "painting"
              - listitem:
                - button "general"
          - region "Direct messages":
            - heading "Direct messages" [level=2]
            - list:
              - listitem:
                - button "Easel"
          - combobox "Who am I"
    """)
    await expect(page.get_by_role("main")).to_match_aria_snapshot("""
        - main:
          - heading "painting" [level=2]
          - log /Messages in .painting/
          - textbox "Message"
          - button "Attach files"
          - button "Send"
    """)
    await expect(grid(page)).to_match_aria_snapshot(f"""
        - article /Easel.*{PROMPT}.*/:
          - link /{PROMPT}/:
            - img /{PROMPT}/
          - button "U1"
          - button "U2"
          - button "U3"
          - button "U4"
          - button "🔄"
          - button "V1"
          - button "V2"
          - button "V3"
          - button "V4"
    """)
    await expect(page.get_by_role("complementary")).to_match_aria_snapshot("""
        - complementary "Members":
          - region "Apps":
            - heading "Apps"
            - list:
              - listitem: /Easel.*online/
          - region /Members/:
            - heading "Members — 5"
            - list
    """)


async def test_the_admins_path(visit):
    """Become the admin, set a rule by the picker, see it kept; a painter now meets it."""
    page = await visit()
    await page.get_by_label("Who am I").select_option("admin")
    await expect(page.get_by_label("Who am I")).to_have_value("admin")
    await message_box(page).focus()
    await page.keyboard.type("/easel config set")
    await expect(page.get_by_role("option", name="/easel config set")).to_be_visible()
    await page.keyboard.press("Tab")
    await page.get_by_role("button", name="Add steps").click()
    await page.keyboard.type("9")
    await page.keyboard.press("Enter")
    note = page.get_by_role("article").filter(has_text="Largest steps: 9").last
    await expect(note).to_contain_text("Only you can see this")
    try:
        await page.get_by_label("Who am I").select_option("painter")
        await expect(page.get_by_role("article").filter(has_text="Largest steps")).to_have_count(0)
        await message_box(page).fill("/imagine a cat --steps 12")
        await message_box(page).press("Enter")
        refusal = page.get_by_role("article").filter(has_text="Only you can see this").last
        await expect(refusal).to_contain_text("--steps")
        await expect(refusal).to_contain_text("9")
    finally:
        await page.get_by_label("Who am I").select_option("admin")
        await message_box(page).fill("/easel config reset")
        await message_box(page).press("Enter")
        reset = page.get_by_role("article").filter(has_text="what the model allows").last
        await expect(reset).to_be_visible()


async def test_chinese(visit):
    """In Chinese the page and its prompts are Chinese, and what is sent is what is shown."""
    page = await visit(locale="zh-CN")
    await page.get_by_role("navigation").get_by_role("button", name="general").click()
    await expect(page.get_by_role("heading", name="欢迎来到 #general")).to_be_visible()
    await page.get_by_role("button", name="沙滩上的红苹果").click()
    article = page.get_by_role("article").filter(has_text="沙滩上的红苹果 - @painter").last
    await expect(article).to_be_visible()
    nothing_english = """[...document.querySelectorAll('[aria-label], [title], [placeholder]')]
        .map((e) => e.ariaLabel || e.title || e.placeholder)
        .filter((text) => /^(Add|Show|Send|Close|Message|Attach|Use|More)/.test(text))"""
    assert await page.evaluate(nothing_english) == []
    await page.get_by_role("textbox", name="消息", exact=True).fill("/")
    await expect(page.get_by_role("listbox", name="命令")).to_be_visible()
    await page.get_by_role("textbox", name="消息", exact=True).fill("/想象")
    await expect(page.get_by_role("option", name="/imagine 想象")).to_be_visible()


async def test_the_wire_is_shown_and_saved(visit, shared, tmp_path):
    """The panel shows requests with answer and time, filters them, and saves them as NDJSON."""
    page = await visit()
    await page.get_by_role("button", name="Show what goes over the wire").click()
    wire = page.get_by_role("region", name="Wire")
    await expect(wire.get_by_role("searchbox", name="Filter")).to_be_focused()
    shown = wire.locator("li:visible")
    await expect(shown.filter(has_text="READY")).to_have_count(1)
    await page.keyboard.type("callback")
    await expect(shown.filter(has_text="READY")).to_have_count(0)
    before = await shown.count()
    await message_box(page).fill("/imagine a cat --sed 3")
    await message_box(page).press("Enter")
    await expect(shown).to_have_count(before + 1)
    newest = shown.first
    await expect(newest).to_contain_text(
        re.compile(r"POST /interactions/\d+/…/callback200[\d.]+ ms")
    )
    await newest.locator("summary").click()
    await expect(newest.locator("pre").first).to_contain_text('"type": 4')
    async with page.expect_download() as saving:
        await wire.get_by_role("button", name="Save as NDJSON").click()
    download = await saving.value
    assert download.suggested_filename == "wire.ndjson"
    await download.save_as(tmp_path / "wire.ndjson")
    text = (tmp_path / "wire.ndjson").read_text()
    entries = [json.loads(line) for line in text.splitlines()]
    assert len(entries) == before + 1
    assert {entry["what"].rpartition("/")[2] for entry in entries} == {"callback"}
    assert shared.server.token not in text
    await page.get_by_role("searchbox", name="Filter").press("Escape")
    await expect(wire).to_be_hidden()
    await expect(page.get_by_role("button", name="Show what goes over the wire")).to_be_focused()


async def test_an_age_restricted_channel_asks_first(visit, shared):
    """Nothing of such a channel is shown before one has said that one is old enough."""
    guild_id = next(iter(shared.server.world.guilds))
    channel = shared.server.world.add_channel(guild_id, "late", nsfw=True)
    painter = await shared.person()
    painter.channel_id = channel["id"]
    await painter.say("for grown-ups")
    page = await visit()
    await page.get_by_role("navigation").get_by_role("button", name="late").click()
    await expect(page.get_by_role("heading", name="#late is age-restricted")).to_be_visible()
    await expect(page.get_by_text("for grown-ups")).to_be_hidden()
    await expect(message_box(page)).to_be_hidden()
    await page.get_by_role("button", name="I am old enough").click()
    await expect(page.get_by_text("for grown-ups")).to_be_visible()
    shared.server.world.remove_channel(channel["id"])
    await expect(page.get_by_role("heading", name="painting", exact=True)).to_be_visible()
    await expect(message_box(page)).to_be_visible()


async def test_messages_can_be_deleted(visit):
    """One's own message goes by its menu; others' are for who may manage messages."""
    page, moderator = await visit(), await visit("moderator")
    await message_box(page).fill("take me away")
    await message_box(page).press("Enter")
    mine = page.get_by_role("article").filter(has_text="take me away")
    theirs = moderator.get_by_role("article").filter(has_text="take me away")
    await grid(page).click(button="right", position={"x": 300, "y": 10})
    await expect(page.get_by_role("menuitem", name="Copy message ID")).to_be_visible()
    await expect(page.get_by_role("menuitem", name="Delete message")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(mine).to_be_visible()
    await theirs.click(button="right", position={"x": 300, "y": 10})
    await moderator.get_by_role("menuitem", name="Delete message").click()
    await expect(mine).to_have_count(0)


async def test_nothing_moves_for_who_wants_no_motion(visit):
    """With `prefers-reduced-motion` no transition and no animation runs."""
    page = await visit(viewport=PHONE, reduced_motion="reduce")
    await page.get_by_role("button", name="Show channels").click()
    assert await page.evaluate("document.getAnimations().length") == 0
    still = "getComputedStyle(document.querySelector('#side')).transitionProperty"
    assert await page.evaluate(still) == "none"


HOLD_AT_TOP = """() => {
    const log = document.querySelector('#log');
    const hold = () => {
        log.scrollTop = 0;
        if (!document.querySelector('.welcome')) requestAnimationFrame(hold);
    };
    hold();
}"""
SCROLL = """async () => {
    const log = document.querySelector('#log');
    log.scrollTop = 0;
    for (let n = 0, by = 400; n < 90; n += 1) {
        const before = log.scrollTop;
        log.scrollTop += by;
        if (log.scrollTop === before) by = -by;
        await new Promise(requestAnimationFrame);
    }
}"""


async def fill(shared, name, count):
    """Open a channel with so many messages in it."""
    world, painter = shared.server.world, await shared.person()
    channel = world.add_channel(next(iter(world.guilds)), name)
    for number in range(count):
        body = {"content": f"message **{number}**\nand a second line"}
        shared.server.messages.create(channel["id"], painter.id, body, {})
    return channel


async def read_to_the_top(page, name):
    """Go to a channel and stay at its top until nothing older comes."""
    await page.get_by_role("navigation").get_by_role("button", name=name).click()
    await page.evaluate(HOLD_AT_TOP)
    welcome = page.get_by_role("heading", name=f"Welcome to #{name}")
    await expect(welcome).to_be_visible(timeout=SLOW)


async def test_who_stays_at_the_top_is_shown_what_is_older(visit, shared):
    """Older messages keep coming for somebody who has scrolled as far as it goes."""
    channel = await fill(shared, "deep", 170)
    page = await visit()
    await read_to_the_top(page, "deep")
    assert await page.get_by_role("article").count() == 170
    shared.server.world.remove_channel(channel["id"])


@pytest.mark.slow
async def test_a_thousand_messages_scroll_smoothly(visit, shared):
    """A frame of a scroll over a thousand messages is little more work than over fifty."""
    work = {}
    for name, count in (("short", 50), ("long", 1000)):
        channel = await fill(shared, name, count)
        page = await visit()
        await read_to_the_top(page, name)
        assert await page.get_by_role("article").count() == count
        tools = await page.context.new_cdp_session(page)
        await tools.send("Performance.enable")
        await page.evaluate(SCROLL)  # what is seen for the first time costs more
        took = []
        for _ in range(3):
            before = await layout_s(tools)
            await page.evaluate(SCROLL)
            took.append(await layout_s(tools) - before)
        work[name] = min(took)  # whatever else the machine does only makes it more
        shared.server.world.remove_channel(channel["id"])
    assert work["long"] < 4 * work["short"], work


async def layout_s(tools):
    """Tell how long the page has spent on styles and layout so far."""
    told = (await tools.send("Performance.getMetrics"))["metrics"]
    wanted = ("LayoutDuration", "RecalcStyleDuration")
    return sum(one["value"] for one in told if one["name"] in wanted)
