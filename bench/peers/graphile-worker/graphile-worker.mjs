// graphile-worker in a benchmark; the roles are those of roles.mjs.
//
// All its defaults; with {"batched": true} a worker fetches 500 jobs at once and completes them in batches. A finished job's row
// is deleted, and no result is kept: the handler returns none. A job whose worker was killed waits for 4 hours.

import { readFileSync } from "node:fs";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { play } from "./roles.mjs";

const logger = new Logger(() => (level, message) => {
  if (level === "error") process.stderr.write(`${message}\n`);
});

await play({
  version: JSON.parse(readFileSync(new URL("node_modules/graphile-worker/package.json", import.meta.url))).version,

  async client({ url, schema }) {
    const utils = await makeWorkerUtils({ connectionString: url, schema, logger });
    await utils.migrate();
    return {
      push: async (text) => (await utils.addJob("noop", { text })).id,
      pushMany: (texts) => utils.addJobs(texts.map((text) => ({ identifier: "noop", payload: { text } }))),
    };
  },

  async worker({ url, schema, concurrency, batched }, entered) {
    const worker = { connectionString: url, schema, concurrentJobs: concurrency, maxPoolSize: concurrency + 2 };
    if (batched) Object.assign(worker, { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 });
    const runner = await run({
      preset: { worker },
      logger,
      noHandleSignals: true,
      taskList: { noop: async (_payload, helpers) => entered(helpers.job.id) },
    });
    return () => runner.stop();
  },
});
