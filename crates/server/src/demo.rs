//! The demo: a page and its three routes.
//!
//! The answers have the exact format of the reference demo. So errors about the input are `{"error": …}` with a
//! sentence for the user. All other errors are problems, as everywhere else.

mod image;
mod page;

use axum::routing::{MethodRouter, get, post};

use crate::app::App;
use crate::openapi::Operation;

/// The OpenAPI descriptions of the demo's routes, in the order of their table.
pub(crate) const OPERATIONS: &[Operation] =
    &[page::HTML, page::CSS, page::JS, page::ICON, page::NO_ICON, image::QUEUE, image::STATUS, image::FILE];

/// Returns the demo's routes.
pub(crate) fn table() -> Vec<(&'static str, MethodRouter<App>)> {
    vec![
        ("/", get(page::html)),
        ("/assets/demo.css", get(page::css)),
        ("/assets/demo.js", get(page::js)),
        ("/assets/favicon.svg", get(page::icon)),
        ("/favicon.ico", get(page::no_icon)),
        ("/image_queue", post(image::queue)),
        ("/image_status", get(image::status)),
        ("/image/{file}", get(image::file)),
    ]
}
