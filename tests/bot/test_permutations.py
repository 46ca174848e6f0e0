"""Several jobs of one prompt: choices in braces, and repeats."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import flags, permutations
from bot.errors import UserError
from bot.flags import Limits, parse
from engine import Engine, EngineOptions

CARDS = Engine(EngineOptions()).models()


def shown(text, **more):
    """Return what stands over the grids of a prompt."""
    return [wish.shown for wish in flags.parse_each(text, CARDS, **more)]


def test_choices_in_braces_make_jobs():
    """Groups multiply, nest, and stand in text and parameters alike."""
    assert shown("a {red, {light, dark} green} fox") == [
        "a red fox", "a light green fox", "a dark green fox",
    ]  # fmt: skip
    assert shown("{fox, owl} --ar {1:1, 2:3} --tile") == [
        "fox --ar 1:1 --tile", "fox --ar 2:3 --tile",
        "owl --ar 1:1 --tile", "owl --ar 2:3 --tile",
    ]  # fmt: skip
    assert shown("fox --{tile, stop 50}") == ["fox --tile", "fox --stop 50"]
    assert shown("狐狸｛红，绿、蓝｝") == ["狐狸红", "狐狸绿", "狐狸蓝"]


def test_a_comma_and_a_brace_can_be_meant_as_they_are():
    """`\\,` `\\{` `\\}` are the signs themselves, in what is painted too."""
    assert shown(r"a {red\, green, blue} fox") == ["a red, green fox", "a blue fox"]
    wish = parse(r"a \{red\} fox --no \{", CARDS)
    assert (wish.request.prompt, wish.request.negative_prompt) == ("a {red} fox", "{")
    assert parse(wish.shown, CARDS, seed=wish.request.seed) == wish


def test_repeat_takes_a_seed_for_each():
    """`--repeat` paints the prompt several times, and is no part of what is shown."""
    wishes = flags.parse_each("a {red, blue} fox --r 3 --steps 5", CARDS)
    assert [wish.shown for wish in wishes] == ["a red fox --steps 5"] * 3 + [
        "a blue fox --steps 5"
    ] * 3
    assert len({wish.request.seed for wish in wishes}) == 6


@pytest.mark.parametrize(
    ("text", "says", "title"),
    [
        ("a {red fox", "`{` is not closed", "Invalid prompt"),
        ("a red} fox", "`}` closes nothing", "Invalid prompt"),
        ("{" * 30 + "}" * 30, "20 deep", "Invalid prompt"),
        ("fox {1,2,3,4} {5,6,7}", "makes 12 jobs; 10 at once", "Job action restricted"),
        ("{a,b}" * 300, "more than a million", "Job action restricted"),
        ("fox {1,2,3,4} --repeat 3", "makes 12 jobs", "Job action restricted"),
        ("fox --repeat 11", "from 2 to 10", "Invalid parameter"),
        ("fox --repeat 2 --seed 7", "leave one of the two out", "Invalid parameter"),
        ("{red, } ", "nothing to paint", "Empty prompt"),
    ],
)
def test_too_many_or_unpaired(text, says, title):
    """What cannot be expanded, or makes too many jobs, is a sentence of its kind."""
    with pytest.raises(UserError, match=re.escape(says)) as caught:
        flags.parse_each(text, CARDS)
    assert caught.value.title == title


def test_where_one_job_is_meant_several_are_refused():
    """A prompt of the command line or of a window is one job."""
    with pytest.raises(UserError, match="makes 2 jobs, and here is room for one"):
        parse("a {red, blue} fox", CARDS)


@pytest.mark.parametrize("text", ["--repeat 3", "--relax"])
def test_what_one_prompt_asks_of_the_queue_is_no_default(text):
    """A server's defaults say nothing of how many jobs a prompt makes, or in which lane."""
    with pytest.raises(UserError, match="cannot hold for all"):
        flags.check_defaults(text, CARDS, Limits())


@settings(max_examples=200, deadline=None)
@example("{a\\ ,b},c")
@example("a\\\\,b")
@given(st.text('{},\\ a，、"-', max_size=40))
def test_any_braces_expand_to_what_means_itself(text):
    """Whatever stands in braces, each prompt that comes out expands to itself alone."""
    try:
        expanded = permutations.expand(text, 50)
    except UserError:
        return
    for one in expanded:
        assert permutations.expand(one, 1) == (one,)
