"""Stories of a database with links and computed fields, told by Hypothesis, and what must hold after each of their steps.

`calls` is the database as the stories speak to it, `naive` computes every computed cell from nothing, `links` is what links must be after a
write, `story` is the machine that makes things up. They read the contract, and know nothing of how the server does it.
"""
