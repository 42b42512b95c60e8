#!/bin/sh
# A job of kind `hello`. Any program will do, in any language:
#   standard input   the payload, as JSON
#   standard output  the result
#   standard error   `::progress 1/2 a few words` is progress, everything else is log
#   exit code        0 done, 65 never try again, 69 what it needs is away (costs no attempt), 75 and all others try again
payload=$(cat)

echo "::progress 1/2 reading the name" >&2
name=$(printf '%s' "$payload" | tr -d '\n' | sed -n 's/.*"name" *: *"\([^"]*\)".*/\1/p')
if [ -z "$name" ]; then
    echo "the payload has no name" >&2
    exit 65
fi

echo "::progress 2/2 greeting" >&2
echo "Hello, $name!"
