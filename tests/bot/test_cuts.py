"""A prompt cut shorter: what is shown can be read back, and holds what weighs most."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import cuts, messages, numbered
from bot.language import LANGUAGES, speaking

FOX = (
    ("a", 0.02), (" ", None), ("red", 1.0), (" ", None), ("fox", 0.62), (" ", None),
    ("sitting", 0.0), (" ", None), ("in", 0.01), (" ", None), ("snow", 0.3), (", ", None),
    ("4k", 0.01),
)  # fmt: skip

signs = st.characters(categories=("L", "N", "P", "S"))
words = st.tuples(st.text(signs, min_size=1, max_size=12), st.floats(0, 1))
texts = st.lists(words, max_size=60).map(
    lambda found: [part for word in found for part in (word, (" ", None))]
)


def test_the_heaviest_words_stay_in_their_order():
    """Each cut is shorter than the one before, and the last holds the heaviest word alone."""
    assert cuts.cut(FOX) == ["red fox snow", "red fox", "red"]


def test_what_weighs_is_bold_and_what_does_not_is_struck():
    """The words are marked, the parameters stay, and a button has its line."""
    shown = cuts.show(FOX, " --ar 3:2").split("\n")
    assert shown[1] == "~~a~~ **red** **fox** ~~sitting~~ ~~in~~ snow, ~~4k~~ --ar 3:2"
    assert shown[3] == "1️⃣ red fox snow --ar 3:2"
    assert cuts.detail(FOX[2:5]) == "red (1.00), fox (0.62)"


def test_signs_of_one_word_stay_together():
    """Where no spaces part the words none are put between neighbours."""
    prompt = (("红", 1.0), ("狐", 0.9), ("狸", 0.9), (" ", None), ("大", 0.0), ("雪", 0.2))
    assert cuts.cut(prompt)[:2] == ["红狐狸 雪", "红狐狸"]


def test_a_prompt_without_weight_has_no_cuts():
    """Signs alone, or one word, cannot be cut."""
    assert cuts.cut((("…", None),)) == []
    assert cuts.cut((("fox", 1.0),)) == []


@pytest.mark.parametrize("language", LANGUAGES)
@given(texts, st.sampled_from(["", " --ar 3:2", " --no_such *_*"]))
def test_the_message_is_its_own_memory(language, pieces, parameters):
    """Whatever the prompt is, the message fits, and its lines give the prompts back."""
    with speaking(language):
        shown = cuts.show(pieces, parameters)
    assert messages.length(shown) <= messages.LONGEST
    found = numbered.read(shown)
    expected = [messages.clean(text + parameters) for text in cuts.cut(pieces)]
    assert found == expected[len(expected) - len(found) :]
    whole = messages.clean("".join(text for text, _ in pieces) + parameters)
    if len(whole) < 400:
        assert "".join(cuts.whole_of(shown).split()) == "".join(whole.split())
