"""Has an older longshore fill a store with jobs in all states, with everything that a job can have, for tests of upgrades.

The `make.py` beside the tests of each store keeps what came of it.
"""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

CONFIG = """
[[kind]]
name = "fine"
command = ["sh", "-c", "echo some words >&2; printf done"]

[[kind]]
name = "large"
command = ["sh", "-c", "head -c 100000 /dev/zero | tr '\\\\0' x"]

[[kind]]
name = "fails"
command = ["sh", "-c", "echo cannot be done >&2; exit 1"]
retry.base = "0s"

[[kind]]
name = "fatal"
command = ["sh", "-c", "echo makes no sense >&2; exit 65"]

[[kind]]
name = "later"
command = ["sh", "-c", "echo '::progress 1/3 begun' >&2; echo '::retry-in 2h' >&2; exit 75"]

[[kind]]
name = "sleeps"
command = ["sh", "-c", "echo '::progress 2/3 asleep' >&2; echo a dream >&2; exec sleep 1000"]
"""


class Old:
    """An older program in a folder of its own."""

    def __init__(self, program, folder, store):
        self.program, self.folder = program, folder
        (folder / "longshore.toml").write_text(f'store = "{store}"\n' + CONFIG)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = "http://127.0.0.1:%d" % free.getsockname()[1]
        self.server = self.start("serve", "--listen", self.url.removeprefix("http://"))
        self.until(lambda: self.is_up())

    def start(self, *arguments):
        return subprocess.Popen([self.program, *arguments], cwd=self.folder, stderr=subprocess.DEVNULL)

    def is_up(self):
        try:
            return bool(self.call("GET", "/readyz"))
        except OSError:
            return False

    def until(self, happened, seconds=90):
        end = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > end:
                sys.exit("the older program did not do what it should: " + json.dumps(self.jobs(), indent=1))
            time.sleep(0.1)

    def call(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def push(self, kind, **fields):
        key = fields.pop("idempotency", None)
        headers = {"Idempotency-Key": f'"{key}"'} if key else {}
        return json.loads(self.call("POST", "/v1/jobs", {"kind": kind, **fields}, **headers))["id"]

    def jobs(self):
        return json.loads(self.call("GET", "/v1/jobs?limit=200"))["jobs"]

    def job(self, job):
        return json.loads(self.call("GET", "/v1/jobs/" + job))

    def state(self, *jobs):
        return [self.job(job)["state"] for job in jobs]

    def kill(self, worker):
        worker.send_signal(signal.SIGKILL)
        worker.wait()


def make(program, folder, store, keep):
    """Fills the store, in which nothing is yet. Calls `keep("_live")` while a worker runs a job, and `keep("")` after that was killed.

    Returns what the older program says of the jobs, queues and logs at the end.
    """
    old = Old(program, folder, store)
    crashed = old.push("sleeps", tags=["crashed"])
    worker = old.start("work", "--lease", "1s")
    old.until(lambda: old.state(crashed) == ["running"])
    old.kill(worker)
    old.until(lambda: old.state(crashed) == ["ready"])
    old.call("POST", f"/v1/jobs/{crashed}/cancel", {})

    unique = {"key": "held", "scope": "until_finished"}
    ended = [
        old.push("fine", alias="an alias", tags=["one", "two"], idempotency="asked once", payload={"n": 1}),
        old.push("large", reuse={"key": "made before", "within_ms": 86400000}),
        old.push("fatal", unique={"key": "given back", "scope": "until_finished"}),
        old.push("fails", max_attempts=3, tags=["two"]),
        old.push("fine", unique={"key": "for a while", "scope": {"for_ms": 3600000}}),
    ]
    later = old.push("later", key="a tenant", unique=unique)
    worker = old.start("work", "--lease", "30s")
    finals = ["succeeded", "succeeded", "dead", "dead", "succeeded"]
    old.until(lambda: old.state(*ended, later) == finals + ["scheduled"])
    running = old.push("sleeps", key="a tenant", tags=["runs"])
    old.until(lambda: old.state(running) == ["running"] and old.job(running)["progress"])
    old.until(lambda: old.call("GET", f"/v1/jobs/{running}/log"))

    # Nobody works on these queues.
    text = "x" * 20_000 + "ü"
    old.push("fine", queue="mail", payload={"text": text}, tags=["large", "ü"], priority=7)
    old.push("fine", queue="mail", payload="x" * 1022)  # with its quotes the longest that stays in its row
    old.push("fine", queue="mail", payload="x" * 1023, unique={"key": "waits", "scope": "until_started"})
    old.push("fine", queue="bulk", max_attempts=7, timeout_ms=5000, deadline="2099-01-01T00:00:00Z", key="a tenant")
    old.push("fine", queue="bulk", delay_ms=86400000, idempotency="asked twice")
    old.call("POST", "/v1/queues/mail/pause", {"reason": 'it is "down"', "by": "ada"})
    old.call("POST", "/v1/queues/bulk/pause", {"for_ms": 3600000})

    keep("_live")
    old.kill(worker)
    jobs = [old.job(job["id"]) for job in old.jobs()]
    logs = {job["id"]: old.call("GET", f"/v1/jobs/{job['id']}/log").decode() for job in jobs}
    queues = json.loads(old.call("GET", "/v1/queues"))
    old.server.terminate()
    old.server.wait()
    keep("")
    return {"jobs": jobs, "logs": logs, "queues": queues}


def write(said, to):
    to.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
