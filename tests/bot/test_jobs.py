"""The states of a job: which may follow which."""

from bot.jobs import FINAL, FOLLOWS, Job, Kind, State
from engine import Request


def reachable(start: State) -> set[State]:
    found = {start}
    while new := {after for state in found for after in FOLLOWS[state]} - found:
        found |= new
    return found


def test_every_state_is_reached_and_comes_to_an_end():
    """From accepted all states can be reached, and from each of them a final one."""
    assert reachable(State.ACCEPTED) == set(State) == set(FOLLOWS)
    assert all(reachable(state) & FINAL for state in State)


def test_a_painted_job_is_never_painted_again():
    """No step leads from painted, or from anything after it, back into the engine."""
    assert not reachable(State.PAINTED) & {State.ACCEPTED, State.RUNNING, State.CANCELLED}


def test_an_outcome_stays():
    """Final states are left by nobody, but for pictures that found no place yet."""
    left = {state for state in FINAL if FOLLOWS[state]}
    assert left == {State.UNDELIVERABLE}


def test_a_job_in_a_log_shows_no_token():
    """The interaction's token is not part of what a job prints."""
    words = "interaction's own"
    request = Request(
        prompt="a fox",
        seed=7,
        num_inference_steps=4,
        guidance_scale=1.5,
        width=64,
        height=64,
        model="embedded",
    )
    job = Job(
        id=1,
        kind=Kind.IMAGINE,
        state=State.ACCEPTED,
        channel_id=10,
        user_id=20,
        shown="a fox",
        request=request,
        token=words,
    )
    assert job.token == words
    assert words not in repr(job)
