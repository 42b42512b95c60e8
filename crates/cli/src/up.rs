//! `longshore up`: server, worker and demo page in one process.

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::kind;
use crate::serve::{Place, bind};
use crate::signals::Signals;
use crate::sweeper::Sweeper;
use crate::work::{How, open, worker};
use crate::{Common, Exit, log};

/// Run server, worker and the demo page together, in one process
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore up
  longshore up --pace --listen 127.0.0.1:9000")]
pub struct Up {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    how: How,
}

impl Up {
    pub async fn run(self) -> Result<(), Exit> {
        let mut flags = self.how.flags();
        flags.set("listen", self.place.listen);
        let mut config = self.common.load(flags)?;
        config.image.get_or_insert_default(); // the demo page asks for pictures
        log::start(&config);
        kind::check(&config.kinds)?;
        let longshore = open(&config).await?;
        let mut signals = Signals::listen()?;
        let server = bind(longshore.backend().clone(), &config, true).await?;
        println!("open http://{} in a browser; Ctrl+C ends", server.local_addr());
        let _sweeper = Sweeper::start(&mut config);
        let running = worker(longshore.backend().clone(), &config).start()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.run(stop.clone().cancelled_owned()));
        // The server answers until the worker has ended, so that whoever waits hears how its job went.
        let ended = signals.obey(&running).await;
        stop.cancel();
        let _ = serving.await; // it has no result
        Exit::of_worker(ended)
    }
}
