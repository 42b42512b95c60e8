//! The whole program, as people run it: real processes, real servers, real files, real signals, a real browser.

mod program;
mod stores;
mod browser;
mod check;
mod closing;
mod commands;
mod commands_as_workers;
mod config;
mod demo;
mod documents;
mod first_contact;
mod output;
mod page;
mod prefix;
mod processes;
mod signals;
mod survive;
mod waiting;
mod workspace;
