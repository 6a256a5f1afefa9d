//! dapphp/radius, a NAS in PHP that speaks both versions of MS-CHAP.

use std::fs;
use std::path::Path;

use garth_tests::Lab;
use garth_tests::garthd::SECRET;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::process::run;

use crate::{RIGHT, USER, WRONG, answers, lab_with, with_eap};

/// MS-CHAP needs DES, which OpenSSL 3 has in a provider that is off where nobody asks for it.
const OPENSSL: &str = "openssl_conf = all\n[all]\nproviders = both\n[both]\ndefault = on\nlegacy = on\n\
                       [on]\nactivate = 1\n";

/// What the client calls a method, and what the page of peers does.
const METHODS: [(&str, &str); 5] = [
    ("pap", "PAP"),
    ("chap", "CHAP"),
    ("ms-chap-v1", "MS-CHAP v1"),
    ("ms-chap-v2", "MS-CHAP v2 with MS-CHAP2-Success"),
    ("eap-mschapv2", "EAP-MSCHAPv2"),
];

/// What came of each of [`METHODS`], in their order.
fn ask(lab: &Lab, password: &str) -> Vec<String> {
    let openssl = lab.files.path("openssl.cnf");
    fs::write(&openssl, OPENSSL).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/php_client.php");
    let mut command = lab.network.router.command("php");
    command
        .arg(script)
        .args([SECRET, USER, password])
        .args(METHODS.map(|(method, _)| method))
        .env("OPENSSL_CONF", openssl);
    answers(
        &run(&mut command).unwrap(),
        &METHODS.map(|(method, _)| method),
    )
}

#[test]
fn n1_a_nas_in_php_logs_in_with_each_method_and_the_right_password_alone() {
    let lab = lab_with(|config| with_eap(&config, &["mschapv2"]));
    let right = ask(&lab, RIGHT);
    assert_eq!(right, ["accepted"; METHODS.len()]);
    let wrong = ask(&lab, WRONG);
    let (eap, others) = wrong.split_last().unwrap();
    assert_eq!(others, ["Access rejected"; METHODS.len() - 1]);
    // What the client makes of E=691 in the EAP Failure packet (RFC 2759 section 6).
    assert_eq!(
        eap,
        "Authentication failure, username or password incorrect."
    );
    let peer = Peer::packaged("dapphp/radius", "php-dapphp-radius").unwrap();
    for (_, spoken) in METHODS {
        Exchange {
            spoken,
            right: "Access-Accept",
            wrong: "Access-Reject",
        }
        .record(&peer)
        .unwrap();
    }
}
