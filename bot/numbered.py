"""Prompts in the lines of a message, by numbers. Pure text.

The message is its own memory: what a button paints is read from its line, so it works after a
restart, for everybody, and in every language.
"""

from collections.abc import Sequence

from bot import messages

NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣")


def write(prompts: Sequence[str]) -> list[str]:
    """Return a line for each prompt."""
    numbered = zip(NUMBERS, prompts, strict=False)
    return [f"{number} {messages.escape(prompt)}" for number, prompt in numbered]


def read(text: str) -> list[str]:
    """Return the prompts that a message shows."""
    return [
        messages.unescape(line.removeprefix(number).strip())
        for number in NUMBERS
        for line in text.split("\n")
        if line.startswith(number)
    ]
