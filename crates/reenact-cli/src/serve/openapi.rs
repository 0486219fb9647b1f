//! The description of the API, made from the table of routes and the schemas of what they take and give.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use super::App;
use super::fault::Told;
use super::routes::{Content, Entry};

/// The document, in the order of the routes.
pub(super) fn document(entries: &[Entry]) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let fault = generator.subschema_for::<Told>();
    let mut paths: Map<String, Value> = Map::new();
    for entry in entries {
        let item = paths.entry(entry.path.clone()).or_insert_with(|| json!({}));
        item[entry.method.as_str().to_ascii_lowercase()] = operation(entry, &fault.clone().into(), &mut generator);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "reenact",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the pages of `reenact serve` are made of. What changes something is sent with the header \
                `x-reenact-csrf`, whose value `/api/csrf` answers, or with a token as `Authorization: Bearer`.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "token": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.definitions(),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(entry: &Entry, fault: &Value, generator: &mut SchemaGenerator) -> Value {
    let mut parameters = Vec::new();
    for (place, schema) in [("path", entry.in_path), ("query", entry.in_query)] {
        let schema = schema.map(|schema| Value::from(schema(generator)));
        parameters.extend(schema.iter().flat_map(|schema| named(place, schema)));
    }
    let mut operation = json!({ "operationId": operation_id(entry), "summary": entry.about });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if !entry.takes.is_empty() {
        operation["requestBody"] = json!({ "required": true, "content": contents(&entry.takes, generator) });
    }
    let mut good = json!({ "description": "It is done" });
    if !entry.gives.is_empty() {
        good["content"] = contents(&entry.gives, generator);
    }
    let bad = json!({ "description": "What went wrong", "content": { "application/json": { "schema": fault } } });
    operation["responses"] = json!({ "200": good, "default": bad });
    operation
}

/// The members of an object as parameters of their names.
fn named(place: &str, schema: &Value) -> Vec<Value> {
    let is_required = |name: &str| {
        let required = schema["required"].as_array();
        place == "path" || required.is_some_and(|required| required.iter().any(|it| it == name))
    };
    let parameter = |(name, schema): (&String, &Value)| {
        let mut schema = schema.clone();
        let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut parameter = json!({ "name": name, "in": place, "required": is_required(name), "schema": schema });
        if let Some(about) = about {
            parameter["description"] = about;
        }
        parameter
    };
    schema["properties"].as_object().into_iter().flatten().map(parameter).collect()
}

fn contents(contents: &[Content], generator: &mut SchemaGenerator) -> Value {
    let content = |content: &Content| {
        let schema = content.schema.map(|schema| json!({ "schema": schema(generator) })).unwrap_or_else(|| json!({}));
        (content.media.to_owned(), schema)
    };
    Value::Object(contents.iter().map(content).collect())
}

/// `GET /api/sessions/{id}` as `get_sessions_id`.
fn operation_id(entry: &Entry) -> String {
    let path = entry.path.strip_prefix("/api").unwrap_or(&entry.path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let method = entry.method.as_str().to_ascii_lowercase();
    std::iter::once(method.as_str()).chain(words).collect::<Vec<_>>().join("_")
}

/// The document itself is no part of it.
pub(super) fn router(document: Value) -> Router<App> {
    let document = Arc::new(document);
    Router::new().route("/api/openapi.json", get(move || async move { Json(document.as_ref().clone()) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To write it again after a change: `UPDATE_SCHEMA=1 cargo test -p reenact-cli published_description`.
    #[test]
    fn the_published_description_is_that_of_the_routes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/openapi.json");
        let current = format!("{:#}\n", document(crate::serve::routes().entries()));
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &current).unwrap();
        }
        let command = "UPDATE_SCHEMA=1 cargo test -p reenact-cli published_description";
        assert!(
            std::fs::read_to_string(path).unwrap_or_default() == current,
            "docs/schema/openapi.json is out of date: {command}"
        );
    }

    #[test]
    fn no_two_routes_have_one_name_and_every_reference_leads_somewhere() {
        let document = document(crate::serve::routes().entries());
        let operations: Vec<&Value> = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values())
            .collect();
        let mut names: Vec<&str> = operations.iter().map(|it| it["operationId"].as_str().unwrap()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(operations.iter().all(|it| !it["summary"].as_str().unwrap().ends_with('.')));
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
    }

    #[test]
    fn each_name_in_a_path_is_described() {
        let document = document(crate::serve::routes().entries());
        for (path, item) in document["paths"].as_object().unwrap() {
            let names: Vec<&str> = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
            for operation in item.as_object().unwrap().values() {
                let described =
                    operation["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] == "path");
                let described: Vec<&str> = described.map(|it| it["name"].as_str().unwrap()).collect();
                assert_eq!(described, names, "{path}");
            }
        }
    }
}
