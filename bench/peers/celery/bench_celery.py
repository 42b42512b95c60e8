"""Celery in a benchmark; the roles and lines are those of roles.mjs.

Celery with its defaults on Redis: messages acknowledged before the task runs, prefork; its processes count together. The result
backend is off, as it is by default: the task returns the small result of the others, and Celery drops it.
"""

import json
import multiprocessing
import os
import signal
import sys
import threading
import time

import celery
from celery.signals import worker_ready

TEXT = "x" * 100

role, options = sys.argv[1], json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}")
app = celery.Celery("bench", broker=options.get("url"))
app.conf.update(task_default_queue="bench", worker_redirect_stdouts=False)

# Shared by the worker's processes, which are forks of this one.
done = multiprocessing.Value("Q", 0)
began = multiprocessing.Value("d", 0.0)


def say(**event):
    """Writes at once, in one piece: processes share this pipe."""
    os.write(1, (json.dumps(event) + "\n").encode())


def now():
    """Returns the wall clock in microseconds; all processes of a machine share it."""
    return time.time_ns() // 1000


@app.task(name="noop", bind=True)
def noop(self, text):
    entered = now()
    with done.get_lock():
        if done.value == 0:
            began.value = time.monotonic()
        done.value += 1
        enough = done.value == options.get("count")
    if options.get("entries"):
        say(id=self.request.id, us=entered)
    if enough:
        tell()
    return {"ok": True}


def tell():
    say(jobs=done.value, seconds=time.monotonic() - began.value)


def fill():
    """There is no call for many: each is sent on its own, over one connection."""
    say(ready=True)
    start = time.monotonic()
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(options["count"]):
            noop.apply_async((TEXT,), producer=producer)
    say(jobs=options["count"], seconds=time.monotonic() - start)


def connect():
    """Connects now: the first push would do it, and takes most of a second for what it loads."""
    with app.producer_pool.acquire(block=True) as producer:
        producer.connection.ensure_connection()


def produce():
    connect()
    say(ready=True)
    sys.stdin.readline()
    start = time.monotonic()
    pushed = []

    def producer():
        mine = 0
        while time.monotonic() - start < options["seconds"]:
            noop.delay(TEXT)
            mine += 1
        pushed.append(mine)

    producers = [threading.Thread(target=producer) for _ in range(options["producers"])]
    for thread in producers:
        thread.start()
    for thread in producers:
        thread.join()
    say(jobs=sum(pushed), seconds=time.monotonic() - start)


def pickup():
    connect()
    say(ready=True)
    sys.stdin.readline()
    start = time.monotonic()
    answers = []
    for sent in range(options["rate"] * options["seconds"]):
        time.sleep(max(0, start + sent / options["rate"] - time.monotonic()))
        answers.append({"id": noop.delay(TEXT).id, "us": now()})
    say(jobs=len(answers), seconds=time.monotonic() - start)
    for answer in answers:
        say(**answer)


def work():
    @worker_ready.connect
    def ready(**_):
        threading.Thread(target=listen, daemon=True).start()
        say(ready=True)

    def listen():
        for _ in sys.stdin:
            tell()
        os.kill(os.getpid(), signal.SIGQUIT)  # a warm shutdown may take half a minute

    # Two workers of one machine need names of their own.
    name, slots = f"--hostname=bench-{os.getpid()}@%h", f"--concurrency={options['concurrency']}"
    app.worker_main(["--quiet", "worker", "--loglevel=ERROR", name, slots])


if role == "version":
    say(version=celery.__version__)
elif role == "work":
    work()
else:
    {"fill": fill, "produce": produce, "pickup": pickup}[role]()
    sys.stdin.read()  # its CPU time is read meanwhile
