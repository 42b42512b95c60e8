//! The OpenAPI 3.1 document, generated from the `Operation` beside each handler and the types of the wire crate.
//!
//! The document depends on the server's configuration: it contains the demo's routes only if they are enabled, and the
//! security schemes only if there is a token. Tests compare it with the router and with every answer in the test suite.

mod answer;
pub(crate) mod errors;
mod operation;
mod parameter;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use longshore_wire::{self as wire, Code};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::{Config, demo, routes};

use operation::Schema;

pub(crate) use answer::{Answer, Content};
pub(crate) use operation::{Operation, Takes, of};
pub(crate) use parameter::{ID, IF_RANGE, Parameter, Place, RANGE, name_schema};

/// The OpenAPI description of [`get`].
pub(crate) const OPENAPI: Operation = Operation {
    method: "get",
    path: "/openapi.json",
    id: "openapi",
    summary: "The OpenAPI document of this server",
    public: false,
    parameters: &[],
    takes: Takes::None,
    answers: &[Answer::json(200, "An OpenAPI 3.1 document.", |_| json!({ "type": "object" }))],
    errors: &[],
};

/// Answers the document.
pub(crate) async fn get(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], app.document).into_response()
}

/// Returns the document of a server with this configuration.
///
/// # Examples
///
/// ```
/// let document = longshore_server::openapi::document(&longshore_server::Config::default());
/// assert_eq!(document["openapi"], "3.1.0");
/// assert_eq!(document["paths"]["/v1/jobs"]["post"]["operationId"], "push");
/// ```
pub fn document(config: &Config) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let demo = if config.demo { demo::OPERATIONS } else { &[] };
    for operation in routes::OPERATIONS.iter().chain([&OPENAPI]).chain(demo) {
        let written = schemas.operation(operation, config);
        paths.entry(operation.path).or_default().insert(operation.method.to_owned(), written);
    }
    schemas.answered.subschema_for::<wire::Event>(); // not a body itself, but the data of stream events
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "longshore",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Background jobs: push jobs, read and follow their status, download their results.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": schemas.definitions() },
    });
    if config.token.is_some() {
        document["components"]["securitySchemes"] = json!({
            "bearer": { "type": "http", "scheme": "bearer" },
            "basic": { "type": "http", "scheme": "basic", "description": "The password is the token. The user name is ignored." },
        });
        document["security"] = json!([{ "bearer": [] }, { "basic": [] }]);
    }
    document
}

/// The schemas collected so far, of requests and of answers.
struct Schemas {
    taken: SchemaGenerator,
    answered: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        Schemas {
            taken: settings.clone().for_deserialize().into_generator(),
            answered: settings.for_serialize().into_generator(),
        }
    }

    fn operation(&mut self, operation: &Operation, config: &Config) -> Value {
        let mut written = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "responses": self.answers(operation, config),
        });
        if !operation.parameters.is_empty() {
            let parameters = operation.parameters.iter();
            written["parameters"] = parameters.map(|parameter| parameter.write(&mut self.taken)).collect();
        }
        if let Some(body) = self.body(operation.takes) {
            written["requestBody"] = body;
        }
        if operation.public {
            written["security"] = json!([]);
        }
        written
    }

    fn body(&mut self, body: Takes) -> Option<Value> {
        let (required, media, schema): (_, &[&str], _) = match body {
            Takes::None => return None,
            Takes::Json(schema) => (true, &["application/json"], schema),
            Takes::JsonOrNone(schema) => (false, &["application/json"], schema),
            Takes::Either(schema) => (true, &["application/json", "application/x-www-form-urlencoded"], schema),
        };
        let schema = schema(&mut self.taken);
        let content: Map<_, _> = media.iter().map(|media| ((*media).to_owned(), json!({ "schema": schema }))).collect();
        Some(json!({ "required": required, "content": content }))
    }

    /// Returns the possible answers of an operation: its own answers, and the problems by status with their codes.
    fn answers(&mut self, operation: &Operation, config: &Config) -> Value {
        let mut answers: BTreeMap<String, Value> = BTreeMap::new();
        for answer in operation.answers {
            let mut written = json!({ "description": answer.description });
            if let Some((media, schema)) = self.content(answer.content) {
                written["content"] = json!({ media: { "schema": schema } });
            }
            let headers = answer.headers.iter();
            let headers: Map<_, _> =
                headers.map(|(name, description)| ((*name).to_owned(), header_of(description))).collect();
            if !headers.is_empty() {
                written["headers"] = headers.into();
            }
            answers.insert(answer.status.to_string(), written);
        }
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in operation.errors.iter().flat_map(|codes| codes.iter()).chain(common_codes(operation, config)) {
            by_status.entry(code.status()).or_default().push(*code);
        }
        for (status, mut codes) in by_status {
            codes.sort_by_key(|code| code.as_str());
            codes.dedup();
            let schema = (wire_problem as Schema)(&mut self.answered);
            let description = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.meaning()));
            let description = description.collect::<Vec<_>>().join("\n\n");
            let media = if status == 202 { "application/json" } else { "application/problem+json" };
            match answers.get_mut(&status.to_string()) {
                // An error of the demo and a problem have the same status.
                Some(written) => {
                    let both = format!("{}\n\n{description}", written["description"].as_str().unwrap_or_default());
                    written["description"] = both.into();
                    written["content"][media] = json!({ "schema": schema });
                }
                None => {
                    let mut written = json!({ "description": description, "content": { media: { "schema": schema } } });
                    if matches!(status, 202 | 429 | 503 | 507) {
                        written["headers"] = json!({ "Retry-After": header_of("The number of seconds to wait before the next attempt.") });
                    }
                    if status == 416 {
                        written["headers"] =
                            json!({ "Content-Range": header_of("The size of the result: `bytes */1024`.") });
                    }
                    answers.insert(status.to_string(), written);
                }
            }
        }
        json!(answers)
    }

    fn content(&mut self, content: Content) -> Option<(&'static str, Value)> {
        match content {
            Content::None => None,
            Content::Json(schema) => Some(("application/json", schema(&mut self.answered))),
            Content::Text(media) => Some((media, json!({ "type": "string" }))),
            Content::Bytes(media) => Some((media, json!({}))),
        }
    }

    fn definitions(mut self) -> Map<String, Value> {
        let mut all = self.taken.take_definitions(true);
        all.extend(self.answered.take_definitions(true));
        all
    }
}

fn wire_problem(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<wire::Problem>().to_value()
}

fn header_of(description: &str) -> Value {
    json!({ "description": description, "schema": { "type": "string" } })
}

/// Returns the codes that any request may be answered with, before its handler runs.
fn common_codes(operation: &Operation, config: &Config) -> impl Iterator<Item = &'static Code> {
    let guard: &[Code] = match &config.token {
        Some(_) if operation.public => &[],
        Some(_) => &[Code::Unauthorized, Code::TooManyWrongTokens],
        None => &[Code::ForbiddenHost],
    };
    let origin: &[Code] = if operation.method == "get" { &[] } else { &[Code::ForbiddenOrigin] };
    guard.iter().chain(origin).chain(&[
        Code::Internal,
        Code::TooManyConnections,
        Code::TooBusy,
        Code::InvalidRequest,
        Code::InvalidQuery,
        Code::UnsupportedTransferEncoding,
        Code::UnsupportedMediaType,
        Code::HeadTooLarge,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{router, table};
    use axum::http::Request;
    use longshore_core::{Backend, Memory, artifact::InMemory};
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use tower::ServiceExt;

    #[tokio::test]
    async fn the_document_has_every_route_with_its_methods_and_no_other() {
        for demo in [false, true] {
            let config = Config { demo, ..Config::default() };
            let document = document(&config);
            let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
            let app = App::new(backend, config);
            let mut routed = BTreeSet::new();
            for (path, _) in table(&app.config) {
                // An unknown method is answered with the list of the route's methods.
                let request =
                    Request::builder().method("BREW").uri(path.replace(['{', '}'], "")).header("host", "localhost");
                let request = request.body(axum::body::Body::empty()).unwrap();
                let answer = router(app.clone()).oneshot(request).await.unwrap();
                let allowed = answer.headers()[header::ALLOW].to_str().unwrap().to_lowercase();
                routed.extend(allowed.split(',').filter(|method| *method != "head").map(|m| format!("{m} {path}")));
            }
            let mut documented = BTreeSet::new();
            for (path, operations) in document["paths"].as_object().unwrap() {
                documented.extend(operations.as_object().unwrap().keys().map(|method| format!("{method} {path}")));
            }
            assert_eq!(documented, routed);
        }
    }

    #[test]
    fn the_page_of_the_document_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
        let document = document(&Config { demo: true, ..Config::default() });
        let page = serde_json::to_string_pretty(&document).unwrap() + "\n";
        if std::env::var_os("LONGSHORE_UPDATE_DOCS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == page, "docs/openapi.json is stale: run the tests once with LONGSHORE_UPDATE_DOCS=1");
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
        let config = Config { demo: true, ..Config::default() };
        let document = document(&config);
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        }
        let operations = routes::OPERATIONS.iter().chain([&OPENAPI]).chain(demo::OPERATIONS);
        let names: Vec<_> = operations.map(|operation| operation.id).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
