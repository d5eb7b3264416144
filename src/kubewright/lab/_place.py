"""Where a lab is kept on disk: its record, keys and inventory, and its lock."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from kubewright.errors import BadInputError, LockedError
from kubewright.lab.model import LabRecord, check_lab_name


def lab_root() -> Path:
    """Return the directory of this user's labs: ``KUBEWRIGHT_LAB_DIR``, else one in the user's state directory."""
    given = os.environ.get("KUBEWRIGHT_LAB_DIR")
    return Path(given).absolute() if given else platformdirs.user_state_path("kubewright") / "labs"


def lab_names(root: Path | None = None) -> list[str]:
    """Return the names of this checkout's labs, sorted."""
    root = root or lab_root()
    prefix = f"{checkout(root)}-"
    return sorted(path.parent.name.removeprefix(prefix) for path in root.glob(f"{prefix}*/lab.json"))


def checkout(root: Path) -> str:
    """Return six letters for this copy of the program and this place of its labs, so that two of them do not meet."""
    copy = Path(__file__).resolve().parent
    return hashlib.sha256(f"{copy}\n{root.resolve()}".encode()).hexdigest()[:6]


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A lab's directory, which need not exist.

    Attributes:
        name: of the lab.
        root: directory of all labs.

    """

    name: str
    root: Path

    def __post_init__(self) -> None:
        check_lab_name(self.name)

    @property
    def identity(self) -> str:
        """Prefix of the lab's containers, volumes and networks, and their label's value."""
        return f"kubewright-{self.directory.name}"

    @property
    def directory(self) -> Path:
        """All of the lab's files."""
        return self.root / f"{checkout(self.root)}-{self.name}"

    @property
    def inventory(self) -> Path:
        """The inventory directory."""
        return self.directory / "inventory"

    @property
    def hosts(self) -> Path:
        """The inventory's hosts file."""
        return self.inventory / "hosts.ini"

    @property
    def key(self) -> Path:
        """The private key file that logs in to every node."""
        return self.directory / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The known_hosts file that names every node."""
        return self.directory / "known_hosts"

    @property
    def _record(self) -> Path:
        return self.directory / "lab.json"

    def exists(self) -> bool:
        """Whether there is a record, of a finished lab or not."""
        return self._record.exists()

    def load(self) -> LabRecord:
        """Read the lab's record; BadInputError where there is no such lab."""
        if not self.exists():
            raise BadInputError(f"lab {self.name}", "there is no such lab", f"Make it: kubewright lab up {self.name}")
        return LabRecord.from_json(self._record.read_text(), self._record)

    def load_complete(self) -> LabRecord:
        """Read the record of a lab whose first boot has finished; BadInputError where it has not."""
        record = self.load()
        if not record.complete:
            raise BadInputError(
                f"lab {self.name}", "its first boot did not finish", f"Run kubewright lab up {self.name} again"
            )
        return record

    def save(self, record: LabRecord) -> None:
        """Write the lab's record."""
        write(self._record, record.to_json())

    def remove(self) -> None:
        """Remove the lab's files."""
        if self.directory.exists():
            shutil.rmtree(self.directory)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lab's lock; LockedError where another command holds it. It ends with its process."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.root / f".{self.directory.name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(f"lab {self.name}", "another command is changing it", "Wait for its end") from error
            yield


def write(path: Path, text: str) -> None:
    """Write a file of a lab at once or not at all, for its user alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)
