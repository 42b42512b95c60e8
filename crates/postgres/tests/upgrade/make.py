#!/usr/bin/env python3
"""Makes the dumps of an older longshore that the upgrade is tested on. Usage: make.py PROGRAM VERSION

PROGRAM is an older `longshore`; VERSION is the version of its schema. Needs Debian's `postgresql`, and starts a server of its own. Writes
beside this file:

- vVERSION.sql: jobs in all states, with everything that a job can have; that of version 1 lacks the bytes of artifacts. Its worker was killed
  while it ran a job.
- vVERSION.json: what the older program says of the jobs, queues and logs in it.
"""

import os
import pathlib
import pwd
import socket
import subprocess
import sys
import tempfile

BESIDE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(BESIDE.parents[2] / "conformance/upgrade"))
import older


class Server:
    """A PostgreSQL in a folder of its own, which root lends to another user: the server refuses to run as root."""

    def __init__(self, folder):
        self.data = folder / "data"
        self.bin = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        self.user = "postgres" if os.getuid() == 0 else None
        if self.user:
            folder.chmod(0o755)
            self.data.mkdir()
            os.chown(self.data, pwd.getpwnam(self.user).pw_uid, -1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
        settings = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories="
        self.run("pg_ctl", "-D", self.data, "-w", "-l", self.data / "log", "-o", settings, "start")
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, program, *arguments, **options):
        command = [str(self.bin / program), *map(str, arguments)]
        return subprocess.run(command, user=self.user, cwd="/", check=True, stdout=subprocess.PIPE, **options).stdout

    def dump(self, to):
        options = ["--no-owner", "--inserts", "--schema=longshore"]
        text = self.run("pg_dump", *options, self.url).decode()
        # Settings of pg_dump's session, which servers of other versions may not know.
        settings = ("\\", "SET ", "SELECT pg_catalog.set_config")
        to.write_text("\n".join(line for line in text.splitlines() if line and not line.startswith(settings)) + "\n")
        print(to.name, to.stat().st_size, "bytes")

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")


if __name__ == "__main__":
    program, version = os.path.abspath(sys.argv[1]), sys.argv[2]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        server = Server(folder)
        try:
            keep = lambda which: which or server.dump(BESIDE / f"v{version}.sql")
            older.write(older.make(program, folder, server.url + "?fsync=accept", keep), BESIDE / f"v{version}.json")
        finally:
            server.stop()
