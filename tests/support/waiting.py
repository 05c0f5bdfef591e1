"""Waiting for what another thread or process does."""

import time

# Whoever waits longer for something waits in vain.
SECONDS = 180


def wait_for(condition):
    """Waits until the condition gives something true, and returns that."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)

    return found
