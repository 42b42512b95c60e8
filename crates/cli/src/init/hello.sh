#!/bin/sh
# Runs jobs of the kind `hello`. Any program in any language can run jobs:
#   standard input   the payload, as JSON
#   standard output  the result
#   standard error   a line `::progress 1/2 some text` reports progress; all other lines are the log
#   exit code        0: success; 65: permanent failure; 69: something that the job needs is unavailable (does not count
#                    as an attempt); 75 and all others: retry
payload=$(cat)

echo "::progress 1/2 reading the name" >&2
name=$(printf '%s' "$payload" | tr -d '\n' | sed -n 's/.*"name" *: *"\([^"]*\)".*/\1/p')
if [ -z "$name" ]; then
    echo "the payload has no name" >&2
    exit 65
fi

echo "::progress 2/2 greeting" >&2
echo "Hello, $name!"
