"""Waiting for what another thread or process does."""

import time

# Whoever waits longer for something waits in vain.
SECONDS = 180


def wait_for(condition):
    """Waits until the condition gives something true, and returns that."""
    end, pause = time.monotonic() + SECONDS, 0.02
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        # What takes long is asked for more rarely: it needs the CPU more than we do.
        time.sleep(pause)
        pause = min(1.3 * pause, 0.3)

    return found
