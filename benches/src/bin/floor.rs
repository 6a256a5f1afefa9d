//! A floor as a server: `floor echo|pap|accounting ADDRESS REPLY_LEN`.

use std::net::SocketAddrV4;

use clap::Parser;
use garth_benches::floor::{Floor, Work, serve};

/// The least that any server must do for an answer
#[derive(Parser)]
struct Arguments {
    /// What is done for each request
    work: Work,
    /// Where it is served
    address: SocketAddrV4,
    /// Octets of each reply
    reply_len: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let floor = Floor::new(arguments.work, arguments.reply_len);
    serve(&floor, arguments.address)
}
