from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from small_scrfd import SmallScrfd


@pytest.fixture(scope="session")
def small_scrfd(tmp_path_factory: pytest.TempPathFactory) -> SmallScrfd:
    """A small network and its exports; exporting takes seconds, so it is done once."""
    pytest.importorskip("torch")
    from small_scrfd import make_small_scrfd

    return make_small_scrfd(tmp_path_factory.mktemp("small_scrfd"))
