"""The node image: a bare Debian with what a cloud image has, and nothing of what kubewright is to install.

It is named by the digest of its recipe, which holds all that it is made from: packages, files, and the machine's own
way to Debian's archive (sources, proxy, certificates). So it is built once, and again when any of that changes.
"""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubewright.errors import StepFailedError
from kubewright.lab._podman import last_words, podman
from kubewright.lab.model import Progress

SUITE = "bookworm"
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "sudo",
    "iproute2",
    "ca-certificates",
    "procps",
    "kmod",
)
USER = "admin"

_CONFIGURE = r"""
set -e
cp -rT "$2/files" "$1"
rm -f "$1"/etc/ssh/ssh_host_*
: > "$1/etc/machine-id"
chroot "$1" useradd --create-home --shell /bin/bash admin
chroot "$1" update-ca-certificates >/dev/null
mkdir -p "$1/var/log/journal"
ln -s ../lab-node.service "$1/etc/systemd/system/sysinit.target.wants/lab-node.service"
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
            console-getty.service getty@tty1.service getty-static.service proc-sys-fs-binfmt_misc.automount; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
"""

_UNIT = """\
[Unit]
Description=Undo what a container's mounts have that a machine's have not
DefaultDependencies=no
Before=systemd-journald.service sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
# The kernel's own is that of the machine that carries the lab; a node has a new one at each boot.
ExecStart=/bin/sh -c 'cat /proc/sys/kernel/random/uuid > /run/boot_id'
ExecStart=/bin/mount --bind /run/boot_id /proc/sys/kernel/random/boot_id
# podman mounts a file here, and a mount point cannot be replaced by a rename.
ExecStart=-/bin/umount /etc/hostname
# systemd does so itself on a machine, but not in a container; volumes of pods rely on it.
ExecStart=/bin/mount --make-rshared /
"""

_SSHD = """\
# VERBOSE also logs each session, so that the commands a run opens can be counted.
LogLevel VERBOSE
# Of OpenSSH 9's own choice (sntrup761) both sides take a fifth of a second of processor for each connection, and here
# they are all on one machine.
KexAlgorithms curve25519-sha256
PasswordAuthentication no
UseDNS no
"""

_STAGES = (
    ("running apt-get update", "reading the package lists", 1.0),
    ("downloading packages", "downloading packages", 0.94),
    ("extracting archives", "unpacking", 0.86),
    ("installing essential", "installing essential packages", 0.78),
    ("installing remaining", "installing systemd, sshd and python", 0.6),
    ("cleaning", "cleaning up", 0.14),
    ("creating tarball", "writing the archive", 0.12),
)
"""Words of mmdebstrap, ours, and the share of the time that is left when they come."""

_USUAL_SECONDS = 40.0


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """All that a node image is made from.

    Attributes:
        sources: lines of an apt source list; empty for mmdebstrap's own defaults.
        files: path in the image → content.

    """

    suite: str
    packages: tuple[str, ...]
    sources: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    script: str

    @property
    def tag(self) -> str:
        """The image's name, by the recipe's digest."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return f"localhost/kubewright-lab-node:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def host_recipe() -> Recipe:
    """Return the recipe for this machine: its package sources, proxy and certificates are carried over."""
    files = [
        ("etc/systemd/system/lab-node.service", _UNIT),
        ("etc/ssh/sshd_config.d/lab.conf", _SSHD),
        (
            "etc/dpkg/dpkg.cfg.d/lab",
            "# Nodes are short-lived: no waiting for the disk after each file.\nforce-unsafe-io\n",
        ),
        ("etc/apt/apt.conf.d/80lab", _apt_settings()),
    ]
    for certificate in sorted(Path("/usr/local/share/ca-certificates").glob("**/*.crt")):
        files.append((str(certificate).lstrip("/"), certificate.read_text()))  # noqa: PERF401 - the list has a head
    return Recipe(SUITE, PACKAGES, _apt_sources(), tuple(files), _CONFIGURE)


def ensure_image(cache: Path, progress: Progress) -> str:
    """Return the name of this machine's node image, built if it is not there yet.

    Only a complete image gets the name, and two builds at once wait for each other.

    Args:
        cache: directory for the archive while it is being built.
        progress: told about each stage.

    Raises:
        StepFailedError: mmdebstrap or podman failed.

    """
    recipe = host_recipe()
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "image.lock"):
        if podman("image", "ls", "--quiet", recipe.tag):
            return recipe.tag
        with tempfile.TemporaryDirectory(prefix="image-", dir=cache) as directory:
            archive = _bootstrap(recipe, Path(directory), progress)
            progress("node image: importing")
            podman("import", "--quiet", str(archive), recipe.tag, timeout=300)
    return recipe.tag


def _bootstrap(recipe: Recipe, work: Path, progress: Progress) -> Path:
    for path, content in recipe.files:
        file = work / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    script = work / "configure.sh"
    script.write_text(recipe.script)
    archive = work / "node.tar"
    command = [
        "mmdebstrap",
        "--variant=minbase",
        "--skip=cleanup/apt/lists",  # or each node would have to fetch the lists before its first package
        f"--include={','.join(recipe.packages)}",
        f'--customize-hook=sh {script} "$1" {work}',
        recipe.suite,
        str(archive),
        *recipe.sources,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            words = list(_told(process.stderr or iter(()), progress))
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        errors = "\n".join(line for line in words if line.startswith(("E:", "W:"))) or "\n".join(words)
        raise StepFailedError("node image", f"mmdebstrap failed: {last_words(errors)}", _REMEDY)
    return archive


_REMEDY = "Check that apt-get update works on this machine, and that debian-archive-keyring is installed"


def _told(lines: Iterator[str], progress: Progress) -> Iterator[str]:
    """Pass mmdebstrap's lines on, telling of its stages with an estimate of the time left."""
    began = time.monotonic()
    for line in lines:
        for words, ours, left in _STAGES:
            if line.startswith("I: ") and words in line:
                progress(f"node image: {ours} (about {time_left(time.monotonic() - began, left):.0f} s left)")
        yield line


def time_left(elapsed: float, share: float) -> float:
    """Estimate the seconds left where ``share`` of the whole is: from the time so far, at first from experience."""
    done = 1 - share
    whole = _USUAL_SECONDS if done < 0.1 else elapsed / done
    return whole * share


def _apt_sources() -> tuple[str, ...]:
    """Return this machine's own sources of the suite, where it has any: its mirror serves the nodes too."""
    targets = _output(
        "apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages"
    )
    sources = dict.fromkeys(target for target in targets.splitlines() if target.split("|")[1].startswith(SUITE))
    return tuple("deb {} {} {}".format(*source.split("|")) for source in sources if source.endswith("|main"))


def _apt_settings() -> str:
    """Return this machine's settings that decide whether apt reaches the archive: proxy, certificates, dates."""
    wanted = (
        "Acquire::http",
        "Acquire::https",
        "Acquire::Check-Valid-Until",
        "Acquire::Check-Date",
        "Acquire::Retries",
    )
    lines = _output("apt-config", "dump", *wanted).splitlines()
    return "".join(f"{line}\n" for line in lines if not line.endswith('"";'))


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    except FileNotFoundError:
        return ""  # not a Debian: mmdebstrap's own defaults serve
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise StepFailedError(command[0], f"it failed: {error}", _REMEDY) from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
