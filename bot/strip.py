"""How a picture came about, as one picture: noise, estimates, attention, latents. Blocks.

Its labels are numbers, and words of the prompt, so that it needs no language.
"""

import io

from PIL import Image, ImageChops, ImageDraw, ImageFont

from engine import Explanation

SIDE = 176
GAP = 14
LABEL = 26
BACK, INK, FAINT = "#1e1f22", "#f2f3f5", "#949ba4"
COLD = 0.2
"""How bright the picture stays under a heat map where a word did not matter."""


def draw(explanation: Explanation) -> bytes:
    """Return the strip as a PNG: the way from noise to picture, below it a map of each word, and
    what the autoencoder is given and gives back."""
    picture = _open(explanation.picture)
    width, height, channels = explanation.latents_size
    steps = explanation.steps
    way = [(f"0 / {steps}", _open(explanation.noise))]
    way += [(f"{step} / {steps}", _open(png)) for step, png in explanation.estimates]
    ends = [
        (f"{width} x {height} x {channels}", _open(explanation.latents)),
        (f"{picture.width} x {picture.height} x 3", picture),
    ]
    words = [(word, _heated(picture, _open(png))) for word, png in explanation.heats]
    rows = [way, [*words, *ends]]
    columns = max(len(row) for row in rows)
    sheet = Image.new(
        "RGB",
        (GAP + columns * (SIDE + GAP), GAP + len(rows) * (SIDE + LABEL + GAP)),
        BACK,
    )
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for row, tiles in enumerate(rows):
        for column, (label, tile) in enumerate(tiles):
            left, top = GAP + column * (SIDE + GAP), GAP + row * (SIDE + LABEL + GAP)
            shown = _fitted(tile)
            sheet.paste(shown, (left + (SIDE - shown.width) // 2, top + (SIDE - shown.height) // 2))
            faint = row == 0 or column >= len(words)
            text = label if label.isascii() else str(column + 1)
            pen.text(
                (left + SIDE / 2, top + SIDE + LABEL / 2),
                text[:22],
                fill=FAINT if faint else INK,
                font=font,
                anchor="mm",
            )
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _open(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        return opened.convert("RGB")


def _fitted(tile: Image.Image) -> Image.Image:
    """The tile within its square; what is smaller shows its pixels."""
    scale = SIDE / max(tile.size)
    size = (max(round(tile.width * scale), 1), max(round(tile.height * scale), 1))
    smooth = Image.Resampling.LANCZOS if scale <= 2 else Image.Resampling.NEAREST
    return tile.resize(size, smooth)


def _heated(picture: Image.Image, heat: Image.Image) -> Image.Image:
    """The picture, dark where the word did not matter."""
    mask = heat.resize(picture.size, Image.Resampling.BICUBIC)
    mask = mask.point(lambda value: round(255 * COLD + value * (1 - COLD)))
    return ImageChops.multiply(picture, mask)
