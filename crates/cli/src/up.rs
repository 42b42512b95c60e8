//! `longshore up`: server, worker and demo page in one process.

use std::time::Duration;

use clap::Args;
use longshore::WorkerSecret;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::kind;
use crate::printer::Printer;
use crate::serve::{Place, bind};
use crate::signals::Signals;
use crate::sweeper::Sweeper;
use crate::work::{WaitArgs, WorkerArgs, worker};
use crate::{Common, Exit, Stores, descriptors, log};

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
    wait: WaitArgs,
    #[command(flatten)]
    worker: WorkerArgs,
}

/// How long to wait for a store that is not reachable at the start, if nothing else is configured.
const PATIENCE: Duration = Duration::from_secs(60);

impl Up {
    pub async fn run(self, printer: Printer, stores: &Stores) -> Result<(), Exit> {
        let mut flags = self.worker.flags();
        flags.set("listen", self.place.listen);
        flags.set("wait_for_store", self.wait.wait_for_store);
        let mut config = self.common.load(flags)?;
        config.image.get_or_insert_default(); // the demo page pushes jobs of the kind `image`
        log::start(&config);
        descriptors::raise(&mut config);
        kind::check(&config.kinds)?;
        let longshore = stores.open(&config, config.wait_for_store.unwrap_or(PATIENCE)).await?;
        let mut signals = Signals::listen()?;
        let server = bind(longshore.backend().clone(), &config, true).await?;
        let url = format!("http://{}", server.local_addr());
        let secret = WorkerSecret::new();
        printer.announce(
            format_args!("open {url} in a browser; press Ctrl+C to stop"),
            &json!({ "url": url, "worker": secret.id().to_string() }),
        );
        let _sweeper = Sweeper::start(&mut config);
        let running = worker(longshore.backend().clone(), &config).secret(secret).start()?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(server.run(stop.clone().cancelled_owned()));
        // The server runs until the worker has ended, so that waiting clients receive the outcome of their jobs.
        let ended = signals.handle(&running, config.grace).await;
        stop.cancel();
        let served = signals.finish(async { drop(serving.await) }).await; // the task returns nothing
        Exit::of_worker(ended).and(served)
    }
}
