"""What files are, judged by their bytes: their type, and of pictures their size and small copies. Knows no network and no storage."""
