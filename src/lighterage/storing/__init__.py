"""Content-addressed artifacts, results and run records under one URL.

objects/sha256/ab/<digest>   a blob, or a tree: canonical JSON that lists a folder's files
actions/<key>.json           what a cache key gave
runs/<run>/…                 plan, records, logs
format                       the layout's version
"""

from .errors import Damaged, MissingObject, NoStore, StoreError
from .store import Store, open_store

__all__ = ["Damaged", "MissingObject", "NoStore", "Store", "StoreError", "open_store"]
