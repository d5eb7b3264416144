"""The report stands by itself, and nothing that comes from a host or an inventory is more than text in it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from kubewright.plan import Change, Plan, Stage, Step
from kubewright.report.account import account
from kubewright.report.html import duration, percent, report_html

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=y>{{ 7 * 7 }}</style>&amp;\x1b[31m\u202e\udcff"


class Parts(HTMLParser):
    """Tags with the names of their attributes, in order, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[str] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _value in attrs)))
        self.values += [value or "" for _name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def report(text: str) -> str:
    """The report of a run in which this text is wherever a text can be."""
    change = Change(text, text, text, text)
    step = Step(Stage.CONVERGE, text, text, text, (change,), (text,))
    plan = Plan(text, text, text, text, (step,), limit=(text,), left=(text,), notices=(text,))
    error = {"subject": text, "cause": text, "remedy": text, "errors": []}
    at_host: dict[str, Any] = {"stage": "converge", "host": text}
    events = [
        {"event": "begun", "dry_run": False, "kubewright": text},
        {"event": "begin", **at_host},
        {"event": "end", **at_host, "seconds": 1.0, "ok": False},
        {"event": "failed", **at_host, "error": error},
        *({"event": kind, "host": text, "cause": text} for kind in ("unreachable", "left")),
        {"event": "waiting", "host": text, "what": text},
        {"event": "note", "host": text, "text": text},
        {"event": "snapshot", "host": text, "path": text, "bytes": 1},
        *({"event": kind, "path": text} for kind in ("inventory", "kubeconfig")),
        {"event": "stopping", "cause": text},
    ]
    return report_html(account(plan, [{"time": float(at), **event} for at, event in enumerate(events)]))


class TestEscaping:
    def test_hostile_text_adds_no_tag_and_no_attribute(self) -> None:
        assert Parts(report(HOSTILE)).tags == Parts(report("harmless")).tags

    def test_it_is_shown_as_it_is(self) -> None:
        shown = "".join(Parts(report(HOSTILE)).shown)
        assert shown.count("<script>alert(1)</script>") >= 20
        assert "{{ 7 * 7 }}" in shown

    def test_what_would_mislead_a_reader_is_shown_as_its_code(self) -> None:
        text = report(HOSTILE)
        assert r"\x1b[31m\u202e\udcff" in text
        assert not {"\x1b", "\u202e", "\udcff"} & set(text)
        text.encode("utf-8")


class TestSelfContained:
    @pytest.fixture
    def parts(self) -> Parts:
        return Parts(report("harmless"))

    def test_nothing_is_loaded_or_run(self, parts: Parts) -> None:
        assert not {tag for tag, _names in parts.tags} & {"script", "link", "img", "iframe", "object", "form", "a"}
        assert not {name for _tag, names in parts.tags for name in names if name in ("src", "href") or name[:2] == "on"}
        assert "url(" not in "".join(parts.shown)

    def test_a_browser_is_told_so(self, parts: Parts) -> None:
        assert "default-src 'none'; style-src 'unsafe-inline'" in parts.values

    def test_light_and_dark(self, parts: Parts) -> None:
        assert "@media (prefers-color-scheme: dark)" in "".join(parts.shown)


class TestFailuresFirst:
    def test_they_come_before_the_steps(self) -> None:
        text = report("x")
        assert text.index("<h2>Failures") < text.index("<h2>Steps") < text.index("<h2>Timeline")


class TestNumbers:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0.04, "0.0 s"), (99.94, "99.9 s"), (100, "1 min 40 s"), (3599.6, "1 h 00 min"), (7260, "2 h 01 min")],
    )
    def test_durations(self, seconds: float, text: str) -> None:
        assert duration(seconds) == text

    @pytest.mark.parametrize(("part", "text"), [(-1, "0.000%"), (5, "50.000%"), (11, "100.000%")])
    def test_shares_stay_within_the_whole(self, part: float, text: str) -> None:
        assert percent(part, 10) == text


class TestCompiledTemplates:
    """They are kept in the user's cache, which never decides whether there is a report."""

    @pytest.fixture
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("KUBEWRIGHT_CACHE", str(tmp_path / "cache"))
        return tmp_path / "cache" / "templates"

    def test_are_made_once(self, cache: Path) -> None:
        first = report("a")
        kept = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
        assert kept
        assert report("a") == first
        assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == kept

    @pytest.mark.parametrize("length", [0, 3, 14, 20, 200])
    def test_damaged_ones_are_made_anew(self, cache: Path, length: int) -> None:
        first = report("a")
        kept = {path: path.read_bytes() for path in cache.iterdir()}
        for path, data in kept.items():
            path.write_bytes(data[:length] + b"\xff" * min(length, 50))
        assert report("a") == first
        assert {path: path.read_bytes() for path in cache.iterdir()} == kept

    @pytest.mark.parametrize("mode", [0o777, 0o770])
    def test_a_folder_that_others_may_write_to_is_not_used(self, cache: Path, mode: int) -> None:
        cache.mkdir(parents=True)
        cache.chmod(mode)
        assert report("a")
        assert not list(cache.iterdir())

    def test_a_folder_that_cannot_be_made(self, cache: Path) -> None:
        cache.parent.write_text("no folder")
        assert report("a")
