"""What bots may put into messages, and what people do with it, on the page before such a bot."""

import asyncio
import base64
import io
import re
import time

import discord
import pytest
import pytest_asyncio
from discord import app_commands, ui
from PIL import Image
from playwright.async_api import expect

PHONE = {"width": 390, "height": 844}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]

BRING = """([kind, names, data]) => {
    const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt());
    const carried = new DataTransfer();
    for (const name of names) carried.items.add(new File([bytes], name, { type: 'image/png' }));
    const way = { bubbles: true, cancelable: true, dataTransfer: carried, clipboardData: carried };
    const Kind = kind === 'drop' ? DragEvent : ClipboardEvent;
    document.querySelector('#message').dispatchEvent(new Kind(kind, way));
}"""


def png(width=64, height=64):
    """A picture of that size."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


def file(name, width=64, height=64):
    """The same as a file of a message."""
    return discord.File(io.BytesIO(png(width, height)), name)


class Panel(ui.LayoutView):
    """A layout with one of everything."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        models = [
            discord.SelectOption(label="embedded", description="comes along", emoji="🎨"),
            discord.SelectOption(label="turbo", description="large and quick"),
        ]
        cells = [discord.SelectOption(label=f"{row}{n}") for row in "AB" for n in (1, 2)]
        rooms = ui.ChannelSelect(
            custom_id="room", placeholder="Room", channel_types=[discord.ChannelType.public_thread]
        )
        ready = f"**Model**\n-# ready <t:{int(time.time()) + 100_000}:R>"
        thumbnail = ui.Thumbnail("attachment://small.png", description="a sample")
        off = ui.Button(label="Off", custom_id="off", disabled=True)
        web = ui.Button(label="Web", url="http://127.0.0.1/web")
        pictures = [
            discord.MediaGalleryItem("attachment://wide.png", description="wide"),
            discord.MediaGalleryItem("attachment://tall.png", description="tall", spoiler=True),
        ]
        self.add_item(
            ui.Container(
                ui.TextDisplay("## Settings"),
                ui.Section(ready, accessory=thumbnail),
                ui.Separator(spacing=discord.SeparatorSpacing.large),
                ui.ActionRow(ui.Select(custom_id="model", placeholder="Model", options=models)),
                ui.ActionRow(
                    ui.Select(custom_id="cells", placeholder="Cells", options=cells, max_values=4)
                ),
                ui.ActionRow(rooms),
                ui.ActionRow(off, web),
                accent_colour=0xE2572F,
            )
        )
        self.add_item(ui.MediaGallery(*pictures))
        self.add_item(ui.File("attachment://jobs.json"))


def note(style=discord.ButtonStyle.secondary):
    """A button that is answered by a note and coloured then."""
    return ui.View(timeout=None).add_item(ui.Button(label="Note", custom_id="note", style=style))


class Layouts(discord.Client):
    """A bot that answers with all kinds of parts; `pressed`: what came back."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        everywhere = app_commands.AppInstallationType(guild=True, user=True)
        self.tree = app_commands.CommandTree(self, allowed_installs=everywhere)
        self.pressed: list[tuple[str, list[str]]] = []

    async def on_interaction(self, interaction):
        if interaction.type is discord.InteractionType.component:
            data = interaction.data
            self.pressed.append((data["custom_id"], data.get("values", [])))
            if data["custom_id"] != "note":
                await interaction.response.defer()
                return
            await interaction.response.send_message("a note\n" * 9, ephemeral=True)
            await interaction.message.edit(view=note(discord.ButtonStyle.primary))

    async def setup_hook(self):
        tree = self.tree

        @tree.command(description="A panel")
        async def panel(interaction):
            files = [
                file("small.png", 90, 60),
                file("wide.png", 200, 100),
                file("tall.png", 50, 90),
            ]
            files.append(discord.File(io.BytesIO(b"{}"), "jobs.json"))
            await interaction.response.send_message(view=Panel(), files=files)

        @tree.command(description="A card")
        async def card(interaction):
            embed = discord.Embed(title="Info", description="of a job", colour=0x2F8F7F)
            embed.add_field(name="Mode", value="fast").add_field(name="Left", value="12")
            embed.set_image(url="attachment://wide.png").set_footer(text="job 7")
            embed.set_thumbnail(url="attachment://small.png")
            files = [file("wide.png", 300, 100), file("small.png")]
            await interaction.response.send_message(embed=embed, files=files)

        @tree.command(description="Blend pictures")
        async def blend(
            interaction,
            image1: discord.Attachment,
            image2: discord.Attachment,
            image3: discord.Attachment | None = None,
            model: str = "none",
        ):
            names = [one.filename for one in (image1, image2, image3) if one]
            await interaction.response.send_message(f"{model}: {', '.join(names)}")

        @blend.autocomplete("model")
        async def complete(_, current):
            return [app_commands.Choice(name="embedded", value="embedded")]

        @tree.command(description="Every kind of option")
        @app_commands.choices(speed=[app_commands.Choice(name="Very fast", value="fast")])
        async def kinds(
            interaction,
            speed: app_commands.Choice[str],
            number: float,
            whole: app_commands.Range[int, 1, 9],
            flag: bool,
            who: discord.User,
            role: discord.Role,
            room: discord.TextChannel,
        ):
            told = (speed.value, number, whole, flag, who.name, role.name, room.name)
            await interaction.response.send_message(" ".join(map(str, told)))

        @tree.context_menu(name="Show parameters")
        async def show(interaction, message: discord.Message):
            names = [one.filename for one in message.attachments]
            await interaction.response.send_message(f"shown: {names}", ephemeral=True)

        @tree.context_menu(name="Only for admins")
        @app_commands.default_permissions(manage_guild=True)
        async def admins(interaction, message: discord.Message):
            await interaction.response.send_message("never", ephemeral=True)

        await tree.sync()


@pytest_asyncio.fixture(loop_scope="module")
async def layouts(play):
    """Open the page before the bot of layouts: `page`, `server`, `bot`."""
    bot = Layouts()
    page, server = await play(bot)
    return page, server, bot


async def send(page, line):
    """Write a line and send it; a command once the page has heard of it from the bot."""
    box = page.get_by_role("textbox", name="Message", exact=True)
    await box.fill(line)
    while line.startswith("/") and not await page.get_by_role("option").count():
        await page.wait_for_timeout(50)
        await box.fill("")
        await box.fill(line)
    await box.press("Enter")


def bury(server, channel, many):
    """Let what stands in a channel be followed by so many messages, from "no 0" on."""
    us = str(channel.guild.me.id)
    for number in range(many):
        server.messages.create(str(channel.id), us, {"content": f"no {number}"}, {})


async def ratio(picture):
    """How wide a picture stands there, by its height, and in truth."""
    return await picture.evaluate(
        "i => i.decode().then(() => [i.clientWidth / i.clientHeight,"
        " i.naturalWidth / i.naturalHeight])"
    )


async def test_a_layout(layouts):
    """Components V2 stand as their sender ordered them: texts, a section, a gallery, a file."""
    page, _, _ = layouts
    await send(page, "/panel")
    panel = page.get_by_role("article").filter(has_text="Settings")
    await expect(panel.get_by_role("heading", name="Settings")).to_be_visible()
    await expect(panel.locator("time.mention")).to_have_text("in 1 day")
    await expect(panel.locator("time.mention")).to_have_attribute("title", re.compile(r"\d{4}"))
    await expect(panel.get_by_role("button", name="Off")).to_be_disabled()
    link = panel.get_by_role("link", name="Web")
    await expect(link).to_have_attribute("href", "http://127.0.0.1/web")
    await expect(panel.get_by_role("link", name="jobs.json")).to_be_visible()
    await expect(panel.get_by_role("link", name="tall")).to_have_js_property("inert", True)
    veil = panel.get_by_role("button", name="Spoiler")
    await veil.click()
    await expect(veil).to_have_count(0)
    await panel.get_by_role("link", name="wide").click()
    viewer = page.get_by_role("dialog", name="Picture viewer")
    await viewer.get_by_role("button", name="Next picture").click()
    await expect(viewer.get_by_role("img", name="tall")).to_be_visible()


async def test_a_relative_time_keeps_up(layouts):
    """`<t:…:R>` counts down by itself, and is written in the page's language."""
    page, _, _ = layouts
    await send(page, f"ready <t:{int(time.time()) + 30}:R>")
    told = page.locator("time.mention")
    await expect(told).to_have_text(re.compile(r"^in \d+ seconds$"))
    before = await told.text_content()
    await expect(told).not_to_have_text(before)
    await page.get_by_role("button", name="中文").click()
    await expect(told).to_have_text(re.compile("秒"))


async def test_a_menu_keeps_what_was_chosen(layouts):
    """A choice stays, its menu keeps the focus, and of several choices all are sent at once."""
    page, server, bot = layouts
    painting = next(iter(server.world.channels.values()))
    server.world.add_thread(painting, "foxes", server.world.user("painter")["id"])
    await send(page, "/panel")
    panel = page.get_by_role("article").filter(has_text="Settings")
    model = panel.get_by_label("Model", exact=True)
    await model.focus()
    await model.select_option("turbo")
    await expect(model).not_to_have_attribute("aria-busy", "true")
    await expect(model).to_have_value("turbo")
    await expect(model).to_be_focused()
    rooms = panel.get_by_label("Room")
    assert await rooms.locator("option").all_text_contents() == ["Room", "#foxes"]
    cells = panel.locator("summary", has_text="Cells")
    await cells.click()
    await panel.get_by_label("A1").check()
    await panel.get_by_label("B2").check()
    await panel.get_by_role("heading", name="Settings").click()
    await expect(panel.get_by_label("A1")).to_be_hidden()
    await expect(panel.locator("summary")).to_have_text("A1, B2")
    async with asyncio.timeout(120):
        while len(bot.pressed) < 2:
            await asyncio.sleep(0.02)
    assert bot.pressed == [("model", ["turbo"]), ("cells", ["A1", "B2"])]


async def test_several_are_chosen_by_keyboard(layouts):
    """Arrows open a menu of several choices and go through it, Space chooses, Escape sends."""
    page, _, bot = layouts
    await send(page, "/panel")
    panel = page.get_by_role("article").filter(has_text="Settings").last
    summary = panel.locator("summary")
    await summary.focus()
    await page.keyboard.press("ArrowDown")
    await expect(panel.get_by_label("A1")).to_be_focused()
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowUp")
    await expect(summary).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Space")
    await page.keyboard.press("Escape")
    await expect(summary).to_be_focused()
    async with asyncio.timeout(120):
        while not bot.pressed:
            await asyncio.sleep(0.02)
    assert bot.pressed == [("cells", ["A1", "B2"])]


async def test_a_card(layouts):
    """An embed has its picture in its own shape and its thumbnail beside the text, once each."""
    page, _, _ = layouts
    await send(page, "/card")
    card = page.get_by_role("article").filter(has_text="of a job")
    await expect(card.get_by_role("img")).to_have_count(2)
    shown, true = await ratio(card.get_by_role("img").first)
    assert shown == pytest.approx(true, rel=0.05)
    text, thumbnail = card.get_by_text("of a job"), card.locator("[data-thumbnail]")
    words, small = await text.bounding_box(), await thumbnail.bounding_box()
    assert small["x"] > words["x"] + words["width"] - 1
    assert small["y"] < words["y"] + words["height"]
    await expect(card).to_contain_text("job 7")


async def test_nothing_is_wider_than_a_phone(play):
    """At 390 px a layout, a card and a window fit; nothing is cut off at the right."""
    page, _ = await play(Layouts(), viewport=PHONE, has_touch=True, is_mobile=True)
    for line, sign in (("/panel", "Settings"), ("/card", "of a job")):
        await send(page, line)
        await expect(page.get_by_role("article").filter(has_text=sign)).to_be_visible()
    wide = """[...document.querySelectorAll('#log article *')].filter((e) =>
        e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
        .map((e) => e.outerHTML.slice(0, 120))"""
    assert await page.evaluate(wide) == []


async def test_pictures_find_their_places(layouts):
    """Two pictures fill the first two places of a command; what is left again waits for another."""
    page, _, _ = layouts
    carried = [["one.png", "two.png"], base64.b64encode(png()).decode()]
    await page.evaluate(BRING, ["drop", *carried])
    await expect(page.get_by_role("listitem").filter(has_text="two.png")).to_be_visible()
    await page.keyboard.type("/blend ")
    for name, text in (("image1", "one.png"), ("image2", "two.png")):
        await expect(page.get_by_role("button", name=name, exact=True)).to_have_text(text)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("listitem").filter(has_text="one.png")).to_be_visible()
    await page.keyboard.type("/blend ")
    await page.get_by_role("button", name="Add model").click()
    await page.keyboard.type("e")
    await expect(page.get_by_role("listbox", name="Choices for model")).to_contain_text("embedded")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("embedded: one.png, two.png")).to_be_visible()
    await expect(page.get_by_role("listitem").filter(has_text="one.png")).to_have_count(0)


async def test_options_of_every_kind(layouts):
    """Choices, numbers, yes and no, people, roles and channels are chips, and come to the bot."""
    page, _, _ = layouts
    await page.get_by_role("textbox", name="Message", exact=True).fill("/kinds ")
    await page.keyboard.type(" ")
    chosen = {"speed": "Very fast", "flag": "Yes", "who": "@moderator", "role": "@painters"}
    for name, label in {**chosen, "room": "#general"}.items():
        await page.get_by_role("combobox", name=name, exact=True).select_option(label=label)
    await page.get_by_role("textbox", name="number").fill("1.5")
    await page.get_by_role("textbox", name="whole").fill("7")
    await page.keyboard.press("Enter")
    said = page.get_by_text("fast 1.5 7 True moderator painters general")
    await expect(said).to_be_visible()


async def test_a_picture_is_posted_and_answered(layouts):
    """A pasted picture goes with a message; the reply to it leads back; apps see the picture."""
    page, _, _ = layouts
    await page.evaluate(BRING, ["paste", ["mine.png"], base64.b64encode(png()).decode()])
    await send(page, "look")
    posted = page.get_by_role("article").filter(has_text="look").first
    await expect(posted.get_by_role("img", name="mine.png")).to_be_visible()
    await posted.hover()
    await posted.get_by_role("button", name="Reply").click()
    await expect(page.get_by_text("Replying to painter")).to_be_visible()
    await page.keyboard.type("fine")
    await page.keyboard.press("Enter")
    answer = page.get_by_role("article").filter(has_text="fine")
    await expect(page.get_by_text("Replying to painter")).to_be_hidden()
    await answer.get_by_title("Jump to this message").click()
    await expect(posted).to_be_focused()
    await posted.get_by_role("img").click(button="right")
    menu = page.get_by_role("menu", name="Message menu")
    await expect(menu.get_by_role("group", name="Apps").get_by_role("menuitem")).to_have_count(1)
    await menu.get_by_role("menuitem", name="Show parameters").click()
    await expect(page.get_by_text("shown: ['mine.png']")).to_be_visible()


async def test_elsewhere(layouts):
    """Servers are chosen from a list, threads stand under their channel, and installs count."""
    page, server, _ = layouts
    world = server.world
    painting = next(iter(world.channels.values()))
    world.add_thread(painting, "foxes", world.user("painter")["id"])
    guild = world.add_guild("Elsewhere", "painter", bot=False)
    world.add_channel(guild["id"], "attic")
    world.open_group("painter", "stranger")
    await page.reload()
    side = page.get_by_role("navigation")
    rows = side.get_by_role("listitem")
    await expect(rows).to_have_text([re.compile(n) for n in
        ("painting", "foxes", "general", "Easel", "stranger")])  # fmt: skip
    box = page.get_by_role("textbox", name="Message", exact=True)
    for installed in (False, True):
        if installed:
            world.installers.add(world.user("painter")["id"])
            await page.reload()
        await side.get_by_label("Server").select_option("Elsewhere")
        await expect(page.get_by_role("heading", name="Welcome to #attic")).to_be_visible()
        await box.fill("/")
        panel = page.get_by_role("option", name="/panel")
        if installed:
            await expect(panel).to_be_visible()
        else:
            await box.fill("")
            await expect(panel).to_have_count(0)
    await box.fill("")
    await send(page, "/card")
    await expect(page.get_by_role("article").filter(has_text="of a job")).to_be_visible()


async def test_the_list_of_servers_stays_open(layouts):
    """Whoever chooses a server is not disturbed by what is written elsewhere."""
    page, server, bot = layouts
    guild = server.world.add_guild("Elsewhere", "painter", bot=False)
    server.world.add_channel(guild["id"], "attic")
    await page.reload()
    side = page.get_by_role("navigation")
    chosen = side.get_by_label("Server")
    await chosen.focus()
    before = await chosen.element_handle()
    await discord.utils.get(bot.guilds[0].text_channels, name="general").send("news")
    await expect(side.get_by_label("1 unread")).to_be_visible()
    assert await before.evaluate("list => list === document.activeElement")


async def test_reactions_of_easel_are_offered(layouts):
    """The small choice of reactions has all those that Easel understands."""
    page, _, _ = layouts
    await send(page, "hello")
    article = page.get_by_role("article").filter(has_text="hello")
    await article.hover()
    await article.get_by_role("button", name="Add a reaction").click()
    offered = await page.get_by_role("menuitem").all_text_contents()
    assert {"❌", "✉️", "⭐", "❤️", "🔁", "⚠️", "1️⃣", "2️⃣", "3️⃣", "4️⃣"} <= set(offered)


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_no_serious_fault_in_layouts(layouts, faults_of, theme):
    """Layouts, cards, open menus, what waits to be sent and the message menu are for everybody."""
    page, _, _ = layouts
    await page.emulate_media(color_scheme=theme)
    await send(page, "/card")
    await expect(page.get_by_role("article").filter(has_text="of a job")).to_be_visible()
    await send(page, "/panel")
    panel = page.get_by_role("article").filter(has_text="Settings")
    await panel.locator("summary").click()
    await page.evaluate(BRING, ["drop", ["one.png"], base64.b64encode(png()).decode()])
    found = {"layout": await faults_of(page)}
    await panel.get_by_label("Model", exact=True).click()
    found["menu"] = await faults_of(page)
    await page.keyboard.press("Escape")
    await panel.get_by_role("heading", name="Settings").click(button="right")
    await expect(page.get_by_role("group", name="Apps")).to_be_visible()
    found["apps"] = await faults_of(page)
    await page.get_by_role("menuitem", name="Reply").click()
    await expect(page.get_by_text("Replying to Easel")).to_be_visible()
    found["reply"] = await faults_of(page)
    assert {what: faults for what, faults in found.items() if faults} == {}


async def test_links_to_messages_stay_inside(layouts):
    """A link to a message, in a text or on a button, leads there, also into another channel."""
    page, server, bot = layouts
    guild = bot.guilds[0]
    general = discord.utils.get(guild.text_channels, name="general")
    first = await general.send("the first of all")
    bury(server, general, 60)
    view = ui.View().add_item(ui.Button(label="Parent", url=first.jump_url))
    painting = discord.utils.get(guild.text_channels, name="painting")
    await painting.send(f"it was {first.jump_url}", view=view)
    for name in ("Parent", "#general › 💬"):
        await page.get_by_role("navigation").get_by_role("button", name="painting").click()
        await page.get_by_role("link", name=name).click()
        goal = page.get_by_role("article").filter(has_text="the first of all")
        await expect(goal).to_be_focused()
        await expect(goal).to_be_in_viewport()


async def test_a_message_out_of_reach_is_not_called_deleted(play):
    """Who follows a link while the playground is away is told that, and gets there later."""
    bot = Layouts()
    page, server = await play(bot, forgiven="ERR_FAILED")
    guild = bot.guilds[0]
    general = discord.utils.get(guild.text_channels, name="general")
    first = await general.send("the very first of all")
    bury(server, general, 60)
    painting = discord.utils.get(guild.text_channels, name="painting")
    view = ui.View().add_item(ui.Button(label="There", url=first.jump_url))
    await painting.send("a way to it", view=view)
    side, link = page.get_by_role("navigation"), page.get_by_role("link", name="There")
    for away in ("**/page/channels/*/messages*before=*", "**/page/channels/*/messages*"):
        await side.get_by_role("button", name="painting").click()
        await expect(link).to_be_visible()
        await page.route(away, lambda route: route.abort())
        await link.click()
        await expect(page.get_by_role("status").filter(has_text="out of reach")).to_be_visible()
        await page.unroute(away)
    await side.get_by_role("button", name="painting").click()
    await link.click()
    await expect(page.get_by_role("article").filter(has_text="the very first")).to_be_focused()


async def test_a_note_is_shown_wherever_one_was(layouts):
    """The answer to a press far above is scrolled to, and the pressed button keeps the focus."""
    page, server, bot = layouts
    painting = discord.utils.get(bot.guilds[0].text_channels, name="painting")
    await painting.send("press this", view=note())
    bury(server, painting, 40)
    await expect(page.get_by_text("no 39", exact=True)).to_be_in_viewport()
    button = page.get_by_role("button", name="Note")
    await button.focus()
    await expect(button).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Only you can see this")).to_be_in_viewport()
    await expect(button).to_have_class(re.compile("blue"))
    await expect(button).to_be_focused()
    await expect(page.get_by_text("Only you can see this")).to_be_in_viewport()
