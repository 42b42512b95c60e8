//! The demo: a page, and the three routes it was always written against.
//!
//! Their answers have the exact shape of the reference demo, so errors here are `{"error": …}` in a sentence for the person
//! who typed; what goes wrong around them is a problem as everywhere else.

mod image;
mod page;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

/// Returns the demo's routes.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(page::html))
        .route("/assets/demo.css", get(page::css))
        .route("/assets/demo.js", get(page::js))
        .route("/assets/favicon.svg", get(page::icon))
        .route("/favicon.ico", get(page::no_icon))
        .route("/image_queue", post(image::queue))
        .route("/image_status", get(image::status))
        .route("/image/{file}", get(image::file))
}
