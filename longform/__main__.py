"""`python -m longform`: the same as the command `longform`."""

from longform.cli import main

main()
