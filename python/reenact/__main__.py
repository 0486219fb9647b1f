"""`python -m reenact` is the command `reenact`."""

import sys

from ._command import main

sys.exit(main())
