"""The command as a shell sees it: help, exit codes and completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kubewright import __version__
from kubewright.cli import main as command
from kubewright.cli.main import _VERBS, LazyGroup
from kubewright.errors import BadInputError, BadInputErrors, ExitCode, KubewrightError

START = "import sys; sys.argv[0] = 'kubewright'; from kubewright.cli.main import main; main()"
OPTIONS = (
    "--limit",
    "--dry-run",
    "--output",
    "--yes",
    "--verbose",
    "--user",
    "--private-key",
    "--ask-pass",
    "--ask-become-pass",
    "--vault-password-file",
    "--ask-vault-pass",
    "--extra-vars",
    "--forks",
    "--state-dir",
    "--log-format",
)
CHANGING = ("deploy", "scale", "apply")
LOOKING = ("status", "check", "plan")

Invoke = Callable[..., int]


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Invoke:
    """Run the command in this process; its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["kubewright", *arguments])
        with pytest.raises(SystemExit) as ended:
            command.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run


class TestHelp:
    @pytest.mark.parametrize("verb", _VERBS)
    def test_of_each_verb(self, invoke: Invoke, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert invoke(verb, "--help") == ExitCode.DONE
        assert verb in capsys.readouterr().out

    @pytest.mark.parametrize("verb", [*CHANGING, *LOOKING, "kubectl", "remove", "reset"])
    def test_has_an_example_and_an_inventory(
        self, invoke: Invoke, verb: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        invoke(verb, "--help")
        shown = capsys.readouterr().out
        assert f"kubewright {verb} -i" in shown
        assert "--inventory" in shown

    def test_of_plan_has_an_example_of_a_removal(self, invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
        invoke("plan", "--help")
        shown = " ".join(capsys.readouterr().out.split())
        assert "kubewright plan remove -i inventory/mycluster --limit worker7 --out worker7.plan" in shown
        assert "deploy|scale|check|remove|reset" in shown

    @pytest.mark.parametrize("verb", CHANGING)
    @pytest.mark.parametrize(
        "option",
        [
            "--limit",
            "--dry-run",
            "--output",
            "--yes",
            "--verbose",
            "--user",
            "--private-key",
            "--ask-pass",
            "--ask-become-pass",
            "--vault-password-file",
            "--ask-vault-pass",
            "--extra-vars",
            "--forks",
            "--state-dir",
            "--log-format",
        ],
    )
    def test_of_changing_verbs_has_the_options_of_all(
        self, invoke: Invoke, verb: str, option: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        invoke(verb, "--help")
        assert option in capsys.readouterr().out

    def test_of_the_command_lists_every_verb(self, invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
        assert invoke("--help") == ExitCode.DONE
        shown = " ".join(capsys.readouterr().out.split())  # as it is without line breaks
        for verb, (_module, text) in _VERBS.items():
            assert verb in shown
            assert text in shown

    def test_version(self, invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
        assert invoke("--version") == ExitCode.DONE
        assert capsys.readouterr().out == f"kubewright {__version__}\n"


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("destroy",),
            ("deploy",),
            ("scale", "--limit", "w1"),
            ("status", "--nonsense"),
            ("deploy", "-i", "x", "--forks", "many"),
            ("kubectl", "-i", "x"),
            ("kubectl", "--", "get", "pods"),
            ("check", "-i"),
        ],
    )
    def test_a_command_line_that_cannot_be_understood(
        self, invoke: Invoke, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert invoke(*arguments) == ExitCode.USAGE
        shown = capsys.readouterr()
        assert "Error: " in shown.err or "Usage: " in shown.err
        assert "Traceback" not in shown.err


class TestBadInput:
    @pytest.mark.parametrize("verb", [*CHANGING, *LOOKING])
    def test_an_inventory_that_is_not_there(
        self, invoke: Invoke, verb: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        assert invoke(verb, "-i", "nowhere/hosts.yml") == ExitCode.BAD_INPUT
        shown = capsys.readouterr()
        assert "Error: -i nowhere/hosts.yml: there is no such file or directory" in shown.err
        assert "Check the path." in shown.err
        assert shown.out == ""
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("verb", [*CHANGING, *LOOKING])
    def test_an_output_format_that_does_not_exist(self, invoke: Invoke, verb: str, tmp_path: Path) -> None:
        (tmp_path / "hosts.yml").touch()
        assert invoke(verb, "-i", "hosts.yml", "-o", "xml") == ExitCode.BAD_INPUT
        assert not (tmp_path / ".kubewright").exists()


class TestHowItEnds:
    """What each way to end is to a shell. A verb that raises stands in for the real ones."""

    @pytest.fixture
    def ending(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
        def arrange(error: BaseException) -> None:
            def execute(*_arguments: object, **_options: object) -> None:
                raise error

            monkeypatch.setattr("kubewright.cli.look.execute", execute)

        return arrange

    @pytest.mark.parametrize("kind", KubewrightError.__subclasses__())
    def test_an_error_of_ours(
        self, invoke: Invoke, ending: Callable[[BaseException], None], kind: type[KubewrightError]
    ) -> None:
        ending(kind("host w1", "it is so", "Do this"))
        assert invoke("status", "-i", "x,") == kind.exit_code

    def test_several_at_once_each_on_its_own_lines(
        self, invoke: Invoke, ending: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        errors = (BadInputError("host w1", "swap is on", "Turn it off"), BadInputError("host w2", "[b] is wrong"))
        ending(BadInputErrors(errors))
        assert invoke("status", "-i", "x,") == ExitCode.BAD_INPUT
        assert capsys.readouterr().err.splitlines() == [
            "Error: host w1: swap is on",
            "  Turn it off.",
            "Error: host w2: [b] is wrong",
        ]

    def test_a_remedy_is_shown_as_it_is(
        self, invoke: Invoke, ending: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
    ) -> None:
        ending(BadInputError("bundle", "it is not there", "Look at ../bundle.tar."))
        invoke("status", "-i", "x,")
        assert capsys.readouterr().err.splitlines()[-1] == "  Look at ../bundle.tar."

    def test_interrupted(self, invoke: Invoke, ending: Callable[[BaseException], None]) -> None:
        ending(KeyboardInterrupt())
        assert invoke("status", "-i", "x,") == ExitCode.INTERRUPTED

    def test_a_defect_leaves_its_traceback_in_a_file(
        self,
        invoke: Invoke,
        ending: Callable[[BaseException], None],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        ending(ZeroDivisionError("by zero"))
        assert invoke("status", "-i", "x,") == ExitCode.INTERNAL
        shown = capsys.readouterr().err
        report = next(tmp_path.glob("kubewright-error-*.txt"))
        assert report.name in shown
        assert "Traceback" not in shown
        assert "ZeroDivisionError: by zero" in report.read_text()


class TestErrorsAsJson:
    """With --log-format json whatever ends a verb is told as JSON lines, and nothing else is on standard error."""

    def ended(
        self, invoke: Invoke, capsys: pytest.CaptureFixture[str], *arguments: str
    ) -> tuple[int, list[dict[str, object]]]:
        code = invoke("status", *arguments, "--log-format", "json")
        return code, [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    def test_an_error_before_anything_ran(self, invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
        code, (line,) = self.ended(invoke, capsys, "-i", "nowhere/hosts.yml")
        assert code == line["exit_code"] == ExitCode.BAD_INPUT
        assert (line["event"], line["subject"]) == ("error", "-i nowhere/hosts.yml")

    def test_an_option_that_is_wrong(self, invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
        code, (line,) = self.ended(invoke, capsys, "-i", "x,", "-o", "xml")
        assert code == ExitCode.BAD_INPUT
        assert line["subject"] == "-o xml"

    def test_a_defect(
        self, invoke: Invoke, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        def execute(*_arguments: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("kubewright.cli.look.execute", execute)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        code, (line,) = self.ended(invoke, capsys, "-i", "x,")
        assert code == line["exit_code"] == ExitCode.INTERNAL
        assert next(tmp_path.glob("kubewright-error-*.txt")).name in str(line["remedy"])

    def test_a_format_that_does_not_exist(self, invoke: Invoke, capsys: pytest.CaptureFixture[str]) -> None:
        assert invoke("status", "-i", "x,", "--log-format", "xml") == ExitCode.USAGE
        assert "'text', 'json'" in capsys.readouterr().err


def test_help_of_the_command_imports_no_verb() -> None:
    """It answers at once: Ansible alone takes most of a second to import."""
    script = (
        "import sys; sys.argv = ['kubewright', '--help']\n"
        "from kubewright.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('ansible', 'ansible_runner', 'httpx')))\n"
    )
    source = Path(command.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


class TestCompletion:
    def complete(self, words: str, number: int) -> list[str]:
        source = Path(command.__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-c", START],
            env={
                **os.environ,
                "PYTHONPATH": str(source),
                "_KUBEWRIGHT_COMPLETE": "complete_bash",
                "_TYPER_COMPLETE_ARGS": words,
                "COMP_WORDS": words,
                "COMP_CWORD": str(number),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.stdout.split()

    def test_verbs(self) -> None:
        assert set(self.complete("kubewright ", 1)) == set(_VERBS)

    def test_the_beginning_of_a_verb(self) -> None:
        assert self.complete("kubewright sc", 1) == ["scale"]

    def test_options_of_a_verb(self) -> None:
        assert "--dry-run" in self.complete("kubewright deploy --d", 2)


def test_verbs_are_those_that_their_modules_have() -> None:
    group = LazyGroup(name="kubewright")
    for verb in _VERBS:
        assert group.get_command(None, verb).name == verb
    assert group.get_command(None, "destroy") is None
