"""The measured part of the model card, put there by the examination itself."""

import shutil
from pathlib import Path

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
SHEET = "samples.webp"  # beside the card


def put_into_card(card: Path, table: str, sheet: Path) -> None:
    """Replace what stands between both marks of the card by the table, and its contact sheet."""
    text = card.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{card} has no place for the table: it wants the lines {BEGIN} and {END}")
    card.write_text(f"{before}{BEGIN}\n\n{table.strip()}\n\n{END}{after}", encoding="utf-8")
    if sheet.exists():
        shutil.copyfile(sheet, card.with_name(SHEET))
