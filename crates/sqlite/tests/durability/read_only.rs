//! A system on which only the folder of the database can be written.

use std::time::Duration;

use longshore_core::{Jobs, NewJob, Settings, Upkeep, When, limits};
use longshore_lossy::Lossy;

use crate::{Place, job};

#[tokio::test]
async fn store_works_without_a_folder_for_temporary_files() {
    let (machine, place, settings) = (Lossy::new(), Place::new(), Settings::default());
    machine.refuse_temporary_files();
    let store = place.open(&machine, &settings, |options, testing| options.testing(testing)).unwrap();
    let minute = Duration::from_secs(60);
    for _ in 0..3 {
        let late = || NewJob { deadline: Some(When::In(minute)), ..job(1_500) };
        let pushed = store.push((0..limits::BATCH).map(|_| late()).collect()).await;
        assert!(pushed.iter().all(Result::is_ok), "{:?}", pushed.iter().find(|answer| answer.is_err()));
    }
    settings.clock.advance(minute * 2);
    // Upkeep can roll each part back alone, so that SQLite must keep the rows of before.
    let report = store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    assert_eq!((report.buried.len(), report.failed.len()), (limits::UPKEEP_ROWS, 0), "{:?}", report.failed);
}
