"""What all tests share."""

import os

from hypothesis import settings

# Pictures are drawn to memory, whatever screen there is (this file is read before the doctests of
# hwsk/ run, too).
os.environ.setdefault("MPLBACKEND", "Agg")

# Tests train tiny networks: a thread each is as fast, and doesn't fight with others for the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Machines are shared and noisy: how long an example takes says nothing. (Where there is CI,
# hypothesis has a profile of its own, without limits or chance.)
if "CI" not in os.environ:
    settings.register_profile("hwsk", deadline=None)
    settings.load_profile("hwsk")
