//! The beginning of an id is enough, as in git.

use crate::program::Home;
use crate::stores::on_every_store;

on_every_store! { a_unique_beginning_of_an_id_is_enough }

fn a_unique_beginning_of_an_id_is_enough(home: Home) {
    let push = || home.ok(&["enqueue", "work", "1", "--delay", "1h"]).trim().to_owned();
    let (one, other) = (push(), push());
    let (_server, url) = home.serve(&["serve"]);
    let shared = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let unique = &one[..shared + 1];
    for server in [&[][..], &["--server", &url]] {
        let with = |args: &[&'static str], id: &str| -> Vec<String> {
            let (command, rest) = args.split_first().unwrap();
            [*command, id].iter().chain(rest).chain(server).map(ToString::to_string).collect()
        };
        let job = home.json(&as_strs(&with(&["status", "--json"], unique)));
        assert_eq!(job["id"], one.as_str());
        let complaint = home.fails(1, &as_strs(&with(&["cancel"], &one[..8])));
        assert!(complaint.contains(&one) && complaint.contains(&other), "{complaint}");
        assert!(complaint.contains("more than one id"), "{complaint}");
        let json = home.fails(1, &as_strs(&with(&["status", "--json"], &one[..8])));
        let error: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&error["code"], &error["exit_code"]), (&"ambiguous_id".into(), &1.into()), "{error}");
        assert!(home.fails(1, &as_strs(&with(&["status"], "ffff1234"))).contains("job `ffff1234` not found"));
    }
    assert!(home.ok(&["cancel", &unique.replace('-', "").to_uppercase()]).contains(&one));
}

fn as_strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn an_alias_that_looks_like_an_id_is_found() {
    let home = Home::new();
    let alias = "0199c0de-3f5a-8c1d-9b1e-5b1f0a7c2d3e";
    let id = home.ok(&["enqueue", "work", "1", "--alias", alias]);
    let (_server, url) = home.serve(&["serve"]);
    for command in
        [&["status", alias, "--json"][..], &["status", alias, "--json", "--server", &url], &["cancel", alias, "--json"]]
    {
        assert_eq!(home.json(command)["id"], id.trim(), "{command:?}");
    }
}
