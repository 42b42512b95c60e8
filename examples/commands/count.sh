#!/bin/sh
# Counts the words of a text. Payload: {"text": "…"}; result: {"words": n}. This JSON parsing is only an example; use jq for
# real jobs.

payload=$(tr -d '\n')
text=$(printf '%s' "$payload" | sed -n 's/.*"text" *: *"\(\([^"\\]\|\\.\)*\)".*/\1/p')
busy=$(printf '%s' "$payload" | sed -n 's/.*"busy_until_attempt" *: *\([0-9]*\).*/\1/p')
if [ -z "$text" ]; then
    echo "the payload has no text" >&2
    exit 65 # permanent failure: a retry is useless
fi
if [ "$LONGSHORE_ATTEMPT" -lt "${busy:-0}" ]; then
    echo "::retry-in 10ms" >&2
    echo "the counter is busy" >&2
    exit 75 # retry after the delay of ::retry-in
fi

lines=$(printf '%s' "$text" | sed 's/\\n/\
/g')
total=$(printf '%s\n' "$lines" | wc -l)
number=0
words=0
while IFS= read -r line; do
    number=$((number + 1))
    words=$((words + $(printf '%s' "$line" | wc -w)))
    echo "::progress $number/$((total)) counting" >&2
done <<EOF
$lines
EOF
echo "{\"words\":$words}"
