"""The only layer that does I/O: connections, transactions, files. It runs statements and knows no request."""
