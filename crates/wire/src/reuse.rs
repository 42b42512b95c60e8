//! A reuse key: an equal job that succeeded recently is returned instead of a new one.

use longshore_core::{self as core, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::to_ms;
use crate::{number, schema};

/// Returns an equal job if it succeeded within a period, instead of creating a new job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reuse {
    /// The key. Jobs with the same key are equal.
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub key: String,
    /// The maximum age of the result, in milliseconds.
    #[serde(deserialize_with = "number::ahead_ms")]
    #[schemars(range(max = schema::AHEAD_MS))]
    pub within_ms: u64,
}

impl From<&core::Reuse> for Reuse {
    fn from(reuse: &core::Reuse) -> Self {
        Reuse { key: reuse.key.to_string(), within_ms: to_ms(reuse.within) }
    }
}
