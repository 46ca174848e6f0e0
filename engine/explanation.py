"""How one picture came about, as plain data: what `engine.study` found while it was painted."""

from dataclasses import dataclass

Size = tuple[int, int, int]
"""Width, height, channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Pictures are PNGs; `noise` and `latents` show three of their channels, a pixel for a pixel.

    `tokens` are the pieces that the tokenizer cut the prompt into, in their order. `estimates`
    are what the finished picture looked like to the model after some of the steps. `heats` say of
    a word where it mattered, in grey, averaged over steps and layers; there are none where a
    model's attention cannot be read.
    """

    tokens: tuple[str, ...]
    noise: bytes
    estimates: tuple[tuple[int, bytes], ...]
    heats: tuple[tuple[str, bytes], ...]
    latents: bytes
    latents_size: Size
    picture: bytes
    picture_size: Size
    steps: int
    seed: int
    guidance_scale: float
    seconds: float
