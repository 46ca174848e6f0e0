"""Easel's languages: every sentence stands in the catalogues, and every catalogue is whole."""

import ast
import importlib.util
import re
import sys
from pathlib import Path

import polib
import pytest

from bot import grammar, language
from bot.errors import UserError
from bot.language import N_, _, ngettext, speaking
from engine import Sentence, normal_sampler
from engine.errors import NO_OTHER

ROOT = Path(__file__).parents[2]
CHINESE = [name for name in language.LANGUAGES if name != language.ENGLISH]


def load_catalogues():
    """Load tests/catalogues.py: under importlib mode tests cannot import one another."""
    name = "easel_tests_catalogues"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "tests/catalogues.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


catalogues = load_catalogues()
SAID = re.compile(r"(?<![-\w])[A-Za-z']{2,}[.,:;!?)*`]* |  *[(*`]*[A-Za-z']{2,}(?![\w=.]*[=/])")
"""Words with a space beside them: what a person reads, and not a name or a format."""
CODE = re.compile(r"\s*(SELECT|FROM|INSERT|DELETE|AND|ORDER|ESCAPE|/imagine prompt:) ")
SHOWN = {"label", "placeholder", "title"}
"""Arguments of discord.py that people read even when they are one word."""
QUIET = re.compile(
    r"(log\.\w+|_say|cast|_survive|self\._insist|_unless_away|re\.\w+|OperatorError|ValueError"
    r"|TypeError|KeyError|WrongStateError"
    r"|NotImplementedError|RuntimeError|(asyncio\.)?create_task"
    r"|.*\.(command|context_menu|describe|choices|Group|Range)"
    r"|ContextMenu|named|OSError|PicturesLostError|Deed|_note|change)$"
)
"""Calls whose texts no person reads on Discord, or which the tree of commands gives us; what is
noted in the audit log stays as it was noted."""
TAKEN = {"_", "dict", "fromkeys", "items"}
"""A marked sentence goes through the first, a table of them through the others before that."""
FILES = list(catalogues.modules())


def name_of(path):
    """Return a file's name as the list has it."""
    return str(path.relative_to(ROOT))


def unmarked(path):
    """Yield what people read in a file that does not go through `_`, `N_` or `ngettext`."""
    tree = ast.parse(path.read_text())

    def walk(node, text_is_shown=False):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if catalogues.called(node) in catalogues.MARKS or QUIET.fullmatch(called):
                return
            for keyword in node.keywords:
                if keyword.arg != "example":
                    yield from walk(keyword.value, keyword.arg in SHOWN)
            for child in (node.func, *node.args):
                yield from walk(child)
            return
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            shown = re.search("[A-Za-z]{2}" if text_is_shown else SAID, node.value)
            if shown and not CODE.match(node.value):
                yield node.lineno, node.value
            return
        for child in ast.iter_child_nodes(node):
            yield from walk(child, text_is_shown)

    yield from walk(tree)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_sentence_is_marked(path):
    """What people read goes through `_`, `N_` or `ngettext`, so that it can be translated."""
    found = [f"{name_of(path)}:{line}: {text!r}" for line, text in unmarked(path)]
    assert not found, "\n".join(found)


def test_every_sentence_of_the_engine_can_be_translated():
    """What the engine raises for a painter is a `Sentence`, which knows its pattern and values."""
    found = []
    for path in catalogues.said_by_the_engine():
        raised = {"PaintError", "Failed"}
        if path.stem in {"request", "prompt", "samplers"}:
            raised.add("ValueError")
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or catalogues.called(node) not in raised:
                continue
            if isinstance(node.args[0], ast.Constant | ast.JoinedStr):
                found.append(f"{name_of(path)}:{node.lineno}")
    assert not found, "\n".join(found)


def test_the_engines_refusals_are_said_in_the_language_that_is_spoken():
    """Its errors carry pattern and values, which survive `str`; a UserError tells them."""
    with pytest.raises(ValueError, match="there is no sampler 'oiler'; euler") as raised:
        normal_sampler("oiler")
    refused = str(raised.value)
    nested = Sentence("There is no LoRA {name} here{tail}.", name="ink", tail=Sentence(NO_OTHER))
    assert nested == "There is no LoRA ink here, and no other either."
    with speaking("zh-CN"):
        assert language.told(refused).startswith("没有 'oiler' 这个采样器；有 euler")
        assert str(UserError(nested)) == "这里没有名为 ink 的 LoRA，也没有别的。"
        assert grammar.sentence(language.told(refused)).endswith("。")
    with speaking("zh-TW"):
        assert "取樣器" in language.told(refused)
    assert language.told(refused) == refused
    assert language.told("as it is") == "as it is"


def test_what_is_marked_is_said():
    """A sentence marked by `N_` in a constant goes through `_` wherever it is used."""
    constants = set()
    trees = {path: ast.parse(path.read_text()) for path in FILES}
    for path, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.Assign) and _is_marked(node.value):
                constants.add((path.stem, node.targets[0].id))
    silent = []
    for path, tree in trees.items():
        inside = {
            id(part)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and catalogues.called(call) in TAKEN
            for part in ast.walk(call)
        }
        here = {name for stem, name in constants if stem == path.stem}
        here |= {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if ((node.module or "").rpartition(".")[2], alias.name) in constants
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found = node.id in here
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found = (node.value.id, node.attr) in constants
            else:
                continue
            if found and id(node) not in inside:
                silent.append(f"{name_of(path)}:{node.lineno}: {ast.unparse(node)}")
    assert not silent, "\n".join(silent)


def _is_marked(value):
    """Say whether a constant is a marked sentence, or a table of such."""
    values = value.values if isinstance(value, ast.Dict) else [value]
    return any(isinstance(v, ast.Call) and catalogues.called(v) == "N_" for v in values)


@pytest.mark.parametrize("name", CHINESE)
def test_a_catalogue_is_whole(name):
    """It has just the sentences there are, in order, each translated, with the same values."""
    path = language.file_of(name)
    catalogue = polib.pofile(str(path))
    keys = [catalogues.key_of(entry) for entry in catalogue]
    wanted = catalogues.wanted()
    assert set(keys) == wanted, "run `python tests/catalogues.py`"
    assert len(keys) == len(set(keys))
    assert path.read_text("utf-8") == str(catalogues.fresh(catalogue, wanted))
    for entry in catalogue:
        text = catalogues.text_of(entry)
        assert text, f"{entry.msgid!r} is not translated"
        assert not entry.fuzzy, entry.msgid
        pattern = entry.msgid_plural or entry.msgid
        assert catalogues.placeholders(text) == catalogues.placeholders(pattern), text


@pytest.mark.parametrize("name", CHINESE)
def test_names_of_commands_are_such_that_discord_takes_them(name):
    """In lower case, of letters and digits, at most 32; descriptions have at most 100 signs."""
    for context, sentence, _plural in catalogues.wanted():
        if context == "name":
            with speaking(name):
                translated = language.named(sentence)
            assert len(translated) <= 32
            if sentence.islower():
                assert re.fullmatch(r"[-_'\w]{1,32}", translated), translated
                assert translated == translated.lower()


def test_the_two_chinese_catalogues_are_two():
    """Taiwan's words are its own: no sign that only mainland China writes stands there."""
    text = language.file_of("zh-TW").read_text("utf-8").replace("简体中文", "")
    assert not set("图标词务设频复题为这们时个实处规则际变软应话删链觉队页级颜") & set(text)
    for foreign in ("用戶", "服務器", "引數", "身份組", "默認", "許可權", "渠道", "舉報", "私信"):
        assert foreign not in text


def test_a_sentence_is_said_in_the_language_that_is_spoken():
    """`_` looks up when it is called, English is the fallback, and `speaking` ends again."""
    sentence = N_("Your own parameters")
    assert _(sentence) == "Your own parameters"
    with speaking("zh-CN"):
        assert _(sentence) == "你自己的参数"
        with speaking("zh-TW"):
            assert _(sentence) == "你自己的參數"
        assert _("No catalogue knows this") == "No catalogue knows this"
        assert _("") == ""
    with speaking("fr"):
        assert _(sentence) == "Your own parameters"
    assert ngettext("{number} apple", "{number} apples", 2) == "2 apples"


def test_a_catalogue_has_plurals(tmp_path):
    """Plural forms are chosen as the catalogue's head says."""
    path = tmp_path / "easel.po"
    path.write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=n!=1;\\n"\n\n'
        'msgid "{number} job"\nmsgid_plural "{number} jobs"\n'
        'msgstr[0] "{number} Auftrag"\nmsgstr[1] "{number} Aufträge"\n'
    )
    opened = language.open_catalogue(path)
    assert opened.ngettext("{number} job", "{number} jobs", 1) == "{number} Auftrag"
    assert opened.ngettext("{number} job", "{number} jobs", 3) == "{number} Aufträge"
