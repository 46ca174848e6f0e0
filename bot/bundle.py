"""A person's data as one file to take away: JSON, and pictures as far as they fit. Blocks."""

import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.language import N_, _

SPARE_BYTES = 64 * 1024
"""Kept free for the archive's own table and for what travels around the file."""
README = N_(
    """This is what Easel keeps of you.

data.json has your preferences, your jobs with their prompts and times (Unix time), your
favourites, the messages that were posted for you, and what was noted about you.
The folder pictures has your pictures as they were painted: the number of the job, then that of
the picture; attached has the pictures that you attached to prompts.
"""
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip file, and how many pictures are in it and how many found no room."""

    content: bytes
    packed: int
    left_out: int


def pack(data: dict[str, Any], pictures: Iterable[tuple[str, Path]], limit_bytes: int) -> Bundle:
    """Put a person's data together; `pictures` are named, those that matter most first."""
    packed = left_out = 0
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("README.txt", _(README))
            archive.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=1))
            for name, path in pictures:
                try:
                    if file.tell() + path.stat().st_size + SPARE_BYTES > limit_bytes:
                        left_out += 1
                        continue
                    archive.write(path, name, zipfile.ZIP_STORED)  # a PNG is compressed already
                except FileNotFoundError:
                    continue
                packed += 1
        return Bundle(file.getvalue(), packed, left_out)
