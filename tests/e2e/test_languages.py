"""Easel speaks to each person in their own language, and to a server in the server's."""

import sqlite3

import pytest
from easel_tests_painter import walk

pytestmark = pytest.mark.asyncio(loop_scope="module")


def said_to(person, *texts):
    """Match an answer with these texts for this person alone."""
    return lambda m: (
        m.get("ephemeral_to") == person.id and all(text in m["content"] for text in texts)
    )


async def test_commands_are_known_by_chinese_names(shared):
    """Names, descriptions, options and choices are registered in both kinds of Chinese."""
    commands = {c["name"]: c for c in shared.server.world.commands["global"]["list"]}
    imagine = commands["imagine"]
    assert imagine["name_localizations"] == {"zh-CN": "想象", "zh-TW": "想像"}
    assert imagine["description_localizations"]["zh-CN"] == "用文字提示词生成图片"
    prompt = imagine["options"][0]
    assert prompt["name_localizations"]["zh-TW"] == "提示詞"
    assert prompt["description_localizations"]["zh-TW"] == "要畫的提示詞"
    assert commands["Cancel Job"]["name_localizations"]["zh-CN"] == "取消任务"
    shapes = {o["name"]: o for o in commands["blend"]["options"]}["dimensions"]["choices"]
    assert [c["name_localizations"]["zh-CN"] for c in shapes] == ["纵向", "正方形", "横向"]
    assert "en-US" not in imagine["name_localizations"]


@pytest.mark.parametrize(
    ("language", "locale", "kept"),
    [("auto", "zh-TW", "en"), ("zh-CN", "en-US", "zh-CN"), ("en", "zh-CN", "en")],
)
async def test_a_job_keeps_the_servers_language(shared, painter, admin, language, locale, kept):
    """What everybody sees is in the language that the server has chosen, whoever asks for it."""
    await admin.slash("easel config set", language=language)
    painter.locale = locale
    await painter.slash("imagine", prompt=f"a {language} fox --seed 71")
    await painter.wait_for(lambda m: f"{language} fox" in m["content"] and m["components"])
    assert _languages(shared, f"a {language} fox%") == [kept]


async def test_a_job_in_direct_messages_is_in_its_painters_language(shared, painter):
    """Where nobody else is, and where nobody else may look, the person's own language is spoken."""
    painter.locale = "zh-TW"
    await painter.enter("dm")
    await painter.slash("imagine", prompt="a private fox --seed 72")
    await painter.wait_for(lambda m: "private fox" in m["content"] and m["components"])
    assert _languages(shared, "a private fox%") == ["zh-TW"]


async def test_a_server_without_a_rule_speaks_its_own_language(shared, painter):
    """What nobody has set is the locale that the server has chosen on Discord."""
    for guild in shared.server.world.guilds.values():
        guild["preferred_locale"] = "zh-CN"
    try:
        await painter.paint("a local fox --seed 73")
    finally:
        for guild in shared.server.world.guilds.values():
            del guild["preferred_locale"]
    assert _languages(shared, "a local fox%") == ["zh-CN"]


async def test_a_server_is_spoken_to_in_its_language_and_a_person_in_theirs(admin, painter):
    """Messages that all see are in the server's language, refusals in that of who presses."""
    await admin.slash("easel config set", language="zh-CN")
    grid = await painter.paint("a talking fox --seed 74")
    await painter.click(grid, "V2")
    varied = await painter.wait_for(lambda m: "fox** - 变化" in m["content"] and m["components"])
    assert f"作者 <@{painter.id}>" in varied["content"]
    painter.locale = "zh-TW"
    await painter.slash("imagine", prompt="a fox --sampler oiler")
    refused = await painter.told()
    assert refused["ephemeral_to"] == painter.id
    assert "必須是" in refused["content"]
    await painter.slash("imagine", prompt="a fox <lora:ink>")
    refused = await painter.told()
    assert "這裡沒有名為 ink 的 LoRA" in refused["content"]
    await painter.react(varied, "❌")
    await painter.gone(varied)


async def test_the_language_of_a_server_is_shown(admin):
    """`/easel config show` says which language was chosen, or that it is the server's own."""
    await admin.slash("easel config set", language="zh-TW")
    await admin.wait_for(said_to(admin, "Language of what everybody sees: zh-TW"))
    await admin.slash("easel config reset", setting="language")
    shown = (await admin.told())["content"]
    assert "Language of what everybody sees: the server's own" in shown


@pytest.mark.parametrize(
    ("locale", "help_says", "title", "refusal", "reset"),
    [
        ("zh-CN", "## 如何作画", "**参数无效**", "`--steps` 必须是", "重置设置"),
        ("zh-TW", "## 如何作畫", "**參數無效**", "`--steps` 必須是", "重置設定"),
        (
            "en-GB",
            "## How to paint",
            "**Invalid parameter**",
            "`--steps` must be",
            "Reset Settings",
        ),
        ("fr", "## How to paint", "**Invalid parameter**", "`--steps` must be", "Reset Settings"),
    ],
)
async def test_each_person_is_answered_in_their_own_language(
    shared, locale, help_says, title, refusal, reset
):
    """Help, refusals and the panel are in the language of who asks; English where it is unknown."""
    person = await shared.person()
    person.locale = locale
    await person.slash("help")
    assert help_says in _text(await person.told())
    await person.slash("imagine", prompt="a fox --steps 0")
    await person.wait_for(said_to(person, title, refusal))
    await person.slash("settings")
    labels = [part.get("label") for part in walk((await person.told())["components"])]
    assert reset in labels


async def test_a_chinese_server_sees_chinese_and_each_person_their_own(shared, painter, admin):
    """Progress, result and buttons are in the server's language, a refusal in the presser's."""
    await admin.slash("easel config set", language="zh-CN")
    await painter.slash("imagine", prompt="a slow fox --seed 74 --steps 5000")
    shown = await painter.wait_for(lambda m: "slow fox" in m["content"] and "%)" in m["content"])
    assert "步，共 5000 步" in shown["content"]
    await painter.react(shown, "❌")
    await painter.wait_for(lambda m: m["id"] == shown["id"] and "（已停止）" in m["content"])

    grid = await painter.paint("a shared fox --seed 75")
    await painter.click(grid, "U1")
    single = await painter.wait_for(
        lambda m: "shared fox" in m["content"] and "图片 #1" in m["content"]
    )
    await painter.click(single, "变化（强烈）")
    vary = await painter.wait_for(
        lambda m: "变化（强烈），作者" in m["content"] and m["components"]
    )
    assert vary["message_reference"]["message_id"] == single["id"]
    await painter.wait_for(
        lambda m: m["id"] == single["id"] and "变化（强烈）" in _labels(m, style=1)
    )

    await admin.slash("easel config set", buttons="owner")
    stranger = await shared.person("stranger")
    await stranger.click(grid, "V1")
    await stranger.wait_for(said_to(stranger, "the buttons under a grid are its painter's own"))
    stranger.locale = "zh-TW"
    await stranger.click(grid, "V2")
    await stranger.wait_for(said_to(stranger, "在本伺服器"))


async def test_a_chinese_job_outlives_a_restart(open_stage, tmp_path, patient_model):
    """A job that is taken up again after a restart goes on in its language."""
    async with open_stage(tmp_path, patient_model) as stage:
        admin, painter = await stage.person("admin"), await stage.person()
        await admin.slash("easel config set", language="zh-TW")
        await painter.start_long("a lasting fox --seed 76")
        await stage.bot.kill()
        await stage.bot.start()
        shown = await painter.wait_for(lambda m: "lasting" in m["content"] and "%)" in m["content"])
        assert "步，共 5000 步" in shown["content"]
        await painter.react(shown, "❌")
        await painter.wait_for(lambda m: "lasting" in m["content"] and "（已停止）" in m["content"])


def _text(message):
    """Return the text of a message made of parts."""
    return "\n".join(part["content"] for part in walk(message["components"]) if part["type"] == 10)


def _labels(message, style):
    """Return what stands on the buttons of one colour."""
    return [p.get("label") for p in walk(message["components"]) if p.get("style") == style]


def _languages(shared, shown):
    """Return the languages of the jobs whose prompts are like this."""
    with sqlite3.connect(f"file:{shared.bot.data / 'easel.sqlite3'}?mode=ro", uri=True) as base:
        rows = base.execute("SELECT language FROM jobs WHERE shown LIKE ?", (shown,)).fetchall()
    return [row[0] for row in rows]
