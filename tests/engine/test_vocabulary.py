"""How a prompt is read by a model that knows few words."""

from dataclasses import replace

import pytest

from engine.request import Request
from engine.source import EMBEDDED
from engine.vocabulary import Vocabulary, open_vocabulary, read_prompt, read_request

WORDS = Vocabulary(
    known=frozenset({"fox", "red", "palm tree", "in the snow", "狐狸", "雪地", "森林"}),
    same={"白雪": ", snow, ", "猫": " cat "},
    silent=frozenset({"a", "the", "in", "draw", "cute", "8k", "的", "里", "draw me"}),
    near={"vixen": "fox", "crimson": "red", "hat": "", "松林": "森林", "海": " beach "},
    foreign=frozenset({"立体主义", "knife"}),
)


@pytest.mark.parametrize(
    "prompt",
    ["a red fox in the snow", "Draw me a cute FOX!", "foxes, palm trees", "雪地里的狐狸", "", "8k"],
)
def test_a_known_prompt_is_painted_as_it_was_typed(prompt: str) -> None:
    """Nothing is changed where every word is known: capitals, plurals and commas included."""
    reading = read_prompt(prompt, WORDS)
    assert (reading.text, reading.drawn_as, reading.unknown) == (prompt, (), ())


def test_a_near_word_is_painted_as_its_neighbour_and_named() -> None:
    """A vixen is drawn as a fox, in crimson as in red."""
    reading = read_prompt("a crimson vixen in the snow", WORDS)
    assert reading.text == "a red fox in the snow"
    assert reading.drawn_as == (("crimson", "red"), ("vixen", "fox"))


def test_an_unknown_word_is_left_out_and_named() -> None:
    """What the model cannot paint does not spoil the rest, and its article goes with it."""
    reading = read_prompt("a fox, a zeppelin, in the snow", WORDS)
    assert reading.text == "a fox, in the snow"
    assert reading.unknown == ("zeppelin",)


def test_where_nothing_is_known_the_prompt_stays() -> None:
    """Every word is named, and the model makes of it what it can."""
    reading = read_prompt("Darth Vader", WORDS)
    assert reading.text == "Darth Vader"
    assert reading.unknown == ("Darth", "Vader")


def test_the_longest_phrase_counts() -> None:
    """A palm tree is one word, whatever its halves are."""
    assert read_prompt("palm-tree", WORDS).unknown == ()
    assert read_prompt("palm", WORDS).unknown == ("palm",)


def test_chinese_is_cut_into_its_words() -> None:
    """Known words are found without spaces; what is between them is named as it stands."""
    reading = read_prompt("立体主义的松林里的狐狸奔跑", WORDS)
    assert reading.text == "的森林里的狐狸"
    assert reading.drawn_as == (("松林", "森林"),)
    assert reading.unknown == ("立体主义", "奔跑")


def test_a_word_that_is_not_painted_cuts_none_that_is() -> None:
    """A paintbrush (画笔) is unknown, yet "draw a notebook" (画 笔记本) is read as it is meant."""
    words = replace(WORDS, known=WORDS.known | {"笔记本"}, foreign=frozenset({"画笔"}))
    words = replace(words, silent=words.silent | {"画"})
    assert read_prompt("画笔记本", words).unknown == ()
    assert read_prompt("狐狸的画笔", words).unknown == ("画笔",)


def test_what_is_said_in_another_language_is_no_news() -> None:
    """A word of the same meaning is painted as that, and not named; a setting is said last."""
    reading = read_prompt("白雪里的红色猫", replace(WORDS, near={"红色": "red"}))
    assert reading.text == "里的red cat, snow"
    assert reading.drawn_as == (("红色", "red"),)
    assert read_prompt("(白雪的猫:1.2), fox", WORDS).text == "(的 cat, snow:1.2), fox"


def test_weights_stay_where_they_are() -> None:
    """Brackets and numbers of weights are no words; an empty bracket goes."""
    assert read_prompt("(crimson vixen:1.3)", WORDS).text == "(red fox:1.3)"
    assert read_prompt("fox, (zeppelin:1.3)", WORDS).text == "fox"
    assert read_prompt("fox <lora:seaside:0.3>", WORDS).unknown == ()


def test_the_shipped_model_has_a_vocabulary_and_others_none() -> None:
    """The embedded model reads its own words; any other model is given the prompt as it is."""
    assert open_vocabulary(EMBEDDED / "words.json") is not None

    def ask(model: str) -> Request:
        return Request(
            prompt="一只狐狸 zeppelin", seed=1, num_inference_steps=4, guidance_scale=1.0,
            width=64, height=64, model=model,
        )  # fmt: skip

    assert read_request(ask("embedded")).unknown == ("zeppelin",)
    assert read_request(ask("sdxl-turbo")).text == "一只狐狸 zeppelin"


@pytest.mark.parametrize(
    "name", ["cat", "hamburger", "palm tree", "night sky", "blue", "猫", "蓝色"]
)
def test_the_shipped_vocabulary_knows_the_world_in_both_languages(name: str) -> None:
    """Every thing, colour and place is painted, said in English or in Chinese."""
    vocabulary = open_vocabulary(EMBEDDED / "words.json")
    assert vocabulary is not None
    assert vocabulary.paint(name)


def test_the_shipped_vocabulary_draws_nothing_for_what_only_comes_to_mind() -> None:
    """Adjectives that Unicode lists beside some thing are named, and waves are no snowflakes."""
    vocabulary = open_vocabulary(EMBEDDED / "words.json")
    assert vocabulary
    reading = read_prompt("a long slow strong young fox", vocabulary)
    assert (reading.text, reading.drawn_as) == ("fox", ())
    assert reading.unknown == ("long", "slow", "strong", "young")
    assert read_prompt("waves", vocabulary).text == "waves"


def test_chinese_is_painted_as_its_english_twin() -> None:
    """The place comes last, wherever it was said, for so the model learnt it."""
    vocabulary = open_vocabulary(EMBEDDED / "words.json")
    assert vocabulary is not None
    reading = read_prompt("画一张雪地里的红色狐狸", vocabulary)
    assert (reading.text, reading.drawn_as, reading.unknown) == ("red fox, snow", (), ())
