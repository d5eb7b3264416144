"""Publishers' checksum files."""

from __future__ import annotations

import re

from kubewright.errors import ArtifactError

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def parse(text: str, file: str, url: str) -> str:
    """Return the SHA-256 of a file as a publisher's checksum file gives it.

    Args:
        text: the checksum file: one digest alone, or lines of ``DIGEST  NAME`` as sha256sum writes them.
        file: the name of the file that is asked about.
        url: where the text is from, for the message.

    Raises:
        ArtifactError: it says nothing of that file.

    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for words in lines:
        if len(words) >= 2 and _SHA256.fullmatch(words[0]) and words[1].lstrip("*").removeprefix("./") == file:
            return words[0].lower()
    if len(lines) == 1 and len(lines[0]) == 1 and _SHA256.fullmatch(lines[0][0]):
        return lines[0][0].lower()
    raise ArtifactError(url, f"the checksum file has no SHA-256 for {file}")
