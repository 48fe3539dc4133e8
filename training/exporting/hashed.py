"""Files whose hash is known the moment they are closed, so that nothing is read a second time."""

import hashlib
from pathlib import Path

BUFFER_CHARACTERS, COPIED_BYTES = 1 << 18, 1 << 20


class HashedFile:
    """A UTF-8 text file under way; ``close`` returns its sha256, as often as it is called."""

    def __init__(self, path: Path):
        self._stream, self._digest = path.open("wb"), hashlib.sha256()
        self._waiting: list[str] = []
        self._size = 0

    def write(self, text: str) -> None:
        self._waiting.append(text)
        self._size += len(text)
        if self._size > BUFFER_CHARACTERS:
            self._flush()

    def _flush(self):
        content = "".join(self._waiting).encode()
        self._waiting, self._size = [], 0
        self._digest.update(content)
        self._stream.write(content)

    def copy(self, path: Path) -> None:
        """Append the content of a finished file."""
        self._flush()
        with path.open("rb") as source:
            while content := source.read(COPIED_BYTES):
                self._digest.update(content)
                self._stream.write(content)

    def close(self) -> str:
        if not self._stream.closed:
            self._flush()
            self._stream.close()
        return self._digest.hexdigest()


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file that is there already."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
