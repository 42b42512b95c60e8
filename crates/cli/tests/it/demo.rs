//! `longshore demo`, as in the README.

use std::fs;

use crate::program::Home;

#[test]
fn the_demo_writes_an_image_and_prints_what_happens() {
    let home = Home::new();
    let told = home.ok(&["demo", "hello_world"]);
    for part in
        ["store   sqlite:longshore.db", "server  http://127.0.0.1:", "POST /image_queue", "wrote hello_world.gif"]
    {
        assert!(told.contains(part), "{part:?} is missing:\n{told}");
    }
    let gif = fs::read(home.path().join("hello_world.gif")).unwrap();
    assert!(gif.starts_with(b"GIF89a"));
    assert_eq!((u16::from_le_bytes([gif[6], gif[7]]), u16::from_le_bytes([gif[8], gif[9]])), (433, 153));

    let again = home.ok(&["demo", "hello_world", "--out", "again.gif"]);
    assert!(again.contains("drawn before"), "{again}");
    assert_eq!(fs::read(home.path().join("again.gif")).unwrap(), gif);

    let fresh = home.ok(&["demo", "hello_world", "--fresh", "--out", "fresh.gif"]);
    assert!(fresh.contains("answered `queued`"), "{fresh}");
    assert_eq!(fs::read(home.path().join("fresh.gif")).unwrap(), gif);
}

#[test]
fn a_text_that_cannot_be_drawn_is_refused_before_anything_starts() {
    let home = Home::new();
    home.fails(2, &["demo", ""]);
    assert!(home.fails(2, &["demo", "a_b_c_d_e"]).contains("lines"));
    assert!(!home.path().join("longshore.db").exists());
}
