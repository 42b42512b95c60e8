//! `GET /openapi.json`.

use serde_json::json;

use crate::service::Service;

#[tokio::test]
async fn the_document_is_served() {
    let service = Service::with(|config| config.demo = true).await;

    let answer = service.get("/openapi.json").await;

    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["paths"]["/v1/jobs/{id}"]["get"]["parameters"][0]["name"], "id");
    assert!(document["paths"]["/image_queue"].is_object(), "the demo is there");
    let push = &document["components"]["schemas"]["Push"];
    assert_eq!(push["required"], json!(["kind"]));
    assert_eq!(push["additionalProperties"], false);
    assert_eq!(document["components"]["schemas"]["JobId"]["format"], "uuid");
    assert!(Service::start().await.get("/openapi.json").await.json()["paths"]["/image_queue"].is_null());
}

#[tokio::test]
async fn every_parameter_of_a_list_is_in_the_document() {
    let document = Service::start().await.get("/openapi.json").await.json();
    let queries = [
        ("/v1/jobs", json!(longshore_wire::JobsQuery::default())),
        ("/v1/queues", json!(longshore_wire::QueuesQuery::default())),
        ("/v1/workers", json!(longshore_wire::WorkersQuery::default())),
    ];
    for (path, query) in queries {
        let mut read: Vec<_> = query.as_object().unwrap().keys().cloned().collect();
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let mut told: Vec<_> = parameters.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
        read.sort();
        told.sort();
        assert_eq!(read, told, "{path}");
    }
}
