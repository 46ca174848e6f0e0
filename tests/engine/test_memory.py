"""Main memory: what a forward frees waits for the next one, and is given back when asked for.

Each in a process of its own, for how memory is kept is a matter of the whole process.
"""

import os
import subprocess
import sys

import pytest

GNU = sys.platform == "linux" and "glibc" in (os.confstr("CS_GNU_LIBC_VERSION") or "")
pytestmark = pytest.mark.skipif(not GNU, reason="only the GNU C library is told what to keep")

FAULTS = """
import resource, sys, torch
from engine.memory import keep_freed_memory
torch.set_num_threads(1)
if sys.argv[1] == "keep":
    keep_freed_memory()
for turn in range(4):
    begun = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    # Of 64 MB: glibc never keeps those by itself. Each turn a page less: small blocks come to lie
    # between the large ones, and the same size again may miss its old place by some bytes.
    parts = [torch.ones((1 << 24) - 1024 * turn) for _ in range(2)]
    del parts
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begun)
"""
RESIDENT = """
import re, torch
from engine.memory import free_cache, keep_freed_memory
def resident_mb():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmRSS:\\s+(\\d+)", status.read())[1]) / 1024
keep_freed_memory()
begun = resident_mb()
parts = [torch.ones(1 << 18) for _ in range(200)]
del parts
kept = resident_mb() - begun
free_cache()
print(kept, resident_mb() - begun)
"""


def run(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [float(word) for word in done.stdout.split()]


def test_the_next_forward_takes_what_the_last_one_freed():
    """The kernel gives no new pages for 128 MB that were in use a moment ago."""
    (without,), (faults,) = run(FAULTS, "as it is"), run(FAULTS, "keep")
    assert faults < 0.02 * without


def test_memory_kept_is_given_back():
    """Of 200 MB that were freed and kept, a closed model or an error of memory frees nearly all."""
    kept, left = run(RESIDENT)
    assert kept > 150
    assert left < 20
