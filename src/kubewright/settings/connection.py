"""Variables that are Ansible's own: how it connects to a host and becomes root there."""

from __future__ import annotations

import re

CONNECTION_NAMES: frozenset[str] = frozenset(
    """
ansible_async_dir ansible_become ansible_become_exe ansible_become_flags ansible_become_method ansible_become_pass
ansible_become_password ansible_become_user ansible_connection ansible_connection_retries ansible_control_path
ansible_control_path_dir ansible_delay_time ansible_facts_parallel ansible_group_priority ansible_host
ansible_host_key_checking ansible_module_compression ansible_network_os ansible_no_target_syslog ansible_password
ansible_paramiko_private_key_file ansible_pipelining ansible_port ansible_private_key_file ansible_python_interpreter
ansible_remote_temp ansible_remote_tmp ansible_remote_user ansible_retries ansible_scp_executable
ansible_scp_extra_args ansible_sftp_batch_mode ansible_sftp_executable ansible_sftp_extra_args
ansible_shell_executable ansible_shell_type ansible_ssh_args ansible_ssh_common_args ansible_ssh_executable
ansible_ssh_extra_args ansible_ssh_host ansible_ssh_host_key_checking ansible_ssh_pass ansible_ssh_password
ansible_ssh_pipelining ansible_ssh_port ansible_ssh_private_key_file
ansible_ssh_private_key_passphrase ansible_ssh_retries ansible_ssh_timeout ansible_ssh_transfer_method
ansible_ssh_use_tty ansible_ssh_user ansible_sudo_exe ansible_sudo_flags ansible_sudo_pass ansible_su_pass
ansible_system_tmpdirs ansible_timeout ansible_use_tty ansible_user ansible_vault_password_file
ansible_verbosity ansible_version
    """.split()  # noqa: SIM905  sixty quoted names would not read better
)
_OTHERS = re.compile(
    r"ansible_(winrm|psrp|docker|podman|paramiko|kubectl|network|httpapi|netconf|libssh|lxd|persistent|aws_ssm|buildah"
    r"|chroot|jail|libvirt|qemu|zone)_\w+|ansible_\w+_interpreter"
)


def is_connection_name(name: str) -> bool:
    """Whether Ansible, or a connection plugin that is often used, reads it."""
    return name in CONNECTION_NAMES or _OTHERS.fullmatch(name) is not None
