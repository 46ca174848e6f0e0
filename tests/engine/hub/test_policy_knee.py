"""The knee: how many rows a forward is worth on a device of which nothing was known before."""

import pytest

from engine.knee import COMPANY, CROWD, EQUALS, EXPLORE_EVERY, FIRST_CAP, Knee


def learn(knee, seconds, forwards=40, waiting=0):
    """Run forwards as large as the knee lets them; the cap in the end."""
    for _ in range(forwards):
        rows = knee.cap("unet", waiting=waiting)
        knee.observe("unet", rows, seconds(rows))
    return knee.cap("unet", waiting=waiting)


def test_a_new_device_starts_at_one_grid():
    """Before anything is measured the cap is one grid with guidance."""
    knee = Knee()
    assert knee.cap("unet") == FIRST_CAP
    assert knee.seconds_per_row("unet") == 0


@pytest.mark.parametrize(
    ("seconds", "cap"),
    [
        (lambda rows: max(0.024, rows * 0.002), 12),
        (lambda rows: max(0.048, rows * 0.001), 48),
        (lambda rows: 0.01 + rows * 1e-5, 64),
    ],
    ids=["knee at 12", "knee at 48", "no knee"],
)
def test_the_cap_climbs_to_the_knee(seconds, cap):
    """While a larger bucket gives 3 % more rows a second, the next one is tried."""
    assert learn(Knee(), seconds) == cap


def test_rows_that_cost_the_same_are_not_gathered():
    """On a device full with few rows the cap falls to them as soon as small jobs show it."""
    knee = Knee()
    for rows in (8, 4, 2, 1):
        knee.observe("unet", rows, 0.1 * rows)
    assert knee.cap("unet") == 1
    assert knee.seconds_per_row("unet") == pytest.approx(0.1)


def test_each_kind_of_call_has_its_own_knee():
    """A full device for one shape says nothing of another."""
    knee = Knee()
    for rows in (1, 2, 4):
        knee.observe(("unet", 128), rows, 0.1 * rows)
    assert knee.cap(("unet", 128)) == 1
    assert knee.cap(("unet", 64)) == FIRST_CAP


def test_the_knee_follows_a_device_that_changes():
    """Now and then a forward may be a bucket larger: a device that became faster is noticed."""
    knee = Knee()
    for rows in (1, 2, 4, 8):
        knee.observe("unet", rows, max(0.01, rows * 0.0025))
    assert knee.cap("unet") == 4
    assert learn(knee, lambda _rows: 0.01, forwards=10 * EXPLORE_EVERY) == 64


def test_company_is_limited_by_how_many_wait():
    """Nobody is slowed by more than the limit, but as far as more wait than are a few grids."""
    knee, seconds = Knee(), lambda rows: 0.01 + rows * 1e-3
    learn(knee, seconds)
    assert knee.cap("unet", 8) == knee.cap("unet", 8, waiting=CROWD * 16) == 16
    twice = knee.cap("unet", 8, waiting=2 * CROWD * 16)
    assert COMPANY * seconds(8) < seconds(twice) <= 2 * COMPANY * seconds(8)
    assert knee.cap("unet", 8, waiting=1000) >= 32
    assert knee.cap("unet", 2, waiting=CROWD * 16) <= 8, "a few grids are no crowd for a small job"


def test_a_crowd_is_served_by_the_fastest_size():
    """What gives 1 % more rows a second is worth it where many wait, and only there."""
    knee = Knee()
    for _ in range(EXPLORE_EVERY):
        for rows in (8, 16, 24, 32):
            knee.observe("unet", rows, 0.1 * rows * (1.01 if rows < 24 else 1))
    assert knee.cap("unet", 8) == 8
    assert knee.cap("unet", 8, waiting=1000) == 24


def test_the_first_forward_of_a_size_does_not_count_for_long():
    """It also finds memory and kernels: a larger size is judged by what comes after."""
    seen = set()

    def seconds(rows):
        is_first = rows not in seen
        seen.add(rows)
        return (0.01 + 5e-3 * rows) * (1.3 if is_first else 1)

    assert learn(Knee(), seconds, waiting=1000) == 64


def test_as_many_rows_again_may_join_where_that_pays():
    """Two grids go together where both take less than two alone, though each takes far longer."""
    knee, seconds = Knee(), lambda rows: 0.1 + 0.1 * rows
    learn(knee, seconds, forwards=200)
    assert COMPANY * seconds(8) < seconds(16) < EQUALS * seconds(8)
    assert knee.cap("unet", 8) == 16


def test_a_small_job_is_not_taken_for_a_large_one():
    """Where only grids were seen, two rows are not slowed as far as a grid may be."""
    knee = Knee()
    for _ in range(10):
        for rows in (8, 12, 16):
            knee.observe("unet", rows, 0.1 * rows)
    assert knee.cap("unet", 2) < 8 <= knee.cap("unet", 8)


def test_a_clock_that_stands_still_breaks_nothing():
    """Zero seconds are possible where clocks are coarse."""
    knee = Knee()
    knee.observe("unet", 4, 0.0)
    assert knee.cap("unet") >= 1
