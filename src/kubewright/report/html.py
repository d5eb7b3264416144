"""A run's account as one HTML file that stands by itself: no script, nothing loaded, everything escaped."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import stat
from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache, PackageLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from kubewright.errors import printable
from kubewright.places import cache_directory
from kubewright.report.account import Account
from kubewright.report.text import SIGNS
from kubewright.report.timeline import State, ticks

MARKS = {
    State.PLANNED: "○",
    State.NOT_BEGUN: "○",
    State.UNFINISHED: "…",
    State.FAILED: "✗",
    State.LEFT: "→",
    State.DONE: "✓",
    State.CHANGED: "✓",
    State.UNCHANGED: "=",
}
"""What tells states apart besides colour."""


def report_html(account: Account) -> str:
    """The report. The same account gives the same text."""
    environment = Environment(
        loader=PackageLoader("kubewright.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
        bytecode_cache=_compiled(),
    )
    environment.filters.update(duration=duration, moment=moment, percent=percent)
    template = environment.get_template("report.html.j2")
    # A run that took no time has a timeline, too.
    length = max(account.seconds, 0.001)
    return template.render(
        account=account, plan=account.plan, marks=MARKS, signs=SIGNS, ticks=ticks(length), length=length
    )


class _Compiled(FileSystemBytecodeCache):
    """Compiled templates in the user's cache, for to compile them takes longer than all else of a report."""

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take one, if it is whole: what is damaged is compiled, and so made anew."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # noqa: BLE001  whatever pickle makes of a damaged file
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep one, where there is room."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def _compiled() -> _Compiled | None:
    """The cache, in a folder that nobody else can put code into; None where there can be no such folder."""
    folder = cache_directory() / "templates"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    own = found.st_uid == os.geteuid() and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o022
    return _Compiled(str(folder)) if own else None


def _printable(value: Any) -> Any:
    """What a browser or an editor could misread is shown as its code; markup of the template itself is left."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def duration(seconds: float) -> str:
    """A time as a person reads it."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def moment(seconds: float) -> str:
    """A moment, given in seconds since 1970, in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def percent(part: float, whole: float) -> str:
    """A share for a style sheet; never outside of the whole."""
    return f"{min(max(part / whole, 0.0), 1.0):.3%}"
