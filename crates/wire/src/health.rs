//! The health of a server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The answer of `GET /healthz` and `GET /readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok` from `/healthz`; `ready` from `/readyz`.
    pub status: String,
}
