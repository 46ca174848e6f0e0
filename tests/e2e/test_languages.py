"""Easel speaks to each person in their own language, and to a server in the server's."""

import sqlite3

import pytest

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


async def test_the_language_of_a_server_is_shown(admin):
    """`/easel config show` says which language was chosen, or that it is the server's own."""
    await admin.slash("easel config set", language="zh-TW")
    await admin.wait_for(said_to(admin, "Language of what everybody sees: zh-TW"))
    await admin.slash("easel config reset", setting="language")
    shown = (await admin.messages())[-1]["content"]
    assert "Language of what everybody sees: the server's own" in shown


def _languages(shared, shown):
    """Return the languages of the jobs whose prompts are like this."""
    with sqlite3.connect(f"file:{shared.bot.data / 'easel.sqlite3'}?mode=ro", uri=True) as base:
        rows = base.execute("SELECT language FROM jobs WHERE shown LIKE ?", (shown,)).fetchall()
    return [row[0] for row in rows]
