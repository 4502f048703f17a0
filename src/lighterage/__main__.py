"""`python -m lighterage`."""

from .cli import main

main()
