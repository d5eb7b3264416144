"""Where a command's runs are recorded: the same place as the engine's, whatever the inventory is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kubewright.cli.loading import load_inventory, state_directory
from kubewright.cli.options import Options
from kubewright.engine.inputs import default_state_directory
from kubewright.engine.motor import Connection
from kubewright.errors import BadInputError, BadInputErrors
from kubewright.topology import read_settings

GROUPS = "[kube_control_plane]\ncp1\n[kube_node]\ncp1\n[etcd]\ncp1\n[all:vars]\nip=10.0.0.1\n"


@pytest.fixture(autouse=True)
def users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The user's own state folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "kubewright"


def inventory(folder: Path, name: str) -> Path:
    """An inventory of a cluster of this name, in a file that many give the same name."""
    folder.mkdir()
    path = folder / "hosts.ini"
    path.write_text(f"{GROUPS}cluster_name={name}\n")
    return path


def options(*sources: Path | str, state_dir: str = "", extra: tuple[str, ...] = ()) -> Options:
    return Options([str(source) for source in sources], Connection(extra_vars=extra), state_dir=state_dir)


def of_engine(given: Options) -> Path:
    """What the run's own actions take."""
    loaded = load_inventory(given)
    return Path(default_state_directory(loaded, read_settings(loaded.by_name)[0].cluster.cluster_name))


class TestReadOnly:
    """An inventory beside which nothing can be written, as in a container."""

    @pytest.fixture(autouse=True)
    def read_only(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        writable = os.access
        inventories = (tmp_path / "one", tmp_path / "two")

        def access(path: Path, mode: int) -> bool:
            return path not in inventories and writable(path, mode)

        monkeypatch.setattr(os, "access", access)

    def test_two_clusters_share_nothing(self, tmp_path: Path, users: Path) -> None:
        found = []
        for name in ("one", "two"):
            given = options(inventory(tmp_path / name, f"{name}.local"))
            assert state_directory(given) == of_engine(given)
            found.append(state_directory(given))
        assert found == [users / "one.local", users / "two.local"]

    def test_a_name_given_on_the_command_line(self, tmp_path: Path, users: Path) -> None:
        given = options(inventory(tmp_path / "one", "one.local"), extra=("cluster_name=other.local",))
        assert state_directory(given) == of_engine(given) == users / "other.local"

    def test_settings_that_are_wrong_are_told(self, tmp_path: Path) -> None:
        with pytest.raises(BadInputErrors, match="cluster_name"):
            state_directory(options(inventory(tmp_path / "one", "../up")))


def test_a_list_of_hosts_is_told_to_be_no_cluster() -> None:
    with pytest.raises(BadInputErrors, match="no host is in kube_control_plane"):
        state_directory(options("cp1,"))


def test_beside_an_inventory_that_can_be_written_to(tmp_path: Path) -> None:
    path = inventory(tmp_path / "one", "one.local")
    for given in (options(path), options(path.parent)):
        assert state_directory(given) == of_engine(given) == tmp_path / "one" / ".kubewright"


def test_beside_what_a_link_leads_to(tmp_path: Path) -> None:
    path = inventory(tmp_path / "one", "one.local")
    link = tmp_path / "hosts.ini"
    link.symlink_to(path)
    assert state_directory(options(link)) == of_engine(options(link)) == tmp_path / "one" / ".kubewright"


def test_as_given(tmp_path: Path) -> None:
    given = options(inventory(tmp_path / "one", "one.local"), state_dir=str(tmp_path / "here"))
    assert state_directory(given) == tmp_path / "here"


@pytest.mark.parametrize(("sources", "told"), [((), "no inventory was named"), (("nothing.yml",), "no such file")])
def test_no_inventory(sources: tuple[str, ...], told: str) -> None:
    with pytest.raises(BadInputError, match=told):
        state_directory(options(*sources))
