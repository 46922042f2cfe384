"""SQL text from plans. SQLAlchemy Core composes it for each dialect; nothing here executes anything."""
