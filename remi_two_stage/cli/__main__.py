"""`python -m remi_two_stage.cli`, the same as the command `remi-two-stage`."""

import sys

from .application import main

if __name__ == "__main__":
    sys.exit(main())
