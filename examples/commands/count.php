<?php
// Counts the words of a text. Payload: {"text": "…"}; result: {"words": n}.

$payload = json_decode(stream_get_contents(STDIN), true);
if (!is_string($payload['text'] ?? null)) {
    fwrite(STDERR, "the payload has no text\n");
    exit(65); // permanent failure: a retry is useless
}
if (getenv('LONGSHORE_ATTEMPT') < ($payload['busy_until_attempt'] ?? 0)) {
    fwrite(STDERR, "::retry-in 10ms\nthe counter is busy\n");
    exit(75); // retry after the delay of ::retry-in
}

$words = 0;
$lines = explode("\n", $payload['text']);
foreach ($lines as $index => $line) {
    $words += count(preg_split('/\s+/', $line, -1, PREG_SPLIT_NO_EMPTY));
    fprintf(STDERR, "::progress %d/%d counting\n", $index + 1, count($lines));
}
echo json_encode(['words' => $words]), "\n";
