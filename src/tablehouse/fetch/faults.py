"""What a fetch that was refused or failed raises."""

from __future__ import annotations


class FetchError(Exception):
    """Nothing was fetched. The message is a sentence for the person who gave the address: what is wrong, and what would be right.

    It never holds an address's query (somebody's signature may be in it) nor the IP address of a host that is not public.
    """


class TooLarge(FetchError):
    """The file is over the limit. Whoever wants to answer 413 instead of 400 can tell."""
