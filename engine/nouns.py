"""English nouns with their articles and plurals, by the rules of spelling."""

_SINGULAR_IN_S = {
    "bus", "glass", "dress", "compass", "cactus", "octopus", "hippopotamus", "hourglass", "lotus",
    "abacus", "minibus", "trolleybus", "walrus", "rhinoceros",
}  # fmt: skip


def is_plural(noun: str) -> bool:
    """Whether the last word names several, as in "grapes"."""
    word = noun.split()[-1]
    return word.endswith("s") and not word.endswith("ss") and word not in _SINGULAR_IN_S


def with_article(words: str, noun: str) -> str:
    """ "an orange fox", "a unicorn", and plain "grapes"."""
    if is_plural(noun):
        return words
    is_vowel = words[0] in "aeiou" and not words.startswith("uni")
    return ("an " if is_vowel else "a ") + words


def plural(words: str) -> str:
    """The plural by the rules of spelling."""
    if is_plural(words):
        return words
    if words.endswith("y") and words[-2] not in "aeiou":
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("s", "x", "ch", "sh")) else "s")
