"""The tokenizer: CLIP's byte-level BPE with a vocabulary of our own.

Every byte is a token, so no text in any language fails; words of the world are mostly one token.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

from engine.training.captions import vocabulary_texts
from engine.training.presets import TextSize

START, END = "<|startoftext|>", "<|endoftext|>"
WORD_END = "</w>"


def byte_tokens() -> list[str]:
    """The 256 bytes within a word and the 256 that end one."""
    letters = sorted(ByteLevel.alphabet())
    return letters + [letter + WORD_END for letter in letters]


def train_tokenizer(size: TextSize, texts: Iterable[str] | None = None) -> CLIPTokenizer:
    """Learn merges from the texts (by default all words of the world, in both languages)."""
    blank = CLIPTokenizer()
    backend = blank.backend_tokenizer
    learner = backend.__class__(BPE(end_of_word_suffix=WORD_END, continuing_subword_prefix=""))
    learner.normalizer = backend.normalizer
    learner.pre_tokenizer = backend.pre_tokenizer
    trainer = BpeTrainer(
        vocab_size=size.vocabulary - 2,
        special_tokens=byte_tokens(),
        end_of_word_suffix=WORD_END,
        show_progress=False,
    )
    learner.train_from_iterator(vocabulary_texts() if texts is None else texts, trainer)
    vocabulary, merges = _with_marks(learner.to_str())
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=size.context)


def _with_marks(state: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a learnt tokenizer; start and end marks come last, as in CLIP."""
    model = json.loads(state)["model"]
    vocabulary = {token: row for row, token in enumerate(model["vocab"])}
    for mark in (START, END):
        vocabulary[mark] = len(vocabulary)
    return vocabulary, [(left, right) for left, right in model["merges"]]


def save_tokenizer(tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Write the tokenizer's files; vocab.json and merges.txt are for older readers."""
    tokenizer.save_pretrained(folder)
    tokenizer.backend_tokenizer.model.save(str(folder))


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """Read the tokenizer's files."""
    return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
