//! RADIUS/1.1 (RFC 9765): no packaged program speaks it yet. TLS is OpenSSL's, the octets are those of the second
//! reading of the standards in this crate.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};

use garth_tests::radsec::NAS_NAME;
use garth_tests::wire::{self, Request, attribute, code};

use super::record;
use super::world::World;

const PROTOCOL_ERROR: u8 = 52;
const MICROSOFT: u32 = 311;
const MS_CHAP_CHALLENGE: u8 = 11;
const MS_CHAP2_RESPONSE: u8 = 25;
const MS_MPPE_SEND_KEY: u8 = 16;

/// OpenSSL between us and garthd.
struct Stream(Child);

impl Stream {
    fn connect(world: &World) -> Self {
        let certificate = world.authority.issue(NAS_NAME, &[]).unwrap();
        let path = |name: &str| world.folder.path().join(name);
        fs::write(path("client.pem"), &certificate.certificate).unwrap();
        fs::write(path("client.key"), &certificate.key).unwrap();
        let mut command = world.lab.network.router.command("openssl");
        command
            .args(["s_client", "-quiet", "-verify_return_error"])
            .args(["-alpn", "radius/1.1", "-connect", "127.0.0.1:2083"])
            .arg("-CAfile")
            .arg(path("authority.pem"))
            .arg("-cert")
            .arg(path("client.pem"))
            .arg("-key")
            .arg(path("client.key"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// The answer to a request with that Token; it has nothing signed.
    fn ask(&mut self, token: u32, request: Request) -> Vec<u8> {
        let mut request = request;
        let header = [&token.to_be_bytes()[..], &[0; 12]].concat();
        request.authenticator = header.try_into().unwrap();
        let input = self.0.stdin.as_mut().unwrap();
        input.write_all(&request.octets()).unwrap();
        input.flush().unwrap();
        let output = self.0.stdout.as_mut().unwrap();
        let mut answer = vec![0; wire::HEADER_LEN];
        output.read_exact(&mut answer).unwrap();
        let length = usize::from(u16::from_be_bytes([answer[2], answer[3]]));
        answer.resize(length, 0);
        output.read_exact(&mut answer[wire::HEADER_LEN..]).unwrap();
        assert_eq!(wire::packet(&answer), Some(&answer[..]));
        assert_eq!(wire::authenticator(&answer), request.authenticator);
        assert_eq!(answer[1], 0);
        assert!(wire::values(&answer, attribute::MESSAGE_AUTHENTICATOR).is_empty());
        answer
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn access(name: &[u8]) -> Request {
    Request::new(code::ACCESS_REQUEST, 7).with(attribute::USER_NAME, name)
}

fn octets(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().map(|c| c.to_digit(16).unwrap()).collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap())
        .collect()
}

/// RFC 2759 section 9.2.
fn ms_chap_v2() -> Request {
    let response = octets(
        "070021402324255e262a28295f2b3a337c7e000000000000000082309ecd8d708b5ea08faa3981cd83544233114a3d85d6df",
    );
    access(b"User")
        .with_vendor(
            MICROSOFT,
            MS_CHAP_CHALLENGE,
            &octets("5b5d7c7d7b3f2f3e3c2c602132262628"),
        )
        .with_vendor(MICROSOFT, MS_CHAP2_RESPONSE, &response)
}

#[test]
fn n7_radius_1_1_over_the_tls_of_openssl_logs_in_and_accounts() {
    let world = World::start();
    let mut stream = Stream::connect(&world);
    let pap = |password: &[u8]| access(b"bruno").with(attribute::USER_PASSWORD, password);
    let challenged = |password: &[u8]| {
        let chap = access(b"bruno").with_chap(password);
        let challenge = chap.authenticator;
        chap.with(attribute::CHAP_CHALLENGE, &challenge)
    };
    let record_of = |status| {
        Request::new(code::ACCOUNTING_REQUEST, 7)
            .with_integer(attribute::ACCT_STATUS_TYPE, status)
            .with(attribute::ACCT_SESSION_ID, b"8120abcd")
            .with(attribute::USER_NAME, b"bruno")
    };
    let nonsense =
        Request::new(code::ACCOUNTING_REQUEST, 7).with(attribute::ACCT_SESSION_ID, b"8120abcd");
    for (token, (request, expected)) in (0xdead_be00..).zip([
        (pap(b"bird-cherry-8"), code::ACCESS_ACCEPT),
        (pap(b"bird-cherry-9"), code::ACCESS_REJECT),
        (challenged(b"bird-cherry-8"), code::ACCESS_ACCEPT),
        (challenged(b"bird-cherry-9"), code::ACCESS_REJECT),
        // There is no authenticator that could be the challenge.
        (
            access(b"bruno").with_chap(b"bird-cherry-8"),
            code::ACCESS_REJECT,
        ),
        (record_of(1), code::ACCOUNTING_RESPONSE),
        (nonsense, PROTOCOL_ERROR),
        (Request::new(code::STATUS_SERVER, 7), code::ACCESS_ACCEPT),
    ]) {
        let answer = stream.ask(token, request.clone());
        assert_eq!(answer[0], expected, "{request:?}");
    }
    let answer = stream.ask(1, ms_chap_v2());
    assert_eq!(answer[0], code::ACCESS_ACCEPT);
    // SendStartKey128 of RFC 3079 section 3.5.3, in the clear.
    let key = octets("8b7cdc149b993a1ba118cb153f56dccb");
    let header = [&MICROSOFT.to_be_bytes()[..], &[MS_MPPE_SEND_KEY, 18]].concat();
    let sent = [header, key].concat();
    let vendors = wire::values(&answer, attribute::VENDOR_SPECIFIC);
    assert!(vendors.contains(&&sent[..]), "{vendors:02x?}");
    assert_eq!(world.lab.sessions("bruno").unwrap().len(), 1);
    assert_eq!(world.counted("radsec_open_radius_1_1"), 1);
    record(
        ("OpenSSL, with packets of our own", "openssl"),
        "RADIUS/1.1: PAP, CHAP, MS-CHAP v2, accounting",
        "Access-Accept, Accounting-Response",
        "Access-Reject, Protocol-Error",
    );
}
