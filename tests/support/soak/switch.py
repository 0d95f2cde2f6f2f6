"""Whether this run is a soak, in which the cases that wait do so in real time."""

import os

SOAKING = os.environ.get("RUNNERPOOL_SOAK") == "1"
