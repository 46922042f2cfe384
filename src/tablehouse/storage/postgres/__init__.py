"""Storage on a PostgreSQL server: control tables in the schema `public`, one schema per database, psycopg's libpq underneath."""
