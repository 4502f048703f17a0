"""`python -m lighterage_edge update|status|rollback FOLDER …`: for a timer, and for whoever looks at a device."""

from __future__ import annotations

import argparse
import json
import logging
import sys

from .errors import BundleError, UpdateError
from .updates import Updates


def main() -> int:
    """0: done, also where nothing was new; 1: the bundle in use stays, and stderr says why."""
    given = _arguments()
    logging.basicConfig(format="%(message)s")
    try:
        updates = Updates(
            given.folder, given.source, channel=given.channel, bundle=given.bundle, target=given.target, keys=given.key
        )
        if given.action == "update":
            updates.update(downgrade=given.downgrade)
        elif given.action == "rollback":
            updates.rollback()
    except (UpdateError, BundleError) as error:
        print(f"[{error.kind}] {error}", file=sys.stderr)
        return 1
    print(json.dumps(updates.status(), indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lighterage_edge", description="Keep a device's bundle up to date.")
    parser.add_argument("action", choices=["update", "status", "rollback"])
    parser.add_argument("folder", help="where this device keeps its bundles")
    parser.add_argument("--source", default=".", help="folder or http(s) URL of the fleet's folder")
    parser.add_argument("--channel", default="stable")
    parser.add_argument("--bundle", help="name of the fleet's folder; default: what the first release says")
    parser.add_argument("--target", help="profile of this device: bundles for others are refused")
    parser.add_argument(
        "--key", action="append", default=[], metavar="FILE", help="a trusted public key; may be repeated"
    )
    parser.add_argument("--downgrade", action="store_true", help="take a release older than what was seen")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
