"""Putting a finished draft where people look for it, never over anything that is there.

A new folder appears by one rename. Into a folder that exists the pictures go first and the
manifest last, so that there is no manifest whose files are not there.
"""

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from hitlsite.errors import DomainError

DRAFT_PREFIX = ".draft-"


class OwnFolder:
    """A folder of the export's own below ``parent``, named as the export is."""

    def __init__(self, parent: Path, key):
        self._parent = Path(parent)
        self._prefix = f"{DRAFT_PREFIX}{key}-"
        self.draft = self._parent / f"{self._prefix}{uuid.uuid4().hex[:8]}"

    def taken(self, name: str) -> bool:
        return (self._parent / name).exists()

    def publish(self, name: str) -> Callable[[], None]:
        """Show the draft under ``name``; return what takes it away again.

        Raises:
            DomainError: name_taken.
        """
        return _rename(self.draft, self._parent / name)

    def discard(self) -> None:
        """Delete the draft, and what an earlier attempt at the same export left of one."""
        for folder in self._parent.glob(f"{self._prefix}*"):
            shutil.rmtree(folder, ignore_errors=True)


class GivenFolder:
    """A folder that somebody named: made if it is not there, added to if it is."""

    def __init__(self, folder: Path, key):
        self._folder = Path(folder)
        if self._folder.exists() and not self._folder.is_dir():
            raise DomainError("not_a_folder", f"{self._folder} is not a folder.")
        self._is_new = not self._folder.exists()
        beside = self._folder.parent if self._is_new else self._folder
        self.draft = beside / f"{DRAFT_PREFIX}{key}-{uuid.uuid4().hex[:8]}"

    def taken(self, name: str) -> bool:
        return any(self._folder.glob(f"*_{name}.*"))

    def publish(self, name: str) -> Callable[[], None]:
        """Show the draft's files; return what takes them away again.

        Raises:
            DomainError: name_taken, or file_in_the_way.
        """
        if self._is_new:
            return _rename(self.draft, self._folder)
        return _move_into(self.draft, self._folder)

    def discard(self) -> None:
        shutil.rmtree(self.draft, ignore_errors=True)


def _rename(draft: Path, folder: Path):
    try:
        draft.rename(folder)
    except OSError as error:
        if folder.is_dir() and any(folder.iterdir()):
            raise DomainError("name_taken", f"{folder} was written by somebody else.") from error
        raise
    return lambda: shutil.rmtree(folder, ignore_errors=True)


def _move_into(draft: Path, folder: Path):
    """Move the files of a draft into a folder beside what it holds; all of them or none."""
    placed: list[Path] = []

    def take_back():
        for path in reversed(placed):
            path.unlink(missing_ok=True)

    try:
        for name in sorted(_names(draft), key=_manifest_last):
            (folder / name).parent.mkdir(exist_ok=True)
            if _place(draft / name, folder / name):
                placed.append(folder / name)
    except BaseException:
        take_back()
        raise
    shutil.rmtree(draft, ignore_errors=True)
    return take_back


def _names(draft):
    return [path.relative_to(draft) for path in draft.rglob("*") if path.is_file()]


def _manifest_last(name):
    return (name.name.startswith("manifest_"), str(name.parent) == ".", str(name))


def _place(source: Path, target: Path) -> bool:
    """Link or copy a file to a name that is free; False where the same content stands there."""
    try:
        os.link(source, target, follow_symlinks=False)
        return True
    except FileExistsError:
        if _is_same(source, target):
            return False
        raise DomainError(
            "file_in_the_way", f"{target} is there already and holds something else.", status=409
        ) from None
    except OSError:
        return _copy(source, target)


def _copy(source, target):
    """Copy for want of links; an unfinished copy is removed again."""
    with source.open("rb") as reading, target.open("xb") as writing:
        try:
            shutil.copyfileobj(reading, writing)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    return True


def _is_same(source, target):
    is_file = target.is_file() and not target.is_symlink()
    return is_file and source.read_bytes() == target.read_bytes()
