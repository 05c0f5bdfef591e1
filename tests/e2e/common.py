"""What the tests of the whole chain have in common."""

from bson import ObjectId

#: The W&B project that tests log to if they name none.
PROJECT = "e2e"


def new_id():
    """An id that nothing else has."""
    return str(ObjectId())
