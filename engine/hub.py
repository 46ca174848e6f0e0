"""Forward coalescing: many jobs, each an unchanged pipeline call, share the forwards of a model.

Every job runs in a greenlet of the engine's thread. Where its pipeline calls a routed method, the
job parks; a turn of the hub picks parked calls that fit together, runs one forward for all of
them, and lets each go on with its rows. Lives in one thread and never waits for anything but the
device.
"""

import functools
import logging
import operator
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from greenlet import getcurrent, greenlet

from engine.errors import StoppedError
from engine.forward import run_forward
from engine.knee import Knee
from engine.memory import RowCaps, free_cache, is_device_lost, is_out_of_memory
from engine.policy import Claim, Lane, Policy
from engine.site import Call, Form, Site, park
from engine.stopwatch import Stopwatch

EXACT_ROWS = 8
"""Rows of every forward in exact mode: one grid of four with guidance."""

KNOWN_CONTENTS = 64
"""Shared tensors a job remembers the content of."""

FOOTING = 64
"""C calls beneath each job, see `_found`."""

Activate = Callable[[str, Hashable], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finished:
    """A job's end: what its callable returned, or what it raised (`StoppedError` if cancelled).

    `seconds` is its part of the device's time.
    """

    job_key: Hashable
    result: Any
    error: BaseException | None
    seconds: float


@dataclass(slots=True, eq=False)
class _Job:
    """A job inside: its greenlet and where it stands. `step_s` is what a step of it takes."""

    key: Hashable
    claim: Claim
    steps: int
    preview_step: int
    state: Mapping[str, Hashable]
    greenlet: Any = None
    call: Call | None = None
    steps_done: int = 0
    step_s: float = 0.0
    is_cancelled: bool = False
    contents: dict[int, tuple[torch.Tensor, Hashable]] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)


class Hub:
    """All jobs that paint now. Make it and use it in one thread.

    With `exact`, every forward has exactly `exact_rows` rows, so that a picture is the same bit
    for bit whatever is painted beside it. `activate(site name, state)` is called before a forward
    whose jobs want another module state (a set of LoRAs) than the last one there, and
    `bring(site name, module)` before every forward: the weights may be elsewhere. `leave_only`
    takes all others' weights off the device and tells whether any were there: it is called where
    a single row finds no memory.
    """

    def __init__(
        self,
        device: torch.device | None = None,
        *,
        exact: bool = False,
        exact_rows: int = EXACT_ROWS,
        activate: Activate | None = None,
        bring: Callable[[str, torch.nn.Module], None] | None = None,
        leave_only: Callable[[str, torch.nn.Module], bool] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.forwards: Counter[str] = Counter()
        """Forwards so far, by site name."""
        self.rows: Counter[str] = Counter()
        """Rows of the jobs in them, by site name."""
        self.policy = Policy()
        self.knee = Knee()
        self.row_caps = RowCaps()
        self._exact_rows = exact_rows if exact else None
        self._activate = activate
        self._bring = bring
        self._leave_only = leave_only
        self._active: dict[str, Hashable] = {}
        self._clock = clock
        self._stopwatch = Stopwatch(device or torch.device("cpu"), clock)
        self._sites: dict[str, Site] = {}
        self._jobs: dict[Hashable, _Job] = {}
        self._running: _Job | None = None
        self._finished: list[Finished] = []
        self._root = getcurrent()

    def __len__(self) -> int:
        """Return how many jobs are inside."""
        return len(self._jobs)

    def __contains__(self, job_key: Hashable) -> bool:
        return job_key in self._jobs

    @property
    def is_idle(self) -> bool:
        """Whether a turn would do nothing: no job is inside, and no end is left to report."""
        return not self._jobs and not self._finished

    # Where jobs call models

    def route(
        self,
        module: torch.nn.Module,
        site_name: str,
        attribute: str = "forward",
        *,
        is_denoiser: bool = False,
        ignored: Iterable[str] = (),
    ) -> None:
        """Let calls of a module's method from inside jobs come here; others stay as they are.

        Calls of one site name share forwards, so it names the module too, such as
        `"sdxl/vae.decode"`. A job's calls at a denoiser are its steps. Arguments named in
        `ignored` are dropped.
        """
        if site_name in self._sites:
            raise ValueError(f"{site_name} is routed already: every method needs its own name.")
        site = Site(module, site_name, attribute, is_denoiser=is_denoiser, ignored=ignored)

        @functools.wraps(site.real)
        def routed(*args: Any, **kwargs: Any) -> Any:
            job = self._running
            if job is None or getcurrent() is not job.greenlet:
                return site.real(*args, **kwargs)
            return self._park(job, site, args, kwargs)

        site.redirect(routed)
        self._sites[site_name] = site

    def unroute(self, prefix: str = "") -> None:
        """Put the methods back whose site name begins with `prefix`, by default all."""
        names = [name for name in self._sites if name.startswith(prefix)]
        waiting = {job.call.site.name for job in self._jobs.values() if job.call}
        if busy := waiting.intersection(names):
            raise RuntimeError(f"{min(busy)} has calls waiting: end their jobs first.")
        for name in names:
            self._sites.pop(name).restore()
            self._active.pop(name, None)

    # What the engine does with jobs

    @torch.inference_mode()
    def start(
        self,
        job_key: Hashable,
        paint: Callable[[], Any],
        *,
        lane: Lane = Lane.FAST,
        share: Hashable = None,
        steps: int = 1,
        preview_step: int = 1,
        state: Mapping[str, Hashable] | None = None,
    ) -> None:
        """Run `paint` as a job, at once up to its first call of a model.

        `share` is who pays (None: nobody else), `steps` about how often it will call its
        denoiser, `preview_step` the step from which its painter sees something, and `state` the
        module state it wants, by site name.
        """
        if getcurrent() is not self._root:
            raise RuntimeError("A hub is used in the thread that made it, outside of its jobs.")
        if job_key in self._jobs:
            raise ValueError(f"Job {job_key!r} is inside already.")
        claim = Claim(lane, job_key if share is None else share, self._clock())
        job = _Job(job_key, claim, steps, preview_step, state or {})
        job.greenlet = greenlet(_found(paint), parent=self._root)
        self._jobs[job_key] = job
        self.policy.enter(claim)
        self._resume(job, job.greenlet.switch)

    @torch.inference_mode()
    def cancel(self, job_key: Hashable) -> None:
        """Throw `StoppedError` into a job: nothing more is computed for it. Unknown keys are fine.

        Called from inside a job, it is done when that job parks.
        """
        job = self._jobs.get(job_key)
        if job is None:
            return
        job.is_cancelled = True
        if self._running is None:
            self._throw(job, StoppedError())

    def close(self) -> None:
        """Cancel every job and put all methods back."""
        for job_key in list(self._jobs):
            self.cancel(job_key)
        self.unroute()

    @torch.inference_mode()
    def turn(self) -> list[Finished]:
        """Run one forward, if any job waits for one; return the jobs that ended since last time.

        Raises:
            torch.AcceleratorError: the device failed. Nothing can be computed in this process
                any more.

        """
        for job in [job for job in self._jobs.values() if job.is_cancelled]:
            self._throw(job, StoppedError())
        calls = {call: job for job in self._jobs.values() if (call := job.call)}
        if calls:
            for call in calls:
                call.is_set = self._active.get(call.site.name) == call.state
            group = self.policy.choose(list(calls), self._clock(), self._cap)
            self._serve(group, [calls[call] for call in group])
        finished, self._finished = self._finished, []
        return finished

    # Inside a job's greenlet

    def _park(self, job: _Job, site: Site, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if job.is_cancelled:
            raise StoppedError
        named = site.name_arguments(args, kwargs)
        content = functools.partial(_content, job.contents)
        call = park(site, named, job.claim, job.state.get(site.name), content, job.forms)
        if self._exact_rows and call.is_ragged:
            call.key = call
        self._estimate(job, call)
        return self._root.switch(call)

    def _estimate(self, job: _Job, call: Call) -> None:
        """Note what the job's steps need until something new is seen of it, as far as known."""
        seen = job.preview_step if job.steps_done < job.preview_step else job.steps
        left = seen - job.steps_done
        if call.site.is_denoiser:
            job.step_s = call.rows * self.knee.seconds_per_row(call.kind)
            left = max(1, left)
        call.work = job.step_s * max(0, left)

    # Between jobs

    def _cap(self, call: Call) -> int:
        """Return the most rows of a forward that this call leads, see `Policy.choose`."""
        if self._exact_rows:
            return self._exact_rows
        knee = self.knee.cap(call.kind, call.rows, self._waiting(call))
        memory = self.row_caps.cap(call.kind)
        return knee if memory is None else min(knee, memory)

    def _waiting(self, leader: Call) -> int:
        """Return the rows of all calls of a leader's kind, lanes below it left out."""
        calls = [job.call for job in self._jobs.values() if job.claim.lane <= leader.claim.lane]
        return sum(call.rows for call in calls if call is not None and call.kind == leader.kind)

    def _serve(self, group: list[Call], jobs: list[_Job]) -> None:
        """Run one forward for a group; let its jobs go on, or see what went wrong."""
        error: Exception | None = None
        outputs: list[Any] = []
        try:
            self._set_state(group[0].site, jobs[0])
            if self._bring is not None:
                self._bring(group[0].site.name, group[0].site.module)
            outputs = self._forward(group)
        except Exception as raised:  # noqa: BLE001 why: a model's error ends the guilty job only
            # An out-of-memory traceback would keep alive what has to be freed.
            error = raised.with_traceback(None) if is_out_of_memory(raised) else raised
        if error is not None:
            self._recover(group, jobs, error)
            return
        self.row_caps.recover(group[0].kind)
        for call, job, output in zip(group, jobs, outputs, strict=True):
            if call.site.is_denoiser:
                job.steps_done += 1
            if job.is_cancelled:
                self._throw(job, StoppedError())
            else:
                self._resume(job, job.greenlet.switch, output)

    def _set_state(self, site: Site, job: _Job) -> None:
        wanted = job.state.get(site.name)
        if self._active.get(site.name) == wanted:
            return
        if self._activate is None:
            raise ValueError(f"{site.name} should change its state, but the hub has no `activate`.")
        self._active[site.name] = object()
        self._activate(site.name, wanted)
        self._active[site.name] = wanted

    def _forward(self, group: list[Call]) -> list[Any]:
        """Return each call's output."""
        site, kind = group[0].site, group[0].kind
        rows = sum(call.rows for call in group)
        size = self._exact_rows or self.row_caps.cap(kind)
        self._stopwatch.start()
        outputs, forwards = run_forward(group, size, is_padded=self._exact_rows is not None)
        self.forwards[site.name] += forwards
        self.rows[site.name] += rows

        def account(seconds: float) -> None:
            if forwards == 1:
                self.knee.observe(kind, rows, seconds)
            for call in group:
                self.policy.charge(call.claim, seconds * call.rows / rows)

        self._stopwatch.stop(account)
        return outputs

    def _recover(self, group: list[Call], jobs: list[_Job], error: Exception) -> None:
        """Leave the calls parked to be tried in smaller forwards; else end the guilty job."""
        if is_device_lost(error):
            raise error
        kind = group[0].kind
        if is_out_of_memory(error):
            free_cache()
            rows = sum(call.rows for call in group)
            rows = min(rows, self.row_caps.cap(kind) or rows)
            if rows > 1 and not self._exact_rows:
                log.warning("out of memory with %s rows at %s: halving", rows, group[0].site.name)
                self.row_caps.halve(kind, rows)
                return
            site = group[0].site
            if self._leave_only is not None and self._leave_only(site.name, site.module):
                return
        if len(group) > 1:
            for call in group:
                call.key = call
        else:
            self._throw(jobs[0], error)

    def _throw(self, job: _Job, error: Exception) -> None:
        self._resume(job, job.greenlet.throw, error)

    def _resume(self, job: _Job, enter: Callable[..., Any], *value: Any) -> None:
        """Let a job go on until it parks again or ends."""
        job.call, self._running = None, job
        result, error = None, None
        try:
            result = enter(*value)
        except Exception as raised:  # why: whatever a pipeline raises ends its own job only
            if is_device_lost(raised):
                raise
            error = raised
        finally:
            self._running = None
            if job.greenlet.dead:
                self._stopwatch.catch_up()
                del self._jobs[job.key]
                self.policy.leave(job.claim, self._clock())
        if not job.greenlet.dead:
            job.call = result
            return
        if job.is_cancelled:
            result, error = None, StoppedError()
        self._finished.append(Finished(job.key, result, error, job.claim.had))


def _found(paint: Callable[[], Any]) -> Callable[[], Any]:
    """Put `FOOTING` C calls beneath a job's code.

    Every error that torch raises walks up to 64 C frames to remember where it came from. In a
    greenlet that has been switched the frames beneath its first one are no longer there, and the
    walk would end the process by a segmentation fault; so it must never get that far.
    """
    call: Any = operator.call
    return functools.partial(call, *[call] * FOOTING, paint)


def _content(known: dict[int, tuple[torch.Tensor, Hashable]], tensor: torch.Tensor) -> Hashable:
    """Describe a shared tensor by its content, once for as long as its job passes the same one."""
    found = known.get(id(tensor))
    if found is None:
        data = tensor.detach().reshape(-1).view(torch.uint8).cpu().numpy().tobytes()
        found = tensor, (tensor.dtype, tensor.shape, hash(data))
        if len(known) >= KNOWN_CONTENTS:
            known.clear()
        known[id(tensor)] = found
    return found[1]
