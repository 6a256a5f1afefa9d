//! A laboratory of three network namespaces: a subscriber's home, the router, the Internet.
//!
//! ```text
//! home  lan0 10.64.0.7, .8, 2001:db8:64::7, ::8 ── lan0 .1 ROUTER wan0 .1 ── net0 203.0.113.2, 2001:db8:ff::2
//! ```
//!
//! The router has an operator's table besides ours: it accepts established connections and
//! translates source addresses, as edge routers do.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use garth_enforcement::{Allow, Error, Garden, Prefix, Ruleset, Wanted};
use nix::sched::{CloneFlags, setns};

/// The bound of every wait; nothing here takes a hundredth of it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

pub(crate) const SUBSCRIBER4: &str = "10.64.0.7";
pub(crate) const SUBSCRIBER6: &str = "2001:db8:64::7";
pub(crate) const NEIGHBOUR4: &str = "10.64.0.8";
pub(crate) const NEIGHBOUR6: &str = "2001:db8:64::8";
pub(crate) const INTERNET4: &str = "203.0.113.2";
pub(crate) const INTERNET6: &str = "2001:db8:ff::2";
pub(crate) const ROUTER4: &str = "10.64.0.1";
pub(crate) const ROUTER6: &str = "2001:db8:64::1";

/// Subscriber and destination, in both families.
pub(crate) const PAIRS: [(&str, &str); 2] = [(SUBSCRIBER4, INTERNET4), (SUBSCRIBER6, INTERNET6)];

const OPERATOR: &str = "
table inet operator {
    chain forward { type filter hook forward priority filter; policy accept; ct state established,related accept; }
    chain postrouting { type nat hook postrouting priority srcnat; policy accept; oifname wan0 masquerade; }
}";

pub(crate) struct Lab {
    name: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert!(
            nix::unistd::geteuid().is_root(),
            "these tests make network namespaces: run them as root"
        );
        for tool in ["nft", "ip", "conntrack"] {
            let found = Command::new(tool)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(
                found.is_ok(),
                "{tool} is needed: apt install nftables iproute2 conntrack"
            );
        }
        let name = format!(
            "genf-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let lab = Self { name };
        for place in ["home", "router", "net"] {
            ip(&["netns", "add", &lab.place(place)]);
            lab.ip(place, "link set lo up");
            // Detecting duplicates of link-local addresses would delay the first IPv6 packets by two seconds.
            lab.run(
                place,
                &["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"],
            );
        }
        lab.wire("home", "lan0", "router", "lan0");
        lab.wire("net", "net0", "router", "wan0");
        for (place, device, address) in [
            ("home", "lan0", "10.64.0.7/24"),
            ("home", "lan0", "10.64.0.8/24"),
            ("home", "lan0", "2001:db8:64::7/64"),
            ("home", "lan0", "2001:db8:64::8/64"),
            ("router", "lan0", "10.64.0.1/24"),
            ("router", "lan0", "2001:db8:64::1/64"),
            ("router", "wan0", "203.0.113.1/24"),
            ("router", "wan0", "2001:db8:ff::1/64"),
            ("net", "net0", "203.0.113.2/24"),
            ("net", "net0", "2001:db8:ff::2/64"),
        ] {
            let nodad = if address.contains(':') { " nodad" } else { "" };
            lab.ip(place, &format!("address add {address} dev {device}{nodad}"));
        }
        for (place, via4, via6) in [
            ("home", ROUTER4, ROUTER6),
            ("net", "203.0.113.1", "2001:db8:ff::1"),
        ] {
            lab.ip(place, &format!("route add default via {via4}"));
            lab.ip(place, &format!("-6 route add default via {via6}"));
        }
        lab.run(
            "router",
            &[
                "sysctl",
                "-qw",
                "net.ipv4.ip_forward=1",
                "net.ipv6.conf.all.forwarding=1",
            ],
        );
        lab.nft(OPERATOR);
        lab
    }

    fn place(&self, place: &str) -> String {
        format!("{}-{place}", self.name)
    }

    fn wire(&self, a: &str, a_device: &str, b: &str, b_device: &str) {
        let (a_name, b_name) = (self.place(a), self.place(b));
        ip(&[
            "link", "add", a_device, "netns", &a_name, "type", "veth", "peer", "name", b_device,
            "netns", &b_name,
        ]);
        self.ip(a, &format!("link set {a_device} up"));
        self.ip(b, &format!("link set {b_device} up"));
    }

    /// Runs `ip` at `place`.
    pub(crate) fn ip(&self, place: &str, arguments: &str) {
        let name = self.place(place);
        ip(&[
            &["-n", &name],
            &arguments.split(' ').collect::<Vec<_>>()[..],
        ]
        .concat());
    }

    /// Runs a program at `place`; it must succeed.
    pub(crate) fn run(&self, place: &str, command: &[&str]) -> String {
        let output = self.try_run(place, command);
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn try_run(&self, place: &str, command: &[&str]) -> Output {
        let name = self.place(place);
        Command::new("ip")
            .args(["netns", "exec", &name])
            .args(command)
            .output()
            .expect("ip runs")
    }

    /// What another tool does to the router's rules.
    pub(crate) fn nft(&self, text: &str) -> String {
        self.run("router", &["nft", text])
    }

    /// Runs `work` on a thread of its own inside `place`. Sockets made there stay there.
    pub(crate) fn at<T: Send>(&self, place: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/run/netns/{}", self.place(place));
        thread::scope(|scope| {
            scope
                .spawn(|| {
                    let namespace = File::open(path).expect("the namespace exists");
                    setns(namespace, CloneFlags::CLONE_NEWNET).expect("root may enter");
                    work()
                })
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A TCP service that says `banner` to everybody and then repeats what it hears.
    pub(crate) fn serve(&self, place: &str, port: u16, banner: &'static str) {
        let listener = self.at(place, || {
            TcpListener::bind(("::", port)).expect("the port is free")
        });
        thread::spawn(move || {
            for stream in listener.incoming() {
                thread::spawn(move || echo(stream?, banner));
            }
        });
    }

    /// A UDP service that answers every datagram with `banner`.
    pub(crate) fn serve_datagrams(&self, place: &str, port: u16, banner: &'static str) {
        let socket = self.at(place, || {
            UdpSocket::bind(("::", port)).expect("the port is free")
        });
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((_, from)) = socket.recv_from(&mut buffer) {
                if socket.send_to(banner.as_bytes(), from).is_err() {
                    break;
                }
            }
        });
    }

    /// A connection from the address `source` in the home.
    pub(crate) fn connect(&self, source: &str, to: &str, port: u16) -> io::Result<TcpStream> {
        let to = SocketAddr::new(address(to), port);
        self.at("home", || {
            let stream = connect_from(address(source), to)?;
            stream.set_read_timeout(Some(DEADLINE))?;
            stream.set_write_timeout(Some(DEADLINE))?;
            Ok(stream)
        })
    }

    /// Who answers there: the banner, or why there was none.
    pub(crate) fn who(&self, source: &str, to: &str, port: u16) -> Result<String, ErrorKind> {
        let mut stream = self
            .connect(source, to, port)
            .map_err(|error| error.kind())?;
        banner(&mut stream).map_err(|error| error.kind())
    }

    /// Sends a datagram and returns the answer, or the error that ICMP brought.
    pub(crate) fn ask(&self, source: &str, to: &str, port: u16) -> Result<String, ErrorKind> {
        let to = SocketAddr::new(address(to), port);
        self.at("home", || {
            let socket = UdpSocket::bind((address(source), 0))?;
            socket.set_read_timeout(Some(DEADLINE))?;
            socket.connect(to)?;
            socket.send(b"?")?;
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer)?;
            Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
        })
        .map_err(|error: io::Error| error.kind())
    }

    /// Whether `to` answers an echo request from `source`.
    pub(crate) fn echoes(&self, source: &str, to: &str) -> bool {
        let (to, source) = (
            SocketAddr::new(address(to), 0),
            SocketAddr::new(address(source), 0),
        );
        // The checksum of ICMPv6 is the kernel's work. Replies of IPv4 come with their 20 octets of header.
        let (protocol, request, reply, at): (_, &[u8], _, _) = if to.is_ipv4() {
            (
                socket2::Protocol::ICMPV4,
                &[8, 0, 0xf7, 0xff, 0, 0, 0, 0],
                0,
                20,
            )
        } else {
            (
                socket2::Protocol::ICMPV6,
                &[128, 0, 0, 0, 0, 0, 0, 0],
                129,
                0,
            )
        };
        self.at("home", || {
            let domain = socket2::Domain::for_address(to);
            let mut socket = socket2::Socket::new(domain, socket2::Type::RAW, Some(protocol))?;
            socket.set_read_timeout(Some(DEADLINE))?;
            socket.bind(&source.into())?;
            socket.connect(&to.into())?;
            socket.send(request)?;
            let mut buffer = [0; 128];
            for _ in 0..16 {
                let length = socket.read(&mut buffer)?;
                if length > at && buffer[at] == reply {
                    return Ok(true);
                }
            }
            Ok::<_, io::Error>(false)
        })
        .unwrap_or(false)
    }

    /// An installed garden on the router, with `walled` in it.
    pub(crate) fn garden(&self, walled: &[&str]) -> Garden {
        let mut garden = self
            .at("router", || Garden::open(ruleset()))
            .expect("the garden opens");
        self.install(&mut garden, walled)
            .expect("the garden installs");
        garden
    }

    pub(crate) fn install(&self, garden: &mut Garden, walled: &[&str]) -> Result<(), Error> {
        let wanted = Wanted::new(prefixes(walled)).expect("few");
        self.at("router", || garden.install(wanted)).map(|_| ())
    }

    pub(crate) fn apply(
        &self,
        garden: &mut Garden,
        wall: &[&str],
        release: &[&str],
    ) -> garth_enforcement::Applied {
        self.at("router", || {
            garden.apply(&prefixes(wall), &prefixes(release))
        })
        .expect("the change applies")
    }

    pub(crate) fn allow(&self) -> Allow {
        self.at("router", Allow::open).expect("the handle opens")
    }

    /// The lines of conntrack that name `address`.
    pub(crate) fn tracked(&self, address: &str) -> Vec<String> {
        let family = if address.contains(':') {
            "ipv6"
        } else {
            "ipv4"
        };
        let listed = self.run("router", &["conntrack", "-L", "-f", family]);
        let source = format!("src={address} ");
        listed
            .lines()
            .filter(|line| line.contains(&source))
            .map(str::to_owned)
            .collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for place in ["home", "router", "net"] {
            let deleted = Command::new("ip")
                .args(["netns", "del", &self.place(place)])
                .output();
            drop(deleted);
        }
    }
}

pub(crate) fn ruleset() -> Ruleset {
    Ruleset {
        interfaces: vec![
            "ppp*".parse().expect("a name"),
            "lan0".parse().expect("a name"),
        ],
        portal_http_port: 8080,
        portal_https_ports: vec![8443],
        local_ports: vec![9443],
        dns_port: Some(5353),
    }
}

pub(crate) fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    texts
        .iter()
        .map(|text| text.parse().expect("a prefix"))
        .collect()
}

pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// Asks until `condition` holds; panics after [`DEADLINE`].
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let turns = DEADLINE.as_millis() / POLL.as_millis();
    for _ in 0..turns {
        if condition() {
            return;
        }
        thread::park_timeout(POLL);
    }
    panic!("{what} did not happen within {DEADLINE:?}");
}

pub(crate) fn banner(stream: &mut TcpStream) -> io::Result<String> {
    let mut text = [0; 64];
    let length = stream.read(&mut text)?;
    Ok(String::from_utf8_lossy(&text[..length]).into_owned())
}

fn echo(mut stream: TcpStream, banner: &str) -> io::Result<()> {
    stream.write_all(banner.as_bytes())?;
    let mut buffer = [0; 512];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }
}

/// Connects from a chosen address, which `std` cannot.
fn connect_from(source: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(to),
        socket2::Type::STREAM,
        None,
    )?;
    socket.bind(&SocketAddr::new(source, 0).into())?;
    socket.connect_timeout(&to.into(), DEADLINE)?;
    Ok(socket.into())
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .expect("ip runs");
    assert!(
        output.status.success(),
        "ip {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
