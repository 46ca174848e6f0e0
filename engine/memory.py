"""What fits on the device, in row caps that halve and recover, and what freed memory is kept."""

import ctypes
import os
import sys
from collections.abc import Hashable

import torch

RECOVER_EVERY = 64
"""So many forwards that fitted let the cap grow by an eighth."""
WORDS = ("out of memory", "can't allocate memory")
"""How CUDA and MPS, and the CPU's allocator, say it when the error has no type of its own."""
STICKY = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "illegal instruction",
    "invalid program counter",
    "hardware stack error",
    "uncorrectable ecc",
)
"""What CUDA says when every further call of the process will fail."""
KEEP_BYTES = 1 << 30
"""Freed memory up to here, and blocks up to this size, wait in the process for the next forward."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h


class RowCaps:
    """The row caps by kind of call (site, dtype and shape of a row); none until memory runs out."""

    def __init__(self) -> None:
        self._caps: dict[Hashable, int] = {}
        self._failed: dict[Hashable, int] = {}
        self._fitted: dict[Hashable, int] = {}

    def cap(self, kind: Hashable) -> int | None:
        """Return the most rows one forward may have, None for any."""
        return self._caps.get(kind)

    def halve(self, kind: Hashable, rows: int) -> None:
        """Take in that `rows` rows did not fit."""
        self._caps[kind] = max(1, rows // 2)
        self._failed[kind] = rows
        self._fitted[kind] = 0

    def recover(self, kind: Hashable) -> None:
        """Take in that a forward fitted."""
        if kind not in self._caps:
            return
        self._fitted[kind] += 1
        if self._fitted[kind] % RECOVER_EVERY:
            return
        self._caps[kind] += max(1, self._caps[kind] // 8)
        if self._caps[kind] > 2 * self._failed[kind]:
            del self._caps[kind], self._failed[kind], self._fitted[kind]


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether a forward failed only because the device had no room for it."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(words in text for words in WORDS)


def is_device_lost(error: Exception) -> bool:
    """Tell whether the device itself failed: nothing can be computed in this process any more."""
    if not isinstance(error, RuntimeError) or is_out_of_memory(error):
        return False
    text = str(error).lower()
    return isinstance(error, torch.AcceleratorError) or any(sign in text for sign in STICKY)


def total_bytes(device: torch.device) -> float:
    """Return how much memory the device has; infinite if that cannot be known."""
    if device.type == "cuda":
        return float(torch.cuda.get_device_properties(device).total_memory)
    if device.type == "mps":
        return float(torch.mps.recommended_max_memory())
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # Windows does not tell
        return float("inf")


def keep_freed_memory() -> None:
    """Let glibc keep what a forward frees for the next one; for the whole process.

    Else it hands the pages back to the kernel, which must zero them anew each time: some 600 page
    faults for each row of the bench's U-Net, a twelfth of its time in forwards of 8 rows and a
    seventh in those of 16. Other allocators are as they are.
    """
    libc = _glibc()
    if libc is not None:
        libc.mallopt(M_TRIM_THRESHOLD, KEEP_BYTES)
        libc.mallopt(M_MMAP_THRESHOLD, KEEP_BYTES)


def free_cache() -> None:
    """Give the allocators' unused blocks back, so that a smaller forward finds room."""
    torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is the GNU one."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") else None
