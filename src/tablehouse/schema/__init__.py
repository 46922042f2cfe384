"""The schema of a database: its tables, fields and views as immutable structs."""
