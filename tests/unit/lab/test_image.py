"""The recipe of the node image and the progress of its build."""

from __future__ import annotations

import dataclasses

import pytest

from kubewright.lab import _image
from kubewright.lab._image import Recipe

RECIPE = Recipe("suite", ("systemd",), ("deb file:/ suite main",), (("etc/x", "1"),), "true")


class TestRecipe:
    def test_the_same_recipe_has_the_same_name(self) -> None:
        assert RECIPE.tag == dataclasses.replace(RECIPE).tag

    @pytest.mark.parametrize(
        "change", [{"suite": "x"}, {"packages": ()}, {"sources": ()}, {"files": (("etc/x", "2"),)}, {"script": "false"}]
    )
    def test_each_part_counts(self, change: dict[str, object]) -> None:
        assert dataclasses.replace(RECIPE, **change).tag != RECIPE.tag  # type: ignore[arg-type]  # parametrized values

    def test_what_kubewright_is_to_install_is_not_in_it(self) -> None:
        its_own = {"iptables", "nftables", "conntrack", "socat", "ethtool", "ebtables", "ipset", "runc", "containerd"}
        assert its_own.isdisjoint(_image.PACKAGES)


class TestProgress:
    def test_stages_are_told_once_each_with_the_time_left(self) -> None:
        said: list[str] = []
        lines = ["I: running apt-get update...", "W: odd", "I: creating tarball...", "I: done"]
        assert list(_image._told(iter(lines), said.append)) == lines
        assert [line.split(" (")[0] for line in said] == [
            "node image: reading the package lists",
            "node image: writing the archive",
        ]

    def test_the_estimate_comes_from_experience_first_and_from_the_clock_later(self) -> None:
        assert _image.time_left(0.1, 1.0) == _image._USUAL_SECONDS
        assert _image.time_left(30.0, 0.25) == pytest.approx(10.0)
