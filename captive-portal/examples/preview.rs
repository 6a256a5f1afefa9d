//! The portal with made-up subscribers, to look at its pages.
//!
//! `cargo run -p garth-captive-portal --example preview`: port 8090 of loopback is
//! the login (alice, tulip&rose), 8091 and up one subscriber of each standing.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for looking at pages"
)]

#[path = "../tests/fake/mod.rs"]
mod fake;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use fake::{Fake, change_quote, id, now, view};
use garth_captive_portal::{Identified, Listeners, Portal, PortalConfig, Services};
use garth_subscription::Standing;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The first port.
const PORT: u16 = 8_090;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut portals = JoinSet::new();
    let standings = Standing::ALL.into_iter().map(Some);
    for (port, standing) in (PORT..).zip(std::iter::once(None).chain(standings)) {
        let address = (Ipv4Addr::LOCALHOST, port);
        let fake = Arc::new(Fake::default());
        let shown = standing.unwrap_or(Standing::Expired);
        fake.views.lock().unwrap().insert(id(1), view(shown));
        if standing.is_some() {
            let source = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let known = Identified::Known(id(1));
            fake.addresses.lock().unwrap().insert(source, known);
        }
        let url = format!("http://127.0.0.1:{port}/");
        let zone = "Europe/Vienna".parse().unwrap();
        let mut config = PortalConfig::new(url.parse().unwrap(), "Alpennetz", zone);
        config.support = Some("+43 1 234 56 78".to_owned());
        *fake.change.lock().unwrap() = Some(change_quote(Some("7.50")));
        let portal = Portal::new(config, Services::of(&fake), Arc::new(now)).unwrap();
        let listeners = Listeners {
            http: vec![TcpListener::bind(address).await.unwrap()],
            https: None,
        };
        portals.spawn(portal.serve(listeners, std::future::pending()));
        println!("{url} {}", standing.map_or("login", Standing::as_str));
    }
    while portals.join_next().await.is_some() {}
}
