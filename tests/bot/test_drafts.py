"""What is asked for and not confirmed yet outlives the bot, for a day and for one press."""

import os
import time

from bot.drafts import KEPT_S, Draft, Drafts

DRAFT = Draft(user_id=7, text="a {red, blue} 狐狸", control="https://a/b.png", control_size=(4, 2))


def test_a_draft_is_found_again_by_whoever_opens_the_folder(tmp_path):
    """It is read back equal, also by another process."""
    Drafts(tmp_path / "drafts").keep(5, DRAFT)
    assert Drafts(tmp_path / "drafts").find(5) == DRAFT
    assert Drafts(tmp_path / "drafts").find(6) is None


def test_a_draft_is_taken_once(tmp_path):
    """Of two presses one gets it; kept again it can be taken again."""
    drafts = Drafts(tmp_path)
    drafts.keep(5, DRAFT)
    assert [drafts.take(5), drafts.take(5)] == [DRAFT, None]
    drafts.keep(5, DRAFT)
    assert drafts.take(5) == DRAFT


def test_drafts_are_forgotten_after_a_day_or_with_their_painter(tmp_path):
    """Nothing of them piles up, and nothing is left of who wants nothing kept."""
    drafts = Drafts(tmp_path)
    for number in (1, 2, 3):
        drafts.keep(number, DRAFT)
    old = time.time() - KEPT_S - 60
    os.utime(tmp_path / "1.json", (old, old))
    drafts.keep(4, Draft(user_id=8, text="another"))
    assert drafts.find(1) is None
    drafts.forget(7)
    assert [drafts.find(number) for number in (2, 3)] == [None, None]
    assert drafts.find(4) is not None
