"""What all tests share."""

import os

# Pictures are drawn to memory, whatever screen there is (this file is read before the doctests of
# hwsk/ run, too).
os.environ.setdefault("MPLBACKEND", "Agg")
