//! Raw Redis: three scripts a batch, in one round trip, over one connection.

use std::time::{Duration, Instant};

use redis::{Client, Cmd, Connection, RedisResult, cmd, pipe};

/// In: the ready set, the start of a job's key; the first id, then payloads. Out: nothing.
const INSERT: &str = "
    local ready = {}
    for place = 2, #ARGV do
        local id = ARGV[1] + place - 2
        redis.call('HSET', KEYS[2] .. id, 'payload', ARGV[place], 'state', 'ready')
        ready[#ready + 1] = id
        ready[#ready + 1] = id
    end
    redis.call('ZADD', KEYS[1], unpack(ready))";

/// In: the ready set, the start of a job's key, the running set; when the lease ends, how many. Out: their ids.
const CLAIM: &str = "
    local popped, ids, running = redis.call('ZPOPMIN', KEYS[1], ARGV[2]), {}, {}
    for place = 1, #popped, 2 do
        local id = popped[place]
        redis.call('HSET', KEYS[2] .. id, 'state', 'running', 'lease', ARGV[1])
        ids[#ids + 1] = id
        running[#running + 1] = ARGV[1]
        running[#running + 1] = id
    end
    if #ids > 0 then redis.call('ZADD', KEYS[3], unpack(running)) end
    return ids";

/// In: the running set, the start of a job's key; ids. Out: how many were running.
const FINISH: &str = "
    for _, id in ipairs(ARGV) do redis.call('HSET', KEYS[2] .. id, 'state', 'done', 'result', 'ok') end
    return redis.call('ZREM', KEYS[1], unpack(ARGV))";

/// In: the list of ready jobs, the start of a job's key; the id, the payload. Out: nothing.
const LIST: &str = "
    redis.call('HSET', KEYS[2] .. ARGV[1], 'payload', ARGV[2], 'state', 'ready')
    redis.call('LPUSH', KEYS[1], ARGV[1])";

/// A connection with the names of its keys and scripts.
struct Raw {
    connection: Connection,
    ready: String,
    jobs: String,
    running: String,
}

impl Raw {
    fn open(url: &str, name: &str) -> RedisResult<Self> {
        let connection = Client::open(url)?.get_connection()?;
        let key = |what: &str| format!("{name}:{what}");
        Ok(Raw { connection, ready: key("ready"), jobs: key("job:"), running: key("running") })
    }

    fn load(&mut self, script: &str) -> RedisResult<String> {
        cmd("SCRIPT").arg("LOAD").arg(script).query(&mut self.connection)
    }
}

/// Inserts, claims and finishes jobs, `batch` a script, for that long; returns jobs per second.
pub fn three_writes(url: &str, name: &str, batch: usize, time: Duration) -> RedisResult<f64> {
    let mut raw = Raw::open(url, name)?;
    let (insert, claim, finish) = (raw.load(INSERT)?, raw.load(CLAIM)?, raw.load(FINISH)?);
    let payload = payload();
    let began = Instant::now();
    let (mut next, mut done): (usize, usize) = (1, 0);
    let mut claimed: Vec<u64> = Vec::new();
    while began.elapsed() < time {
        let mut round = pipe();
        if !claimed.is_empty() {
            round.add_command(run(&finish, &[&raw.running, &raw.jobs])).arg(&claimed).ignore();
        }
        round.add_command(run(&insert, &[&raw.ready, &raw.jobs])).arg(next).arg(vec![&payload; batch]).ignore();
        round.add_command(run(&claim, &[&raw.ready, &raw.jobs, &raw.running])).arg(done).arg(batch);
        done += claimed.len();
        next += batch;
        (claimed,) = round.query(&mut raw.connection)?;
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

/// Writes jobs into a list, a script a job, `together` in one round trip, for that long; returns jobs per second.
pub fn one_write(url: &str, name: &str, together: usize, time: Duration) -> RedisResult<f64> {
    let mut raw = Raw::open(url, name)?;
    let list = raw.load(LIST)?;
    let payload = payload();
    let began = Instant::now();
    let mut done = 0;
    while began.elapsed() < time {
        let mut round = pipe();
        for id in done..done + together {
            round.add_command(run(&list, &[&raw.ready, &raw.jobs])).arg(id).arg(&payload).ignore();
        }
        round.exec(&mut raw.connection)?;
        done += together;
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

/// Returns how long single scripts take that insert one job, in milliseconds.
pub fn scripts(url: &str, name: &str, count: usize) -> RedisResult<Vec<f64>> {
    let mut raw = Raw::open(url, name)?;
    let insert = raw.load(INSERT)?;
    let mut took = Vec::with_capacity(count);
    for id in 0..count {
        let began = Instant::now();
        run(&insert, &[&raw.ready, &raw.jobs]).arg(id).arg("{}").exec(&mut raw.connection)?;
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(took)
}

fn run(sha: &str, keys: &[&String]) -> Cmd {
    let mut command = cmd("EVALSHA");
    command.arg(sha).arg(keys.len()).arg(keys);
    command
}

fn payload() -> String {
    format!(r#"{{"text":"{}"}}"#, "x".repeat(100))
}
