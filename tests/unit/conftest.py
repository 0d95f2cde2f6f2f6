import os

from hypothesis import settings

# Machines that are shared answer at their own pace, so no example has a deadline. CI draws the same examples every
# time: a red build can be had again.
settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")
