"""scripts/ is run from the repository's root and never installed: its tests find it there."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
