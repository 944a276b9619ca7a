"""The tests, in rooms that mirror the package's."""

import os

# The fits here are small: threads of one test process that wait by spinning only slow the other one down.
os.environ.setdefault("OMP_NUM_THREADS", "1")
