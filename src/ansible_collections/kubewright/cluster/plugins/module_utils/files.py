"""Files on a node: atomic writes, digests, ownership and text differences.

Every write makes a temporary file ``.kubewright-*.tmp`` in the target's own directory, gives it its final mode and
owner, flushes it and renames it over the target. A killed run leaves at most such a temporary file, which the next run
removes (:func:`sweep`).
"""

from __future__ import annotations

import errno
import grp
import hashlib
import os
import pwd
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Callable, Iterable, Optional

from ansible_collections.kubewright.cluster.plugins.module_utils.errors import BAD_INPUT, NodeError
from ansible_collections.kubewright.cluster.plugins.module_utils.late import late

if TYPE_CHECKING:
    import difflib
else:
    difflib = late("difflib")

SECRETS_DIRECTORY = "/run/kubewright"
"""Where short-lived secret files lie: memory, gone after a reboot."""

_PREFIX = ".kubewright-"
_SUFFIX = ".tmp"
_CHUNK = 1 << 20


def read_text(path: Path) -> Optional[str]:
    """Return the file's text (bytes that are no UTF-8 kept by surrogates), None where there is no file."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def signature(path: Path) -> Optional[list[int]]:
    """Return what changes whenever the content may have: size, modification and change time (ns), inode.

    None where there is no regular file.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def modified(path: Path) -> Optional[float]:
    """Return when it was last modified, in seconds since the epoch; None where there is nothing."""
    try:
        return path.stat().st_mtime
    except (FileNotFoundError, NotADirectoryError):
        return None


def owner_ids(owner: str) -> tuple[int, int]:
    """User and group id of ``user:group`` (names or numbers).

    Raises:
        NodeError: no such user or group on this node.

    """
    user, _, group = owner.partition(":")
    try:
        uid = int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
        gid = int(group) if group.isdigit() else grp.getgrnam(group or user).gr_gid
    except KeyError as error:
        raise NodeError("owner %s" % owner, str(error.args[0]), "", BAD_INPUT) from error
    return uid, gid


def own_ids() -> tuple[int, int]:
    """Return the ids that this process makes files with (root's, but in tests)."""
    return os.geteuid(), os.getegid()


def owner_name(uid: int, gid: int) -> str:
    """``user:group`` of ids, numbers where they have no name."""
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return "%s:%s" % (user, group)


def attributes(path: Path) -> Optional[dict[str, str]]:
    """Mode (``"0644"``) and owner (``"root:root"``) of what is there, not following links; None where nothing is."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return {"mode": "%04o" % stat.S_IMODE(status.st_mode), "owner": owner_name(status.st_uid, status.st_gid)}


def write_atomic(path: Path, content: bytes, mode: int, owner: tuple[int, int], *, sync: bool = True) -> None:
    """Replace the file with ``content`` in one step that a crash does not halve; missing parents are made (0755).

    Without ``sync`` that holds for the death of the process; after a loss of power the file may be empty.
    """
    replace_by(path, lambda stream: stream.write(content), mode, owner, sync=sync)


def replace_by(
    path: Path, fill: Callable[[BinaryIO], Any], mode: int, owner: tuple[int, int], *, sync: bool = True
) -> None:
    """As :func:`write_atomic`, with what ``fill`` writes to its stream; when it raises, the target stays as it was."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=_PREFIX, suffix=_SUFFIX, dir=str(path.parent))
    try:
        with os.fdopen(descriptor, "wb") as stream:
            fill(stream)
            stream.flush()
            os.fchown(stream.fileno(), *owner)
            os.fchmod(stream.fileno(), mode)
            if sync:
                os.fsync(stream.fileno())
        _rename(Path(temporary), path, sync=sync)
    except BaseException:
        # Also when the process is told to stop: the temporary file is nobody's.
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


def move_into(source: Path, path: Path, mode: int, owner: tuple[int, int]) -> None:
    """Put ``source`` in the place of ``path``: renamed within one file system, else copied and removed."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if source.stat().st_dev == path.parent.stat().st_dev:
        with source.open("rb") as stream:
            os.fchown(stream.fileno(), *owner)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        _rename(source, path)
        return
    copy_into(source, path, mode, owner)
    source.unlink()


def copy_into(source: Path, path: Path, mode: int, owner: tuple[int, int]) -> None:
    """Put a copy of ``source`` in the place of ``path``."""

    def fill(target: BinaryIO) -> None:
        with source.open("rb") as stream:
            target.writelines(iter(lambda: stream.read(_CHUNK), b""))

    replace_by(path, fill, mode, owner)


def remove(path: Path) -> None:
    """Remove the file so that it stays removed after a crash; nothing where there is none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the directory's names durable."""
    descriptor = os.open(str(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(directories: Iterable[Path]) -> list[str]:
    """Remove killed runs' temporary files from the directories; their paths. Only a holder of the node lock may."""
    removed = []
    for directory in set(directories):
        if directory.is_dir():
            for leftover in sorted(directory.glob("%s*%s" % (_PREFIX, _SUFFIX))):
                leftover.unlink()
                removed.append(str(leftover))
    return removed


def unified(path: str, before: Optional[str], after: Optional[str]) -> str:
    """Return the unified diff of two texts with the file's path in its head; None stands for no file."""
    lines = difflib.unified_diff(
        _lines(before),
        _lines(after),
        fromfile=path if before is not None else "/dev/null",
        tofile=path if after is not None else "/dev/null",
    )
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def _lines(text: Optional[str]) -> list[str]:
    readable = (text or "").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return readable.splitlines(keepends=True)


def _rename(source: Path, path: Path, *, sync: bool = True) -> None:
    try:
        os.replace(str(source), str(path))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        # The target is a mount point: in containers /etc/hosts is a file bound over the image's, and only its content
        # can change. There is no atomic way; the write is small, and a run that was killed in it is completed by the
        # next.
        _overwrite(source, path)
        source.unlink()
        return
    if sync:
        sync_directory(path.parent)


def _overwrite(source: Path, path: Path) -> None:
    content = source.read_bytes()
    status = source.stat()
    with path.open("r+b") as stream:
        stream.write(content)
        stream.truncate()
        os.fchown(stream.fileno(), status.st_uid, status.st_gid)
        os.fchmod(stream.fileno(), stat.S_IMODE(status.st_mode))
        os.fsync(stream.fileno())
