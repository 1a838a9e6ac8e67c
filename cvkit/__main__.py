"""``python -m cvkit`` is ``cvkit``."""

from .cli import main

main()
