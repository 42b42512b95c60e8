//! A client of a longshore server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longshore::{Error, ErrorKind, Output};
use longshore_wire::{self as wire, Code};
use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http::Response;

use crate::config::Token;
use crate::exit::refused;

/// A client of one server. Calls block.
#[derive(Clone, Debug)]
pub struct Remote {
    base: String,
    token: Option<Token>,
    agent: Agent,
}

type Answer = Response<ureq::Body>;

/// How long a server may send nothing while a client reads a stream or a result. Servers send a comment on an idle
/// stream every 15 seconds.
pub const SILENCE: Duration = Duration::from_secs(45);

/// How long an answer of JSON may take to arrive.
const JSON_PATIENCE: Duration = Duration::from_secs(60);

/// What was read from an event stream.
#[derive(Debug)]
pub enum Heard {
    /// A status of the job.
    Status(wire::Event),
    /// Something else, which shows that the server is there.
    Life,
}

impl Remote {
    /// Creates a client of the server with this URL.
    pub fn new(base: &str, token: Option<Token>) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(Duration::from_secs(70)))
            .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Remote { base: base.to_owned(), token, agent }
    }

    /// Sends GET and parses the JSON answer; `None` if the server answers 404.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, Error> {
        let answer = self.send("GET", path, None)?;
        match answer.status().as_u16() {
            404 => Ok(None),
            _ => self.json(answer).map(Some),
        }
    }

    /// Sends JSON with POST and parses the JSON answer.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &str) -> Result<T, Error> {
        let answer = self.send("POST", path, Some(("application/json", body)))?;
        self.json(answer)
    }

    /// Sends a form with POST, as a browser does, and parses the JSON answer.
    pub fn post_form<T: DeserializeOwned>(&self, path: &str, body: &str) -> Result<T, Error> {
        let answer = self.send("POST", path, Some(("application/x-www-form-urlencoded", body)))?;
        self.json(answer)
    }

    /// Sends GET and returns the bytes of the answer with their media type.
    pub fn bytes(&self, path: &str) -> Result<Output, Error> {
        let answer = self.checked(self.send("GET", path, None)?)?;
        let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or("application/octet-stream").to_owned();
        let limit = longshore::limits::RESULT_BYTES as u64 + 1;
        let body = answer.into_body().into_with_config().limit(limit).read_to_vec();
        Ok(Output::new(content_type, body.map_err(|e| self.lost(e))?))
    }

    /// Sends GET and writes the answer, which must have this many bytes, while it arrives. `arrived` counts its bytes.
    pub fn copy(&self, path: &str, bytes: u64, arrived: &AtomicU64, out: &mut dyn Write) -> Result<(), Error> {
        let answer = self.checked(self.send_with("GET", path, None, None)?)?;
        let mut body = answer.into_body().into_with_config().limit(bytes.saturating_add(1)).reader();
        let unwritten = |e: io::Error| Error::new(ErrorKind::Refused, format!("write the result: {e}")).caused_by(e);
        let mut chunk = vec![0; 64 * 1024];
        let mut written = 0;
        loop {
            let read = body.read(&mut chunk).map_err(|e| self.lost(e))?;
            if read == 0 {
                break;
            }
            out.write_all(&chunk[..read]).map_err(unwritten)?;
            written += read as u64;
            arrived.store(written, Ordering::Relaxed);
        }
        if written != bytes {
            return Err(self.lost(io::Error::other(format!("received only {written} of {bytes} bytes"))));
        }
        out.flush().map_err(unwritten)
    }

    /// Reads a job's event stream until it ends, and calls `tell` with each sign of life. Ends early if `tell` returns
    /// false.
    pub fn follow(&self, id: &str, tell: &mut dyn FnMut(Heard) -> bool) -> Result<(), Error> {
        let answer = self.checked(self.send_with("GET", &format!("/v1/jobs/{id}/events"), None, None)?)?;
        let lines = BufReader::new(answer.into_body().into_reader()).lines();
        let mut event = String::new();
        for line in lines {
            let line = line.map_err(|e| self.lost(e))?;
            let heard = if let Some(name) = line.strip_prefix("event:") {
                event = name.trim().to_owned();
                Heard::Life
            } else if let Some(data) = line.strip_prefix("data:").filter(|_| event == "status") {
                Heard::Status(serde_json::from_str(data.trim()).map_err(|e| self.unexpected(e))?)
            } else {
                Heard::Life
            };
            if !tell(heard) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the error for a server that has sent nothing for [`SILENCE`].
    pub fn silent(&self) -> Error {
        let text = format!("server `{}` has sent nothing for {} seconds", self.base, SILENCE.as_secs());
        Error::new(ErrorKind::Unavailable, text)
    }

    /// Sends a request whose answer is short.
    fn send(&self, method: &str, path: &str, body: Option<(&str, &str)>) -> Result<Answer, Error> {
        self.send_with(method, path, body, Some(JSON_PATIENCE))
    }

    /// Sends a request. `patience` bounds the time for the whole body of the answer.
    fn send_with(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &str)>,
        patience: Option<Duration>,
    ) -> Result<Answer, Error> {
        let url = format!("{}{path}", self.base);
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {}", token.reveal()));
        }
        if let Some((content_type, _)) = body {
            request = request.header("content-type", content_type);
        }
        let request = request.body(body.map_or("", |(_, body)| body).to_owned());
        let request = request.map_err(|e| Error::invalid(format!("`{url}` is not a valid URL")).caused_by(e))?;
        let sent = match method {
            "GET" => {
                let request = self.agent.configure_request(request.map(|_| ())).timeout_recv_body(patience).build();
                self.agent.run(request)
            }
            _ => {
                let request = self.agent.configure_request(request).timeout_recv_body(patience).build();
                self.agent.run(request)
            }
        };
        sent.map_err(|e| {
            let text = format!("cannot reach server `{}`: {e}", self.base);
            Error::new(ErrorKind::Unavailable, text).caused_by(e).perhaps_done()
        })
    }

    fn json<T: DeserializeOwned>(&self, answer: Answer) -> Result<T, Error> {
        let text = self.checked(answer)?.into_body().into_with_config().limit(64 << 20).read_to_string();
        serde_json::from_str(&text.map_err(|e| self.lost(e))?).map_err(|e| self.unexpected(e))
    }

    /// Converts a problem to an error with the server's message.
    fn checked(&self, answer: Answer) -> Result<Answer, Error> {
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let text = answer.into_body().into_with_config().limit(1 << 20).read_to_string().unwrap_or_default();
        let kind = match status.as_u16() {
            429 | 500.. => ErrorKind::Unavailable,
            401 | 403 => ErrorKind::Refused,
            404 | 409 | 410 => ErrorKind::Refused,
            _ => ErrorKind::Invalid,
        };
        match serde_json::from_str::<wire::Problem>(&text) {
            Ok(mut problem) => {
                if let Some(hint) = self.hint(&problem) {
                    problem.detail = hint;
                }
                Err(refused(kind, problem))
            }
            Err(_) => Err(Error::new(
                kind,
                serde_json::from_str::<wire::demo::Refused>(&text)
                    .map(|refused| refused.error)
                    .unwrap_or_else(|_| format!("server `{}` answered {status}", self.base)),
            )),
        }
    }

    /// Returns what a person at the command line can do about a refused token.
    fn hint(&self, problem: &wire::Problem) -> Option<String> {
        let place = "LONGSHORE_TOKEN, or `token_file` in the configuration file";
        match (problem.code.as_str(), &self.token) {
            (code, None) if code == Code::Unauthorized.as_str() => {
                Some(format!("server `{}` requires a token, and none is set; set it in {place}", self.base))
            }
            (code, Some(_)) if code == Code::Unauthorized.as_str() => {
                Some(format!("server `{}` does not accept the token; set the right one in {place}", self.base))
            }
            (code, _) if code == Code::TooManyWrongTokens.as_str() => {
                Some(format!("{}; check the token in {place}", problem.detail))
            }
            _ => None,
        }
    }

    fn lost(&self, e: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::new(ErrorKind::Unavailable, format!("connection to server `{}` lost: {e}", self.base)).caused_by(e)
    }

    fn unexpected(&self, e: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::new(ErrorKind::Corrupt, format!("unexpected answer from server `{}`: {e}", self.base)).caused_by(e)
    }
}
