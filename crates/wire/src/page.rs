//! A page of jobs, and its query.

use std::fmt::Display;
use std::str::FromStr;

use longshore_core::{Filter, Listed, Page, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Job, WrongField};

/// A page of `GET /v1/jobs`, newest job first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Jobs {
    /// The jobs. A page may contain few jobs, or none, and still have a `next`.
    pub jobs: Vec<Job>,
    /// The value of `after` for the next page. Null on the last page.
    pub next: Option<String>,
    /// Queues whose jobs are missing from this page, because their server does not answer; at most 100 of them.
    #[serde(default)]
    pub unreachable: Vec<String>,
}

impl From<Listed> for Jobs {
    fn from(listed: Listed) -> Self {
        let next = listed.next.map(|cursor| cursor.to_string());
        let unreachable = listed.unreachable.iter().map(ToString::to_string).collect();
        Jobs { jobs: listed.jobs.into_iter().map(Job::from).collect(), next, unreachable }
    }
}

/// The query of `GET /v1/jobs`, as text: a filter and the position in the list.
///
/// # Examples
///
/// ```
/// use longshore_core::{Filter, Page};
/// use longshore_wire::JobsQuery;
///
/// let filter = Filter { tag: Some("invoice 7".parse()?), ..Filter::default() };
/// let query = JobsQuery::of(&filter, Page::first(20));
/// assert_eq!(query.to_string(), "tag=invoice+7&limit=20");
/// assert_eq!(query.parse()?.0, filter);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobsQuery {
    /// Only jobs of this queue.
    pub queue: Option<String>,
    /// Only jobs of this kind.
    pub kind: Option<String>,
    /// Only jobs in this state.
    pub state: Option<String>,
    /// Only jobs with this tag.
    pub tag: Option<String>,
    /// Only jobs with this key.
    pub key: Option<String>,
    /// Continues after the previous page: the value of its `next`.
    pub after: Option<String>,
    /// The maximum number of jobs, from 1 to 200. Defaults to 50.
    pub limit: Option<String>,
}

/// The number of entries of a page if the query has no `limit`.
pub const PAGE_LIMIT: usize = 50;

/// Parses the maximum number of entries of a page.
pub(crate) fn page_limit(text: &Option<String>) -> Result<usize, WrongField> {
    let limit = parsed("limit", text)?.unwrap_or(PAGE_LIMIT);
    if (1..=limits::PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(WrongField::new("limit", format!("{limit} is not between 1 and {}", limits::PAGE)))
}

impl JobsQuery {
    /// Converts a filter and a page to a query.
    pub fn of(filter: &Filter, page: Page) -> Self {
        // Without `..`, so that the compiler demands each new field here.
        let (Filter { queue, kind, state, tag, key }, Page { after, limit }) = (filter, page);
        JobsQuery {
            queue: text(queue.as_ref()),
            kind: text(kind.as_ref()),
            state: text(state.as_ref()),
            tag: text(tag.as_ref()),
            key: text(key.as_ref()),
            after: text(after.as_ref()),
            limit: Some(limit.to_string()),
        }
    }

    /// Returns the filter and the page of the query.
    ///
    /// # Errors
    ///
    /// The error names the first invalid parameter.
    pub fn parse(&self) -> Result<(Filter, Page), WrongField> {
        let JobsQuery { queue, kind, state, tag, key, after, limit } = self;
        let filter = Filter {
            queue: parsed("queue", queue)?,
            kind: parsed("kind", kind)?,
            state: parsed("state", state)?,
            tag: parsed("tag", tag)?,
            key: parsed("key", key)?,
        };
        Ok((filter, Page::new(parsed("after", after)?, page_limit(limit)?)))
    }
}

impl Display for JobsQuery {
    /// Writes the query string of a URL, without the `?`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let JobsQuery { queue, kind, state, tag, key, after, limit } = self;
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("queue", queue),
            ("kind", kind),
            ("state", state),
            ("tag", tag),
            ("key", key),
            ("after", after),
            ("limit", limit),
        ] {
            query.extend_pairs(value.as_ref().map(|value| (name, value)));
        }
        f.write_str(&query.finish())
    }
}

fn text(value: Option<&impl Display>) -> Option<String> {
    value.map(ToString::to_string)
}

pub(crate) fn parsed<T: FromStr<Err: Display>>(name: &str, text: &Option<String>) -> Result<Option<T>, WrongField> {
    text.as_deref().map(str::parse).transpose().map_err(WrongField::of(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use longshore_core::{Cursor, State};

    #[test]
    fn a_query_is_read_back_as_it_was_written() {
        let filter = Filter {
            queue: Some("mail".parse().unwrap()),
            kind: Some("email".parse().unwrap()),
            state: Some(State::Dead),
            tag: Some("a&b=c +\u{e9}%".parse().unwrap()),
            key: Some("k?#/".parse().unwrap()),
        };
        let query = JobsQuery::of(&filter, Page::new(Some(Cursor(-7)), 9));
        let text = query.to_string();

        let pairs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        let object = serde_json::Value::Object(pairs.into_iter().map(|(name, value)| (name, value.into())).collect());
        let again: JobsQuery = serde_json::from_value(object).unwrap();

        assert_eq!(again, query);
        let (read, page) = again.parse().unwrap();
        assert_eq!((read, page.after, page.limit), (filter, Some(Cursor(-7)), 9));
    }

    #[test]
    fn a_wrong_parameter_is_named_and_a_missing_limit_is_the_default() {
        assert_eq!(JobsQuery::default().parse().unwrap().1.limit, PAGE_LIMIT);
        for limit in ["0", "201", "many", "-1"] {
            let query = JobsQuery { limit: Some(limit.into()), ..JobsQuery::default() };
            assert_eq!(query.parse().unwrap_err().field, "limit");
        }
        let query = JobsQuery { state: Some("asleep".into()), ..JobsQuery::default() };
        assert_eq!(query.parse().unwrap_err().field, "state");
    }
}
