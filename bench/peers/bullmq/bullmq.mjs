// BullMQ in a benchmark, on Redis or PostgreSQL as the URL says; the roles are those of roles.mjs.
//
// All its defaults: a job is under a lock of 30 s while it runs; a finished one is kept, with its result as `returnvalue`.

import { readFileSync } from "node:fs";
import { Queue, Worker, createPostgresBackend, setDefaultBackendFactory } from "bullmq";
import { Redis } from "ioredis";
import { RESULT, play } from "./roles.mjs";

const QUEUE = "bench";

function connection({ url, schema }) {
  if (url.startsWith("postgres")) {
    setDefaultBackendFactory(createPostgresBackend);
    return { connectionString: url, schema, migrate: true };
  }
  return new Redis(url, { maxRetriesPerRequest: null }); // a worker demands it
}

await play({
  version: JSON.parse(readFileSync(new URL("node_modules/bullmq/package.json", import.meta.url))).version,

  async client(options) {
    const queue = new Queue(QUEUE, { connection: connection(options) });
    await queue.waitUntilReady();
    return {
      push: async (text) => (await queue.add("noop", { text })).id,
      pushMany: (texts) => queue.addBulk(texts.map((text) => ({ name: "noop", data: { text } }))),
    };
  },

  async worker({ concurrency, ...options }, entered) {
    const handler = async (job) => {
      entered(job.id);
      return RESULT;
    };
    const worker = new Worker(QUEUE, handler, { connection: connection(options), concurrency });
    await worker.waitUntilReady();
    return () => worker.close();
  },
});
