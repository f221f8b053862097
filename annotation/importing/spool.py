"""Where checked rows wait on disk between checking and writing, so that neither needs memory for the file.

It is SQLite's own temporary database: a file without a name, gone when it is closed.
"""

import pickle
import sqlite3


class Spool:
    """Batches of rows in the order in which they were put, and the keys that rows claim. To be used with `with`."""

    def __init__(self):
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            """
            PRAGMA journal_mode = OFF;
            PRAGMA synchronous = OFF;
            BEGIN;
            CREATE TABLE keys (key TEXT PRIMARY KEY, place ANY) WITHOUT ROWID;
            CREATE TABLE batches (number INTEGER PRIMARY KEY, value BLOB);
            """
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._database.close()

    def claim(self, key, place):
        """None where no row has claimed `key` before, else the place of the first that did: its line, or its split."""
        taken = self._database.execute(
            "INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", (key, place)
        ).rowcount
        if taken:
            return None
        return self._database.execute("SELECT place FROM keys WHERE key = ?", (key,)).fetchone()[0]

    def put(self, batch):
        """Keep a list of values made of plain things."""
        self._database.execute("INSERT INTO batches (value) VALUES (?)", (pickle.dumps(batch),))

    def batches(self):
        """What was put, in order."""
        for (value,) in self._database.execute("SELECT value FROM batches ORDER BY number"):
            yield pickle.loads(value)
