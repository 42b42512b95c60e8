//! Checks every answer of the test suite against the document at `/openapi.json`.

use axum::http::Method;
use serde_json::Value;

use crate::http::Answer;

/// Checks one answer. Answers to unknown paths and methods are not in the document.
#[track_caller]
pub fn check(document: &Value, method: &Method, path: &str, answer: &Answer) {
    let documented = if method == Method::HEAD { "get" } else { &method.as_str().to_lowercase() };
    let Some(operations) = operations(document, documented, path) else { return };
    if answer.status == 405 || answer.status == 431 || method == Method::OPTIONS {
        return;
    }
    let said = format!("{method} {path} answered {}", answer.status);
    let responses = &operations[documented]["responses"];
    let response = &responses[answer.status.as_str()];
    assert!(response.is_object(), "{said}, which is not documented: {}", answer.text());
    let media = answer.header("content-type").split(';').next().unwrap_or_default();
    let Some(content) = response["content"].as_object() else {
        assert!(answer.body.is_empty(), "{said} with a body, which is not documented");
        return;
    };
    let content = content.get(media).or(content.get("*/*"));
    let content = content.unwrap_or_else(|| panic!("{said} with {media:?}, which is not documented"));
    if media.ends_with("json")
        && method != Method::HEAD
        && let Err(wrong) = fits(document, &content["schema"], &answer.json())
    {
        panic!("{said}, and {wrong}: {}", answer.text());
    }
}

/// Returns the operations of the path. A path without parameters has priority if it has the method.
fn operations<'a>(document: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let paths = document["paths"].as_object().unwrap();
    let mut fitting = paths.iter().filter(|(template, found)| matches(template, path) && found[method].is_object());
    let exact = paths.get(path).filter(|found| found[method].is_object());
    exact.or_else(|| fitting.next().map(|(_, found)| found))
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let fits = |(pattern, part): (&&str, &&str)| pattern == part || (pattern.starts_with('{') && !part.is_empty());
    template.len() == path.len() && template.iter().zip(&path).all(fits)
}

/// Checks a value against the part of JSON Schema that the document uses. An undocumented field is an error too.
fn fits(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let no = |what: &str| Err(format!("{value} {what} {schema}"));
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).ok_or(format!("{reference} leads nowhere"))?;
        return fits(document, target, value);
    }
    for any in ["anyOf", "oneOf"] {
        if let Some(choices) = schema[any].as_array() {
            let fitting = choices.iter().filter(|choice| fits(document, choice, value).is_ok()).count();
            return if fitting == 1 { Ok(()) } else { no("is none, or several, of") };
        }
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return no("is none of");
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    if !types.is_empty() && !types.iter().any(is) {
        return no("is of another type than");
    }
    if let Some(items) = value.as_array() {
        items.iter().try_for_each(|item| fits(document, &schema["items"], item))?;
    }
    let (Some(fields), Some(described)) = (value.as_object(), schema["properties"].as_object()) else { return Ok(()) };
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|field| !fields.contains_key(*field)) {
        return Err(format!("{missing} is missing"));
    }
    for (name, field) in fields {
        let described = described.get(name).ok_or(format!("{name} is not described"))?;
        fits(document, described, field)?;
    }
    Ok(())
}
