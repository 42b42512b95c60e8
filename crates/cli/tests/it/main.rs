//! The whole program, as people run it: real processes, real servers, real files, real signals, a real browser.

mod program;
mod stores;
mod browser;
mod closing;
mod commands;
mod commands_as_workers;
mod config;
mod demo;
mod documents;
mod page;
mod signals;
mod survive;
mod workspace;
