//! What the suite does not ask of a store, because only PostgreSQL has it.

mod admit;
mod artifacts;
mod claims;
mod common;
mod corrupt;
mod enqueue_in_sql;
mod notify;
mod opening;
mod outages;
mod plans;
mod races;
mod repair;
mod replication;
mod step;
mod unique;
mod unused;
mod upgrade;
mod upkeep;
mod vacuums;
