//! A disk that hangs does not keep a process from ending.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_core::{ErrorKind, Jobs, Settings, Store};
use longshore_lossy::{Lossy, Synced};

use crate::{Place, job};

#[tokio::test(flavor = "multi_thread")]
async fn store_closes_within_seconds_although_the_disk_hangs() {
    let (machine, place) = (Lossy::new(), Place::new());
    let store = place.open(&machine, &Settings::default(), |options, testing| options.testing(testing)).unwrap();
    let hang = machine.hang_next_sync(Synced::Log);
    let pushing = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.push(vec![job(10)]).await.remove(0).map(|_| ()) }
    });
    tokio::task::block_in_place(|| hang.wait());
    let began = Instant::now();
    assert_eq!(store.close().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    hang.end();
    pushing.await.unwrap().unwrap();
    store.close().await.unwrap();
}
