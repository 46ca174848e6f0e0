"""The tokenizer of our own."""

from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from engine.training.presets import STAGE_A, TextSize
from engine.training.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    """The real vocabulary of stage A and B."""
    return train_tokenizer(TextSize())


@pytest.mark.parametrize(
    "text",
    [
        "a red apple on a beach",
        "一只红色的狐狸，在雪地里",
        "🦄🏳️‍🌈 ünïcødé zzzz",
        "\x00\x07 \u202e ﷽ 𒀀",
        "",
        "--ar 16:9 --no cats, <|endoftext|>",
        "x" * 5000,
    ],
)
def test_no_text_fails(tokenizer: CLIPTokenizer, text: str) -> None:
    """Any text becomes exactly 77 ids of the vocabulary."""
    ids = tokenizer(text, padding="max_length", truncation=True, max_length=77).input_ids
    assert len(ids) == 77
    assert all(0 <= token < len(tokenizer) for token in ids)


@pytest.mark.parametrize("text", ["a red apple", "红色的狐狸", "🦄 ünïcødé", "𒀀 zq"])
def test_bytes_come_back(tokenizer: CLIPTokenizer, text: str) -> None:
    """What was written can be read again from its ids, letter for letter."""
    ids = tokenizer(text).input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_words_of_the_world_are_few_tokens(tokenizer: CLIPTokenizer) -> None:
    """The words that captions are made of are learnt whole or nearly so."""
    world = STAGE_A.world
    words = {
        word for name in (*world.things, *world.colours, *world.places) for word in name.split()
    }
    lengths = {word: len(tokenizer(word, add_special_tokens=False).input_ids) for word in words}
    assert max(lengths.values()) <= 3, lengths
    assert sum(lengths.values()) / len(lengths) < 1.5


def test_saved_files_give_the_same_ids(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    """A saved and loaded tokenizer is the same tokenizer."""
    save_tokenizer(tokenizer, tmp_path)
    loaded = load_tokenizer(tmp_path)
    for text in ("a blue whale underwater", "两个苹果"):
        assert loaded(text).input_ids == tokenizer(text).input_ids
    assert loaded.model_max_length == 77
