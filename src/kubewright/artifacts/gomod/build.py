"""One build unit: a Go module of its own, one ``go build``."""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Callable
from pathlib import Path

from kubewright.artifacts.gomod.toolchain import Toolchain
from kubewright.catalog.model import BuildUnit
from kubewright.errors import ArtifactError

_STAGING = re.compile(r"^\s*(\S+) => \./staging/", re.MULTILINE)


def build(unit: BuildUnit, tools: Toolchain, oldest_go: str, folder: Path, tick: Callable[[], None]) -> dict[str, Path]:
    """Build a unit in an empty folder; the files that it made, by name.

    Raises:
        ArtifactError: the module is not the one the catalogue pins, or the build failed.

    """
    staging = _verify_module(unit, tools, folder)
    (folder / "go.mod").write_text(go_mod(unit, oldest_go, staging), encoding="utf-8")
    if unit.program:
        source = importlib.resources.files("kubewright.artifacts") / "go" / unit.program / "main.go"
        (folder / "main.go").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    output = folder / "out"
    output.mkdir()
    packages = ["."] if unit.program else list(unit.packages)
    target = output / next(iter(unit.packages.values())) if unit.program else output
    arguments = ["build", "-trimpath", "-ldflags", _link_flags(unit), "-o", f"{target}{'' if unit.program else '/'}"]
    if unit.tags:
        arguments += ["-tags", ",".join(unit.tags)]
    tools.run([*arguments, *packages], folder=folder, subject=f"{unit.name} {unit.version}", tick=tick)
    made = {name: output / name for name in unit.packages.values()}
    missing = [name for name, path in made.items() if not path.is_file()]
    if missing:
        raise ArtifactError(f"{unit.name} {unit.version}", f"the build did not make {', '.join(missing)}")
    return made


def go_mod(unit: BuildUnit, oldest_go: str, staging: tuple[str, ...]) -> str:
    """The ``go.mod`` of the module in which a unit is built."""
    required = dict(unit.modules)
    if unit.module:
        required[unit.module] = unit.version
    lines = [f"module kubewright.build/{unit.name}", "", f"go {oldest_go}", ""]
    lines += [f"require {path} {version}" for path, version in sorted(required.items())]
    lines += [f"replace {path} => {path} {unit.staging}" for path in staging]
    return "\n".join(lines) + "\n"


def _verify_module(unit: BuildUnit, tools: Toolchain, folder: Path) -> tuple[str, ...]:
    """Download the unit's module and compare its hash with the catalogue's; the staging modules it names."""
    if not unit.module:
        return ()
    subject = f"{unit.module} {unit.version}"
    answer = json.loads(
        tools.run(["mod", "download", "-json", f"{unit.module}@{unit.version}"], folder=folder, subject=subject)
    )
    if answer["Sum"] != unit.checksum:
        raise ArtifactError(
            subject,
            f"the module's hash is {answer['Sum']} but the catalogue pins {unit.checksum}",
            "Do not use it; report it",
        )
    if not unit.staging:
        return ()
    return tuple(_STAGING.findall(Path(answer["GoMod"]).read_text(encoding="utf-8")))


def _link_flags(unit: BuildUnit) -> str:
    variables = " ".join(f"-X {name}={value}" for name, value in unit.variables.items())
    return f"-s -w {variables}".strip()
