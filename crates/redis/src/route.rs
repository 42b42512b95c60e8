//! Finds the master: at a fixed address, or by asking sentinels before each connection.

use std::time::Duration;

use longshore_core::Error;
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisError,
    TlsCertificates, TlsMode,
};
use tokio::sync::Mutex;

use crate::error;
use crate::target::{Host, Servers, Target};
use crate::tls;

/// The time limit for finding a server and connecting to it.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// How to find the master.
pub(crate) enum Route {
    /// One server, or some nodes of a cluster. Any node can be used for notifications.
    Servers(Vec<Client>),
    Sentinels(Box<Mutex<SentinelClient>>),
}

impl Route {
    /// Prepares connections that use this version of the protocol.
    pub(crate) fn new(target: &Target, protocol: ProtocolVersion) -> Result<Route, Error> {
        if target.tls {
            tls::choose_provider();
        }
        let certificates = target.ca.as_deref().map(tls::trusting).transpose()?;
        let addrs = match &target.servers {
            Servers::One(host) => vec![addr(host, target.tls)],
            Servers::Socket(path) => vec![ConnectionAddr::Unix(path.clone())],
            Servers::Cluster(nodes) => nodes.iter().map(|node| addr(node, target.tls)).collect(),
            Servers::Sentinels(sentinels, name) => {
                let client = sentinel_client(target, sentinels, name, certificates, protocol).map_err(error::of)?;
                return Ok(Route::Sentinels(Box::new(Mutex::new(client))));
            }
        };
        let client = |addr| client(info(target, addr, protocol)?, certificates.as_ref());
        addrs.into_iter().map(client).collect::<Result<_, _>>().map(Route::Servers).map_err(error::of)
    }

    /// Returns the number of servers to try.
    pub(crate) fn choices(&self) -> usize {
        if let Route::Servers(servers) = self { servers.len() } else { 1 }
    }

    /// Returns a client for the server to try now. `attempt` is the number of failed attempts.
    pub(crate) async fn client(&self, attempt: usize) -> Result<Client, RedisError> {
        match self {
            Route::Servers(servers) => Ok(servers[attempt % servers.len()].clone()),
            Route::Sentinels(sentinels) => sentinels.lock().await.async_get_client().await,
        }
    }
}

fn addr(host: &Host, tls: bool) -> ConnectionAddr {
    let (host, port) = (host.name.clone(), host.port);
    match tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    }
}

/// Returns the settings of a connection to this address.
fn info(target: &Target, addr: ConnectionAddr, protocol: ProtocolVersion) -> Result<ConnectionInfo, RedisError> {
    let mut settings = RedisConnectionInfo::default().set_db(target.database).set_protocol(protocol);
    settings = settings.set_lib_name("longshore", env!("CARGO_PKG_VERSION"));
    if let Some(user) = &target.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &target.password {
        settings = settings.set_password(password);
    }
    Ok(addr.into_connection_info()?.set_redis_settings(settings).set_tcp_settings(tcp()))
}

/// Returns socket options that detect a dead connection within half a minute, even if nothing is sent.
pub(crate) fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(30));
    settings
}

/// Returns the nodes of a cluster in the form that its client needs.
pub(crate) fn nodes(target: &Target, hosts: &[Host]) -> Result<Vec<ConnectionInfo>, RedisError> {
    hosts.iter().map(|host| info(target, addr(host, target.tls), ProtocolVersion::RESP3)).collect()
}

fn client(info: ConnectionInfo, certificates: Option<&TlsCertificates>) -> Result<Client, RedisError> {
    match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates.clone()),
        None => Client::open(info),
    }
}

fn sentinel_client(
    target: &Target,
    sentinels: &[Host],
    name: &str,
    certificates: Option<TlsCertificates>,
    protocol: ProtocolVersion,
) -> Result<SentinelClient, RedisError> {
    let addrs = sentinels.iter().map(|host| addr(host, target.tls));
    let mut builder = SentinelClientBuilder::new(addrs, name, SentinelServerType::Master)?
        .set_client_to_redis_db(target.database)
        .set_client_to_redis_protocol(protocol)
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_sentinel_tcp_settings(tcp());
    if target.tls {
        builder =
            builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    if let Some(user) = &target.user {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &target.password {
        builder = builder.set_client_to_redis_password(password);
    }
    builder.build()
}
