//! Tests of the server over a socket, on the reference store, with a real worker where jobs must run.

mod http;
mod conform;
mod service;
mod jobs;
mod faulty;

mod push;
mod batch;
mod idempotency;
mod get;
mod events;
mod result;
mod sending;
mod act;
mod list;
mod queue;
mod pages;
mod openapi;
mod health;
mod demo;
mod guard;
mod problems;
mod log;
mod hostile;
mod connections;
mod refusals;
mod form;
mod cors;
mod memory;
mod overload;
mod shutdown;
