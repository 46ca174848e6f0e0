"""How a picture came about, in words: five questions, answered for this very picture."""

from bot import messages
from bot.language import N_, _
from engine import Explanation

LINES = (
    N_(
        "**How is the sentence understood?** It is cut into {count} pieces: {tokens}. A text "
        "encoder, trained on pictures with captions, turns each into numbers that say what it "
        "means here."
    ),
    N_(
        "**Where does the noise come from?** Seed {seed} fills a canvas of {canvas} numbers by "
        "dice: the first tile. The same seed throws the same dice."
    ),
    N_(
        "**How is it taken away?** In {steps} steps. A U-Net looks at the noisy canvas and "
        "says which part is noise; a little of that is taken away, and it looks again. The "
        "other tiles above are what it took for the finished picture after so many steps."
    ),
    N_(
        "**How does it know what to take away?** By looking from every place at every word. "
        "Below, bright is where it looked at that word{words}. {looks}"
    ),
    N_(
        "**Why is every picture different?** Another seed is another canvas, and from other "
        "noise the same words lead to another picture. At the end a decoder makes pixels of "
        "the canvas: {canvas} numbers become {pixels}."
    ),
)
"""The five questions and their answers."""
TWICE = N_(
    "It looks twice, with and without the prompt, and goes {guidance} times as far in the "
    "direction of the difference."
)
ONCE = N_("It looks once, with the prompt; guidance would be a second look, without it.")
MOST_TOKENS = 40


def tell(explanation: Explanation) -> str:
    """Return the captions in the language spoken now, within one message."""
    tokens = [messages.escape(token) for token in explanation.tokens]
    shown = " · ".join(tokens[:MOST_TOKENS]) + (" …" if len(tokens) > MOST_TOKENS else "")
    names = [word for word, _heat in explanation.heats]
    numbered = [f"{k} {word}" for k, word in enumerate(names, 1) if not word.isascii()]
    by_number = _("(by number: {names})").format(names=messages.escape(", ".join(numbered)))
    values = {
        "count": len(tokens),
        "tokens": shown,
        "seed": explanation.seed,
        "canvas": "×".join(map(str, explanation.latents_size)),
        "pixels": "×".join(map(str, explanation.picture_size)),
        "steps": explanation.steps,
        "looks": _(TWICE if explanation.guidance_scale > 1 else ONCE).format(
            guidance=f"{explanation.guidance_scale:g}"
        ),
        "words": f" {by_number}" if numbered else "",
    }
    return messages.refusal("\n".join(_(line).format(**values) for line in LINES))
