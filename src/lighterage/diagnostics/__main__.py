"""`python -m lighterage.diagnostics FOLDER` writes the catalogue as documentation."""

from __future__ import annotations

import sys
from pathlib import Path

from .catalogue import write_pages

write_pages(Path(sys.argv[1]))
