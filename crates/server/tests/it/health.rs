//! `GET /healthz` and `GET /readyz`.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::ErrorKind;
use longshore_core::artifact::InMemory;
use longshore_server::Secret;
use serde_json::json;

use crate::faulty::{Faulty, Mood};
use crate::service::Service;

#[tokio::test]
async fn a_server_is_alive_without_its_store_but_ready_only_with_a_store_that_it_may_write() {
    let store = Arc::new(Faulty::default());
    let service = Service::on(store.clone(), Arc::new(InMemory::default()), |config| {
        config.ready_timeout = Duration::from_millis(50);
        config.token = Some(Secret::new("0123456789abcdef").unwrap());
    })
    .await;
    let ready = service.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.json()), (200, json!({"status": "ready"})), "and needs no token");

    for mood in [Mood::Fails(ErrorKind::Unavailable), Mood::Hangs] {
        store.be(mood);
        let ready = service.get("/readyz").await;
        ready.problem(503, "unavailable");
        ready.comes_back(5..=15);
        let alive = service.get("/healthz").await;
        assert_eq!((alive.status.as_u16(), alive.json()), (200, json!({"status": "ok"})));
    }

    store.be(Mood::RefusesWrites);
    service.get("/readyz").await.problem(500, "store_refused");

    store.be(Mood::Fine);
    assert_eq!(service.get("/readyz").await.status, 200);
}
