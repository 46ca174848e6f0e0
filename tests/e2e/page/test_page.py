"""The playground's page in a real Chromium, before the real bot: what a newcomer sees and does."""

import base64
import io
import re

import aiohttp
import pytest
from PIL import Image
from playwright.async_api import expect

from bot.memory import Memory, encoded

PHONE = {"width": 390, "height": 844}
PROMPT = "a red apple on a beach"
SLOW = 90_000
"""How long a painting may take on a busy machine, in milliseconds."""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]


def message_box(page):
    """Find the box in which one writes."""
    return page.get_by_role("textbox", name="Message", exact=True)


def grid(page, prompt=PROMPT):
    """Find the newest finished grid of a prompt."""
    button = page.get_by_role("button", name="U2", exact=True)
    return page.get_by_role("article").filter(has=button, has_text=prompt).last


async def test_the_newcomers_path(visit):
    """One press on a suggested prompt paints it, and one press on U2 takes the picture out."""
    page = await visit()
    await page.get_by_role("button", name=PROMPT).click()

    article = grid(page)
    await expect(article).to_be_visible(timeout=SLOW)
    await expect(article).to_contain_text(f"{PROMPT} - @painter")
    picture = article.get_by_role("img", name=PROMPT)
    await expect(picture).to_be_visible()
    assert await picture.evaluate("img => img.decode().then(() => img.naturalWidth)") == 256
    seen = await page.evaluate("window.remembered")
    assert any("(Waiting to start" in text for text in seen), seen
    assert any(re.search(r"\(\d+%\)", text) for text in seen), seen
    await expect(page.get_by_role("article").filter(has_text="Waiting to start")).to_have_count(0)
    labels = ["U1", "U2", "U3", "U4", "🔄", "V1", "V2", "V3", "V4"]
    for label in labels:
        await expect(article.get_by_role("button", name=label, exact=True)).to_be_enabled()

    await article.get_by_role("button", name="U2", exact=True).click()
    single = page.get_by_role("article").filter(has_text="Image #2")
    await expect(single.get_by_role("img")).to_be_visible()
    await expect(single).to_contain_text(f"{PROMPT} - Image #2 @painter")


async def test_only_its_own_page_is_answered(shared):
    """A request under another Host or from another Origin is refused with 403."""
    async with aiohttp.ClientSession() as session:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            for path in ("/", "/main.js", "/page/state"):
                async with session.get(shared.server.url + path, headers=headers) as answer:
                    assert answer.status == 403, (headers, path)


async def test_imagine_by_keyboard_alone(visit):
    """The picker, the chips, the sending and a button of the grid need no mouse."""
    page = await visit()
    await message_box(page).focus()
    await page.keyboard.type("/imag")
    await expect(page.get_by_role("option", name="/imagine")).to_have_attribute(
        "aria-selected", "true"
    )
    await page.keyboard.press("Tab")
    await page.keyboard.type("a fox in the snow --seed 7 --steps 20")
    for _ in range(10):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.ariaLabel") == "Add negative":
            break
    await page.keyboard.press("Enter")
    await page.keyboard.type("blur")
    await page.keyboard.press("Enter")

    article = grid(page, "a fox in the snow")
    await expect(article).to_be_visible(timeout=SLOW)
    await expect(article).to_contain_text("--no blur")
    await page.get_by_role("log").focus()
    await page.keyboard.press("ArrowUp")
    await expect(article).to_be_focused()
    while await page.evaluate("document.activeElement.textContent") != "U1":
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Image #1")).to_be_visible()
    await message_box(page).focus()
    await page.keyboard.type("/")
    await expect(page.get_by_role("listbox", name="Commands")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listbox", name="Commands")).to_be_hidden()


@pytest.mark.usefixtures("painted")
async def test_a_bad_flag_is_answered_to_me_alone(visit):
    """An unknown parameter is named in a note that only its writer sees, and can put away."""
    page, other = await visit(), await visit("painter2")
    await message_box(page).fill("/imagine a cat --sed 3")
    await message_box(page).press("Enter")
    note = page.get_by_role("article").filter(has_text="Only you can see this").last
    await expect(note).to_contain_text("--sed")
    await expect(other.get_by_role("article").filter(has_text="--sed")).to_have_count(0)
    await note.get_by_role("button", name="Dismiss").click()
    await expect(page.get_by_role("article").filter(has_text="--sed")).to_have_count(0)
    await page.reload()
    await expect(grid(page)).to_be_visible()
    await expect(page.get_by_role("article").filter(has_text="--sed")).to_have_count(0)


@pytest.mark.usefixtures("painted")
async def test_a_reaction_sends_the_pictures_by_dm(visit):
    """✉️ brings the pictures, the job and the seed to the second list: the direct messages."""
    page = await visit()
    await grid(page).hover()
    await grid(page).get_by_role("button", name="Add a reaction").click()
    await page.get_by_role("menuitem", name="✉️").click()
    direct = page.get_by_role("navigation").get_by_role("button", name="Easel")
    await expect(direct).to_contain_text("1")
    await direct.click()
    letter = page.get_by_role("article").filter(has_text="seed").last
    await expect(letter.get_by_role("img").first).to_be_visible()
    await expect(letter).to_contain_text("Job ID")


@pytest.mark.usefixtures("painted")
async def test_a_phone_has_room_for_everything(visit):
    """At 390 px nothing scrolls sideways, and the two sides are drawers that close again."""
    page = await visit(viewport=PHONE, has_touch=True, is_mobile=True)
    await expect(grid(page)).to_be_visible()
    await message_box(page).fill("/imagine " + "a very long prompt without end " * 6)
    for selector in ("html", "#log", "#composer"):
        room = "e => e.scrollWidth - e.clientWidth"
        assert await page.locator(selector).evaluate(room) <= 0, selector
    await page.get_by_role("button", name="Show channels").tap()
    await page.get_by_role("navigation").get_by_role("button", name="general").tap()
    await expect(page.get_by_role("heading", name="general", exact=True)).to_be_visible()
    await expect(page.get_by_role("navigation")).to_be_hidden()
    await page.get_by_role("button", name="Show members").tap()
    await expect(page.get_by_role("complementary")).to_contain_text("moderator")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("complementary")).to_be_hidden()


async def test_what_people_write_is_never_markup(visit):
    """Tags, handlers and addresses of scripts in a message are shown as the text they are."""
    page = await visit()
    evil = '<img src=x onerror="window.evil=1"> [press](javascript:window.evil=1) **bold** ||no||'
    await message_box(page).fill(evil)
    await message_box(page).press("Enter")
    article = page.get_by_role("article").filter(has_text="onerror").last
    await expect(article).to_contain_text('<img src=x onerror="window.evil=1">')
    await expect(article.locator("strong")).to_have_text("bold")
    await expect(article.get_by_role("link")).to_have_count(0)
    await expect(article.get_by_role("img")).to_have_count(0)
    await expect(article.get_by_role("button", name="Spoiler")).to_be_visible()
    assert await page.evaluate("window.evil") is None


async def test_a_reader_is_not_pulled_down(visit, shared):
    """Who has scrolled up stays there, is told of new messages, and finds older ones above."""
    people = [await shared.person("painter2"), await shared.person("moderator")]
    for person in people:
        await person.enter("general")
    for number in range(130):
        await people[number % 2].say(f"message number {number:03}\n\n.")
    page = await visit()
    await page.get_by_role("navigation").get_by_role("button", name="general").click()
    log, pill = page.get_by_role("log"), page.get_by_role("button", name="New messages")
    await expect(page.get_by_text("message number 129")).to_be_in_viewport()
    await expect(page.get_by_text("message number 020")).to_have_count(0)
    await log.hover()
    await page.mouse.wheel(0, -900)
    await expect(page.get_by_text("message number 129")).not_to_be_in_viewport()
    await people[0].say("and one more")
    await expect(pill).to_be_visible()
    await expect(page.get_by_text("and one more")).not_to_be_in_viewport()
    await pill.click()
    await expect(page.get_by_text("and one more")).to_be_in_viewport()
    for _ in range(40):
        await page.mouse.wheel(0, -2000)
        if await page.get_by_text("Welcome to #general").count():
            break
        await page.wait_for_timeout(50)
    await expect(page.get_by_text("message number 000")).to_be_visible()
    numbers = await page.get_by_text(re.compile(r"message number \d+")).all_text_contents()
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 130


async def test_five_people_two_languages_two_themes(visit):
    """The page can be used as anybody, in Chinese, and in light."""
    page = await visit(color_scheme="dark")
    dark = await page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")
    await page.get_by_role("button", name="Use the light theme").click()
    light = await page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")
    assert dark != light
    await page.get_by_label("Who am I").select_option("moderator")
    await expect(message_box(page)).to_be_visible()
    await message_box(page).fill("it is me")
    await message_box(page).press("Enter")
    article = page.get_by_role("article").filter(has_text="it is me").last
    await expect(article).to_contain_text("moderator")
    await page.get_by_role("button", name="中文").click()
    await expect(page.get_by_role("textbox", name="消息", exact=True)).to_be_visible()
    assert await page.evaluate("document.documentElement.lang") == "zh-CN"
    await page.reload()
    await expect(page.get_by_label("我是谁")).to_have_value("moderator")


@pytest.mark.usefixtures("painted")
async def test_a_picture_opens_large_and_tells_its_parameters(visit):
    """A press on a picture opens it over the page with its prompt, its seed and a download."""
    page = await visit()
    await grid(page).get_by_role("link", name=PROMPT).click()
    viewer = page.get_by_role("dialog", name="Picture viewer")
    await expect(viewer.get_by_role("img", name=PROMPT)).to_be_visible()
    await expect(viewer).to_contain_text("Seed")
    download = viewer.get_by_role("link", name="Download")
    assert re.search(r"\.png$", await download.get_attribute("download"))
    await page.keyboard.press("Escape")
    await expect(viewer).to_be_hidden()


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
async def test_other_kinds_of_pictures_tell_their_parameters_too(visit, shared, suffix):
    """A JPEG or WEBP, as large grids are posted, says in the viewer what a PNG would say."""
    words = f"一只狐狸, as {suffix}\nSteps: 8, Seed: 7"
    out = io.BytesIO()
    kind = {"jpg": "JPEG", "webp": "WEBP"}[suffix]
    Image.new("RGB", (64, 64), "teal").save(out, kind, **encoded(Memory(words, {})))
    painter = await shared.person()
    await painter.say("look", {f"fox.{suffix}": out.getvalue()})
    page = await visit()
    await page.get_by_role("link", name=f"fox.{suffix}").click()
    viewer = page.get_by_role("dialog", name="Picture viewer")
    await expect(viewer.get_by_role("definition")).to_have_text(words)


BRING = """([kind, data]) => {
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt());
    const carried = new DataTransfer();
    carried.items.add(new File([bytes], 'sketch.png', { type: 'image/png' }));
    const way = { bubbles: true, cancelable: true, dataTransfer: carried, clipboardData: carried };
    const Kind = kind === 'drop' ? DragEvent : ClipboardEvent;
    document.querySelector('#message').dispatchEvent(new Kind(kind, way));
}"""


@pytest.mark.parametrize("way", ["drop", "paste"])
async def test_a_picture_is_dropped_or_pasted(visit, way):
    """A picture that is dropped or pasted becomes a chip of /imagine, and is painted from."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, "PNG")
    page = await visit()
    await page.evaluate(BRING, [way, base64.b64encode(out.getvalue()).decode()])
    await expect(page.get_by_role("listitem").filter(has_text="sketch.png")).to_be_visible()
    await page.keyboard.type("/imagine ")
    chip = page.get_by_role("button", name="picture", exact=True)
    await expect(chip).to_have_text("sketch.png")
    await page.keyboard.type(f"a {way}ped sketch --steps 4")
    await page.keyboard.press("Enter")
    await expect(grid(page, f"a {way}ped sketch")).to_be_visible(timeout=SLOW)


@pytest.mark.usefixtures("painted")
async def test_an_answer_leads_back_to_its_question(visit):
    """The line over an answer names what it answers, and a press on it goes there."""
    page = await visit()
    await grid(page).get_by_role("button", name="U3", exact=True).click()
    answer = page.get_by_role("article").filter(has_text="Image #3").last
    await answer.get_by_title("Jump to this message").click()
    await expect(grid(page)).to_be_focused()


@pytest.mark.usefixtures("painted")
async def test_a_screen_reader_finds_its_way(visit):
    """The regions have their roles and names, and a message is read with its author."""
    page = await visit()
    await expect(page.get_by_role("navigation", name="Channels")).to_be_visible()
    await expect(page.get_by_role("complementary", name="Members")).to_be_visible()
    await expect(page.get_by_role("log", name="Messages in #painting")).to_be_visible()
    named = page.get_by_role("article", name=re.compile(rf"Easel.*{PROMPT}", re.DOTALL))
    await expect(named.first).to_be_visible()
    await page.keyboard.press("Shift+Tab")
    nameless = """[...document.querySelectorAll('button, a, input, select, textarea, img')].filter(
        (e) => e.checkVisibility() && !e.ariaLabel && !e.textContent.trim() && !e.alt && !e.title
               && !e.labels?.length).map((e) => e.outerHTML)"""
    assert await page.evaluate(nameless) == []


async def test_only_what_one_may_use_is_offered(visit):
    """The picker leaves out commands for which one lacks the permission."""
    for name, offered in (("painter", 0), ("admin", 1)):
        page = await visit(name)
        await message_box(page).fill("/")
        await expect(page.get_by_role("option", name="/imagine")).to_be_visible()
        await expect(page.get_by_role("option", name="/easel config show")).to_have_count(offered)


async def test_the_page_waits_for_its_bot(visit, shared):
    """Without the bot the page says so, keeps what was pressed, and sends it when it is back."""
    page = await visit()
    await shared.bot.stop()
    await expect(page.get_by_text("Easel is offline")).to_be_visible()
    await page.get_by_role("button", name="/imagine a cat in a meadow").click()
    await expect(page.get_by_text("sent as soon as it is here")).to_be_visible()
    await expect(message_box(page)).to_have_value("/imagine a cat in a meadow")
    await shared.bot.start()
    await expect(page.get_by_text("Easel is offline")).to_be_hidden()
    await expect(grid(page, "a cat in a meadow")).to_be_visible(timeout=SLOW)


async def test_a_refused_message_is_not_lost(visit):
    """Text that the server refuses stands in the box again, under a sentence that says why."""
    page = await visit(forgiven="status of 400")
    await message_box(page).fill("w" * 2001)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("2000")).to_be_visible()
    await expect(message_box(page)).to_have_value("w" * 2001)


async def test_who_changes_twice_hears_everything_once(visit, shared):
    """Two quick changes of who one is leave one line to the server, and nothing is told double."""
    writer = await shared.person("painter2")
    message = await writer.say("a message to like")
    page = await visit()
    await page.get_by_label("Who am I").evaluate(
        """select => {
            for (const name of ["moderator", "admin"]) {
                select.value = name;
                select.dispatchEvent(new Event("change"));
            }
        }"""
    )
    await expect(page.get_by_label("Who am I")).to_be_focused()
    await page.wait_for_timeout(500)
    await expect(page.get_by_label("Who am I")).to_have_value("admin")
    await writer.react(message, "👍")
    article = page.get_by_role("article").filter(has_text="a message to like")
    reaction = article.get_by_role("button", name="👍").first
    await expect(reaction).to_be_visible()
    await page.wait_for_timeout(300)
    await expect(reaction).to_contain_text("1")


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, PHONE])
async def test_what_explains_is_never_cut(visit, size):
    """What a command does is read in full in the list, and a parameter's name on one line."""
    page = await visit(viewport=size)
    await message_box(page).fill("/")
    await expect(page.get_by_role("option", name="/imagine")).to_be_visible()
    room = "all => all.map((e) => e.scrollWidth - e.clientWidth).filter((room) => room > 0)"
    assert await page.locator(".option, .option .note").evaluate_all(room) == []
    await message_box(page).fill("/imagine a cat --foo 3")
    await page.keyboard.press("Enter")
    answer = page.get_by_role("article").filter(has_text="Unrecognized parameter(s): --foo").last
    await expect(answer).to_be_visible()
    lines = "all => Math.max(...all.map((code) => code.getClientRects().length))"
    assert await answer.locator(".content :not(pre) > code").evaluate_all(lines) == 1


async def test_a_tall_message_has_its_menu_beside_it(visit, shared):
    """The menu of a message that is taller than the window does not lie over the bar above it."""
    painter = await shared.person()
    await painter.say("\n".join(["as tall as a tower"] * 60))
    page = await visit(viewport={"width": 1280, "height": 800})
    await expect(page.get_by_role("article").filter(has_text="a tower").last).to_be_visible()
    await page.get_by_role("log").focus()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Shift+F10")
    menu = await page.get_by_role("menu").bounding_box()
    bar = await page.locator("#bar").bounding_box()
    assert menu["y"] >= bar["y"] + bar["height"]
    assert menu["y"] + menu["height"] <= 800


async def test_a_long_prompt_has_the_width_of_a_phone(visit):
    """On a phone the name of the command stands over a prompt, not beside it."""
    page = await visit(viewport=PHONE, has_touch=True, is_mobile=True, locale="zh-CN")
    box = page.get_by_role("textbox", name="消息", exact=True)
    await box.fill("/imagine " + "一只红色的狐狸在雪地里" * 4)
    chip = await page.get_by_role("button", name="/imagine", exact=True).bounding_box()
    written = await box.bounding_box()
    assert written["y"] >= chip["y"] + chip["height"]
