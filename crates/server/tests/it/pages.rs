//! The reference page of errors is generated from the code.

use longshore_wire::CODES;

#[test]
fn the_page_of_all_errors_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    let mut page = String::from(
        "# Errors of the HTTP API\n\nEvery error is `application/problem+json` (RFC 9457); programs should use its `code`. This page is \
         generated from the code.\n\n| code | status | meaning |\n|---|---|---|\n",
    );
    for code in CODES {
        page += &format!("| `{}` | {} | {} |\n", code.as_str(), code.status(), code.meaning());
    }
    if std::env::var_os("LONGSHORE_UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == page, "docs/errors.md is stale: run the tests once with LONGSHORE_UPDATE_DOCS=1");
}
