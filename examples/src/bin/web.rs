//! A web application with background jobs: a request enqueues slow work and returns a job id at once.
//!
//! Run `cargo run -p longshore-examples --bin web` and, beside it, `--bin worker`. Then send requests with `curl -d 'so
//! long and thanks' localhost:3000/count` and `curl localhost:3000/count/ID`.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use longshore::{JobId, Longshore};
use longshore_examples::{CountWords, store};
use serde_json::{Value, json};

type Answer = Result<(StatusCode, Json<Value>), StatusCode>;

/// `POST /count`: answers 202 and the id when the job is durable.
async fn submit(State(longshore): State<Longshore>, text: String) -> Answer {
    let job = longshore.enqueue(CountWords { text }).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok((StatusCode::ACCEPTED, Json(json!({"id": job.id().to_string()}))))
}

/// `GET /count/{id}`: answers 202 until the job is finished, then its result.
async fn ask(State(longshore): State<Longshore>, Path(id): Path<String>) -> Answer {
    let id: JobId = id.parse().map_err(|_| StatusCode::NOT_FOUND)?;
    let job = longshore.handle::<CountWords>(id);
    let known = job.snapshot().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?.ok_or(StatusCode::NOT_FOUND)?;
    if !known.state.is_final() {
        return Ok((StatusCode::ACCEPTED, Json(json!({"state": known.state.as_str()}))));
    }
    match job.wait().await {
        Ok(counted) => Ok((StatusCode::OK, Json(json!(counted)))),
        Err(e) => Ok((StatusCode::CONFLICT, Json(json!({"error": e.to_string()})))),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let longshore = Longshore::connect(&store()).await?;
    let routes = Router::new().route("/count", post(submit)).route("/count/{id}", get(ask)).with_state(longshore);
    let address = std::env::args().nth(2).unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = tokio::net::TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, routes).await?;
    Ok(())
}
