//! `longshore serve`: the HTTP server without a worker.

use clap::Args;
use longshore::{Backend, Error};
use longshore_server::Server;

use crate::config::{Config, Flags};
use crate::signals::Signals;
use crate::{Common, Exit, Stores, log};

/// Run the HTTP server, without a worker
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  longshore serve
  longshore serve --demo --listen 127.0.0.1:9000
  LONGSHORE_TOKEN=$(openssl rand -hex 32) longshore serve --listen 0.0.0.0:8470")]
pub struct Serve {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    place: Place,
    /// Also serve the demo page and its routes
    #[arg(long)]
    demo: bool,
}

/// The listen address, for every command that runs a server.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The address to listen on; any other than loopback requires a token [default: 127.0.0.1:8470] [env:
    /// LONGSHORE_LISTEN]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

impl Serve {
    pub async fn run(self, stores: &Stores) -> Result<(), Exit> {
        let mut flags = Flags::default();
        flags.set("listen", self.place.listen);
        let config = self.common.load(flags)?;
        log::start(&config);
        let longshore = stores.open(&config).await?;
        let mut signals = Signals::listen()?;
        let server = bind(longshore.backend().clone(), &config, self.demo).await?;
        println!("listening on http://{}", server.local_addr());
        server.run(async move { signals.end().await }).await;
        Ok(())
    }
}

/// Binds the server to the configured address.
pub async fn bind(backend: Backend, config: &Config, demo: bool) -> Result<Server, Exit> {
    let server = Server::bind(config.listen, backend, config.server_config(demo)?).await;
    server.map_err(|e| Exit::from(Error::invalid(e.to_string())))
}
