"""The data folder: where each file lives, the lock that keeps a second bot out, durable writes."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.errors import OperatorError

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class DataFolder:
    """Paths below one folder. Names are made of numbers only, never of what a person typed."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is made before `lock` or the first write."""
        self.root = root.resolve()

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "easel.sqlite3"

    def make(self) -> None:
        """Make the folder where there is none; only its owner may look inside."""
        self.root.parent.mkdir(parents=True, exist_ok=True)
        self.root.mkdir(mode=0o700, exist_ok=True)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process; OperatorError with code 75 if another holds it.

        The lock goes with the process, however it dies; the file itself stays.
        """
        path = self.root / "lock"
        try:
            self.make()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OperatorError(
                f"The data folder {self.root} cannot be written ({error.strerror}); make it "
                "writable by this user, or choose another one with --data."
            ) from error
        try:
            try:
                _try_lock(descriptor)
            except OSError as error:
                raise OperatorError(
                    f"Easel is already running on the data folder {self.root}; stop that one "
                    "first, or choose another folder with --data.",
                    code=75,
                ) from error
            yield
        finally:
            os.close(descriptor)

    def path(self, file: str) -> Path:
        """The path of a file named relative to the folder; it never leads out of the folder."""
        path = (self.root / file).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"{file!r} lies outside the data folder {self.root}")
        return path

    def relative(self, path: Path) -> str:
        """How the store names a path: relative to the folder, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def picture_path(self, job_id: int, tile: int) -> Path:
        """Where a painted tile lies, or will lie."""
        return self.root / "pictures" / str(job_id) / f"{tile}.png"

    def input_path(self, job_id: int, part: str = "") -> Path:
        """Where the picture that a painter attached lies, or will lie; `part` names another one."""
        return self.root / "inputs" / f"{job_id}{'-' * bool(part)}{part}.png"

    def write_pictures(
        self, job_id: int, pictures: Sequence[bytes], first: int = 0
    ) -> tuple[Path, ...]:
        """Write a job's tiles from `first` on. Blocks; after it they survive a power cut."""
        paths = tuple(self.picture_path(job_id, first + tile) for tile in range(len(pictures)))
        folder = self.picture_path(job_id, 0).parent
        folder.mkdir(parents=True, exist_ok=True)
        for path, picture in zip(paths, pictures, strict=True):
            _write(path, picture)
        _sync_folder(folder)
        _sync_folder(folder.parent)
        _sync_folder(self.root)
        return paths

    def write_input(self, job_id: int, png: bytes, part: str = "") -> Path:
        """Write a picture a painter attached, as durably as a painted one. Blocks."""
        path = self.input_path(job_id, part)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, png)
        _sync_folder(path.parent)
        _sync_folder(self.root)
        return path

    def kept_jobs(self) -> dict[int, float]:
        """Return each job that has files here, and when the newest of them was written. Blocks."""
        found: dict[int, float] = {}
        for path in [*self.root.glob("pictures/*/*"), *self.root.glob("inputs/*")]:
            name = path.name if path.parent.name == "inputs" else path.parent.name
            name = re.split("[.-]", name, maxsplit=1)[0]
            with contextlib.suppress(FileNotFoundError):
                if name.isdecimal():
                    found[int(name)] = max(found.get(int(name), 0.0), path.stat().st_mtime)
        return found

    def size_bytes(self) -> int:
        """Return how much the pictures take, attached ones too. Blocks."""
        total = 0
        for path in [*self.root.glob("pictures/*/*"), *self.root.glob("inputs/*")]:
            with contextlib.suppress(FileNotFoundError):
                total += path.stat().st_size
        return total

    def drop(self, job_id: int) -> int:
        """Delete a job's files; return how many bytes that were. Blocks."""
        folder, freed = self.picture_path(job_id, 0).parent, 0
        inputs = self.input_path(job_id).parent
        attached = [*inputs.glob(f"{job_id}.png*"), *inputs.glob(f"{job_id}-*")]
        for path in [*folder.glob("*"), *attached]:
            with contextlib.suppress(FileNotFoundError):
                freed += path.stat().st_size
                path.unlink()
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
        return freed


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: under another name first, which a crash may leave behind."""
    unfinished = path.with_name(f"{path.name}.tmp")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows has no such call and needs none."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
