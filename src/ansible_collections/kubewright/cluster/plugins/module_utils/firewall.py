"""Firewall rules of Kubernetes on a node, and nobody else's: what to feed to ``iptables-restore --noflush``; pure.

kube-proxy, the kubelet, flannel and the CNI plugins keep their rules in chains of their own, to which they jump from
the built-in ones.
"""

from __future__ import annotations

import re

OURS = ("KUBE-", "FLANNEL-", "CNI-")
"""How the names of the chains begin."""

_JUMP = re.compile(r"(?:-j|-g) (?:%s)" % "|".join(OURS))
_NFT_TABLE = re.compile(r"^table (ip6?|inet) (kube-proxy|flannel-ipv[46])$", re.MULTILINE)


def without_ours(saved: str) -> str:
    """What removes our chains and the jumps to them from what ``iptables-save`` printed; empty: there are none."""
    parts = []
    table, chains, jumps = "", [], []  # type: str, list[str], list[str]
    for line in saved.splitlines():
        if line.startswith("*"):
            table, chains, jumps = line, [], []
        elif line.startswith(":") and line[1:].startswith(OURS):
            chains.append(line[1:].split()[0])
        elif line.startswith("-A ") and not line[3:].startswith(OURS) and _JUMP.search(line):
            jumps.append("-D %s" % line[3:])
        elif line == "COMMIT" and (chains or jumps):
            # A chain that is named again is emptied; only then can those that it jumped to go.
            emptied = [":%s - [0:0]" % chain for chain in chains]
            parts += [table, *emptied, *jumps, *("-X %s" % chain for chain in chains), "COMMIT"]
    return "".join(part + "\n" for part in parts)


def nft_tables(listed: str) -> list[tuple[str, str]]:
    """Family and name of our tables among those that ``nft list tables`` printed."""
    return _NFT_TABLE.findall(listed)
