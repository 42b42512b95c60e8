// The roles that a peer of JavaScript plays in a benchmark, over what the peer itself can do.
//
//     node <peer>.mjs version
//     node <peer>.mjs fill    '{"url": …, "count": N}'                      pushes N jobs, many at once
//     node <peer>.mjs produce '{"url": …, "producers": N, "seconds": S}'    N producers, each waits for its answer
//     node <peer>.mjs pickup  '{"url": …, "rate": R, "seconds": S}'         pushes R jobs a second, tells when each was answered
//     node <peer>.mjs work    '{"url": …, "concurrency": N, "count": N, "entries": bool}'
//
// On PostgreSQL {"schema": …} names the schema that holds everything.
//
// Every role writes JSON lines. First {"ready": true}, once it is connected. Then {"jobs": N, "seconds": S}: what it has done.
// Then {"id": …, "us": wall clock} for each entry of a handler, or each answer of a push, where that was asked for.
//
// `produce` and `pickup` begin at the first line of standard input, so that many processes can begin together; `fill` begins at
// once. A worker writes its numbers at each line of standard input, and by itself after `count` jobs (0 for never). Every role
// ends with standard input.
//
// A job does nothing. Its result is RESULT in every system that keeps results.

import { createInterface } from "node:readline";

const TEXT = "x".repeat(100);
/** What a handler returns. */
export const RESULT = { ok: true };
/** How many jobs `fill` pushes in one call. */
const MANY = 1000;

/** The lines of standard input; the iterator is made before the first line can arrive. */
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/**
 * Plays the role that the command line names.
 *
 * @param {object} peer
 * @param {string} peer.version
 * @param {(options: object) => Promise<{push: Function, pushMany: Function}>} peer.client pushes a text and answers an id; pushes many
 * @param {(options: object, entered: (id: string) => void) => Promise<() => Promise<void>>} peer.worker
 *     starts a worker that calls `entered` in every job; returns how to stop it
 */
export async function play(peer) {
  const [role, words] = process.argv.slice(2);
  const options = JSON.parse(words ?? "{}");
  await { version, fill, produce, pickup, work }[role](peer, options);
  process.exit(0);
}

async function version(peer) {
  say({ version: peer.version });
}

async function fill(peer, options) {
  const client = await peer.client(options);
  const { count } = options;
  say({ ready: true });
  const began = performance.now();
  for (let pushed = 0; pushed < count; pushed += MANY) {
    await client.pushMany(Array(Math.min(MANY, count - pushed)).fill(TEXT));
  }
  say({ jobs: count, seconds: (performance.now() - began) / 1e3 });
  await inputEnds();
}

async function produce(peer, options) {
  const client = await peer.client(options);
  const { producers, seconds } = options;
  say({ ready: true });
  await lines.next();
  const began = performance.now();
  const until = began + seconds * 1e3;
  let pushed = 0;
  const producer = async () => {
    while (performance.now() < until) {
      await client.push(TEXT);
      pushed += 1;
    }
  };
  await Promise.all(Array.from({ length: producers }, producer));
  say({ jobs: pushed, seconds: (performance.now() - began) / 1e3 });
  await inputEnds();
}

async function pickup(peer, options) {
  const client = await peer.client(options);
  const { rate, seconds } = options;
  say({ ready: true });
  await lines.next();
  const began = performance.now();
  const answers = [];
  for (let sent = 0; sent < rate * seconds; sent += 1) {
    const wait = began + (sent / rate) * 1e3 - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    answers.push(client.push(TEXT).then((id) => ({ id, us: now() })));
  }
  const answered = await Promise.all(answers);
  say({ jobs: answered.length, seconds: (performance.now() - began) / 1e3 });
  answered.forEach(say);
  await inputEnds();
}

async function work(peer, options) {
  const { count, entries } = options;
  let done = 0;
  let began = performance.now();
  const entered = [];
  const tell = () => {
    say({ jobs: done, seconds: (performance.now() - began) / 1e3 });
    entered.splice(0).forEach(say);
  };
  const stop = await peer.worker(options, (id) => {
    if (done === 0) began = performance.now();
    done += 1;
    if (entries) entered.push({ id, us: now() });
    if (done === count) tell();
  });
  say({ ready: true });
  await inputEnds(tell);
  await stop();
}

/** Waits for the end of standard input; calls `line` at each line before it. */
async function inputEnds(line = () => {}) {
  while (!(await lines.next()).done) line();
}

/** The wall clock in microseconds; all processes of a machine share it. */
function now() {
  return Math.round((performance.timeOrigin + performance.now()) * 1e3);
}

function say(event) {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}
