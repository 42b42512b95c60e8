//! Headless Chromium, driven over the WebDriver protocol (w3.org/TR/webdriver2).

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::eventually;

/// A browser with one page. It is closed when the test ends.
pub struct Browser {
    driver: Child,
    session: String,
    agent: ureq::Agent,
    _profile: TempDir,
}

impl Browser {
    pub fn open(url: &str) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is missing: apt-get install chromium chromium-driver");
        let stdout = BufReader::new(driver.stdout.take().expect("it is piped"));
        let port = stdout
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("started successfully on port ").map(|(_, port)| port.to_owned()))
            .expect("chromedriver says where it listens");
        let profile = tempfile::tempdir().expect("there is room for a temporary folder");
        let mut browser = Browser {
            driver,
            session: format!("http://127.0.0.1:{}/session", port.trim_end_matches('.')),
            agent: ureq::Agent::config_builder().http_status_as_error(false).build().into(),
            _profile: profile,
        };
        let user_data = format!("--user-data-dir={}", browser._profile.path().display());
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1000,1400",
            &user_data,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": args}}}});
        let id = browser.call("", &wanted)["sessionId"].as_str().expect("a session").to_owned();
        browser.session = format!("{}/{id}", browser.session);
        browser.call("/url", &json!({"url": url}));
        browser
    }

    /// Runs a script in the page, and returns what it returns.
    pub fn eval(&self, script: &str) -> Value {
        self.call("/execute/sync", &json!({"script": format!("return {script}"), "args": []}))
    }

    /// Types into the element with this selector.
    pub fn type_into(&self, selector: &str, text: &str) {
        self.call(&format!("{}/value", self.element(selector)), &json!({"text": text}));
    }

    /// Clicks the element with this selector, as a person would.
    pub fn click(&self, selector: &str) {
        self.call(&format!("{}/click", self.element(selector)), &json!({}));
    }

    /// Waits until a script returns a truthy value, and returns it.
    pub fn wait_for(&self, what: &str, script: &str) -> Value {
        eventually(what, || Some(self.eval(script)).filter(|value| !matches!(value, Value::Null | Value::Bool(false))))
    }

    fn element(&self, selector: &str) -> String {
        let found = self.call("/element", &json!({"using": "css selector", "value": selector}));
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        format!("/element/{}", id.unwrap_or_else(|| panic!("no element {selector}")))
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.session);
        let sent = self.agent.post(&url).header("content-type", "application/json").send(body.to_string());
        let text = sent.and_then(|mut answer| answer.body_mut().read_to_string()).expect("chromedriver answers");
        let mut answer: Value = serde_json::from_str(&text).expect("chromedriver answers JSON");
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{path}: {value}");
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.agent.delete(&self.session).call(); // closes the browser; the driver goes next
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
