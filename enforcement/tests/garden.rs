//! The garden between real sockets, in network namespaces with the kernel's own nftables and conntrack.
//!
//! Needs root, `nft`, `ip` and `conntrack`; without them the tests fail and say so.

mod common;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use common::{
    DEADLINE, INTERNET4, INTERNET6, Lab, NEIGHBOUR4, NEIGHBOUR6, PAIRS, ROUTER4, ROUTER6,
    SUBSCRIBER4, SUBSCRIBER6, address, banner, eventually, prefixes, ruleset,
};
use garth_enforcement::{Drift, Error, Garden, Leave, Prefix, Ruleset, Wanted, reconcile};

const BOTH: [&str; 2] = [SUBSCRIBER4, SUBSCRIBER6];

#[test]
fn http_of_the_walled_reaches_the_portal_whatever_its_destination() {
    let lab = Lab::new();
    lab.serve("net", 80, "internet");
    lab.serve("router", 8080, "portal");
    let _garden = lab.garden(&BOTH);
    for (source, to) in PAIRS {
        assert_eq!(lab.who(source, to, 80).as_deref(), Ok("portal"));
    }
    // Destinations where nobody is.
    assert_eq!(
        lab.who(SUBSCRIBER4, "192.0.2.99", 80).as_deref(),
        Ok("portal")
    );
    assert_eq!(
        lab.who(SUBSCRIBER6, "2001:db8:aaaa::1", 80).as_deref(),
        Ok("portal")
    );
    // Allowed destinations are open on 443 only.
    lab.allow().admit(&[address(INTERNET4)], DEADLINE).unwrap();
    assert_eq!(lab.who(SUBSCRIBER4, INTERNET4, 80).as_deref(), Ok("portal"));
}

#[test]
fn ipv6_http_reaches_the_portal_where_the_router_has_only_a_link_local_address() {
    // As on PPP interfaces, where nobody numbers the link.
    let lab = Lab::new();
    lab.serve("router", 8080, "portal");
    let _garden = lab.garden(&BOTH);
    lab.ip("router", "-6 address del 2001:db8:64::1/64 dev lan0");
    lab.ip("router", "-6 route add 2001:db8:64::/64 dev lan0");
    let shown = lab.run(
        "router",
        &[
            "ip", "-6", "-o", "address", "show", "dev", "lan0", "scope", "link",
        ],
    );
    let gateway = shown
        .split_whitespace()
        .find_map(|word| word.strip_suffix("/64"))
        .unwrap();
    lab.ip(
        "home",
        &format!("-6 route replace default via {gateway} dev lan0"),
    );
    assert_eq!(lab.who(SUBSCRIBER6, INTERNET6, 80).as_deref(), Ok("portal"));
}

#[test]
fn other_tcp_of_the_walled_is_reset_at_once() {
    let lab = Lab::new();
    let _garden = lab.garden(&BOTH);
    for port in [22, 443, 853, 8080, 65_535] {
        lab.serve("net", port, "internet");
        for (source, to) in PAIRS {
            assert_eq!(
                lab.who(source, to, port),
                Err(ErrorKind::ConnectionRefused),
                "{to} port {port}"
            );
        }
    }
}

#[test]
fn datagrams_of_the_walled_are_answered_with_prohibited() {
    let lab = Lab::new();
    let _garden = lab.garden(&BOTH);
    for port in [443, 853, 12_345] {
        lab.serve_datagrams("net", port, "internet");
        // Code 13 of ICMP and code 1 of ICMPv6 arrive as these.
        assert_eq!(
            lab.ask(SUBSCRIBER4, INTERNET4, port),
            Err(ErrorKind::HostUnreachable)
        );
        assert_eq!(
            lab.ask(SUBSCRIBER6, INTERNET6, port),
            Err(ErrorKind::PermissionDenied)
        );
    }
}

#[test]
fn names_of_the_walled_go_to_the_garden_resolver() {
    let lab = Lab::new();
    lab.serve_datagrams("net", 53, "internet");
    lab.serve("net", 53, "internet");
    lab.serve_datagrams("router", 5353, "resolver");
    lab.serve("router", 5353, "resolver");
    let _garden = lab.garden(&BOTH);
    for (source, to) in PAIRS {
        assert_eq!(lab.ask(source, to, 53).as_deref(), Ok("resolver"));
        assert_eq!(lab.who(source, to, 53).as_deref(), Ok("resolver"));
    }
    assert_eq!(
        lab.ask(NEIGHBOUR4, INTERNET4, 53).as_deref(),
        Ok("internet")
    );
}

#[test]
fn without_a_resolver_names_of_the_walled_pass() {
    let lab = Lab::new();
    lab.serve_datagrams("net", 53, "internet");
    lab.serve("net", 53, "internet");
    let mut garden = lab
        .at("router", || {
            Garden::open(Ruleset {
                dns_port: None,
                ..ruleset()
            })
        })
        .unwrap();
    lab.install(&mut garden, &BOTH).unwrap();
    for (source, to) in PAIRS {
        assert_eq!(lab.ask(source, to, 53).as_deref(), Ok("internet"));
        assert_eq!(lab.who(source, to, 53).as_deref(), Ok("internet"));
    }
}

#[test]
fn the_router_shows_the_walled_only_what_they_need() {
    let lab = Lab::new();
    for port in [8080, 8443, 9443, 22] {
        lab.serve("router", port, "router");
    }
    let _garden = lab.garden(&BOTH);
    for (source, to) in [(SUBSCRIBER4, ROUTER4), (SUBSCRIBER6, ROUTER6)] {
        for port in [8080, 8443, 9443] {
            assert_eq!(
                lab.who(source, to, port).as_deref(),
                Ok("router"),
                "{to} port {port}"
            );
        }
        assert_eq!(lab.who(source, to, 22), Err(ErrorKind::ConnectionRefused));
        assert!(lab.echoes(source, to));
    }
    assert_eq!(lab.who(NEIGHBOUR4, ROUTER4, 22).as_deref(), Ok("router"));
}

#[test]
fn others_are_not_touched() {
    let lab = Lab::new();
    lab.serve("net", 80, "internet");
    lab.serve("net", 443, "internet");
    lab.serve_datagrams("net", 443, "internet");
    let mut garden = lab.garden(&[]);
    let neighbours = [(NEIGHBOUR4, INTERNET4), (NEIGHBOUR6, INTERNET6)];
    let mut before = neighbours.map(|(source, to)| lab.connect(source, to, 443).unwrap());
    for stream in &mut before {
        assert_eq!(banner(stream).unwrap(), "internet");
    }
    lab.apply(&mut garden, &BOTH, &[]);
    for ((source, to), stream) in neighbours.into_iter().zip(&mut before) {
        assert_eq!(lab.tracked(source).len(), 1, "{source} lost its connection");
        stream.write_all(b"still here").unwrap();
        assert_eq!(banner(stream).unwrap(), "still here");
        assert_eq!(lab.who(source, to, 80).as_deref(), Ok("internet"));
        assert_eq!(lab.who(source, to, 443).as_deref(), Ok("internet"));
        assert_eq!(lab.ask(source, to, 443).as_deref(), Ok("internet"));
    }
}

#[test]
fn an_established_connection_ends_at_both_sides_with_the_suspension() {
    let lab = Lab::new();
    let mut garden = lab.garden(&[]);
    for (source, to) in PAIRS {
        let listener = lab.at("net", || TcpListener::bind(("::", 443))).unwrap();
        let mut home = lab.connect(source, to, 443).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.set_read_timeout(Some(DEADLINE)).unwrap();
        home.write_all(b"x").unwrap();
        server.read_exact(&mut [0]).unwrap();
        lab.apply(&mut garden, &[source], &[]);
        // The next segment of either side is answered by a reset.
        server.write_all(b"y").unwrap();
        assert_eq!(
            server.read(&mut [0]).map_err(|error| error.kind()),
            Err(ErrorKind::ConnectionReset)
        );
        home.write_all(b"z").unwrap();
        assert_eq!(
            home.read(&mut [0]).map_err(|error| error.kind()),
            Err(ErrorKind::ConnectionReset)
        );
        assert_eq!(lab.tracked(source), Vec::<String>::new());
    }
}

#[test]
fn a_datagram_flow_ends_at_both_sides_with_the_suspension() {
    let lab = Lab::new();
    let mut garden = lab.garden(&[]);
    let refusals = [ErrorKind::HostUnreachable, ErrorKind::PermissionDenied];
    for ((source, to), refusal) in PAIRS.into_iter().zip(refusals) {
        let bind = |place: &str, at: &str, port: u16| {
            let socket = lab
                .at(place, || UdpSocket::bind((address(at), port)))
                .unwrap();
            socket.set_read_timeout(Some(DEADLINE)).unwrap();
            socket
        };
        let (home, net) = (bind("home", source, 4_433), bind("net", to, 443));
        home.connect((address(to), 443)).unwrap();
        // Towards the subscriber without translation, as to a server at home.
        net.connect((address(source), 4_433)).unwrap();
        net.send(b"in").unwrap();
        assert_eq!(home.recv(&mut [0; 8]).unwrap(), 2);
        home.send(b"out").unwrap();
        assert_eq!(net.recv(&mut [0; 8]).unwrap(), 3);
        lab.apply(&mut garden, &[source], &[]);
        for socket in [&home, &net] {
            socket.send(b"on").unwrap();
            assert_eq!(
                socket.recv(&mut [0; 8]).map_err(|error| error.kind()),
                Err(refusal)
            );
        }
    }
}

#[test]
fn suspension_holds_even_if_conntrack_still_knows_the_connection() {
    let lab = Lab::new();
    lab.serve("net", 443, "internet");
    let mut garden = lab.garden(&[]);
    let mut home = lab.connect(SUBSCRIBER4, INTERNET4, 443).unwrap();
    assert_eq!(banner(&mut home).unwrap(), "internet");
    // Another tool walls: nobody deletes the connection.
    lab.nft("add element inet garth garden4 { 10.64.0.7 }");
    assert_eq!(lab.tracked(SUBSCRIBER4).len(), 1);
    home.write_all(b"z").unwrap();
    assert_eq!(
        home.read(&mut [0]).map_err(|error| error.kind()),
        Err(ErrorKind::ConnectionReset)
    );
    let actual = lab.at("router", || garden.inspect()).unwrap();
    let found = reconcile(garden.wanted(), &actual, prefixes(&BOTH));
    assert_eq!(
        (found.drift, found.paid_but_blocked),
        (
            Drift {
                surplus: 1,
                ..Drift::default()
            },
            1
        )
    );
    assert_eq!(lab.at("router", || garden.repair()).unwrap(), found.drift);
    assert_eq!(
        lab.who(SUBSCRIBER4, INTERNET4, 443).as_deref(),
        Ok("internet")
    );
}

#[test]
fn release_lets_the_next_packet_through() {
    let lab = Lab::new();
    lab.serve("net", 80, "internet");
    lab.serve("net", 443, "internet");
    lab.serve_datagrams("net", 53, "internet");
    lab.serve_datagrams("router", 5353, "resolver");
    lab.serve("router", 8080, "portal");
    let mut garden = lab.garden(&BOTH);
    for (source, to) in PAIRS {
        assert_eq!(lab.who(source, to, 80).as_deref(), Ok("portal"));
        assert_eq!(lab.ask(source, to, 53).as_deref(), Ok("resolver"));
    }
    let applied = lab.apply(&mut garden, &[], &BOTH);
    assert_eq!(
        (applied.removed, applied.flushed.filtered, applied.repaired),
        (2, 1, None)
    );
    for (source, to) in PAIRS {
        assert_eq!(lab.tracked(source), Vec::<String>::new());
        assert_eq!(lab.who(source, to, 80).as_deref(), Ok("internet"));
        assert_eq!(lab.who(source, to, 443).as_deref(), Ok("internet"));
        assert_eq!(lab.ask(source, to, 53).as_deref(), Ok("internet"));
    }
}

#[test]
fn an_allowed_destination_is_open_on_443_for_its_time() {
    let lab = Lab::new();
    for port in [443, 22] {
        lab.serve("net", port, "internet");
    }
    lab.serve_datagrams("net", 443, "internet");
    let _garden = lab.garden(&BOTH);
    let mut allow = lab.allow();
    allow
        .admit(&[address(INTERNET4), address(INTERNET6)], DEADLINE * 100)
        .unwrap();
    for (source, to) in PAIRS {
        let mut open = lab.connect(source, to, 443).unwrap();
        assert_eq!(banner(&mut open).unwrap(), "internet");
        open.write_all(b"and back").unwrap();
        assert_eq!(banner(&mut open).unwrap(), "and back");
        assert_eq!(lab.who(source, to, 22), Err(ErrorKind::ConnectionRefused));
        assert!(lab.ask(source, to, 443).is_err());
    }
    // Admitting again sets the new time, shorter or longer.
    allow
        .admit(&[address(INTERNET4)], Duration::from_millis(50))
        .unwrap();
    eventually("the end of the allowed time", || {
        lab.who(SUBSCRIBER4, INTERNET4, 443) == Err(ErrorKind::ConnectionRefused)
    });
    assert_eq!(
        lab.who(SUBSCRIBER6, INTERNET6, 443).as_deref(),
        Ok("internet")
    );
}

#[test]
fn one_call_is_one_transaction_for_both_families() {
    let lab = Lab::new();
    let mut garden = lab.garden(&[]);
    let before = garden.generation().unwrap();
    lab.apply(&mut garden, &BOTH, &[]);
    assert_eq!(garden.generation().unwrap(), before + 1);
    lab.apply(&mut garden, &[NEIGHBOUR4], &BOTH);
    assert_eq!(garden.generation().unwrap(), before + 2);
    lab.apply(&mut garden, &[NEIGHBOUR4], &[SUBSCRIBER4]);
    assert_eq!(
        garden.generation().unwrap(),
        before + 2,
        "no change is no transaction"
    );
    assert_eq!(
        garden.inspect().unwrap().members().collect::<Vec<_>>(),
        prefixes(&[NEIGHBOUR4])
    );
}

#[test]
fn a_flushed_ruleset_is_detected_and_restored() {
    let lab = Lab::new();
    lab.serve("net", 443, "internet");
    let mut garden = lab.garden(&BOTH);
    assert!(lab.at("router", || garden.repair()).unwrap().is_none());
    lab.nft("flush ruleset");
    assert_eq!(
        lab.who(SUBSCRIBER4, INTERNET4, 443).as_deref(),
        Ok("internet")
    );
    let actual = garden.inspect().unwrap();
    let lost = Drift {
        missing: 2,
        surplus: 0,
        ruleset_lost: true,
    };
    assert_eq!(reconcile(garden.wanted(), &actual, []).drift, lost);
    assert_eq!(lab.at("router", || garden.repair()).unwrap(), lost);
    for (source, to) in PAIRS {
        assert_eq!(lab.who(source, to, 443), Err(ErrorKind::ConnectionRefused));
    }
    assert!(lab.at("router", || garden.repair()).unwrap().is_none());
}

#[test]
fn a_change_on_a_flushed_ruleset_restores_everything() {
    let lab = Lab::new();
    let mut garden = lab.garden(&[SUBSCRIBER4]);
    lab.nft("flush ruleset");
    let applied = lab.apply(&mut garden, &[SUBSCRIBER6], &[]);
    assert!(applied.repaired.is_some_and(|drift| drift.ruleset_lost));
    assert_eq!(
        garden.inspect().unwrap().members().collect::<Vec<_>>(),
        prefixes(&BOTH)
    );
}

#[test]
fn every_tampering_with_the_table_is_detected() {
    let lab = Lab::new();
    let mut garden = lab.garden(&BOTH);
    for tampering in [
        "flush chain inet garth forward",
        "flush chain inet garth refuse",
        "insert rule inet garth forward accept",
        "add rule inet garth outbound accept",
        "add chain inet garth extra",
        "add set inet garth extra { type ipv4_addr; }",
        "add table inet garth { flags dormant; }",
        "add chain inet garth forward { policy drop; }",
    ] {
        assert!(garden.inspect().unwrap().intact);
        lab.nft(tampering);
        assert!(!garden.inspect().unwrap().intact, "{tampering}");
        assert!(lab.at("router", || garden.repair()).unwrap().ruleset_lost);
    }
    assert!(garden.inspect().unwrap().intact);
}

#[test]
fn traffic_and_allowed_destinations_are_no_tampering() {
    let lab = Lab::new();
    lab.serve("net", 443, "internet");
    let mut garden = lab.garden(&BOTH);
    lab.allow()
        .admit(&[address(INTERNET4)], DEADLINE * 100)
        .unwrap();
    assert_eq!(
        lab.who(SUBSCRIBER4, INTERNET4, 443).as_deref(),
        Ok("internet")
    );
    assert_eq!(
        lab.who(SUBSCRIBER6, INTERNET6, 443),
        Err(ErrorKind::ConnectionRefused)
    );
    lab.nft("add table inet other");
    assert!(garden.inspect().unwrap().intact);
}

#[test]
fn members_changed_by_another_tool_do_not_stop_a_change() {
    let lab = Lab::new();
    let mut garden = lab.garden(&BOTH);
    lab.nft("delete element inet garth garden4 { 10.64.0.7 }");
    lab.apply(&mut garden, &[], &[SUBSCRIBER4]);
    lab.nft("add element inet garth garden4 { 10.64.0.8 }");
    lab.apply(&mut garden, &[NEIGHBOUR4], &[]);
    assert_eq!(
        garden.inspect().unwrap().members().collect::<Vec<_>>(),
        prefixes(&[NEIGHBOUR4, SUBSCRIBER6])
    );
    // A range across the prefix that is to be walled, and not a prefix itself.
    lab.nft("add element inet garth garden4 { 10.64.1.3-10.64.1.9 }");
    lab.apply(&mut garden, &["10.64.1.0/29"], &[]);
    let expected = prefixes(&[NEIGHBOUR4, "10.64.1.0/29", SUBSCRIBER6]);
    assert_eq!(
        garden.inspect().unwrap().members().collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn nested_and_neighbouring_prefixes_are_walled_and_released_one_by_one() {
    let lab = Lab::new();
    let mut garden = lab.garden(&[
        "10.64.0.0/24",
        "10.64.0.7",
        "255.255.255.255",
        "2001:db8:64::/56",
    ]);
    let members = |garden: &mut Garden| garden.inspect().unwrap().members().collect::<Vec<_>>();
    assert_eq!(
        members(&mut garden),
        prefixes(&["10.64.0.0/24", "255.255.255.255", "2001:db8:64::/56"])
    );
    let applied = lab.apply(
        &mut garden,
        &["10.64.0.8", "10.64.1.0/24", "2001:db8:64:7::/64"],
        &["10.64.0.0/24"],
    );
    assert_eq!(applied.repaired, None);
    let expected = [
        "10.64.0.7",
        "10.64.0.8",
        "10.64.1.0/24",
        "255.255.255.255",
        "2001:db8:64::/56",
    ];
    assert_eq!(members(&mut garden), prefixes(&expected));
    let applied = lab.apply(
        &mut garden,
        &["10.64.0.0/16"],
        &["255.255.255.255", "2001:db8:64::/56"],
    );
    assert_eq!(applied.repaired, None);
    assert_eq!(
        members(&mut garden),
        prefixes(&["10.64.0.0/16", "2001:db8:64:7::/64"])
    );
}

#[test]
fn thousands_change_in_one_transaction() {
    let lab = Lab::new();
    let mut garden = lab.garden(&[]);
    let many: Vec<Prefix> = (0..garth_enforcement::PREFIXES_PER_CALL_MAX)
        .map(|n| {
            let low = u32::try_from(n).unwrap();
            let host = std::net::Ipv4Addr::from_bits(0x0a00_0000 | low);
            let wide = std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(low) << 72);
            if n % 2 == 0 {
                Prefix::host(host.into())
            } else {
                Prefix::new(wide.into(), 56).unwrap()
            }
        })
        .collect();
    let before = garden.generation().unwrap();
    lab.at("router", || garden.apply(&many, &[])).unwrap();
    assert_eq!(garden.generation().unwrap(), before + 1);
    let mut expected = many.clone();
    expected.sort_unstable();
    assert_eq!(
        garden.inspect().unwrap().members().collect::<Vec<_>>(),
        expected
    );
    lab.install(&mut garden, &[]).unwrap();
    lab.at("router", || {
        garden.install(Wanted::new(many.iter().copied()).unwrap())
    })
    .unwrap();
    assert_eq!(
        garden.inspect().unwrap().members().collect::<Vec<_>>(),
        expected
    );
    lab.at("router", || garden.apply(&[], &many)).unwrap();
    assert_eq!(garden.inspect().unwrap().members().count(), 0);
    let too_many = [many, prefixes(&BOTH)].concat();
    assert!(matches!(
        garden.apply(&too_many, &[]),
        Err(Error::TooMany { .. })
    ));
}

#[test]
fn connections_of_wide_prefixes_are_deleted_and_others_kept() {
    let lab = Lab::new();
    lab.serve("net", 443, "internet");
    let mut garden = lab.garden(&[]);
    let mut open = Vec::new();
    for (source, to) in PAIRS
        .into_iter()
        .chain([(NEIGHBOUR4, INTERNET4), (NEIGHBOUR6, INTERNET6)])
    {
        let mut stream = lab.connect(source, to, 443).unwrap();
        assert_eq!(banner(&mut stream).unwrap(), "internet");
        open.push(stream);
    }
    let applied = lab.apply(&mut garden, &["10.64.0.6/31", "2001:db8:64::6/127"], &[]);
    assert_eq!((applied.flushed.filtered, applied.flushed.listed), (0, 2));
    assert_eq!(
        lab.tracked(SUBSCRIBER4).len() + lab.tracked(SUBSCRIBER6).len(),
        0
    );
    assert_eq!(
        (lab.tracked(NEIGHBOUR4).len(), lab.tracked(NEIGHBOUR6).len()),
        (1, 1)
    );
}

#[test]
fn connections_towards_the_subscriber_are_deleted_too() {
    let lab = Lab::new();
    lab.serve("home", 2222, "home");
    let mut garden = lab.garden(&[]);
    for (subscriber, _) in PAIRS {
        let to = std::net::SocketAddr::new(address(subscriber), 2222);
        let mut stream = lab
            .at("net", || {
                std::net::TcpStream::connect_timeout(&to, DEADLINE)
            })
            .unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(banner(&mut stream).unwrap(), "home");
        assert_eq!(lab.tracked(subscriber).len(), 1);
        let applied = lab.apply(&mut garden, &[subscriber], &[]);
        assert_eq!(applied.flushed.filtered + applied.flushed.listed, 1);
        assert_eq!(lab.tracked(subscriber), Vec::<String>::new());
        stream.write_all(b"x").unwrap();
        assert_eq!(
            stream.read(&mut [0]).map_err(|error| error.kind()),
            Err(ErrorKind::ConnectionReset)
        );
        let again = lab.at("net", || {
            std::net::TcpStream::connect_timeout(&to, DEADLINE)
        });
        assert_eq!(
            again.map(|_| ()).map_err(|error| error.kind()),
            Err(ErrorKind::ConnectionRefused)
        );
    }
}

#[test]
fn installing_again_keeps_allowed_destinations() {
    let lab = Lab::new();
    lab.serve("net", 443, "internet");
    let garden = lab.garden(&BOTH);
    lab.allow()
        .admit(&[address(INTERNET4), address(INTERNET6)], DEADLINE * 100)
        .unwrap();
    drop(garden);
    // A restart of the daemon.
    let _garden = lab.garden(&BOTH);
    for (source, to) in PAIRS {
        assert_eq!(lab.who(source, to, 443).as_deref(), Ok("internet"));
    }
}

#[test]
fn leaving_open_frees_everybody_and_leaving_closed_nobody() {
    let lab = Lab::new();
    lab.serve("net", 443, "internet");
    let garden = lab.garden(&BOTH);
    lab.at("router", || garden.remove(Leave::Closed)).unwrap();
    assert_eq!(
        lab.who(SUBSCRIBER4, INTERNET4, 443),
        Err(ErrorKind::ConnectionRefused)
    );
    let garden = lab.garden(&BOTH);
    lab.at("router", || garden.remove(Leave::Open)).unwrap();
    assert_eq!(
        lab.who(SUBSCRIBER4, INTERNET4, 443).as_deref(),
        Ok("internet")
    );
    assert!(!lab.nft("list ruleset").contains("garth"));
    // Nothing is left to remove: no error.
    let garden = lab.at("router", || Garden::open(ruleset())).unwrap();
    garden.remove(Leave::Open).unwrap();
    assert!(matches!(
        lab.allow().admit(&[address(INTERNET4)], DEADLINE),
        Err(Error::NoTable)
    ));
}
