//! A proxy between a client and a server that breaks connections in the same ways as networks do.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards bytes in both directions, on a separate thread, until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    weather: watch::Sender<Weather>,
}

/// The present behaviour of the proxy.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Weather {
    mode: Mode,
    /// Connections from before the newest storm are reset.
    storms: u64,
    over: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Healthy,
    BlackHole,
    Down,
    Slow(Duration),
    Throttled(u32),
    CutAnswers,
}

impl Proxy {
    /// Starts a proxy in front of that server.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port.
    pub fn start(server: SocketAddr) -> Proxy {
        let (weather, seen) = watch::channel(Weather { mode: Mode::Healthy, storms: 0, over: false });
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).expect("there is a free port");
        let addr = listener.local_addr().expect("it is bound");
        std::thread::spawn(move || runtime.block_on(serve(listener, server, seen)));
        Proxy { addr, weather }
    }

    /// Returns the address on which it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Forwards everything at once.
    pub fn healthy(&self) {
        self.set(Mode::Healthy);
    }

    /// Accepts connections and bytes but forwards nothing, until the behaviour is changed. Then it continues where it
    /// stopped.
    pub fn black_hole(&self) {
        self.set(Mode::BlackHole);
    }

    /// Delays every piece by that much, in both directions.
    pub fn slow(&self, by: Duration) {
        self.set(Mode::Slow(by));
    }

    /// Forwards that many bytes per second, on each connection and in each direction.
    pub fn throttle(&self, bytes_per_second: u32) {
        self.set(Mode::Throttled(bytes_per_second));
    }

    /// Forwards requests to the server, and resets the connection instead of forwarding the first byte of an answer.
    pub fn cut_answers(&self) {
        self.set(Mode::CutAnswers);
    }

    /// Resets all connections and every new one, until the behaviour is changed.
    pub fn down(&self) {
        self.set(Mode::Down);
    }

    /// Resets all present connections. New ones are forwarded as before.
    pub fn reset_all(&self) {
        self.weather.send_modify(|weather| weather.storms += 1);
    }

    fn set(&self, mode: Mode) {
        self.weather.send_modify(|weather| weather.mode = mode);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.send_modify(|weather| weather.over = true);
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, mut seen: watch::Receiver<Weather>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(carry(client, server, seen.clone()));
                }
            }
            changed = seen.changed() => {
                if changed.is_err() || seen.borrow().over {
                    return;
                }
            }
        }
    }
}

/// Forwards one connection until one of its ends closes it, or the proxy's behaviour ends it.
async fn carry(client: TcpStream, server: SocketAddr, seen: watch::Receiver<Weather>) {
    // A dropped connection is reset, not closed, because its linger time is zero.
    let _ = set_socket_linger(&client, Some(Duration::ZERO));
    let Ok(server) = TcpStream::connect(server).await else { return };
    let _ = set_socket_linger(&server, Some(Duration::ZERO));
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = one_way(from_client, to_server, false, seen.clone()) => {}
        () = one_way(from_server, to_client, true, seen) => {}
    }
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, answers: bool, mut seen: watch::Receiver<Weather>) {
    let storms = seen.borrow().storms;
    let gone = |weather: &Weather| weather.over || weather.storms > storms || weather.mode == Mode::Down;
    let mut bytes = vec![0; 64 * 1024];
    loop {
        if gone(&seen.borrow_and_update()) {
            return;
        }
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            _ = seen.changed() => continue,
        };
        let Ok(count @ 1..) = read else { return };
        loop {
            let weather = *seen.borrow_and_update();
            match weather.mode {
                _ if gone(&weather) => return,
                Mode::CutAnswers if answers => return,
                Mode::BlackHole => {
                    if seen.changed().await.is_err() {
                        return;
                    }
                }
                Mode::Slow(by) => {
                    tokio::time::sleep(by).await;
                    break;
                }
                Mode::Throttled(rate) => {
                    tokio::time::sleep(Duration::from_secs_f64(count as f64 / f64::from(rate))).await;
                    break;
                }
                Mode::Healthy | Mode::CutAnswers | Mode::Down => break,
            }
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::time::Instant;

    /// Starts a server that answers each byte with the next one, and a connection to it through the proxy.
    fn counting() -> (Proxy, std::net::TcpStream, std::sync::mpsc::Receiver<u8>) {
        let server = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = server.local_addr().unwrap();
        let (arrived, arrivals) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for stream in server.incoming() {
                let (mut stream, arrived) = (stream.unwrap(), arrived.clone());
                std::thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).is_ok() {
                        let _ = arrived.send(byte[0]);
                        let _ = stream.write_all(&[byte[0] + 1]);
                    }
                });
            }
        });
        let proxy = Proxy::start(addr);
        let client = std::net::TcpStream::connect(proxy.addr()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        (proxy, client, arrivals)
    }

    fn ask(client: &mut std::net::TcpStream, byte: u8) -> std::io::Result<u8> {
        client.write_all(&[byte])?;
        let mut answer = [0];
        client.read_exact(&mut answer)?;
        Ok(answer[0])
    }

    #[test]
    fn healthy_and_slow_carry_both_ways() {
        let (proxy, mut client, _arrivals) = counting();
        assert_eq!(ask(&mut client, 1).unwrap(), 2);
        proxy.slow(Duration::from_millis(30));
        let began = Instant::now();
        assert_eq!(ask(&mut client, 2).unwrap(), 3);
        assert!(began.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn throttled_takes_its_time_each_way() {
        let (proxy, mut client, _arrivals) = counting();
        proxy.throttle(20);
        let began = Instant::now();
        assert_eq!(ask(&mut client, 1).unwrap(), 2);
        assert!(began.elapsed() >= Duration::from_millis(100));
        proxy.healthy();
        assert_eq!(ask(&mut client, 2).unwrap(), 3);
    }

    #[test]
    fn cut_answer_is_a_reset_after_the_request_went_through() {
        let (proxy, mut client, arrivals) = counting();
        assert_eq!(ask(&mut client, 1).unwrap(), 2);
        proxy.cut_answers();
        assert!(ask(&mut client, 5).is_err());
        assert_eq!((arrivals.recv().unwrap(), arrivals.recv().unwrap()), (1, 5));
    }

    #[test]
    fn black_hole_keeps_what_it_took_and_goes_on_later() {
        let (proxy, mut client, arrivals) = counting();
        proxy.black_hole();
        client.write_all(&[7]).unwrap();
        assert!(arrivals.recv_timeout(Duration::from_millis(100)).is_err());
        proxy.healthy();
        let mut answer = [0];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer[0], 8);
    }

    #[test]
    fn reset_ends_connections_and_new_ones_work() {
        let (proxy, mut client, _arrivals) = counting();
        assert_eq!(ask(&mut client, 1).unwrap(), 2);
        proxy.reset_all();
        assert!(ask(&mut client, 1).is_err() || ask(&mut client, 1).is_err());
        let mut client = std::net::TcpStream::connect(proxy.addr()).unwrap();
        assert_eq!(ask(&mut client, 1).unwrap(), 2);
        proxy.down();
        assert!(ask(&mut client, 1).is_err() || ask(&mut client, 1).is_err());
    }
}
