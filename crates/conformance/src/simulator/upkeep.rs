//! Upkeep, as every process does it: bounded, repeated, and several at a time.

use std::rc::Rc;

use longshore_core::{Upkeep, limits};

use super::calls::KeepUp;
use super::net::Net;
use super::world::sleep;

pub(super) async fn start_upkeep(net: Rc<Net>, who: String) {
    loop {
        sleep(net.dice(0..6)).await;
        let limit = net.choice(&[1, 3, limits::UPKEEP_ROWS]);
        let upkeep = Upkeep::new(limit, !net.chance(100));
        let _next_time = net.send(&who, KeepUp(upkeep)).await;
    }
}
