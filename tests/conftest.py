"""What all tests share: property tests that are the same on every run and do not fail because a machine is slow.

Ansible's own import hook for collections is put in before any test imports one: once ``ansible_collections`` has been
imported in the ordinary way, the hook finds no plugin of it in that process.
"""

from __future__ import annotations

from ansible.plugins.loader import init_plugin_loader
from hypothesis import settings

settings.register_profile("kubewright", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("kubewright")
init_plugin_loader()
