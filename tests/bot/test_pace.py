"""How long a job waits, as measured and as told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import messages, pace
from bot.jobs import Entry
from bot.pace import Outlook, Pace


@given(cost=st.floats(0.1, 50), seconds=st.floats(0.1, 100), idle=st.floats(0, 1000))
def test_idle_time_does_not_count(cost, seconds, idle):
    """The speed is work over the time in which there was work."""
    measured, now = Pace(), 0.0
    for _ in range(5):
        measured.busy(1, now)
        now += seconds
        measured.painted(cost, now)
        measured.busy(0, now)
        now += idle
    assert measured.cost_per_s == pytest.approx(cost / seconds)


def test_the_latest_counts_most():
    """After a change of speed the measure follows within some twenty jobs."""
    measured, now = Pace(10.0, 10.0), 0.0
    for _ in range(25):
        measured.busy(1, now)
        now += 1.0
        measured.painted(4.0, now)
        measured.busy(0, now)
    assert measured.cost_per_s == pytest.approx(4.0, rel=0.15)


def test_a_forecast_adds_up_the_work_before():
    """A job is painted when what is inside, what enters before it and itself are painted."""
    order = [Entry(job_id=n, user_id=n, cost=2.0) for n in (1, 2)]
    assert pace.outlooks(order, [1.0, 3.0], 2.0) == {1: Outlook(0, 3.0), 2: Outlook(1, 4.0)}
    assert pace.outlooks(order, [1.0], None)[2] == Outlook(1, None)


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (None, None),
        (Outlook(0, None), None),
        (Outlook(0, 3.0), None),
        (Outlook(0, 13.0), "about 15 s"),
        (Outlook(1, 3.0), "1 job before it"),
        (Outlook(7, 62.0), "7 jobs before it, about 60 s"),
        (Outlook(40, 400.0), "40 jobs before it, about 7 min"),
    ],
)
def test_the_wait_is_said_no_more_exactly_than_it_is_known(seen, says):
    """A painter reads how many are before and about how long; nothing where it is no wait."""
    assert messages.outlook(seen) == says
