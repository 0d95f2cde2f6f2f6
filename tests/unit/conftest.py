import os

from hypothesis import settings

# Machines that are shared answer at their own pace, so no example has a deadline. CI draws the same examples every
# time: a red build can be had again.
settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

# By this variable, coverage traces whatever a process starts. The workers are to be traced; of what they start, nothing
# is ours that is not covered anyway, and a linter or another pytest only takes several times as long.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)
