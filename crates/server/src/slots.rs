//! The open connections: how many there are, in total and of each caller, and which one ends when another needs its
//! place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::caller::Caller;
use crate::peer::Peer;

/// The open connections.
#[derive(Debug)]
pub(crate) struct Slots {
    total: usize,
    per_caller: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: HashMap<u64, Entry>,
    by_caller: HashMap<Caller, usize>,
}

#[derive(Debug)]
struct Entry {
    caller: Caller,
    peer: Arc<Peer>,
    end: CancellationToken,
}

/// The place of one connection. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    /// Is cancelled when the connection must end, because another one takes its place.
    pub(crate) end: CancellationToken,
}

impl Slots {
    pub(crate) fn new(total: usize, per_caller: usize) -> Arc<Self> {
        Arc::new(Slots { total, per_caller, open: Mutex::default() })
    }

    /// Returns a place for a connection; `None` if the limit in total or of the caller is reached.
    ///
    /// At a limit, a connection whose client waits for nothing loses its place: it is idle, or the head of its request
    /// is late. The one that is idle for the longest time is the first.
    pub(crate) fn take(self: &Arc<Self>, caller: Caller, peer: &Arc<Peer>) -> Option<Slot> {
        let mut open = self.lock();
        let of_caller = open.by_caller.get(&caller).copied().unwrap_or_default();
        if of_caller >= self.per_caller {
            open.end_idlest(Some(caller))?;
        } else if open.by_number.len() >= self.total {
            open.end_idlest(None)?;
        }
        let (number, end) = (open.next, CancellationToken::new());
        open.next += 1;
        open.by_number.insert(number, Entry { caller, peer: Arc::clone(peer), end: end.clone() });
        *open.by_caller.entry(caller).or_default() += 1;
        Some(Slot { slots: Arc::clone(self), number, end })
    }

    /// Ends the connection that is idle for the longest time, if there is one.
    pub(crate) fn end_idlest(&self) {
        self.lock().end_idlest(None);
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn end_idlest(&mut self, of: Option<Caller>) -> Option<()> {
        let entries = self.by_number.iter().filter(|(_, entry)| of.is_none_or(|caller| caller == entry.caller));
        let idle = entries.filter_map(|(number, entry)| Some((entry.peer.idle_since()?, *number)));
        let (_, number): (Instant, u64) = idle.min()?;
        self.remove(number).map(|entry| entry.end.cancel())
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.by_number.remove(&number)?;
        if let Some(left) = self.by_caller.get_mut(&entry.caller) {
            *left -= 1;
            if *left == 0 {
                self.by_caller.remove(&entry.caller);
            }
        }
        Some(entry)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::net::{TcpListener, TcpStream};

    /// Returns the server's side of a connection, and the client's side, which keeps it open.
    async fn peer() -> (Arc<Peer>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Peer::new(listener.accept().await.unwrap().0.into_split().0), client)
    }

    fn caller(ip: &str) -> Caller {
        Caller::of(ip.parse().unwrap())
    }

    #[tokio::test]
    async fn one_caller_cannot_take_all_places_and_a_closed_connection_no_longer_counts() {
        let (slots, (busy, _client)) = (Slots::new(3, 2), peer().await);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(caller);
        busy.note_request(false);

        let first = slots.take(one, &busy).unwrap();
        let _second = slots.take(one, &busy).unwrap();
        assert!(slots.take(one, &busy).is_none());
        let third = slots.take(other, &busy).unwrap();
        assert!(slots.take(other, &busy).is_none());
        drop((first, third));

        assert_eq!(slots.lock().by_caller.len(), 1);
        assert!(slots.take(one, &busy).is_some());
    }

    #[tokio::test]
    async fn the_connection_that_is_idle_for_the_longest_time_ends_first() {
        let slots = Slots::new(3, 3);
        let all = [peer().await, peer().await, peer().await, peer().await];
        let [busy, older, newer, next] = all.each_ref().map(|(peer, _)| peer);
        busy.note_request(false);
        for idle in [older, newer] {
            idle.note_request(false);
            idle.note_answered();
            idle.note_flushed();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let caller = caller("192.0.2.1");
        let taken = [busy, newer, older].map(|peer| slots.take(caller, peer).unwrap());

        let _last = slots.take(caller, next).expect("an idle connection ends");

        let ended = taken.each_ref().map(|slot| slot.end.is_cancelled());
        assert_eq!(ended, [false, false, true]);
        drop(taken);
        assert_eq!(slots.lock().by_number.len(), 1, "a place is freed once");
    }
}
