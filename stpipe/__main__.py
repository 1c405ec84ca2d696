"""``python -m stpipe`` is the command ``stpipe``."""

from __future__ import annotations

import sys

from stpipe.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
