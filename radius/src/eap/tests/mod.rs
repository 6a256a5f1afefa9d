//! The server against peers: good ones, bad ones, and noise.

mod again;
mod bare;
mod hostile;
mod peer;
mod support;
mod tunnels;
