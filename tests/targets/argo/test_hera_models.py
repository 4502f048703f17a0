"""Hera's models come without the rest of Hera, and leave the rest importable."""

from __future__ import annotations

import subprocess
import sys


def test_models_come_alone_and_hera_whole_afterwards() -> None:
    program = (
        "import sys; from lighterage.targets.argo.hera_models import models as ours;"
        "assert 'requests' not in sys.modules and 'hera' not in sys.modules;"
        "from hera.workflows import Workflow, models;"
        "assert models.Template is ours.Template and Workflow(name='w').to_dict()['kind'] == 'Workflow'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
