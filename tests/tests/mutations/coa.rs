//! Mutated answers to garthd's own requests: none counts, and the right one behind them does (N10).

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock::wait_for;
use garth_tests::garthd::SECRET;
use garth_tests::radclient::Question;
use garth_tests::wire::{self, Request, attribute, code};

use super::{Dice, PAID, assert_log_is_clean, footprint, mutate, seed};

/// Mutated answers to each time that a request comes.
const MUTATIONS: usize = 10_000;
/// Those sent in one go: what the kernel's queue holds.
const ROUND: usize = 100;
/// Times that a request is answered wrongly; it comes three times.
const TIMES: usize = 2;
/// Longer than garthd takes to send a request, or to send it again.
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// The answer to `request` with that code, signed.
fn answer(request: &[u8], code: u8, cause: Option<u32>) -> Vec<u8> {
    let mut answer = Request::new(code, 0).with_message_authenticator();
    if let Some(cause) = cause {
        answer = answer.with_integer(attribute::ERROR_CAUSE, cause);
    }
    answer.identifier = request[1];
    let mut octets = answer.octets();
    wire::sign_reply(
        &mut octets,
        &wire::authenticator(request),
        SECRET.as_bytes(),
    );
    octets
}

/// An answer to `request` with something wrong, or several things; it is none any more.
fn wrong_answer(request: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (ack, nak) = (request[0] + 1, request[0] + 2);
    let secrets = [SECRET.as_bytes(), b"another secret"];
    loop {
        let mut octets = match dice.pick(0..3) {
            0 => answer(request, ack, None),
            1 => answer(request, nak, Some(503)),
            _ => answer(request, code::ACCESS_ACCEPT, None),
        };
        let partner = answer(request, nak, Some(401));
        for _ in 0..=dice.pick(0..3) {
            mutate(&mut octets, &partner, dice);
        }
        if dice.one_in(2) {
            wire::mend(&mut octets);
            let secret = secrets[dice.pick(0..2)];
            wire::sign_reply(&mut octets, &wire::authenticator(request), secret);
        }
        let authenticator = wire::authenticator(request);
        let is_genuine =
            wire::reply_is_genuine(&octets, request[1], &authenticator, SECRET.as_bytes());
        if !is_genuine || !(ack..=nak).contains(&octets[0]) {
            return octets;
        }
    }
}

/// Waits until garthd has taken all that was sent to its socket.
fn wait_until_taken(lab: &Lab, to: SocketAddr) {
    let port = format!(":{:04X} ", to.port());
    wait_for("garthd to read its answers", REQUEST_MAX, || {
        let read = || fs::read_to_string("/proc/thread-self/net/udp");
        let table = lab.network.router.enter(read).unwrap().unwrap();
        // Number, local address, remote address, state, queues and more, and how many were dropped.
        let own = table.lines().find(|line| {
            let rest = line.split_once(": ").map_or("", |(_, rest)| rest);
            rest.get(8..).is_some_and(|local| local.starts_with(&port))
        })?;
        assert!(own.trim_end().ends_with(" 0"), "some were dropped: {own}");
        own.contains(":00000000 00:").then_some(())
    })
    .unwrap();
}

fn count(lab: &Lab, name: &str) -> u64 {
    let list = lab.garthctl.json(&["nas", "list"]).unwrap();
    let count = list[0]["requests"][name].as_u64();
    count.unwrap_or_else(|| panic!("no {name} in {list}"))
}

/// A lab whose NAS takes requests on the router itself, with one session.
fn lab() -> Lab {
    let lab = Lab::start_with(|config| {
        config.replace(
            "dialect = \"mikrotik\"\n",
            "dialect = \"mikrotik\"\ndynamic_authorization = \"source\"\n",
        )
    })
    .unwrap();
    lab.apply_plans().unwrap();
    lab.import(PAID).unwrap();
    let start = "Acct-Status-Type = Start\nAcct-Session-Id = \"81200001\"\nUser-Name = bruno\n\
                 Framed-IP-Address = 10.64.0.7";
    let reply = lab.radius(Question::Accounting, start).unwrap();
    assert!(reply.is("Accounting-Response"), "{}", reply.said);
    lab
}

#[test]
#[expect(clippy::print_stderr, reason = "a failure is repeated by its seed")]
fn n10_20_000_mutated_answers_to_a_coa_request_are_none() {
    let seed = seed();
    eprintln!("GARTH_SEED={seed}");
    let mut dice = Dice(seed);
    let lab = lab();
    let bind = || UdpSocket::bind("127.0.0.1:3799");
    let nas = lab.network.router.enter(bind).unwrap().unwrap();
    nas.set_read_timeout(Some(REQUEST_MAX)).unwrap();
    let suspend = ["subscription", "suspend", "bruno", "--reason", "a test"];
    lab.garthctl.run(&suspend).unwrap();
    let mut buffer = [0; wire::PACKET_LEN_MAX];
    let mut receive = || {
        let (len, from) = nas.recv_from(&mut buffer).expect("a request");
        (buffer[..len].to_vec(), from)
    };
    let (first, from) = receive();
    assert_eq!(first[0], code::COA_REQUEST);
    let before = footprint(&lab);
    let mut request = first.clone();
    for _ in 0..TIMES {
        for _ in 0..MUTATIONS / ROUND {
            for _ in 0..ROUND {
                let octets = wrong_answer(&request, &mut dice);
                nas.send_to(&octets, from).unwrap();
            }
            wait_until_taken(&lab, from);
        }
        assert_eq!(
            (count(&lab, "acknowledged"), count(&lab, "refused")),
            (0, 0)
        );
        let (again, same) = receive();
        assert_eq!(
            (&again, same),
            (&first, from),
            "sent again, as nothing has answered it"
        );
        request = again;
    }
    nas.send_to(&answer(&request, request[0] + 1, None), from)
        .unwrap();
    wait_for("the answer to count", REQUEST_MAX, || {
        (count(&lab, "acknowledged") == 1).then_some(())
    })
    .unwrap();
    assert_eq!(count(&lab, "refused"), 0);
    assert_eq!(footprint(&lab).1, before.1, "descriptors");
    assert_log_is_clean(&lab);
}
