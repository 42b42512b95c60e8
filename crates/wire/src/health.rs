//! Whether a server is well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `GET /healthz` and `GET /readyz` answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok` of a process that lives, `ready` of one whose store answers.
    pub status: String,
}
