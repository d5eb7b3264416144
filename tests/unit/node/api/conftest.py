from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils.process import System
from tests.unit.node.api.pki import Pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.make(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(root=tmp_path)
