"""The order in which waiting jobs enter the engine, and how many may wait."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.jobs import Entry, Lane
from bot.queue import Ledger, Load, QueueLimits, admit, in_order, next_jobs, position

LIMITS = QueueLimits()


def ledger(**given: float) -> Ledger:
    """What painters were given lately: `_7=3.0` is painter 7."""
    kept = Ledger()
    for name, cost in given.items():
        kept.give(int(name[1:]), cost, 0.0)
    return kept


def entries(*pairs: tuple[int, int]) -> list[Entry]:
    return [Entry(job_id=job_id, user_id=user_id) for job_id, user_id in pairs]


def ids(chosen: list[Entry]) -> list[int]:
    return [entry.job_id for entry in chosen]


def test_one_painters_jobs_enter_in_the_order_they_came():
    """Within a painter, the oldest job enters first."""
    waiting = entries((3, 1), (1, 1), (2, 1))
    assert ids(next_jobs(waiting, (), Ledger(), 3, LIMITS)) == [1, 2, 3]


def test_painters_take_turns():
    """A painter with many jobs does not hold up another who came later with one."""
    waiting = entries((1, 1), (2, 1), (3, 1), (4, 2))
    assert ids(next_jobs(waiting, (), Ledger(), 4, LIMITS)) == [1, 4, 2, 3]


def test_who_was_given_least_lately_is_next():
    """The painter who was given least lately enters before one whose job is older."""
    waiting = entries((1, 1), (2, 2), (3, 3))
    given = ledger(_1=300.0, _2=100.0, _3=200.0)
    assert ids(next_jobs(waiting, (), given, 3, LIMITS)) == [2, 3, 1]


def test_who_was_never_served_is_first():
    """A newcomer enters before everybody who has painted already."""
    waiting = entries((1, 1), (2, 2))
    assert ids(next_jobs(waiting, (), ledger(_1=1.0), 1, LIMITS)) == [2]


def test_a_painter_runs_three_at_once():
    """Of one painter no more than three jobs are inside, those that run already included."""
    waiting = entries(*((job, 1) for job in range(10, 20)))
    assert ids(next_jobs(waiting, entries((1, 1)), Ledger(), 32, LIMITS)) == [10, 11]


@settings(deadline=None)
@given(
    waiting=st.lists(st.integers(1, 5), max_size=40),
    running=st.lists(st.integers(1, 5), max_size=10),
    room=st.integers(-2, 40),
)
def test_room_and_limits_hold_and_nothing_is_left_out(waiting, running, room):
    """Never more than room, never more than three of a painter, and never an idle engine."""
    queue = entries(*((100 + place, user) for place, user in enumerate(waiting)))
    inside = entries(*((place, user) for place, user in enumerate(running)))
    chosen = next_jobs(queue, inside, Ledger(), room, LIMITS)
    assert len(chosen) <= max(room, 0)
    assert len(set(ids(chosen))) == len(chosen)
    allowed = 0
    for user in set(waiting):
        own = sum(entry.user_id == user for entry in chosen)
        free = max(3 - running.count(user), 0)
        assert own <= free
        allowed += min(free, waiting.count(user))
    assert len(chosen) == min(allowed, max(room, 0))


def test_nine_painters_are_served_before_the_flood():
    """One who submits a hundred jobs does not delay nine who submit one each."""
    waiting = entries(*((job, 0) for job in range(100)), *((100 + n, n) for n in range(1, 10)))
    first_ten = next_jobs(waiting, (), Ledger(), 10, LIMITS)
    assert {entry.user_id for entry in first_ten} == set(range(10))


def test_position_counts_who_enters_before():
    """The position a painter is told is the number of jobs that enter before theirs."""
    waiting = entries((1, 1), (2, 1), (3, 2))
    assert [position(waiting, Ledger(), job) for job in (1, 2, 3)] == [0, 2, 1]
    assert position(waiting, Ledger(), 4) is None


def load(painter: int = 0, server: int = 0, waiting: int = 0) -> Load:
    return Load(of_painter=painter, of_server=server, waiting=waiting)


def test_ten_wait_beside_three_running():
    """A painter may have three running and ten waiting jobs, and is told so at the next one."""
    admit(load(painter=12, waiting=9), LIMITS)
    with pytest.raises(UserError, match=r"Your job queue is full.*13 is the most"):
        admit(load(painter=13, waiting=10), LIMITS)


def test_a_server_and_the_whole_queue_have_an_end():
    """When as many jobs wait as may, of a server or in all, the next is refused with a sentence."""
    with pytest.raises(UserError, match=r"queue of this server is full.*200 jobs are waiting"):
        admit(load(server=200, waiting=200), LIMITS)
    with pytest.raises(UserError, match=r"The queue is full.*500 jobs are waiting"):
        admit(load(waiting=500), LIMITS)
    admit(load(server=199, waiting=499), LIMITS)


def test_a_server_runs_no_more_than_it_may():
    """With a limit per server its other jobs wait, and those of other servers go past them."""
    limits = QueueLimits(running_per_server=2)
    waiting = [Entry(job_id=n, user_id=n, guild_id=7 if n < 5 else 8) for n in range(1, 7)]
    assert ids(next_jobs(waiting, (), Ledger(), 6, limits)) == [1, 2, 5, 6]


def test_lanes_go_in_order():
    """Turbo enters before fast, and fast before relax, whoever came first."""
    waiting = [
        Entry(job_id=n, user_id=n, lane=lane)
        for n, lane in enumerate((Lane.RELAX, Lane.FAST, Lane.TURBO), start=1)
    ]
    assert ids(next_jobs(waiting, (), Ledger(), 3, LIMITS)) == [3, 2, 1]


def test_what_was_given_is_forgotten():
    """After ten minutes what a painter was given counts half."""
    kept = ledger(_1=8.0)
    assert kept.given(1, 600.0) == pytest.approx(4.0)
    assert kept.given(1, 1200.0) == pytest.approx(2.0)


def test_a_suspect_is_painted_alone():
    """A job that may kill the process enters when nothing else is inside, and holds others back."""
    suspect = Entry(job_id=1, user_id=1, alone=True)
    waiting = [suspect, *entries((2, 2))]
    assert ids(next_jobs(waiting, entries((9, 9)), Ledger(), 8, LIMITS)) == []
    assert ids(next_jobs(waiting, (), Ledger(), 8, LIMITS)) == [1]
    assert ids(next_jobs(waiting[1:], [suspect], Ledger(), 8, LIMITS)) == []
    later = [*entries((2, 2)), Entry(job_id=3, user_id=3, alone=True), *entries((4, 4))]
    assert ids(next_jobs(later, (), Ledger(), 8, LIMITS)) == [2]


# Simulated time ----------------------------------------------------------------------------------

Demand = st.lists(
    st.tuples(
        st.integers(0, 4), st.sampled_from(list(Lane)), st.floats(0.1, 8.0), st.floats(0, 60)
    ),
    min_size=1,
    max_size=60,
)


class Simulation:
    """An engine of some slots that paints one unit of cost a second, and a queue before it."""

    def __init__(self, jobs: list[Entry], arrivals: dict[int, float], slots: int, limits=LIMITS):
        self.limits, self.slots = limits, slots
        self.coming = sorted(jobs, key=lambda entry: arrivals[entry.job_id])
        self.arrivals, self.waiting, self.inside = arrivals, [], {}
        self.ledger, self.now = Ledger(), 0.0
        self.entered: list[tuple[float, Entry]] = []

    def step(self) -> None:
        """Go on to the next arrival or end of a painting."""
        while self.coming and self.arrivals[self.coming[0].job_id] <= self.now:
            self.waiting.append(self.coming.pop(0))
        self.inside = {entry: end for entry, end in self.inside.items() if end > self.now}
        room = self.slots - len(self.inside)
        for entry in next_jobs(
            self.waiting, list(self.inside), self.ledger, room, self.limits, self.now
        ):
            self.waiting.remove(entry)
            self.inside[entry] = self.now + entry.cost
            self.entered.append((self.now, entry))
        moments = [*self.inside.values(), *(self.arrivals[e.job_id] for e in self.coming[:1])]
        self.now = min((moment for moment in moments if moment > self.now), default=self.now)

    def run(self, until: float = float("inf")) -> list[tuple[float, Entry]]:
        """Go on until everything is painted, or some moment."""
        while (self.coming or self.waiting or self.inside) and self.now < until:
            before = (self.now, len(self.entered), len(self.inside))
            self.step()
            if before == (self.now, len(self.entered), len(self.inside)):
                break
        return self.entered


def simulation(demand, slots: int, **limits) -> Simulation:
    jobs = [
        Entry(job_id=n, user_id=user, guild_id=user % 2, lane=lane, cost=cost)
        for n, (user, lane, cost, _) in enumerate(demand, start=1)
    ]
    arrivals = {n: at for n, (*_, at) in enumerate(demand, start=1)}
    return Simulation(jobs, arrivals, slots, QueueLimits(**limits))


@settings(deadline=None)
@given(demand=Demand, slots=st.integers(1, 6), most=st.integers(1, 3))
def test_everybody_is_served_once_and_limits_hold_all_the_time(demand, slots, most):
    """Whatever comes when: each job enters exactly once, and no limit is passed at any moment."""
    run = simulation(demand, slots, running_per_painter=most, running_per_server=most + 1)
    while run.coming or run.waiting or run.inside:
        before = (run.now, len(run.entered), len(run.inside))
        run.step()
        assert len(run.inside) <= slots
        for user in range(5):
            assert sum(entry.user_id == user for entry in run.inside) <= most
        for guild in range(2):
            assert sum(entry.guild_id == guild for entry in run.inside) <= most + 1
        if before == (run.now, len(run.entered), len(run.inside)):
            break
    assert sorted(entry.job_id for _, entry in run.entered) == list(range(1, len(demand) + 1))


@settings(deadline=None, max_examples=30)
@given(demand=Demand, cost=st.floats(0.1, 8.0))
def test_painters_who_ask_without_end_get_equal_shares(demand, cost):
    """Two painters with full queues in one lane are given the same, but for one job's cost."""
    costs = [c for *_, c, _ in demand]
    jobs = []
    for n in range(200):
        jobs.append(Entry(job_id=2 * n, user_id=0, cost=costs[n % len(costs)]))
        jobs.append(Entry(job_id=2 * n + 1, user_id=1, cost=cost))
    run = Simulation(jobs, dict.fromkeys(range(400), 0.0), 1)
    entered = run.run(until=100.0)
    given = [sum(e.cost for _, e in entered if e.user_id == user) for user in (0, 1)]
    both_wait = all(any(e.user_id == user for e in run.waiting) for user in (0, 1))
    if both_wait:
        assert abs(given[0] - given[1]) <= 2 * max([*costs, cost]) + 0.12 * sum(given)


@settings(deadline=None)
@given(cost=st.floats(0.2, 5.0), relaxed=st.floats(0.2, 5.0), slots=st.integers(1, 4))
def test_relax_keeps_its_share(cost, relaxed, slots):
    """Under a flood of turbo and fast jobs, a tenth of the work is relax's, a quarter fast's."""
    costs = {Lane.TURBO: cost, Lane.FAST: cost, Lane.RELAX: relaxed}
    run, fresh = Simulation([], {}, slots), itertools.count()
    while len(run.entered) < 300:
        for lane in Lane:  # there are always some more of each
            while sum(entry.lane is lane for entry in run.waiting) <= slots:
                n = next(fresh)
                run.waiting.append(Entry(job_id=n, user_id=n, lane=lane, cost=costs[lane]))
        run.step()
    entered = [entry for _, entry in run.entered]
    work = sum(entry.cost for entry in entered)
    of = {lane: sum(e.cost for e in entered if e.lane is lane) for lane in Lane}
    assert of[Lane.RELAX] >= 0.08 * work - 2 * relaxed
    assert of[Lane.FAST] >= 0.2 * work - 2 * cost
    assert of[Lane.TURBO] >= 0.5 * work - 2 * cost


@settings(deadline=None)
@given(demand=Demand)
def test_a_forecast_names_every_waiting_job_once(demand):
    """Looking ahead changes nothing, and the first of the forecast is who really enters next."""
    run = simulation([(user, lane, cost, 0.0) for user, lane, cost, _ in demand], 1)
    waiting = list(run.coming)
    order = in_order(waiting, run.ledger)
    assert sorted(ids(order)) == sorted(ids(waiting))
    assert ids(in_order(waiting, run.ledger)) == ids(order)
    assert ids(next_jobs(waiting, (), run.ledger, 1, LIMITS)) == ids(order)[:1]
