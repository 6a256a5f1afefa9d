//! The three namespaces and the cables between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;

use crate::namespace::{self, Namespace};

/// How the names of our namespaces begin; the process id follows.
const PREFIX: &str = "garth-";

/// The subscribers' side of the router, as garthd's configuration names it.
pub const LAN: &str = "lan0";

/// The name of the portal, known in the home.
pub const PORTAL_NAME: &str = "portal.isp.example";

/// The name of the payment provider's page, known in the home.
pub const PAY_NAME: &str = "pay.bank.example";

/// The port of the payment provider's page.
pub const PAY_PORT: u16 = 8480;

/// The name of a web server on the Internet.
pub const WEB_NAME: &str = "www.web.example";

/// The web server's addresses.
pub const WEB_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// See [`WEB_V4`].
pub const WEB_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x113, 0, 0, 0, 0, 2);

/// The router's address in the home's network.
pub const ROUTER_V4: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
/// See [`ROUTER_V4`]: in the network of the first subscriber.
pub const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x64, 7, 0, 0, 0, 1);

/// Numbers of the subscribers who have an address in the home; programs that do not choose one use the first.
pub const HOSTS: [u8; 3] = [7, 8, 9];

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// The IPv4 address of subscriber `host` of [`HOSTS`].
pub fn host_v4(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 64, 0, host)
}

/// The IPv6 address of subscriber `host`, in a /64 of its own.
pub fn host_v6(host: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x64, u16::from(host), 0, 0, 0, 2)
}

/// The address of subscriber `host` in `family`.
pub fn host_address(host: u8, family: Family) -> IpAddr {
    match family {
        Family::V4 => host_v4(host).into(),
        Family::V6 => host_v6(host).into(),
    }
}

/// The web server's address in `family`.
pub fn web_address(family: Family) -> IpAddr {
    match family {
        Family::V4 => WEB_V4.into(),
        Family::V6 => WEB_V6.into(),
    }
}

/// A subscriber's home, the router, the Internet.
#[derive(Debug)]
pub struct Network {
    /// Where the subscribers' programs run.
    pub home: Namespace,
    /// Where garthd and the NAS run.
    pub router: Namespace,
    /// Where the web server runs.
    pub internet: Namespace,
}

impl Network {
    /// Makes the namespaces, joins them and lets the router forward.
    ///
    /// # Errors
    ///
    /// When the system refuses; root is needed.
    pub fn create() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        namespace::sweep(PREFIX)?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |role: &str| format!("{PREFIX}{}-{count}-{role}", process::id());
        let network = Self {
            home: Namespace::create(&name("home"))?,
            router: Namespace::create(&name("router"))?,
            internet: Namespace::create(&name("internet"))?,
        };
        network.join()?;
        Ok(network)
    }

    /// Removes the namespaces of this very process under its feet: what it does next in them fails.
    pub fn remove_all_of_this_process() {
        for count in 0..u32::from(u8::MAX) {
            let name = |role: &str| format!("{PREFIX}{}-{count}-{role}", process::id());
            if !std::path::Path::new("/run/netns")
                .join(name("home"))
                .exists()
            {
                return;
            }
            for role in ["home", "router", "internet"] {
                namespace::remove(&name(role));
            }
        }
    }

    fn join(&self) -> Result<()> {
        let Self {
            home,
            router,
            internet,
        } = self;
        router.sysctl("net/ipv4/ip_forward", "1")?;
        router.sysctl("net/ipv6/conf/all/forwarding", "1")?;
        let pair = |near: &str, peer: &Namespace, far: &str| {
            router.ip(&[
                "link",
                "add",
                near,
                "type",
                "veth",
                "peer",
                "name",
                far,
                "netns",
                peer.name(),
            ])
        };
        pair(LAN, home, "eth0")?;
        pair("wan0", internet, "eth0")?;

        router.ip(&["address", "add", &format!("{ROUTER_V4}/24"), "dev", LAN])?;
        router.ip(&["address", "add", "203.0.113.1/24", "dev", "wan0"])?;
        router.ip(&["address", "add", "2001:db8:113::1/64", "dev", "wan0"])?;
        internet.ip(&["address", "add", &format!("{WEB_V4}/24"), "dev", "eth0"])?;
        internet.ip(&["address", "add", &format!("{WEB_V6}/64"), "dev", "eth0"])?;
        for host in HOSTS {
            let [v4, v6] = [
                format!("{}/24", host_v4(host)),
                format!("{}/64", host_v6(host)),
            ];
            home.ip(&["address", "add", &v4, "dev", "eth0"])?;
            home.ip(&["address", "add", &v6, "dev", "eth0"])?;
            router.ip(&[
                "address",
                "add",
                &format!("2001:db8:64:{host}::1/64"),
                "dev",
                LAN,
            ])?;
        }
        for (namespace, link) in [
            (router, LAN),
            (router, "wan0"),
            (home, "eth0"),
            (internet, "eth0"),
        ] {
            namespace.ip(&["link", "set", link, "up"])?;
        }

        let [v4, v6] = [host_v4(HOSTS[0]).to_string(), host_v6(HOSTS[0]).to_string()];
        let [via_v4, via_v6] = [ROUTER_V4.to_string(), ROUTER_V6.to_string()];
        home.ip(&["route", "add", "default", "via", &via_v4, "src", &v4])?;
        home.ip(&["-6", "route", "add", "default", "via", &via_v6, "src", &v6])?;
        internet.ip(&["route", "add", "default", "via", "203.0.113.1"])?;
        internet.ip(&["-6", "route", "add", "default", "via", "2001:db8:113::1"])?;

        home.hosts(&format!(
            "127.0.0.1 localhost\n::1 localhost\n\
             {ROUTER_V4} {PORTAL_NAME} {PAY_NAME}\n{ROUTER_V6} {PORTAL_NAME} {PAY_NAME}\n\
             {WEB_V4} {WEB_NAME}\n{WEB_V6} {WEB_NAME}\n"
        ))
    }
}
