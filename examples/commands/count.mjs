// Counts the words of a text. Payload: {"text": "…"}; result: {"words": n}.

import { readFileSync } from "node:fs";

const payload = JSON.parse(readFileSync(0, "utf8"));
if (typeof payload?.text !== "string") {
  console.error("the payload has no text");
  process.exit(65); // permanent failure: a retry is useless
}
if (Number(process.env.LONGSHORE_ATTEMPT) < (payload.busy_until_attempt ?? 0)) {
  console.error("::retry-in 10ms\nthe counter is busy");
  process.exit(75); // retry after the delay of ::retry-in
}

let words = 0;
const lines = payload.text.split("\n");
for (const [index, line] of lines.entries()) {
  words += line.split(/\s+/).filter(Boolean).length;
  console.error(`::progress ${index + 1}/${lines.length} counting`);
}
console.log(JSON.stringify({ words }));
