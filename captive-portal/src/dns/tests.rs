//! The resolver over real sockets on loopback, with an upstream of our own.
//!
//! Time passes when a test says so: the clock is paused, and each wait is [`still`]. However long the machine
//! takes, no patience of the resolver ends meanwhile.

use super::*;

use std::collections::HashSet;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Mutex;
use std::task::Poll;

use tokio::io::AsyncReadExt as _;
use tokio::sync::Notify;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ADDRESS: [u8; 4] = [192, 0, 2, 1];

/// Remembers what was opened; with a gate, only when that is opened.
#[derive(Debug, Default)]
struct Doors {
    opened: Mutex<Vec<(Vec<IpAddr>, Duration)>>,
    gate: Option<(Notify, Notify)>,
    broken: bool,
}

impl AllowSet for Arc<Doors> {
    async fn admit(&self, addresses: &[IpAddr], hold: Duration) -> Result<(), NotAdmitted> {
        if let Some((entered, open)) = &self.gate {
            entered.notify_one();
            open.notified().await;
        }
        if self.broken {
            return Err(NotAdmitted);
        }
        self.opened.lock().unwrap().push((addresses.to_vec(), hold));
        Ok(())
    }
}

/// What `work` comes to, with the clock standing still.
///
/// A paused clock leaps to the next timer whenever nobody has anything to do, also while the kernel still has
/// a datagram on its way. So somebody always has: to look again.
async fn still<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        let looked = work.as_mut().poll(context);
        if looked.is_pending() {
            context.waker().wake_by_ref();
        }
        looked
    })
    .await
}

/// Waits until it holds, with the clock standing still.
async fn until(mut holds: impl FnMut() -> bool) {
    let looked = |_: &mut std::task::Context<'_>| {
        if holds() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    };
    still(poll_fn(looked)).await;
}

/// A running resolver and a client of it.
struct Lab {
    resolver: Arc<Resolver<Arc<Doors>>>,
    doors: Arc<Doors>,
    udp: SocketAddr,
    tcp: SocketAddr,
    client: UdpSocket,
    _tasks: JoinSet<()>,
}

async fn lab(upstreams: Vec<SocketAddr>, doors: Doors) -> Lab {
    let doors = Arc::new(doors);
    let allow = AllowList::new(["pay.example", "*.bank.example", "captive.apple.com"]).unwrap();
    let config = Config {
        upstreams,
        allow,
        hold: Duration::from_secs(900),
    };
    let resolver = Resolver::new(config, Arc::clone(&doors));
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let (udp, tcp) = (socket.local_addr().unwrap(), listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&resolver).serve_tcp(listener));
    let serving = Arc::clone(&resolver).serve_udp(socket);
    tasks.spawn(async move { serving.await.unwrap() });
    let client = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    client.connect(udp).await.unwrap();
    Lab {
        resolver,
        doors,
        udp,
        tcp,
        client,
        _tasks: tasks,
    }
}

impl Lab {
    async fn ask(&self, name: &str) -> Vec<u8> {
        self.client.send(&question(0x1234, name)).await.unwrap();
        self.hear().await
    }

    async fn hear(&self) -> Vec<u8> {
        let mut buffer = vec![0; 4_096];
        let length = still(self.client.recv(&mut buffer)).await.unwrap();
        buffer.truncate(length);
        buffer
    }

    fn opened(&self) -> Vec<IpAddr> {
        self.doors
            .opened
            .lock()
            .unwrap()
            .iter()
            .flat_map(|(addresses, _)| addresses.clone())
            .collect()
    }
}

fn question(id: u16, name: &str) -> Vec<u8> {
    let mut octets = id.to_be_bytes().to_vec();
    octets.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label.as_bytes());
    }
    octets.extend([0, 0, 1, 0, 1]);
    octets
}

/// The reply to `question`: `copies` times [`ADDRESS`].
fn reply(question: &[u8], copies: u8) -> Vec<u8> {
    let mut octets = question.to_vec();
    octets[2..4].copy_from_slice(&[0x81, 0x80]);
    octets[7] = copies;
    for _ in 0..copies {
        octets.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4]);
        octets.extend(ADDRESS);
    }
    octets
}

fn code(reply: &[u8]) -> u8 {
    reply[3] & 0x0f
}

/// An upstream that answers each question with what `answers` makes of it.
async fn upstream(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for answer in answers(&buffer[..length]) {
                drop(socket.send_to(&answer, from).await);
            }
        }
    });
    address
}

async fn honest() -> SocketAddr {
    upstream(|question| vec![reply(question, 1)]).await
}

#[tokio::test(start_paused = true)]
async fn an_allowed_name_is_open_before_its_reply_goes_out() {
    let doors = Doors {
        gate: Some((Notify::new(), Notify::new())),
        ..Doors::default()
    };
    let lab = lab(vec![honest().await], doors).await;
    lab.client.send(&question(1, "pay.example")).await.unwrap();
    let (entered, open) = lab.doors.gate.as_ref().unwrap();
    still(entered.notified()).await;
    // Other questions are answered meanwhile, this one is not.
    let other = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    other
        .send_to(&question(2, "other.example"), lab.udp)
        .await
        .unwrap();
    let mut buffer = [0; 512];
    still(other.recv(&mut buffer)).await.unwrap();
    assert!(
        lab.client.try_recv(&mut buffer).is_err(),
        "the reply overtook the opening"
    );
    open.notify_one();
    let reply = lab.hear().await;
    assert!(reply.ends_with(&ADDRESS));
    assert_eq!(lab.opened(), [IpAddr::from(ADDRESS)]);
    assert_eq!(
        lab.doors.opened.lock().unwrap()[0].1,
        Duration::from_secs(900)
    );
}

#[tokio::test(start_paused = true)]
async fn every_answer_opens_anew_and_only_allowed_names_do() {
    let lab = lab(vec![honest().await], Doors::default()).await;
    for (name, opened) in [
        ("other.example", 0),
        ("bank.example", 0),
        ("www.bank.example", 1),
        ("www.bank.example", 2),
        ("captive.apple.com", 2),
        ("PAY.example", 3),
    ] {
        assert!(lab.ask(name).await.ends_with(&ADDRESS), "{name}");
        assert_eq!(lab.opened().len(), opened, "{name}");
    }
    assert_eq!(
        (
            lab.resolver.count(Outcome::Admitted),
            lab.resolver.count(Outcome::Answered)
        ),
        (3, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_that_cannot_be_opened_is_not_told() {
    let lab = lab(
        vec![honest().await],
        Doors {
            broken: true,
            ..Doors::default()
        },
    )
    .await;
    let reply = lab.ask("pay.example").await;
    assert_eq!((code(&reply), &reply[..2]), (2, &[0x12, 0x34][..]));
    assert!(!reply.ends_with(&ADDRESS));
    assert_eq!(lab.resolver.count(Outcome::NotAdmitted), 1);
}

#[tokio::test(start_paused = true)]
async fn ttls_are_clamped_and_data_is_the_upstreams() {
    let lab = lab(vec![honest().await], Doors::default()).await;
    let asked = question(0x1234, "other.example");
    let mut expected = reply(&asked, 1);
    let ttl = expected.len() - 10;
    expected[ttl..ttl + 4].copy_from_slice(&60_u32.to_be_bytes());
    assert_eq!(lab.ask("other.example").await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_forged_reply_is_skipped() {
    let liar = upstream(|question| {
        let mut wrong_id = reply(question, 1);
        wrong_id[0] ^= 1;
        let mut wrong_name = reply(question, 1);
        wrong_name[13] ^= 1;
        let mut no_reply = reply(question, 1);
        no_reply[2] &= 0x7f;
        let lies = [wrong_id, wrong_name, no_reply, vec![], vec![0; 11]];
        lies.into_iter().chain([reply(question, 2)]).collect()
    });
    let lab = lab(vec![liar.await], Doors::default()).await;
    assert_eq!(lab.ask("pay.example").await[7], 2);
    assert_eq!(lab.opened().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn identifiers_and_ports_differ_from_question_to_question() {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    let remember = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            remember
                .lock()
                .unwrap()
                .insert((from.port(), [buffer[0], buffer[1]]));
            drop(socket.send_to(&reply(&buffer[..length], 1), from).await);
        }
    });
    let lab = lab(vec![address], Doors::default()).await;
    for _ in 0..32 {
        lab.ask("other.example").await;
    }
    let seen = seen.lock().unwrap();
    let ports: HashSet<_> = seen.iter().map(|(port, _)| port).collect();
    let ids: HashSet<_> = seen.iter().map(|(_, id)| id).collect();
    // The client's identifier is always the same: it did not go upstream.
    assert!(
        ports.len() > 16 && ids.len() > 28,
        "{} ports, {} identifiers",
        ports.len(),
        ids.len()
    );
}

/// A port that refuses every datagram for as long as the socket is kept: what is connected takes from its
/// peer alone, and this one is its own.
async fn closed() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((LOOPBACK, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    socket.connect(address).await.unwrap();
    (socket, address)
}

#[tokio::test(start_paused = true)]
async fn the_next_upstream_is_asked_when_one_refuses_or_is_silent() {
    let asked = Arc::new(Notify::new());
    let told = Arc::clone(&asked);
    let silent = upstream(move |_| {
        told.notify_one();
        vec![]
    })
    .await;
    let (_kept, closed) = closed().await;
    let lab = lab(vec![closed, silent, honest().await], Doors::default()).await;
    let question = question(0x1234, "other.example");
    lab.client.send(&question).await.unwrap();
    still(asked.notified()).await;
    tokio::time::advance(upstream::ATTEMPT_WAIT).await;
    assert!(lab.hear().await.ends_with(&ADDRESS));
}

#[tokio::test(start_paused = true)]
async fn without_an_upstream_the_client_is_told_at_once() {
    let (_kept, closed) = closed().await;
    let lab = lab(vec![closed], Doors::default()).await;
    assert_eq!(code(&lab.ask("other.example").await), 2);
    assert_eq!(lab.resolver.count(Outcome::NoAnswer), 1);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_is_refused_and_nonsense_dropped() {
    let lab = lab(vec![honest().await], Doors::default()).await;
    for nonsense in [&b""[..], b"x", &[0xff; 40], &[0; 1_400]] {
        lab.client.send(nonsense).await.unwrap();
    }
    let mut transfer = question(0x1234, "other.example");
    let kind = transfer.len() - 3;
    transfer[kind] = 252;
    lab.client.send(&transfer).await.unwrap();
    // Answers keep their order here: nothing came for the nonsense.
    assert_eq!(code(&lab.hear().await), 5);
    assert_eq!(
        (
            lab.resolver.count(Outcome::Malformed),
            lab.resolver.count(Outcome::Refused)
        ),
        (4, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_asks_too_much_is_dropped_and_others_are_answered() {
    let lab = lab(vec![upstream(|_| vec![]).await], Doors::default()).await;
    for n in 0..100 {
        lab.client.send(&question(n, "slow.example")).await.unwrap();
        // The resolver takes them one by one; its buffer must not be the limit.
        tokio::task::yield_now().await;
    }
    let taken = || DATAGRAMS_AT_ONCE_MAX - lab.resolver.datagrams.available_permits();
    let dropped = || lab.resolver.count(Outcome::SourceLimit);
    until(|| taken() + usize::try_from(dropped()).unwrap() == 100).await;
    // 32 of one source wait at once.
    assert_eq!((taken(), dropped()), (32, 68));
    // Two sources may share a slot, and with it the limits.
    let slot = |last| {
        lab.resolver
            .sources
            .slot(Ipv4Addr::new(127, 0, 0, last).into())
    };
    let apart = (2..).find(|last| slot(*last) != slot(1)).unwrap();
    let other = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, apart), 0)).await;
    let other = other.unwrap();
    let mut transfer = question(1, "other.example");
    let kind = transfer.len() - 3;
    transfer[kind] = 252;
    other.send_to(&transfer, lab.udp).await.unwrap();
    let mut buffer = [0; 512];
    still(other.recv(&mut buffer)).await.unwrap();
    assert_eq!(code(&buffer), 5);
}

#[tokio::test(start_paused = true)]
async fn a_long_reply_comes_by_tcp_and_opens_its_addresses_too() {
    let (listener, udp) = loop {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        // Somebody else may have that port for datagrams.
        if let Ok(udp) = UdpSocket::bind(listener.local_addr().unwrap()).await {
            break (listener, udp);
        }
    };
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
            drop(udp.send_to(&reply(&buffer[..length], 60), from).await);
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let question = read_framed(&mut stream, 512).await.unwrap();
            write_framed(&mut stream, &reply(&question, 60))
                .await
                .unwrap();
        }
    });
    let lab = lab(vec![address], Doors::default()).await;
    let short = lab.ask("pay.example").await;
    assert_eq!(
        (short[2] & 2, short[7], short.len()),
        (2, 0, question(1, "pay.example").len())
    );
    let mut stream = still(TcpStream::connect(lab.tcp)).await.unwrap();
    for _ in 0..2 {
        write_framed(&mut stream, &question(0x1234, "pay.example"))
            .await
            .unwrap();
        let long = still(read_framed(&mut stream, 65_535)).await.unwrap();
        assert_eq!((long[7], long.len() > 900), (60, true));
    }
    assert!(!lab.opened().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_sends_nonsense_is_closed() {
    let lab = lab(vec![honest().await], Doors::default()).await;
    for nonsense in [&[0, 3, 1, 2, 3][..], &[0xff, 0xff]] {
        let mut stream = still(TcpStream::connect(lab.tcp)).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, nonsense)
            .await
            .unwrap();
        let mut rest = Vec::new();
        let read = still(stream.read_to_end(&mut rest)).await;
        assert!(read.is_err() || rest.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed_in_time() {
    let lab = lab(vec![honest().await], Doors::default()).await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(lab.tcp).await.unwrap();
    let mut rest = Vec::new();
    // The one timer that is set is the resolver's: this time the clock may leap.
    let read = stream.read_to_end(&mut rest).await;
    assert_eq!(begun.elapsed().as_secs(), CONNECTION_WAIT.as_secs());
    assert!(read.is_err() || rest.is_empty());
}
