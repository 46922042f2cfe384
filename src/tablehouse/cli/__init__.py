"""The command line. People's text goes to stderr, data to stdout; exit status 0 done, 1 refused, 2 wrong usage."""
