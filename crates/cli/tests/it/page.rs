//! The demo page and its three routes, used by a person in a browser and by a program.

use serde_json::json;

use crate::browser::Browser;
use crate::program::{Home, eventually, get, post_form};

#[test]
fn a_user_enters_a_text_and_sees_the_image() {
    let home = Home::new();
    let (_up, url) = home.serve(&["up", "--pace", "60ms"]);
    let browser = Browser::open(&url);

    browser.type_into("#text", "hello_world");
    browser.click("#send");
    browser.wait_for(
        "the first job is counted",
        r"/Processing \d+\/20/.test(document.querySelector('.job .status')?.textContent)",
    );
    // The page accepts texts while the first is being drawn.
    for text in ["second", "third"] {
        browser.type_into("#text", text);
        browser.click("#send");
    }
    browser.wait_for("three cards", "document.querySelectorAll('li.job').length === 3");
    browser
        .wait_for("all have succeeded", "document.querySelectorAll(\"li.job[data-state='succeeded']\").length === 3");
    browser.wait_for(
        "the pictures are shown",
        "[...document.querySelectorAll('.paper img')].filter(img => img.complete && img.naturalWidth === 433).length === 3",
    );
    let outside = "performance.getEntriesByType('resource').map(e => e.name).filter(name => new URL(name).origin !== location.origin)";
    assert_eq!(browser.eval(outside), json!([]));
}

#[test]
fn a_hostile_text_is_shown_as_text() {
    let home = Home::new();
    let (_up, url) = home.serve(&["up"]);
    let browser = Browser::open(&url);
    let hostile = "<img src=x onerror=document.title='hacked'>";

    browser.type_into("#text", hostile);
    browser.click("#send");

    browser.wait_for("the job has succeeded", "!!document.querySelector(\"li.job[data-state='succeeded']\")");
    assert_eq!(browser.eval("document.querySelector('.job .text').textContent"), json!(hostile));
    assert_eq!(browser.eval("document.querySelectorAll('img[src=x]').length"), json!(0));
    assert_ne!(browser.eval("document.title"), json!("hacked"));
}

#[test]
fn the_three_routes_answer_exactly() {
    let home = Home::new();
    let (_up, url) = home.serve(&["up", "--pace", "20ms"]);
    let id = "98575dd2166e9d2872db80dd64552782fa23e608e4df08a90e78e2a66ac9de0d";
    let filename = format!("{id}.gif");

    let (status, queued) = post_form(&format!("{url}/image_queue"), "text=hello_world").unwrap();
    assert_eq!((status, queued), (200, json!({"job_status": "queued", "id": id, "filename": filename})));
    let mut seen = Vec::new();
    eventually("the picture is complete", || {
        let (_, answer) = get(&format!("{url}/image_status?job_id={id}"));
        let status = answer["job_status"].as_str().unwrap().to_owned();
        seen.push(status.clone());
        (status == "complete").then_some(())
    });
    let known = |status: &String| {
        matches!(status.as_str(), "queued" | "Processing" | "Writing file" | "complete")
            || status.strip_prefix("Processing ").and_then(|rest| rest.strip_suffix("/20")).is_some()
    };
    assert!(seen.iter().all(known) && seen.iter().any(|status| status.ends_with("/20")), "{seen:?}");

    let (_, done) = post_form(&format!("{url}/image_queue"), "text=hello_world").unwrap();
    assert_eq!(done, json!({"job_status": "done", "filename": filename}));
    let gif = ureq::get(format!("{url}/image/{filename}")).call().unwrap().body_mut().read_to_vec().unwrap();
    assert!(gif.starts_with(b"GIF89a"));
    assert_eq!(get(&format!("{url}/image/{}.gif", "0".repeat(64))), (404, json!({"error": "not found"})));
    assert_eq!(get(&format!("{url}/image_status?job_id=nobody")).1, json!({"job_status": "Unknown"}));
    assert_eq!(get(&format!("{url}/image_status")).1, json!({"error": "job_id not set"}));
}

#[test]
fn the_status_of_a_dead_job_contains_the_reason() {
    let home = Home::new();
    let (_up, url) = home.serve(&["up"]);
    home.ok(&["enqueue", "image", r#"{"text":""}"#, "--alias", "dead-one"]);
    let status = eventually("the job is dead", || {
        let (_, answer) = get(&format!("{url}/image_status?job_id=dead-one"));
        Some(answer["job_status"].as_str()?.to_owned()).filter(|status| status.starts_with("Failed: "))
    });
    assert!(status.len() > "Failed: ".len(), "{status}");
}
