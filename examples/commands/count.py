"""Counts the words of a text. Payload: {"text": "…"}; result: {"words": n}."""

import json
import os
import sys

payload = json.load(sys.stdin)
if not isinstance(payload, dict) or not isinstance(payload.get("text"), str):
    print("the payload has no text", file=sys.stderr)
    sys.exit(65)  # permanent failure: a retry is useless
if int(os.environ["LONGSHORE_ATTEMPT"]) < payload.get("busy_until_attempt", 0):
    print("::retry-in 10ms", "the counter is busy", sep="\n", file=sys.stderr)
    sys.exit(75)  # retry after the delay of ::retry-in

words = 0
lines = payload["text"].split("\n")
for number, line in enumerate(lines, 1):
    words += len(line.split())
    print(f"::progress {number}/{len(lines)} counting", file=sys.stderr, flush=True)
print(json.dumps({"words": words}))
