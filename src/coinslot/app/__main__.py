"""`python -m coinslot.app`, the same as `coinslot`."""

from coinslot.app.cli import main

main()
