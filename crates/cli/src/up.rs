//! `longshore up`: server, worker and demo page in one process.

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::kind;
use crate::serve::{Place, bind};
use crate::signals::Signals;
use crate::sweeper::Sweeper;
use crate::work::{WorkerArgs, worker};
use crate::{Common, Exit, Stores, log};

/// Run server, worker and demo page together in one process
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
    worker: WorkerArgs,
}

impl Up {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let mut flags = self.worker.flags();
        flags.set("listen", self.place.listen);
        let mut config = self.common.load(flags)?;
        config.image.get_or_insert_default(); // the demo page pushes jobs of the kind `image`
        log::start(&config);
        kind::check(&config.kinds)?;
        let longshore = stores.open(&config).await?;
        let mut signals = Signals::listen()?;
        let server = bind(longshore.backend().clone(), &config, true).await?;
        println!("open http://{} in a browser; press Ctrl+C to stop", server.local_addr());
        let _sweeper = Sweeper::start(&mut config);
        let running = worker(longshore.backend().clone(), &config).start()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.run(stop.clone().cancelled_owned()));
        // The server runs until the worker has ended, so that waiting clients receive the outcome of their jobs.
        let ended = signals.handle(&running).await;
        stop.cancel();
        let _ = serving.await; // the task returns nothing
        Exit::of_worker(ended)
    }
}
