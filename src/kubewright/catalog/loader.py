"""The catalogue's data files as typed values.

Reading files of the package itself is the only thing here that is not a pure function of its arguments.
"""

from __future__ import annotations

import functools
import importlib.resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from kubewright.catalog.model import Artifact, BaseLayer, BuildUnit, Catalog, Kind, Release, Skew
from kubewright.fast_yaml import SafeLoader


@functools.cache
def load() -> Catalog:
    """The catalogue that this version of kubewright ships."""
    folder = importlib.resources.files("kubewright.catalog") / "data"
    common = _read(folder / "artifacts.yaml")
    releases = [
        parse_release(common, _read(file)) for file in (folder / "releases").iterdir() if file.name.endswith(".yaml")
    ]
    releases.sort(key=lambda release: tuple(int(part) for part in release.kubernetes.split(".")), reverse=True)
    return Catalog(tuple(releases), Skew(**_read(folder / "skew.yaml")))


def _read(file: Traversable) -> Any:
    return yaml.load(file.read_text(encoding="utf-8"), SafeLoader)


def parse_release(common: dict[str, Any], release: dict[str, Any]) -> Release:
    """A release from the recipes that all releases share and from its own file's contents."""
    components: dict[str, dict[str, Any]] = release["components"]
    return Release(
        kubernetes=release["kubernetes"],
        versions={name: component["version"] for name, component in components.items()},
        sources={name: component["source"] for name, component in components.items()},
        artifacts=tuple(_artifact(raw, components[raw["component"]]) for raw in common["artifacts"]),
        units={name: _unit(name, raw, components[raw["component"]]) for name, raw in common["units"].items()},
        bases={
            name: BaseLayer(name=name, **{**raw, "packages": tuple(raw["packages"])})
            for name, raw in common["bases"].items()
        },
        go=common["toolchain"]["go"],
        registries=common["registries"],
    )


def _artifact(raw: dict[str, Any], component: dict[str, Any]) -> Artifact:
    values = {**_values(component), "name": raw["name"]}
    return Artifact(
        name=raw["name"],
        version=component["version"],
        kind=Kind(raw["kind"]),
        roles=frozenset(raw["roles"]),
        destination=raw.get("destination", ""),
        reference=_filled(raw.get("reference", ""), values),
        upstream=_filled(raw["upstream"], values),
        gomod=_filled(raw["gomod"], values),
        component=raw["component"],
        members=tuple(raw.get("members", ())),
    )


def _unit(name: str, raw: dict[str, Any], component: dict[str, Any]) -> BuildUnit:
    module: dict[str, str] = component.get("module", {})
    version = module.get("version", component["version"])
    major, minor, patch = version.split(".", 2)
    values = {**_values(component), "version": version, "major": major, "minor": minor}
    return BuildUnit(
        name=name,
        version=f"v{version}",
        module=module.get("path", ""),
        checksum=module.get("sum", ""),
        modules=_filled(raw.get("modules", {}), values),
        # Kubernetes publishes its staging modules as v0 with its own minor and patch number.
        staging=f"v0.{minor}.{patch}" if raw.get("staging") else "",
        packages=raw["packages"],
        variables=_filled(raw.get("variables", {}), values),
        tags=tuple(raw.get("tags", ())),
        program=raw.get("program", ""),
        seconds=raw["seconds"],
        megabytes=raw["megabytes"],
    )


def _values(component: dict[str, Any]) -> dict[str, str]:
    """What placeholders of recipes stand for."""
    return {
        "version": component["version"],
        "tag": component.get("tag", component["version"]),
        "time": component.get("module", {}).get("time", ""),
    }


def _filled(value: Any, values: dict[str, str]) -> Any:
    """The same data with known placeholders replaced; unknown ones stay for later."""
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return value
