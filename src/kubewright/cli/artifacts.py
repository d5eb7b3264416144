"""``kubewright artifacts``: get binaries and images, keep them, carry them elsewhere."""

from __future__ import annotations

import json
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from kubewright.artifacts import bundle as bundles
from kubewright.artifacts import resolve
from kubewright.artifacts.progress import Lines
from kubewright.artifacts.resolve import cached, verify_store
from kubewright.artifacts.store import Store
from kubewright.catalog import load
from kubewright.catalog.model import ArtifactSet, Release
from kubewright.cli.common import out, want_json
from kubewright.cli.telling import show_error
from kubewright.errors import ArtifactError, BadInputError, KubewrightError

app = typer.Typer(
    name="artifacts",
    help="Binaries and images: list, build, fetch, bundle, verify.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Kubernetes = Annotated[
    str, typer.Option("--kubernetes", metavar="V", help="Kubernetes version; the newest by default.")
]
Architecture = Annotated[
    str, typer.Option("--architecture", metavar="ARCH", help="amd64 or arm64; this machine's by default.")
]
SourceOption = Annotated[
    str, typer.Option("--source", metavar="SOURCE", help="auto, upstream, mirror, gomod or bundle.")
]
Mirror = Annotated[str, typer.Option("--mirror", metavar="URL", help="Base URL of a mirror.")]
BundleOption = Annotated[str, typer.Option("--bundle", metavar="PATH", help="Bundle to take artifacts from.")]
Output = Annotated[str, typer.Option("-o", "--output", help="table or json.")]

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


_Verb = TypeVar("_Verb", bound=Callable[..., None])


def _examples(*lines: str) -> Callable[[_Verb], _Verb]:
    """Add examples to a verb's help, each on a line of its own."""

    def add(verb: _Verb) -> _Verb:
        # A backspace on a line of its own keeps the lines of a paragraph as they are.
        verb.__doc__ = "\n".join((f"{verb.__doc__}\n\n\b\nExamples:", *(f"  {line}" for line in lines)))
        return verb

    return add


@app.command("list")
@_examples(
    "kubewright artifacts list",
    "kubewright artifacts list --kubernetes 1.36.3 -o json",
)
def list_artifacts(
    kubernetes: Kubernetes = "",
    architecture: Architecture = "",
    mirror: Mirror = "",
    bundle: BundleOption = "",
    output: Output = "table",
) -> None:
    """List what a version needs, where each version was read, and which sources have it in the cache."""
    as_json = want_json(output)
    release, machine = _release(kubernetes), _architecture(architecture)
    have = cached(release, architecture=machine, mirror=mirror, bundle=bundle)
    if as_json:
        _print_json(_listed(release, machine, have))
        return
    table = Table("artifact", "version", "kind", "nodes", "cached from", box=None)
    for artifact in release.artifacts:
        nodes = "all" if len(artifact.roles) > 1 else f"{next(iter(artifact.roles))}s"
        sources = ", ".join(source for source, names in have.items() if artifact.name in names)
        table.add_row(artifact.name, artifact.version, artifact.kind.value, nodes, sources or "-")
    out.print(f"Kubernetes {release.kubernetes} for {machine}")
    out.print(table)


@app.command()
@_examples(
    "kubewright artifacts build",
    "kubewright artifacts build --kubernetes 1.36.3 --architecture arm64",
)
def build(
    kubernetes: Kubernetes = "",
    architecture: Architecture = "",
    source: SourceOption = "gomod",
    output: Output = "table",
) -> None:
    """Build everything from Go modules on this machine: about 20 minutes on two processors, once."""
    if source != "gomod":
        raise BadInputError(
            "--source", f"nothing is built from {source}", "Use `kubewright artifacts fetch --source …`"
        )
    _get(kubernetes, architecture, output, source=source)


@app.command()
@_examples(
    "kubewright artifacts fetch",
    "kubewright artifacts fetch --source mirror --mirror https://mirror.example.org/kubernetes",
    "kubewright artifacts fetch --source bundle --bundle kubernetes.tar",
)
def fetch(
    kubernetes: Kubernetes = "",
    architecture: Architecture = "",
    *,
    source: SourceOption = "auto",
    mirror: Mirror = "",
    bundle: BundleOption = "",
    output: Output = "table",
) -> None:
    """Bring everything that a version needs into the cache."""
    _get(kubernetes, architecture, output, source=source, mirror=mirror, bundle=bundle)


@app.command("bundle")
@_examples(
    "kubewright artifacts bundle kubernetes.tar",
    "kubewright artifacts bundle kubernetes-arm64 --architecture arm64 --source upstream",
)
def make_bundle(
    target: Annotated[Path, typer.Argument(help="File ending in .tar, or a directory.", metavar="TARGET")],
    kubernetes: Kubernetes = "",
    architecture: Architecture = "",
    *,
    source: SourceOption = "auto",
    mirror: Mirror = "",
    output: Output = "table",
) -> None:
    """Write everything that a version needs into one bundle, to carry to a place without a network."""
    as_json = want_json(output)
    with _progress() as report:
        found = resolve(
            _release(kubernetes), architecture=_architecture(architecture), source=source, mirror=mirror, report=report
        )
        digest = bundles.write(found, target, Store(), report)
    if as_json:
        _print_json({"bundle": str(target), "manifest_sha256": digest})
        return
    out.print(f"{target}: Kubernetes {found.kubernetes} for {found.architecture} from {found.source}")
    out.print(f"SHA-256 of its manifest: {digest}")


@app.command()
@_examples(
    "kubewright artifacts verify",
)
def verify(output: Output = "table") -> None:
    """Read every file of the cache again; damaged ones are removed, so that they are fetched again."""
    as_json = want_json(output)
    store = Store()
    checked, damaged = verify_store(store)
    if as_json:
        _print_json({"cache": str(store.root), "checked": checked, "damaged": damaged})
    else:
        out.print(f"{store.root}: {checked} files checked, {len(damaged)} damaged")
    if damaged:
        raise ArtifactError(
            str(store.root),
            f"these were damaged and are removed: {', '.join(damaged)}",
            "Run `kubewright artifacts fetch`",
        )


def _get(kubernetes: str, architecture: str, output: str, *, source: str, mirror: str = "", bundle: str = "") -> None:
    as_json = want_json(output)
    with _progress() as report:
        found = resolve(
            _release(kubernetes),
            architecture=_architecture(architecture),
            source=source,
            mirror=mirror,
            bundle=bundle,
            report=report,
        )
    _show(found, as_json=as_json)


def _show(found: ArtifactSet, *, as_json: bool) -> None:
    rows = [
        {
            "name": artifact.name,
            "kind": artifact.kind.value,
            "reference": artifact.reference,
            "sha256": artifact.sha256,
            "size": artifact.size,
            "packages": list(artifact.packages),
        }
        for artifact in found.artifacts
    ]
    if as_json:
        _print_json(
            {
                "kubernetes": found.kubernetes,
                "architecture": found.architecture,
                "source": found.source,
                "artifacts": rows,
            }
        )
        return
    table = Table("artifact", "kind", "MB", "SHA-256", box=None)
    for artifact in found.artifacts:
        package = f"package {', '.join(artifact.packages)}"
        table.add_row(artifact.name, artifact.kind.value, f"{artifact.size / 1e6:.0f}", artifact.sha256[:16] or package)
    out.print(f"Kubernetes {found.kubernetes} for {found.architecture} from {found.source}, in {Store().root}")
    out.print(table)


def _listed(release: Release, architecture: str, have: dict[str, frozenset[str]]) -> dict[str, Any]:
    rows = [
        {
            "name": artifact.name,
            "version": artifact.version,
            "kind": artifact.kind.value,
            "nodes": sorted(artifact.roles),
            "reference": artifact.reference,
            "version_source": release.sources[artifact.component],
            "upstream_source": str(artifact.upstream.get("source", "")),
            "cached": [source for source, names in have.items() if artifact.name in names],
        }
        for artifact in release.artifacts
    ]
    return {"kubernetes": release.kubernetes, "architecture": architecture, "artifacts": rows}


def _release(version: str) -> Release:
    catalog = load()
    return catalog.release(version) if version else catalog.releases[0]


def _architecture(given: str) -> str:
    return given or _MACHINES.get(platform.machine(), platform.machine())


def _print_json(value: dict[str, Any]) -> None:
    typer.echo(json.dumps(value, indent=2, sort_keys=True))


@contextmanager
def _progress() -> Iterator[Lines]:
    """Report progress on standard error; a termination signal ends the work as an interrupt does."""
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield Lines(sys.stderr)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


def _main() -> None:
    """Run these verbs alone, for use before the whole command is installed."""
    try:
        app()
    except KubewrightError as error:
        show_error(error)
        sys.exit(int(error.exit_code))


if __name__ == "__main__":
    _main()
