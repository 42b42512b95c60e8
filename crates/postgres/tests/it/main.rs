//! Tests of what only PostgreSQL has, which the suite does not cover.

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
mod repair_jobs;
mod replication;
mod step;
mod unique;
mod unused;
mod upgrade;
mod upkeep;
mod vacuums;
