"""Inventories that are wrong in every way that people and disks find, each made from a number.

A good inventory of one of two forms gets one to four mutations: of its text, of a value, of its groups or names.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kubewright.settings import KNOWN_NAMES

_INI = """\
[kube_control_plane]
cp1 ansible_host=192.0.2.11 ip=10.0.0.11

[etcd:children]
kube_control_plane

[kube_node]
node[1:3]
cp1

[k8s_cluster:children]
kube_control_plane
kube_node

[bastion]
jump ansible_host=192.0.2.1
"""

_YAML = """\
all:
  hosts:
    cp1: {ansible_host: 192.0.2.11, ip: 10.0.0.11, access_ip: 192.0.2.11}
    node1: {ip: 10.0.0.21}
    node2:
      ip: 10.0.0.22
      node_labels:
        disk: fast
  children:
    kube-master:
      hosts: {cp1: }
    kube-node:
      hosts:
        node1:
        node2:
    etcd:
      hosts: {cp1: }
    k8s-cluster:
      children:
        kube-master:
        kube-node:
"""

_SETTINGS = """\
---
kube_version: 1.37.2
kube_network_plugin: flannel
kube_proxy_mode: iptables
etcd_deployment_type: kubeadm
kube_pods_subnet: 10.233.64.0/18
kube_service_addresses: "10.233.0.0/18"
kubelet_max_pods: 110
cluster_name: mine.local
dns_domain: "{{ cluster_name }}"
upstream_dns_servers: [192.0.2.53]
kubelet_config_extra_args:
  featureGates: {KubeletInUserNamespace: true}
loadbalancer_apiserver:
  address: 192.0.2.100
  port: 6443
http_proxy: "http://user:word@proxy.example:3128"
additional_no_proxy: ".example,192.0.2.0/24"
supplementary_addresses_in_ssl_keys: [api.example]
"""

_HOST = "kubelet_node_config_extra_args: {maxPods: 50}\nnode_taints: ['a=b:NoSchedule']\n"

ODD_VALUES = (
    *("null", "~", "''", '""', "true", "no", "-1", "0", "1e400", ".nan", ".inf", "0x7f", "0o17", "1_000", "12:30:45"),
    *("[]", "{}", "[[]]", "[null]", "{null: null}", "{1: 2}", "{true: [1, {}]}", "[1, a, {b: c}]", "2026-01-31"),
    *("2026-01-31T10:00:00Z", "!!binary aGVsbG8=", "!!set {a, b}", "!!omap [a: 1]", "!!python/object:os.system x"),
    *(
        "!vault nonsense",
        "!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3030",
        "!unsafe '{{ x }}'",
        "!unknown x",
        "*nowhere",
    ),
    *("&a [*a]", "'{{ undefined_name }}'", "'{{ 1 / 0 }}'", "'{{'", "'{% if %}'", "'{{ {}.x.y }}'", "'{{ omit }}'"),
    *("'{{ hostvars }}'", "'{{ groups }}'", "'{{ hostvars[\"nobody\"].ip }}'", "'{{ vars }}'", '"\\x00"', '"\\u2028"'),
    *("☃", "'\U0001f600'", '"\\ud800"', "99999999999999999999999999", "10.0.0.300", "fe80::1%eth0", "::ffff:1.2.3.4"),
    *(
        "0.0.0.0/0",
        "::/0",
        "10.0.0.0/33",
        "10.0.0.1/24",
        "127.0.0.1",
        "a b",
        "'$(reboot)'",
        "'; rm -rf /'",
        "../../etc",
    ),
    *(
        "|\n  many\n  lines\n",
        ">-\n  folded",
        "'%s%n'",
        "v1.37.2",
        "1.37",
        "https://",
        "http://[::1",
        "http://a b",
        "@",
    ),
)
HOSTILE_NAMES = (
    *(
        "..",
        "../../etc/passwd",
        "a/b",
        "-rf",
        "--help",
        "{{ x }}",
        "{{ lookup('env', 'HOME') }}",
        "$(id)",
        "a;b",
        "a,b",
    ),
    *(
        "localhost",
        "all",
        "ungrouped",
        "[::1]",
        "a:b",
        "a:22",
        "a" * 300,
        "A",
        "a_b",
        "ä",
        "☃",
        "*",
        "!a",
        "&a",
        "~a",
        "a b",
    ),
    *(
        "node[1:3000]",
        "node[3:1]",
        "node[a:z]",
        "node[01:1]",
        "node[1:3:0]",
        "node[:]",
        "node[]",
        "node[1:",
        "\x7f",
        "'",
        '"',
    ),
)
_JUNK = ":[]{}\"'%@&*!|>\t#-?,\\\n \x00\x1b=`\u2028é"


@dataclass
class Files:
    """An inventory in the making: the text of each file by its path."""

    texts: dict[str, bytes]
    hosts: str

    def change(self, path: str, edit: Callable[[str], str]) -> None:
        """Edit a file as text."""
        self.texts[path] = edit(self.texts[path].decode("utf-8", "replace")).encode("utf-8", "surrogatepass")


def make(number: int, folder: Path) -> Path:
    """Write the inventory of this number below ``folder`` and return what ``-i`` names."""
    chance = random.Random(number)
    hosts = chance.choice(("hosts.ini", "hosts.yml"))
    texts = {
        hosts: (_INI if hosts == "hosts.ini" else _YAML).encode(),
        "group_vars/all.yml": _SETTINGS.encode(),
        "host_vars/node1.yml": _HOST.encode(),
    }
    files = Files(texts, hosts)
    for _ in range(chance.randint(1, 4)):
        chance.choice(MUTATIONS)(files, chance)
    for path, content in files.texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder / hosts if chance.random() < 0.8 else folder


def _any(files: Files, chance: random.Random) -> str:
    return chance.choice(sorted(files.texts))


def _insert_junk(files: Files, chance: random.Random) -> None:
    def edit(text: str) -> str:
        for _ in range(chance.randint(1, 5)):
            position = chance.randint(0, len(text))
            text = text[:position] + chance.choice(_JUNK) * chance.choice((1, 1, 3)) + text[position:]
        return text

    files.change(_any(files, chance), edit)


def _cut(files: Files, chance: random.Random) -> None:
    path = _any(files, chance)
    content = files.texts[path]
    begin = chance.randint(0, len(content))
    files.texts[path] = content[:begin] + content[begin + chance.randint(1, 200) :]


def _flip_bytes(files: Files, chance: random.Random) -> None:
    path = _any(files, chance)
    content = bytearray(files.texts[path])
    for _ in range(chance.randint(1, 8)):
        if content:
            content[chance.randrange(len(content))] = chance.randrange(256)
    files.texts[path] = bytes(content)


def _other_encoding(files: Files, chance: random.Random) -> None:
    path = _any(files, chance)
    encoding = chance.choice(("utf-16", "utf-32", "latin-1", "utf-8-sig"))
    text = files.texts[path].decode("utf-8", "replace").replace("mine", "möin")
    files.texts[path] = text.encode(encoding, "replace")


def _swap_lines(files: Files, chance: random.Random) -> None:
    def edit(text: str) -> str:
        lines = text.splitlines(keepends=True)
        chance.shuffle(lines)
        return "".join(lines)

    files.change(_any(files, chance), edit)


def _repeat_lines(files: Files, chance: random.Random) -> None:
    """Duplicate keys and groups."""

    def edit(text: str) -> str:
        lines = text.splitlines(keepends=True)
        return "".join([*lines, *chance.choices(lines, k=chance.randint(1, 6))]) if lines else text

    files.change(_any(files, chance), edit)


def _odd_value(files: Files, chance: random.Random) -> None:
    name, value = chance.choice(sorted(KNOWN_NAMES)), chance.choice(ODD_VALUES)
    path = chance.choice(("group_vars/all.yml", "host_vars/node1.yml"))
    files.texts[path] += f"\n{name}: {value}\n".encode("utf-8", "surrogatepass")


def _odd_value_in_place(files: Files, chance: random.Random) -> None:
    def edit(text: str) -> str:
        lines = text.splitlines()
        keys = [number for number, line in enumerate(lines) if ": " in line]
        if keys:
            number = chance.choice(keys)
            lines[number] = lines[number].split(": ")[0] + ": " + chance.choice(ODD_VALUES)
        return "\n".join(lines) + "\n"

    files.change(_any(files, chance), edit)


def _cycle_of_groups(files: Files, chance: random.Random) -> None:
    if files.hosts == "hosts.ini":
        pair = chance.choice((("kube_node", "k8s_cluster"), ("a", "b"), ("kube_node", "kube_node")))
        cycle = f"\n[{pair[0]}:children]\n{pair[1]}\n\n[{pair[1]}:children]\n{pair[0]}\n"
    else:
        cycle = "    a: {children: {b: {children: {a: {}}}}}\n    kube-node: {children: {k8s-cluster: }}\n"
    files.texts[files.hosts] += cycle.encode()


def _cycle_of_templates(files: Files, chance: random.Random) -> None:
    name = chance.choice(sorted(KNOWN_NAMES))
    text = chance.choice(
        (
            f"{name}: '{{{{ {name} }}}}'",
            f"{name}: '{{{{ one }}}}'\none: '{{{{ two }}}}'\ntwo: '{{{{ one }}}}'",
            f"{name}: '{{{{ hostvars[inventory_hostname].{name} }}}}'",
            f"{name}: ['{{{{ {name} | first }}}}']",
            "ip: \"{{ hostvars['node2'].access_ip }}\"\naccess_ip: \"{{ hostvars['node1'].ip }}\"",
        )
    )
    files.texts["group_vars/all.yml"] += f"\n{text}\n".encode()


def _deep(files: Files, chance: random.Random) -> None:
    depth = chance.choice((50, 300, 2000, 10000))  # beyond any recursion; libyaml's time grows with the square
    name = chance.choice((*sorted(KNOWN_NAMES)[:40], "mine"))
    opening, closing = chance.choice((("[", "]"), ("{a: ", "}"), ("- ", "")))
    text = f"\n{name}: {opening * depth}1{closing * depth}\n"
    path = chance.choice(("group_vars/all.yml", files.hosts))
    files.texts[path] += text.encode()


def _huge(files: Files, chance: random.Random) -> None:
    name = chance.choice((*sorted(KNOWN_NAMES), "mine"))
    text = chance.choice(
        (
            f"\n{name}: {'x' * 300_000}\n",
            f"\n{name}: [{', '.join(str(index) for index in range(20_000))}]\n",
            "".join(f"\nvariable_{index}: {index}" for index in range(4000)) + "\n",
            f"\n{name}: " + "9" * 5000 + "\n",
        )
    )
    files.texts["group_vars/all.yml"] += text.encode()


def _aliases(files: Files, chance: random.Random) -> None:
    """Few lines that stand for very many values."""
    name = chance.choice(sorted(KNOWN_NAMES))
    levels = chance.randint(3, 9)
    lines = ["l0: &l0 [a, a, a, a, a, a, a, a, a]"]
    lines += [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, levels)]
    lines.append(f"{name}: *l{levels - 1}")
    files.texts["group_vars/all.yml"] += ("\n" + "\n".join(lines) + "\n").encode()


def _hostile_name(files: Files, chance: random.Random) -> None:
    name, old = chance.choice(HOSTILE_NAMES), chance.choice(("node1", "cp1", "kube_node", "kube-node", "etcd", "jump"))
    quoted = name if files.hosts == "hosts.ini" or chance.random() < 0.3 else "'" + name.replace("'", "''") + "'"
    files.change(files.hosts, lambda text: text.replace(old, quoted))


def _hostile_key(files: Files, chance: random.Random) -> None:
    key = chance.choice(
        (*HOSTILE_NAMES, "hostvars", "groups", "ansible_facts", "vars", "omit", "inventory_hostname", "1")
    )
    quoted = "'" + key.replace("'", "''") + "'"
    files.texts["group_vars/all.yml"] += f"\n{quoted}: {chance.choice(ODD_VALUES)}\n".encode("utf-8", "surrogatepass")


def _no_file(files: Files, chance: random.Random) -> None:
    path = _any(files, chance)
    files.texts[path] = chance.choice(
        (b"", b"---\n", b"\x00" * 100, b"\xff\xfe", b"- a\n- b\n", b"42\n", b"...\n---\n")
    )


def _other_form(files: Files, chance: random.Random) -> None:
    """One form's text in the other's file."""
    files.texts[files.hosts] = chance.choice((_INI, _YAML, _SETTINGS)).encode()


def _vault(files: Files, chance: random.Random) -> None:
    files.texts["group_vars/vault.yml"] = b"$ANSIBLE_VAULT;1.1;AES256\n" + chance.choice((b"", b"00", b"6162\n" * 20))


def _more_files(files: Files, chance: random.Random) -> None:
    content = chance.choice(tuple(files.texts.values()))
    name = chance.choice(
        ("group_vars/all.json", "group_vars/kube_node", "group_vars/k8s_cluster/x.yml", "host_vars/cp1")
    )
    files.texts[name] = content


MUTATIONS: tuple[Callable[[Files, random.Random], None], ...] = (
    *(_insert_junk, _cut, _flip_bytes, _other_encoding, _swap_lines, _repeat_lines, _odd_value, _odd_value),
    *(_odd_value_in_place, _odd_value_in_place, _cycle_of_groups, _cycle_of_templates, _deep, _huge, _aliases),
    *(_hostile_name, _hostile_name, _hostile_key, _no_file, _other_form, _vault, _more_files),
)
