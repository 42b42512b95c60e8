//! The server: bound to an address, run until it is asked to end.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};

use longshore_core::Backend;
use tokio::net::TcpListener;

use crate::Config;
use crate::app::App;
use crate::connections::Connections;

/// An HTTP server that has its address and waits to be run.
///
/// Connections that come before [`Server::run`] wait in the system's queue.
#[must_use = "a server answers nobody until it is run"]
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    app: App,
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Others could reach the address, and there is no token.
    #[error("cannot listen on {addr}: others could reach it and there is no token; set one, or listen on {}", near(.addr))]
    Open {
        /// The address.
        addr: SocketAddr,
    },
    /// Another program listens there.
    #[error("cannot listen on {addr}: another program does; stop it, or choose another port (0 takes a free one)")]
    Taken {
        /// The address.
        addr: SocketAddr,
    },
    /// The system says no.
    #[error("cannot listen on {addr}{}", hint(.source))]
    Refused {
        /// The address.
        addr: SocketAddr,
        /// What it says.
        source: io::Error,
    },
}

impl Server {
    /// Takes an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// If others than this machine could reach the address and [`Config::token`] is missing, or the address cannot be had.
    pub async fn bind(addr: SocketAddr, backend: Backend, config: Config) -> Result<Server, Error> {
        if config.token.is_none() && !is_loopback(addr.ip()) {
            return Err(Error::Open { addr });
        }
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::Taken { addr },
            _ => Error::Refused { addr, source },
        };
        let listener = TcpListener::bind(addr).await.map_err(refused)?;
        let local_addr = listener.local_addr().map_err(refused)?;
        Ok(Server { listener, local_addr, app: App::new(backend, config) })
    }

    /// Returns the address, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Answers requests, and does the backend's upkeep, until `shutdown` is ready; then ends well.
    ///
    /// Ending well: no connection is accepted any more, event streams and long polls end at once, other requests are
    /// finished within [`Config::grace`], and what is not is cut off. Dropping the future cuts everything off; what a request
    /// has begun in the store is brought to its end all the same.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let upkeep = self.app.backend.start_upkeep();
        let connections = Connections::new(self.app);
        connections.accept(self.listener, shutdown).await;
        connections.end().await;
        drop(upkeep);
    }
}

/// Returns whether only this machine can reach the address, also where it is an IPv4 one in IPv6 clothes.
pub(crate) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

fn near(addr: &SocketAddr) -> SocketAddr {
    SocketAddr::new(IpAddr::from([127, 0, 0, 1]), addr.port())
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => "; ports below 1024 are mostly kept for root",
        io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address",
        _ => "",
    }
}
