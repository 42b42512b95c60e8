//! The server: it binds to an address and runs until shutdown.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use longshore_core::Backend;
use tokio::net::TcpListener;

use crate::app::App;
use crate::connections::Connections;
use crate::{Config, descriptors};

/// An HTTP server that is bound to an address.
///
/// The operating system queues connections that arrive before [`Server::run`].
#[must_use = "a server answers no request until `run` is called"]
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    app: App,
}

/// The reason why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is reachable from other machines, and there is no token.
    #[error("cannot listen on {addr} without a token, because other machines can reach this address; set a token, or listen on {}", loopback(.addr))]
    Open {
        /// The address.
        addr: SocketAddr,
    },
    /// Another program listens on the address.
    #[error(
        "cannot listen on {addr}: the address is in use by another program; stop it, or choose another port (port 0 selects a free one)"
    )]
    Taken {
        /// The address.
        addr: SocketAddr,
    },
    /// The operating system refused.
    #[error("cannot listen on {addr}{}", hint(.source))]
    Refused {
        /// The address.
        addr: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl Server {
    /// Binds to an address. Port 0 selects a free port.
    ///
    /// # Errors
    ///
    /// If other machines can reach the address and [`Config::token`] is missing, or if binding fails.
    pub async fn bind(addr: SocketAddr, backend: Backend, mut config: Config) -> Result<Server, Error> {
        if config.token.is_none() && !is_loopback(addr.ip()) {
            return Err(Error::Open { addr });
        }
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::Taken { addr },
            _ => Error::Refused { addr, source },
        };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        descriptors::fit(&mut config);
        Ok(Server { listener, local_addr, app: App::new(backend, config) })
    }

    /// Returns the address, with the actual port.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves requests and runs the backend's upkeep until `shutdown` completes; then shuts down.
    ///
    /// Shutdown means: no further connection is accepted, event streams and long polls end immediately, other requests
    /// may finish within [`Config::grace`], and the rest is aborted. Dropping the future aborts everything. A store
    /// operation that a request has begun is completed in any case.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let upkeep = self.app.backend.start_upkeep();
        let connections = Connections::new(self.app);
        connections.accept(self.listener, shutdown).await;
        connections.end().await;
        drop(upkeep);
    }
}

/// Returns whether the address is loopback, including IPv4-mapped IPv6.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn loopback(addr: &SocketAddr) -> SocketAddr {
    SocketAddr::new(IpAddr::from([127, 0, 0, 1]), addr.port())
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "; ports below 1024 usually require root",
        io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address",
        _ => "",
    }
}
