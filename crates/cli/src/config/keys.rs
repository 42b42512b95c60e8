//! All configuration keys: name, default, meaning, and how a value is read.

use std::fs;
use std::ops::RangeInclusive;
use std::time::Duration;

use longshore::{QueueName, StoreUrl, limits};
use longshore_demo::Pace;

use super::{Config, Token};

/// One configuration key.
pub struct Key {
    /// The key's name in the file. The part before a dot is the name of a table.
    pub name: &'static str,
    /// The default, as it would be written in the file.
    pub default: &'static str,
    /// The meaning, including that of zero and of an empty value.
    pub doc: &'static str,
    /// Reads a value into the configuration.
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
}

impl Key {
    /// Returns the environment variable that sets this key.
    pub fn env(&self) -> String {
        format!("LONGSHORE_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// All configuration keys.
pub const KEYS: &[Key] = &[
    Key {
        name: "store",
        default: "sqlite:longshore.db",
        doc: "The store of all jobs: `sqlite:FILE`, `redis://HOST`, `postgres://HOST/DATABASE`, or `memory:`, which loses all jobs when the process ends. A relative path in the configuration file, and the default, are seen from the folder of that file. See docs/stores.md.",
        set: |config, text| {
            config.store = StoreUrl::new(text);
            Ok(())
        },
    },
    Key {
        name: "wait_for_store",
        default: "",
        doc: "How long `up`, `serve` and `work` wait for a store that is not reachable when they start, at most 1h. If unset: 60s for `up`, and 0s \
              for `serve` and `work`, which then end with exit code 69.",
        set: |config, text| {
            config.wait_for_store = None;
            if !text.is_empty() {
                set_duration(config.wait_for_store.insert(Duration::ZERO), text, HOUR)?;
            }
            Ok(())
        },
    },
    Key {
        name: "listen",
        default: "127.0.0.1:8470",
        doc: "The address that the server listens on. Any address other than loopback requires a token. Port 0 selects a free port.",
        set: |config, text| {
            config.listen = text.parse().map_err(|_| "must be an address such as 127.0.0.1:8470".to_owned())?;
            Ok(())
        },
    },
    Key {
        name: "server",
        default: "",
        doc: "The server that command-line tools use, such as `http://127.0.0.1:8470`. If unset, they use the store directly.",
        set: |config, text| {
            if !text.is_empty() && !text.starts_with("http://") && !text.starts_with("https://") {
                return Err("must be a URL that starts with http:// or https://".into());
            }
            config.server = (!text.is_empty()).then(|| text.trim_end_matches('/').to_owned());
            Ok(())
        },
    },
    Key {
        name: "token",
        default: "",
        doc: "The token that callers of the server must send, at least 16 characters. If unset, only this machine can use the server. Set it in the \
              environment or with `token_file` rather than in this file.",
        set: |config, text| {
            if !text.is_empty() {
                let token = Token(text.to_owned());
                token.secret().map_err(|e| format!("is invalid: {e}"))?;
                config.token = Some(token);
            }
            Ok(())
        },
    },
    Key {
        name: "token_file",
        default: "",
        doc: "A file that contains the token. A relative path in the configuration file is seen from the folder of that file.",
        set: |config, text| {
            if text.is_empty() {
                return Ok(());
            }
            let read = fs::read_to_string(text).map_err(|e| format!("cannot be read: {e}"))?;
            let token = Token(read.trim().to_owned());
            token.secret().map_err(|e| format!("contains no valid token: {e}"))?;
            config.token = Some(token);
            Ok(())
        },
    },
    Key {
        name: "log",
        default: "info",
        doc: "What to log to standard error: off, error, warn, info, debug or trace, for all targets or per target, as in \
              `warn,longshore_core=debug`.",
        set: |config, text| {
            crate::log::parse(text)?;
            config.log = text.to_owned();
            Ok(())
        },
    },
    Key {
        name: "log_json",
        default: "false",
        doc: "Whether log lines are written as JSON.",
        set: |config, text| set_bool(&mut config.log_json, text),
    },
    Key {
        name: "worker.queues",
        default: "default",
        doc: "The queues to claim jobs from, with weights: a worker tries `mail=3` first three times as often as `bulk`.",
        set: |config, text| {
            let mut wrong = Vec::new();
            let all = text.split(',').map(|queue| parse_queue(queue.trim()));
            config.queues = all.filter_map(|queue| queue.map_err(|why| wrong.push(why)).ok()).collect();
            if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; it ")) }
        },
    },
    Key {
        name: "worker.strict",
        default: "false",
        doc: "Whether the worker claims from a queue only while all queues before it are empty.",
        set: |config, text| set_bool(&mut config.strict, text),
    },
    Key {
        name: "worker.concurrency",
        default: "10",
        doc: "The maximum number of jobs that run at a time, from 1 to 1000.",
        set: |config, text| {
            config.concurrency = usize::try_from(number(text, 1..=1000)?).expect("it is in range");
            Ok(())
        },
    },
    Key {
        name: "worker.grace",
        default: "25s",
        doc: "How long a worker waits for its running jobs during shutdown. 0s stops them immediately. At most 1day.",
        set: |config, text| set_duration(&mut config.grace, text, DAY),
    },
    Key {
        name: "worker.lease",
        default: "30s",
        doc: "How long a claim lasts without renewal, from 1s to 10m. A shorter lease detects dead workers sooner but costs more writes. On Redis and PostgreSQL use at least 10s: with a shorter lease, a live worker may lose its jobs when the server pauses for up to three seconds.",
        set: |config, text| set_duration(&mut config.lease, text, limits::LEASES),
    },
    Key {
        name: "image.pace",
        default: "",
        doc: "How long the demo pauses after each step of an image, so that a person can see the progress, at most 1h. 0s: no pause. If set, `longshore work` \
              also runs jobs of the demo's kind `image`. If unset, only `longshore up` and `longshore demo` run them, without a pause.",
        set: |config, text| {
            config.image = None;
            if !text.is_empty() {
                set_duration(&mut config.image.insert(Pace::default()).0, text, HOUR)?;
            }
            Ok(())
        },
    },
    Key {
        name: "retention.finished",
        default: "1day",
        doc: "How long succeeded and cancelled jobs are kept, at most 1830days. 0s: until the next upkeep.",
        set: |config, text| set_duration(&mut config.settings.keep_finished, text, FIVE_YEARS),
    },
    Key {
        name: "retention.dead",
        default: "7days",
        doc: "How long dead jobs are kept, at most 1830days.",
        set: |config, text| set_duration(&mut config.settings.keep_dead, text, FIVE_YEARS),
    },
    Key {
        name: "http.connections",
        default: "2048",
        doc: "The maximum number of connections. A further connection takes the place of an idle one. If none is idle, the server answers only health checks, and 503 to other requests. The default leaves room beside all event streams and all requests that wait. If the process may not have that many files open, the number is lowered with a warning.",
        set: |config, text| set_count(&mut config.http.connections, text),
    },
    Key {
        name: "http.connections_per_caller",
        default: "1024",
        doc: "The maximum number of connections of one caller (one address). Raise it behind a proxy, where all callers have the proxy's address.",
        set: |config, text| set_count(&mut config.http.connections_per_caller, text),
    },
    Key {
        name: "http.idle_timeout",
        default: "75s",
        doc: "How long a connection may be idle between two requests, from 1s to 1day. It should be longer than a proxy in front keeps its connections, which is 60 seconds for most of them; otherwise the proxy answers 502 now and then.",
        set: |config, text| set_duration(&mut config.http.idle_timeout, text, STREAMS),
    },
    Key {
        name: "http.cors_origins",
        default: "",
        doc: "The origins of web pages that may call the API from other sites (CORS), such as `[\"https://app.example\"]`. Empty: none. Each must be written as browsers send it, without a path. Such a page still needs the token, if there is one.",
        set: |config, text| {
            let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
            config.http.cors_origins = origins.map(str::to_owned).collect();
            config.http.cors_origins.iter().try_for_each(|origin| longshore_server::cors::check_origin(origin))
        },
    },
    Key {
        name: "http.streams",
        default: "512",
        doc: "The maximum number of event streams. The server answers 503 to further requests.",
        set: |config, text| set_count(&mut config.http.streams, text),
    },
    Key {
        name: "http.streams_per_caller",
        default: "20",
        doc: "The maximum number of event streams of one caller (one address). The server answers 429 to further requests.",
        set: |config, text| set_count(&mut config.http.streams_per_caller, text),
    },
    Key {
        name: "http.stream_lifetime",
        default: "1h",
        doc: "The maximum lifetime of an event stream, from 1s to 1day. Clients reconnect and continue.",
        set: |config, text| set_duration(&mut config.http.stream_lifetime, text, STREAMS),
    },
    Key {
        name: "http.waits",
        default: "1024",
        doc: "The maximum number of requests that wait for a job (long polls). The server answers 503 to further requests.",
        set: |config, text| set_count(&mut config.http.waits, text),
    },
    Key {
        name: "http.results",
        default: "256",
        doc: "The maximum number of results of more than 256 KiB that are sent at a time. The server answers 503 to further requests.",
        set: |config, text| set_count(&mut config.http.results, text),
    },
    Key {
        name: "http.results_per_caller",
        default: "64",
        doc: "The maximum number of these results that are sent to one caller (one address) at a time. The server answers 429 to further requests.",
        set: |config, text| set_count(&mut config.http.results_per_caller, text),
    },
    Key {
        name: "http.answers_mib",
        default: "256",
        doc: "The maximum size of answers in memory that clients have not read yet, in MiB. The server answers 503 to further requests.",
        set: |config, text| {
            let mut mib = 0;
            set_count(&mut mib, text)?;
            config.http.answers_bytes = mib.saturating_mul(1024 * 1024);
            Ok(())
        },
    },
    Key {
        name: "http.pushes",
        default: "512",
        doc: "The maximum number of pushes at a time. The server answers 503 to further pushes immediately, so that requests do not pile up.",
        set: |config, text| set_count(&mut config.http.pushes, text),
    },
    Key {
        name: "http.queue_depth",
        default: "0",
        doc: "The maximum number of waiting jobs in one queue. The server answers 429 to further pushes. 0: no limit.",
        set: |config, text| {
            let depth = number(text, 0..=1_000_000_000_000)?;
            config.http.queue_depth = (depth > 0).then_some(depth);
            Ok(())
        },
    },
    Key {
        name: "http.wrong_tokens",
        default: "10",
        doc: "The maximum number of wrong tokens per minute from one address. Then the server answers 429 to this address. 0: no limit.",
        set: |config, text| {
            config.http.wrong_tokens = u32::try_from(number(text, 0..=1_000_000)?).expect("it is in range");
            Ok(())
        },
    },
];

/// How long a worker may wait for its jobs: as long as an attempt may take.
const DAY: RangeInclusive<Duration> = Duration::ZERO..=limits::TIMEOUT;
const HOUR: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
const STREAMS: RangeInclusive<Duration> = Duration::from_secs(1)..=limits::TIMEOUT;
/// As far as a job may be scheduled ahead.
pub const FIVE_YEARS: RangeInclusive<Duration> = Duration::ZERO..=limits::AHEAD;
/// The most connections, requests and results that a limit of the server may allow.
const MOST: u64 = 1_000_000;

/// Parses `mail` or `mail=3`.
fn parse_queue(text: &str) -> Result<(QueueName, u32), String> {
    let (name, weight) = text.split_once('=').unwrap_or((text, "1"));
    let name = name.parse().map_err(|e: longshore::Error| format!("must be a list of queues: {e}"))?;
    let weight = weight.parse().ok().filter(|weight| (1..=1000).contains(weight));
    Ok((name, weight.ok_or_else(|| format!("must have weights from 1 to 1000, unlike `{text}`"))?))
}

fn set_bool(place: &mut bool, text: &str) -> Result<(), String> {
    *place = text.parse().map_err(|_| "must be true or false".to_owned())?;
    Ok(())
}

fn set_count(place: &mut usize, text: &str) -> Result<(), String> {
    *place = usize::try_from(number(text, 1..=MOST)?).map_err(|e| e.to_string())?;
    Ok(())
}

/// Parses a whole number within bounds.
fn number(text: &str, bounds: RangeInclusive<u64>) -> Result<u64, String> {
    let wrong = || format!("must be a number from {} to {}", bounds.start(), bounds.end());
    text.parse().ok().filter(|number| bounds.contains(number)).ok_or_else(wrong)
}

/// Sets a duration within bounds.
fn set_duration(place: &mut Duration, text: &str, bounds: RangeInclusive<Duration>) -> Result<(), String> {
    *place = parse_duration(text, bounds)?;
    Ok(())
}

/// Parses a duration within bounds. The error is the end of a sentence that begins with the name of the value.
pub fn parse_duration(text: &str, bounds: RangeInclusive<Duration>) -> Result<Duration, String> {
    let shown = |bound: &Duration| humantime::format_duration(*bound).to_string().replace(' ', "");
    let missing = "must be a duration such as 500ms, 30s, 5m or 7days";
    match humantime::parse_duration(text) {
        Ok(duration) if bounds.contains(&duration) => Ok(duration),
        Ok(_) if bounds.end() == &limits::AHEAD => Err("must be at most five years (1830days)".into()),
        Ok(_) => Err(format!("must be from {} to {}", shown(bounds.start()), shown(bounds.end()))),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("{missing}; did you mean `{text}s`?"))
        }
        Err(_) => Err(missing.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queues_have_weights() {
        assert_eq!(parse_queue("mail=3").unwrap(), ("mail".parse().unwrap(), 3));
        assert!(parse_queue("mail=0").is_err());
        assert!(parse_queue("a b").is_err());
    }

    #[test]
    fn every_wrong_queue_of_a_list_is_named() {
        let key = KEYS.iter().find(|key| key.name == "worker.queues").unwrap();
        let wrong = (key.set)(&mut Config::blank(), "a b,c=0,d").unwrap_err();
        assert!(wrong.contains("\"a b\"") && wrong.contains("`c=0`"), "{wrong}");
    }

    #[test]
    fn absurd_numbers_and_durations_are_refused_with_their_bounds() {
        for (name, text, why) in [
            ("worker.grace", "300000000000years", "must be from 0s to 1day"),
            ("worker.grace", "5", "did you mean `5s`?"),
            ("worker.lease", "1h", "must be from 1s to 10m"),
            ("retention.dead", "300000000000years", "must be at most five years (1830days)"),
            ("http.stream_lifetime", "0s", "must be from 1s to 1day"),
            ("http.waits", "9999999999999999999", "must be a number from 1 to 1000000"),
            ("http.connections", "0", "must be a number from 1 to 1000000"),
            ("http.queue_depth", "-1", "must be a number from 0 to 1000000000000"),
            ("http.wrong_tokens", "4294967296", "must be a number from 0 to 1000000"),
        ] {
            let key = KEYS.iter().find(|key| key.name == name).unwrap();
            let wrong = (key.set)(&mut Config::blank(), text).unwrap_err();
            assert!(wrong.contains(why), "{name} = {text}: {wrong}");
        }
    }
}
