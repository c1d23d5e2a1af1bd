"""`python -m ganctl` is `ganctl`."""

from ganctl.cli import main

main()
