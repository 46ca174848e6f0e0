"""Words through disguises, and innocent words that contain them."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import words
from bot.words import Weight

CORPUS = Path(__file__).parents[1] / "data" / "words.tsv"
ROWS = [
    line.split("\t") for line in CORPUS.read_text("utf-8").splitlines() if not line.startswith("#")
]


def test_precision_and_recall():
    """Of what is found at least 98 % is meant, and of what is meant at least 93 % is found."""
    found = [(wanted, bool(words.find(text, {rule: Weight.REFUSE}))) for wanted, rule, text in ROWS]
    right = found.count(("hit", True))
    false = found.count(("miss", True))
    missed = found.count(("hit", False))
    precision, recall = right / (right + false), right / (right + missed)
    print(f"\nwords: precision {precision:.3f}, recall {recall:.3f} on {len(ROWS)} texts")  # noqa: T201
    assert precision >= 0.98
    assert recall >= 0.93


@pytest.mark.parametrize(
    "text",
    [
        "a postcard from Scunthorpe", "a pen, island view", "Penistone station", "Essex",
        "a peacock in the grass", "a classic glass of popcorn", "night over Nigeria",
        "a gorgeous category", "colours of a cherry, nude-free", "a child, popcorn in hand",
    ],
)  # fmt: skip
def test_the_default_list_lets_innocents_pass(text):
    """What comes with Easel finds nothing in innocent prompts."""
    assert words.find(text, words.effective({})) == []


def test_the_heaviest_comes_first():
    """Of several hits the heaviest is the first, and each says what it found."""
    hits = words.find("g0re and p.o.r.n", words.effective({"gore": Weight.WARN}))
    assert [(hit.word, hit.weight, hit.found) for hit in hits] == [
        ("porn*", Weight.REFUSE, "p.o.r.n"),
        ("gore", Weight.WARN, "g0re"),
    ]


def test_a_server_takes_a_default_word_away():
    """A default word that a server allows finds nothing there any more."""
    assert words.find("hentai", words.effective({}))
    assert not words.find("hentai", words.effective({"hentai": Weight.ALLOW}))


@pytest.mark.parametrize("text", ["", "*", "a", "***", "fu*ck", "x" * 61, "...", "🦊"])
def test_words_that_would_find_nothing_or_everything(text):
    """A rule that could not be found, or would be found everywhere, is no rule."""
    assert words.check_rule(text) == ""


def test_a_list_is_read_with_its_weights():
    """Lines may name a weight, comments are passed over, and what makes no sense is named."""
    good, wrong = words.read_list(
        ["fox", "warn: Red  Fox", "log:badger # why", "", "# only a comment", "allow: gore", "*"]
    )
    assert good == {
        "fox": Weight.REFUSE,
        "red fox": Weight.WARN,
        "badger": Weight.LOG,
        "gore": Weight.ALLOW,
    }
    assert wrong == ["*"]


@given(st.text(alphabet="abcdeghijklmnopqrstuvwxyz", min_size=1, max_size=6), st.booleans())
def test_a_word_inside_another_is_never_found(letters, before):
    """Whatever letters stand around it, a word inside another one is not found."""
    text = f"{letters}fox" if before else f"fox{letters}"
    if text not in {"foxs", "foxes"}:
        assert not words.find(text, {"fox": Weight.REFUSE})


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    """No text breaks the search, and making it plain twice changes nothing more."""
    words.find(text, words.effective({"fuck": Weight.WARN}))
    assert words.plain(words.plain(text)) == words.plain(text)


def test_a_long_list_and_a_long_prompt_take_no_time():
    """The longest list over the longest prompt takes less than half a second of the processor."""
    rules = {f"word{number}": Weight.REFUSE for number in range(words.MOST)}
    text = "wo wor word a fox in the f f f snow 1 2 3 " * 100
    words.find("", rules)
    took = []
    for _ in range(3):
        begun = time.process_time()
        words.find(text[:4000], rules)
        took.append(time.process_time() - begun)
    assert min(took) < 0.5
