//! Runs every example and checks what its first lines describe.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it may have ended
        let _ = self.0.wait();
    }
}

#[test]
fn a_slow_request_is_answered_at_once_and_its_data_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("example.db").display());
    let mut web = Command::new(env!("CARGO_BIN_EXE_web"));
    let mut web = Running(web.args([&store, "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(web.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
    let _worker = Running(Command::new(env!("CARGO_BIN_EXE_worker")).arg(&store).spawn().unwrap());

    let mut answer = ureq::post(format!("{url}/count")).send("so long and thanks").unwrap();
    assert_eq!(answer.status(), 202);
    let submitted: serde_json::Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    let ask = format!("{url}/count/{}", submitted["id"].as_str().unwrap());
    let counted = loop {
        let mut answer = ureq::get(&ask).call().unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        match answer.status().as_u16() {
            200 => break body,
            202 => std::thread::yield_now(),
            other => panic!("{other}: {body}"),
        }
    };
    assert_eq!(counted, r#"{"words":4}"#);
}

#[test]
fn an_order_and_its_job_are_one_transaction_and_a_large_result_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_order")).arg(folder.path().join("orders.db")).output().unwrap();
    assert!(folder.path().join("orders.db-artifacts").is_dir(), "the result is too large for the job's row");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "10000 crates; order 1, crate 10000: on its way\n");
}
