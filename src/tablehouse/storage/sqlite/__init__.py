"""Storage in files: SQLite through apsw, a control file and one file per database."""
