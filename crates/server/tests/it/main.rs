//! The server as its callers see it: over a socket, on the reference store, with a real worker where jobs must run.

mod http;
mod service;
mod jobs;
mod faulty;

mod push;
mod get;
mod events;
mod result;
mod act;
mod list;
mod pages;
mod health;
mod demo;
mod guard;
mod problems;
mod log;
mod hostile;
mod shutdown;
