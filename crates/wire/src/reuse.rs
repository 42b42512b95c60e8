//! A reuse key: the result of an equal job is served again.

use longshore_core::{self as core, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::to_ms;
use crate::{number, schema};

/// Serves the result of an equal job that succeeded not longer ago than this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reuse {
    /// The key that equal jobs share.
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub key: String,
    /// How old the result may be, in milliseconds.
    #[serde(deserialize_with = "number::ahead_ms")]
    #[schemars(range(max = schema::AHEAD_MS))]
    pub within_ms: u64,
}

impl From<&core::Reuse> for Reuse {
    fn from(reuse: &core::Reuse) -> Self {
        Reuse { key: reuse.key.to_string(), within_ms: to_ms(reuse.within) }
    }
}
