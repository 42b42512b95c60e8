#!/usr/bin/env python3
"""Makes the databases of an older longshore that the upgrade is tested on. Usage: make.py PROGRAM VERSION

PROGRAM is an older `longshore`; VERSION is the version of its layout. Writes beside this file:

- vVERSION.db: jobs in all states, with everything that a job can have. Its worker was killed while it ran a job.
- vVERSION_live.db: the same a moment earlier, while the worker was alive; of version 1 alone, under whose workers the upgrade is refused.
- vVERSION.json: what the older program says of the jobs, queues and logs in the first.
"""

import os
import pathlib
import sqlite3
import sys
import tempfile

BESIDE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BESIDE.parents[2] / "conformance/upgrade"))
import older


def copy(database, to):
    to.unlink(missing_ok=True)
    source, target = sqlite3.connect(database), sqlite3.connect(to)
    source.backup(target)  # what is still in the log as well
    target.close()
    source.close()
    print(to.name, to.stat().st_size, "bytes")


if __name__ == "__main__":
    program, version = os.path.abspath(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        keep = lambda which: (which and version != "1") or copy(folder / "longshore.db", BESIDE / f"v{version}{which}.db")
        older.write(older.make(program, folder, "sqlite:longshore.db", keep), BESIDE / f"v{version}.json")
