//! The faults of a run and their probabilities in thousandths.

/// The probabilities of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// A call never arrives.
    pub(super) not_done: u16,
    /// The answer of a call is lost.
    pub(super) answer_lost: u16,
    /// A call arrives twice.
    pub(super) twice: u16,
    /// A call arrives again, much later.
    pub(super) late: u16,
    /// In a turn, a task is dropped at an await point.
    pub(super) crash: u16,
    /// In a turn, a task is suspended, to continue much later.
    pub(super) stop: u16,
    /// In a turn, the machine reboots.
    pub(super) reboot: u16,
    /// In a turn, the wall clock changes.
    pub(super) step: u16,
}

impl Weather {
    const FINE: Weather =
        Weather { not_done: 0, answer_lost: 0, twice: 0, late: 0, crash: 0, stop: 0, reboot: 0, step: 0 };

    pub(super) const BAD_CONNECTION: Weather =
        Weather { not_done: 100, answer_lost: 150, twice: 100, late: 60, ..Weather::FINE };

    pub(super) const CRASHES: Weather = Weather { crash: 15, stop: 10, ..Weather::FINE };

    pub(super) const SHAKY_MACHINE: Weather = Weather { reboot: 6, step: 12, ..Weather::FINE };

    pub(super) const EVERYTHING: Weather = Weather { crash: 8, stop: 6, reboot: 3, step: 6, ..Weather::BAD_CONNECTION };
}
