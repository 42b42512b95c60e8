//! The logs of attempts, for people.

use async_trait::async_trait;

use super::{Memory, Row};
use crate::{Error, JobId, Logs, Token};

#[async_trait]
impl Logs for Memory {
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error> {
        let mut tables = self.tables();
        let held = tables.held(id, token);
        Ok(held.map(|row| row.write_log(token.number, text)).is_some())
    }

    async fn log(&self, id: JobId, claim: Option<u64>) -> Result<Option<String>, Error> {
        let tables = self.tables();
        let Some((_, Row { logs, .. })) = tables.row(id) else { return Ok(None) };
        let log = claim.map_or_else(|| logs.values().next_back(), |claim| logs.get(&claim));
        Ok(Some(log.cloned().unwrap_or_default()))
    }
}
