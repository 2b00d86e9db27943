"""`python -m streams`: the `closeknit` command."""

from streams.cli import main

main()
