//! A unique key and its scope.

use std::fmt;
use std::time::Duration;

use longshore_core::{self as core, UniqueScope, limits};
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

use crate::duration::to_ms;
use crate::{number, schema};

/// A unique key. At most one job of a queue holds it at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// The key.
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub key: String,
    /// How long the job holds the key. Defaults to `until_finished`.
    #[serde(default)]
    pub scope: Scope,
}

/// How long a job holds a unique key: `"until_started"`, `"until_finished"`, or `{"for_ms": 60000}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Until a worker starts the job.
    UntilStarted,
    /// Until the job is finished.
    #[default]
    UntilFinished,
    /// For this many milliseconds after the push.
    ForMs(#[schemars(range(max = schema::AHEAD_MS))] u64),
}

/// Written by hand, because the code that serde derives for enums reports other JSON, such as a number, as a syntax
/// error.
impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ScopeReader)
    }
}

struct ScopeReader;

impl<'de> Visitor<'de> for ScopeReader {
    type Value = Scope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#""until_started", "until_finished" or {"for_ms": 60000}"#)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scope, E> {
        match text {
            "until_started" => Ok(Scope::UntilStarted),
            "until_finished" => Ok(Scope::UntilFinished),
            other => Err(E::invalid_value(Unexpected::Str(other), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Scope, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct For {
            #[serde(deserialize_with = "number::ahead_ms")]
            for_ms: u64,
        }
        For::deserialize(MapAccessDeserializer::new(map)).map(|period| Scope::ForMs(period.for_ms))
    }
}

impl From<&core::Unique> for Unique {
    fn from(unique: &core::Unique) -> Self {
        Unique { key: unique.key.to_string(), scope: unique.scope.into() }
    }
}

impl From<UniqueScope> for Scope {
    fn from(scope: UniqueScope) -> Self {
        match scope {
            UniqueScope::UntilStarted => Scope::UntilStarted,
            UniqueScope::UntilFinished => Scope::UntilFinished,
            UniqueScope::For(period) => Scope::ForMs(to_ms(period)),
        }
    }
}

impl From<Scope> for UniqueScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::UntilStarted => UniqueScope::UntilStarted,
            Scope::UntilFinished => UniqueScope::UntilFinished,
            Scope::ForMs(ms) => UniqueScope::For(Duration::from_millis(ms)),
        }
    }
}
