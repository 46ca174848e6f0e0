"""How a picture came about, in words: five questions, answered for this very picture."""

from bot import messages
from engine import Explanation

Lines = tuple[str, str, str, str, str, str]

ENGLISH: Lines = (
    "**How is the sentence understood?** It is cut into {count} pieces: {tokens}. A text encoder, "
    "trained on pictures with captions, turns each into numbers that say what it means here.",
    "**Where does the noise come from?** Seed {seed} fills a canvas of {canvas} numbers by dice: "
    "the first tile. The same seed throws the same dice.",
    "**How is it taken away?** In {steps} steps. A U-Net looks at the noisy canvas and says which "
    "part is noise; a little of that is taken away, and it looks again. The other tiles above are "
    "what it took for the finished picture after so many steps.",
    "**How does it know what to take away?** By looking from every place at every word. Below, "
    "bright is where it looked at that word{words}. It looks twice, with and without the prompt, "
    "and goes {guidance} times as far in the direction of the difference.",
    "**Why is every picture different?** Another seed is another canvas, and from other noise the "
    "same words lead to another picture. At the end a decoder makes pixels of the canvas: {canvas} "
    "numbers become {pixels}.",
    " (by number: {names})",
)
CHINESE: Lines = (
    "**句子是怎样被理解的？** 它被切成 {count} 块：{tokens}。文本编码器看过许多带说明的图画，"
    "把每一块变成一串数字，说出它在这里的意思。",
    "**噪声从哪里来？** 种子 {seed} 用掷骰子的办法填满 {canvas} 个数字的画布，就是第一格。"
    "同一个种子掷出同样的点数。",
    "**噪声怎样被去掉？** 分 {steps} 步。U-Net 看着有噪声的画布，说出哪些是噪声；"
    "去掉一点，再看一次。"
    "上面其余各格是它在那一步之后以为的成品。",
    "**它怎么知道该去掉什么？** 画布的每一处都会看每一个词。"
    "下面亮的地方就是看着那个词的地方{words}。"
    "它看两次，一次有提示词，一次没有，再沿着两者之差走 {guidance} 倍。",
    "**为什么每张图都不同？** 换一个种子就是换一块画布，同样的词从不同的噪声出发会画出不同的图。"
    "最后解码器把画布变成像素：{canvas} 个数字变成 {pixels}。",
    "（按编号：{names}）",
)
MOST_TOKENS = 40


def tell(explanation: Explanation, locale: str = "en") -> str:
    """Return the captions in the language of who asked, within one message."""
    lines = CHINESE if locale.startswith("zh") else ENGLISH
    tokens = [messages.escape(token) for token in explanation.tokens]
    shown = " · ".join(tokens[:MOST_TOKENS]) + (" …" if len(tokens) > MOST_TOKENS else "")
    names = [word for word, _ in explanation.heats]
    numbered = [f"{k} {word}" for k, word in enumerate(names, 1) if not word.isascii()]
    values = {
        "count": len(tokens),
        "tokens": shown,
        "seed": explanation.seed,
        "canvas": "×".join(map(str, explanation.latents_size)),
        "pixels": "×".join(map(str, explanation.picture_size)),
        "steps": explanation.steps,
        "guidance": f"{explanation.guidance_scale:g}",
        "words": lines[5].format(names=messages.escape(", ".join(numbered))) if numbered else "",
    }
    return messages.refusal("\n".join(line.format(**values) for line in lines[:5]))
