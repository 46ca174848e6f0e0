"""Parts of messages that Easel itself does not use yet, on the page before a bot that does."""

import discord
import pytest
import pytest_asyncio
from playwright.async_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(240),
]


def message_box(page):
    """Find the box in which one writes."""
    return page.get_by_role("textbox", name="Message", exact=True)


class Panel(discord.ui.View):
    """A select menu, a button with a window behind it, and one without an answer."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.select(
        placeholder="Model",
        custom_id="model",
        options=[discord.SelectOption(label=name) for name in ("embedded", "turbo")],
    )
    async def model(self, interaction, select):
        await interaction.response.send_message(f"model: {select.values[0]}", ephemeral=True)

    @discord.ui.button(label="Remix", style=discord.ButtonStyle.primary, custom_id="remix")
    async def remix(self, interaction, _):
        await interaction.response.send_modal(Remix())

    @discord.ui.button(label="Never", style=discord.ButtonStyle.danger, custom_id="never")
    async def never(self, *_):
        """Answer nothing."""


class Remix(discord.ui.Modal, title="Remix prompt"):
    """A window with a text in it."""

    prompt = discord.ui.TextInput(label="New prompt", default="a red apple")

    async def on_submit(self, interaction):
        await interaction.response.edit_message(content=f"remixed: {self.prompt.value}")


class Parts(discord.Client):
    """A bot that uses every part the page knows and Easel does not."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True))
        self.tree = discord.app_commands.CommandTree(self)

    async def setup_hook(self):
        tree = self.tree

        @tree.command(description="A panel")
        async def panel(interaction):
            await interaction.response.send_message("a panel", view=Panel())

        @tree.command(description="A style")
        async def style(interaction, name: str, strength: discord.app_commands.Range[int, 1, 9]):
            await interaction.response.send_message(f"style: {name} {strength}")

        @style.autocomplete("name")
        async def complete(_, current):
            names = [name for name in ("ink", "oil", "watercolour") if current in name]
            return [discord.app_commands.Choice(name=name, value=name) for name in names]

        @tree.context_menu(name="Describe")
        async def describe(interaction, message: discord.Message):
            await interaction.response.send_message(f"described: {message.id}", ephemeral=True)

        await tree.sync()


@pytest_asyncio.fixture(loop_scope="module")
async def parts(play):
    """Open the page before the bot of parts."""
    page, _ = await play(Parts())
    return page


async def test_menus_windows_and_silence(parts):
    """A select menu, a modal and a button that nobody answers do what they do on Discord."""
    page = parts
    await message_box(page).fill("/panel")
    await message_box(page).press("Enter")
    panel = page.get_by_role("article").filter(has=page.get_by_role("button", name="Remix"))
    await panel.get_by_label("Model").select_option("turbo")
    await expect(page.get_by_text("model: turbo")).to_be_visible()

    await panel.get_by_role("button", name="Remix").click()
    window = page.get_by_role("dialog", name="Remix prompt")
    await expect(window.get_by_label("New prompt")).to_have_value("a red apple")
    await window.get_by_label("New prompt").fill("a blue pear")
    await page.keyboard.press("Enter")
    await expect(window).to_be_hidden()
    await expect(panel).to_contain_text("remixed: a blue pear")

    never = panel.get_by_role("button", name="Never")
    await never.click()
    await expect(never).to_have_attribute("aria-busy", "true")
    await expect(panel).to_contain_text("This interaction failed.")
    await expect(never).not_to_have_attribute("aria-busy", "true")

    await panel.click(button="right", position={"x": 300, "y": 30})
    await page.get_by_role("menuitem", name="Describe").click()
    await expect(page.get_by_text("described: ")).to_be_visible()


async def test_options_are_completed_and_checked(parts):
    """The bot's own choices are offered while one types, and a number out of range is named."""
    page = parts
    await message_box(page).focus()
    await page.keyboard.type("/style ")
    await expect(page.get_by_role("textbox", name="name", exact=True)).to_be_focused()
    await page.keyboard.type("wat")
    await expect(page.get_by_role("listbox", name="Choices for name")).to_contain_text(
        "watercolour"
    )
    await page.keyboard.press("Enter")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("strength is needed.")).to_be_visible()
    await page.keyboard.type("12")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("strength must be at most 9.")).to_be_visible()
    await page.keyboard.press("ControlOrMeta+A")
    await page.keyboard.type("3")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("style: watercolour 3")).to_be_visible()


async def test_a_window_that_closes_takes_nobody_back(parts):
    """Its opener has the focus again, unless somebody went on to the message box at once."""
    page = parts
    await message_box(page).fill("/panel")
    await message_box(page).press("Enter")
    remix, window = page.get_by_role("button", name="Remix"), page.get_by_role("dialog")
    await remix.click()
    await expect(window).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(remix).to_be_focused()
    await remix.click()
    await expect(window).to_be_visible()
    # One turn of the page: no key can come between the two, and the window's end is told after.
    await page.evaluate(
        """async () => {
            document.querySelector("dialog").close();
            document.querySelector("#message").focus();
            await new Promise((done) => setTimeout(done, 100));
        }"""
    )
    await expect(window).to_have_count(0)
    await expect(message_box(page)).to_be_focused()


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_no_serious_fault_in_parts(parts, faults_of, theme):
    """A panel with a select menu, and a window, are for everybody."""
    page = parts
    await page.emulate_media(color_scheme=theme)
    await message_box(page).fill("/panel")
    await message_box(page).press("Enter")
    await expect(page.get_by_role("button", name="Remix")).to_be_visible()
    found = {"panel": await faults_of(page)}
    await page.get_by_role("button", name="Remix").click()
    await expect(page.get_by_role("dialog", name="Remix prompt")).to_be_visible()
    found["window"] = await faults_of(page)
    await page.keyboard.press("Escape")
    await message_box(page).focus()
    await page.keyboard.type("/style wat")
    await expect(page.get_by_role("listbox", name="Choices for name")).to_be_visible()
    found["choices"] = await faults_of(page)
    assert {what: faults for what, faults in found.items() if faults} == {}
