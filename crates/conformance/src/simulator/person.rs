//! People: they cancel, retry and delete jobs, and pause and resume queues.

use std::rc::Rc;

use longshore_core::{Action, NewPause, When};

use crate::bench::queue;

use super::UNIT;
use super::calls::{Act, PauseQueue, ResumeQueue};
use super::net::Net;
use super::worker::QUEUES;
use super::world::sleep;

/// Does a random action from time to time. A person without an answer reads the state, and possibly does something
/// else.
pub(super) async fn meddle(net: Rc<Net>, who: String) {
    loop {
        sleep(net.dice(0..8)).await;
        let name = queue(net.choice(&QUEUES));
        match net.dice(0..10) {
            0 => {
                let until = net.chance(500).then(|| When::In(UNIT * net.dice(1..8)));
                let _perhaps = net.send(&who, PauseQueue(name, NewPause { until, ..NewPause::default() })).await;
            }
            1..4 => {
                let _perhaps = net.send(&who, ResumeQueue(name)).await;
            }
            _ => {
                let action = net.choice(&[Action::Cancel, Action::Retry, Action::Retry, Action::Delete]);
                if let Some(id) = net.any_job() {
                    let _perhaps = net.send(&who, Act(id, action)).await;
                }
            }
        }
    }
}
