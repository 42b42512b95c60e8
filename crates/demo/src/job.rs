//! Jobs of the kind `image`: draw a text as an animated image.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use longshore_core::handler::{self, Ctx, Fatal, Shared};
use longshore_core::{Error, Job, NewJob, Output, Progress, Reuse, Unique, UniqueScope};
use serde::{Deserialize, Serialize};

use crate::{Refused, Step, Text, id_of, render};

/// How long the image of a text is reused for further jobs with the same text.
pub const REUSE: Duration = Duration::from_secs(24 * 3600);

/// A job that draws a text as an image. See [`Text`] for the allowed texts.
///
/// # Examples
///
/// ```
/// use longshore_demo::Image;
///
/// let job = Image::parse("hello_world").unwrap().to_new().unwrap();
/// assert_eq!(job.payload.as_str(), r#"{"text":"hello_world"}"#);
/// assert_eq!(job.alias.unwrap().as_str(), longshore_demo::id_of("hello_world"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The text. An underscore starts a new line.
    pub text: String,
}

impl Job for Image {
    const KIND: &'static str = "image";
    const MAX_ATTEMPTS: u16 = 3;
    const TIMEOUT: Duration = Duration::from_secs(60);
    type Output = Output;
}

impl Image {
    /// Checks a text before a job is created, so that the user sees an error immediately.
    ///
    /// # Errors
    ///
    /// If the text cannot be drawn.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        Text::parse(text)?;
        Ok(Image { text: text.to_owned() })
    }

    /// Creates the job. Equal texts share one unfinished job, and for a day its image.
    ///
    /// # Errors
    ///
    /// If the text is too long for a payload.
    pub fn to_new(&self) -> Result<NewJob, Error> {
        let mut new = self.to_new_fresh()?;
        let key = format!("image:{}", id_of(&self.text));
        new.unique = Some(Unique { key: key.parse()?, scope: UniqueScope::UntilFinished });
        new.reuse = Some(Reuse { key: key.parse()?, within: REUSE });
        Ok(new)
    }

    /// Creates a job that always draws a new image.
    ///
    /// # Errors
    ///
    /// If the text is too long for a payload.
    pub fn to_new_fresh(&self) -> Result<NewJob, Error> {
        let mut new = NewJob::of(self)?;
        new.alias = Some(id_of(&self.text).parse()?);
        Ok(new)
    }
}

/// How long to pause after each step, so that a person can see the progress. Zero does not pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace(pub Duration);

impl Pace {
    /// Pauses. It returns early if the attempt should stop.
    fn pause(self, ctx: &Ctx) {
        let until = Instant::now() + self.0;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if ctx.is_stopping() {
                return;
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

/// Draws the image. This is a blocking handler that reports the progress `Processing n/20` and `Writing file`.
///
/// # Errors
///
/// Fatal if the text cannot be drawn, because a later attempt would fail too.
pub fn draw(job: Image, ctx: Ctx, Shared(pace): Shared<Pace>) -> handler::Result<Output> {
    let text = Text::parse(&job.text).fatal()?;
    let gif = render(&text, &mut |step| {
        ctx.progress(match step {
            Step::Frame { done, of } => Progress::of(done as u64, of as u64).with_message("Processing"),
            Step::Writing => Progress::from_message("Writing file"),
        });
        pace.pause(&ctx);
        if ctx.is_stopping() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    gif.map(|gif| Output::new("image/gif", gif)).ok_or_else(|| handler::Error::retry("stopped before it was finished"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use longshore_core::worker::Worker;
    use longshore_core::{Backend, Client, Memory, Pushed, WaitError, artifact::InMemory};

    use super::*;

    fn setup() -> (Client, longshore_core::worker::Running) {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let worker = Worker::new(backend.clone()).share(Pace::default()).handle_blocking(draw).start().unwrap();
        (Client::new(backend), worker)
    }

    #[tokio::test]
    async fn an_equal_text_is_drawn_once() {
        let (client, worker) = setup();
        let image = Image::parse("hi/ho").unwrap();

        let first = client.backend().push_one(image.to_new().unwrap()).await.unwrap();
        let Pushed::Created(id) = first else { panic!("{first:?}") };
        let picture = client.handle::<Image>(id).wait().await.unwrap();
        let again = client.backend().push_one(image.to_new().unwrap()).await.unwrap();

        assert_eq!(picture.content_type, "image/gif");
        assert!(matches!(again, Pushed::Existing { id: same, .. } if same == id));
        assert!(matches!(client.backend().push_one(image.to_new_fresh().unwrap()).await.unwrap(), Pushed::Created(_)));
        let _ = worker.drain().await;
    }

    #[tokio::test]
    async fn a_text_that_cannot_be_drawn_is_dead_at_once() {
        let (client, worker) = setup();

        let handle = client.enqueue(Image { text: String::new() }).await.unwrap();

        let Err(WaitError::Dead { reason, message }) = handle.wait().await else { panic!("it must be dead") };
        assert_eq!((reason.as_str(), message), ("fatal", Text::parse("").unwrap_err().to_string()));
        let _ = worker.drain().await;
    }
}
