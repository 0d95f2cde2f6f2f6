"""`python -m runnerpool`."""

from runnerpool.cli import main

main()
