"""Runs bundles on a device: a library that needs numpy and ai-edge-litert, and nothing else of this project.

It is `lighterage.edge` in the whole distribution and `lighterage_edge` in the small one; the code is the same.

    bundle = Bundle.load("motion.zip")
    bundle.verify().check()
    for prediction in bundle.predict(rows):
        print(prediction.label, prediction.score)
"""

from __future__ import annotations

from .bundle import Bundle, Prediction
from .errors import BundleError, InputError
from .stream import Stream
from .verifying import Verdict

__version__ = "0.1.0"
__all__ = ["Bundle", "BundleError", "InputError", "Prediction", "Stream", "Verdict"]
