"""How ansible-playbook is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubewright.engine import motor


def environment(folder: Path) -> dict[str, str]:
    """Environment that ansible-playbook gets."""
    return dict(motor._config(folder, "cluster", ["cp1,"], {}, motor.Connection()).env)


class TestHostKeys:
    """Ansible checks the keys of hosts, unless the user says otherwise."""

    def test_the_check_is_left_to_ansibles_own_settings(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ANSIBLE_HOST_KEY_CHECKING", raising=False)
        assert "ANSIBLE_HOST_KEY_CHECKING" not in environment(tmp_path)

    def test_the_users_environment_is_kept(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "0")
        assert environment(tmp_path)["ANSIBLE_HOST_KEY_CHECKING"] == "0"
