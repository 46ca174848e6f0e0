"""What brackets and `::` mean in a prompt."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.prompt import parse_prompt, take_loras

SIGNS = st.text(st.sampled_from("ab ():[]\\.-12") | st.characters(), max_size=60)


def words_of(text):
    """The weighted words of a prompt of one part."""
    (part,) = parse_prompt(text).parts
    return [(words.text, words.weight) for words in part.words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a fox", [("a fox", 1)]),
        ("a (red:1.2) fox", [("a ", 1), ("red", 1.2), (" fox", 1)]),
        ("((red)) fox", [("red", 1.21), (" fox", 1)]),
        ("a [red] fox", [("a ", 1), ("red", 0.9091), (" fox", 1)]),
        ("(a (red:2) fox:1.5)", [("a ", 1.5), ("red", 3), (" fox", 1.5)]),
        ("([a])", [("a", 1)]),
        ("(a:0) b", [("a", 0), (" b", 1)]),
        ("(a:-0.5)", [("a", -0.5)]),
        ("(a:9999)", [("a", 10)]),
        (r"\(a\) \[b\]", [("(a) [b]", 1)]),
        ("a :) b", [("a :) b", 1)]),
        ("(a", [("(a", 1)]),
        ("a) [b", [("a) [b", 1)]),
        ("(a [b) c]", [("(a ", 1), ("b) c", 0.9091)]),
        ("at 10:30 (now)", [("at 10:30 ", 1), ("now", 1.1)]),
        ("()", []),
        ("", []),
    ],
)
def test_brackets_are_weights(text, words):
    """Brackets weigh as in other tools; what is no weight is text."""
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "parts", "shares"),
    [
        ("fox::2 snow::1", ["fox", "snow"], (2 / 3, 1 / 3)),
        ("hot:: dog", ["hot", "dog"], (0.5, 0.5)),
        ("a::1 b::1 c::-0.5", ["a", "b", "c"], (2 / 3, 2 / 3, -1 / 3)),
        ("fox::2", ["fox"], (1,)),
        ("fox::", ["fox"], (1,)),
        (":: a ::3 ::2", ["a"], (1,)),
        ("a::.5 b", ["a", "b"], (1 / 3, 2 / 3)),
    ],
)
def test_double_colons_part_prompts(text, parts, shares):
    """What stands before `::` is one prompt with the share after it; shares add up to one."""
    prompt = parse_prompt(text)
    assert [str(part) for part in prompt.parts] == parts
    assert prompt.shares() == pytest.approx(shares)


@pytest.mark.parametrize("text", ["a::1 b::-1", "a::0", "a::-2", "a::1 b::-3"])
def test_shares_that_add_up_to_nothing_are_a_sentence(text):
    """Nothing can be painted of parts that cancel out, and the painter is told."""
    with pytest.raises(ValueError, match="must add up to more than 0"):
        parse_prompt(text).shares()


@pytest.mark.parametrize(
    ("text", "plain"),
    [("a fox", "a fox"), (r"a \(fox\)", "a (fox)"), ("fox::3", "fox"), ("(fox)", None)],
)
def test_a_prompt_without_weights_is_plain(text, plain):
    """What has no weight is known, so that it can be painted as ever."""
    assert parse_prompt(text).plain == plain


@settings(max_examples=300, deadline=None)
@given(SIGNS)
def test_any_text_parses_and_reads_back(text):
    """Whatever is typed parses, and written out it parses to the same."""
    prompt = parse_prompt(text)
    assert parse_prompt(str(prompt)) == prompt


def test_thousands_of_brackets_are_no_harm():
    """Deep nesting neither overflows nor takes long."""
    assert words_of("(" * 2000 + "a" + ")" * 2000) == [("a", 10)]
    assert parse_prompt("(" * 4000).plain == "(" * 4000


@pytest.mark.parametrize(
    ("text", "rest", "loras"),
    [
        ("a fox <lora:ink:0.8> in snow", "a fox in snow", (("ink", 0.8),)),
        ("<lora:a><LORA:b.v2:-.5>x", "x", (("a", 1.0), ("b.v2", -0.5))),
        ("a  fox", "a  fox", ()),
    ],
)
def test_loras_are_taken_out_of_the_prompt(text, rest, loras):
    """`<lora:name:weight>` stands for itself, not for words."""
    assert take_loras(text) == (rest, loras)


@pytest.mark.parametrize("text", ["<lora:>", "<lora:x:much>", "<lora: :1>", "<lora:x:1:2>"])
def test_a_lora_written_wrong_is_a_sentence(text):
    """What looks like a LoRA and is none is told how to be written."""
    with pytest.raises(ValueError, match=r"should be written `<lora:name:0.8>`"):
        take_loras(text)
