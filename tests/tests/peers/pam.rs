//! A program that asks PAM, and PAM that asks Garth: pamtester with pam_radius_auth.

use garth_tests::Lab;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::process::{Told, tell};

use crate::{RIGHT, USER, WORD, WRONG, lab_for_unsigned, live_and_stopped};

/// The name of the service in /etc/pam.d, which is the namespace's own.
const SERVICE: &str = "garth-lab";

/// Tells PAM to ask garthd, at both of its ports.
fn point_pam_to_garthd(lab: &Lab) {
    let servers = lab.files.path("pam_radius_auth.conf");
    std::fs::write(&servers, format!("127.0.0.1 {WORD} 3\n")).unwrap();
    let module = format!("pam_radius_auth.so conf={} retry=0", servers.display());
    let service: String = ["auth", "account", "session"]
        .map(|kind| format!("{kind} required {module}\n"))
        .concat();
    let path = format!("pam.d/{SERVICE}");
    lab.network.router.etc_file(&path, &service).unwrap();
}

fn pamtester(lab: &Lab, operations: &[&str], password: &str) -> Told {
    let mut command = lab.network.router.command("pamtester");
    command.args([SERVICE, USER]).args(operations);
    tell(&mut command, &format!("{password}\n")).unwrap()
}

#[test]
fn n1_n2_pam_lets_in_and_accounts_for_the_right_password_alone() {
    let lab = lab_for_unsigned();
    point_pam_to_garthd(&lab);
    let login = ["authenticate", "open_session", "close_session"];

    let wrong = pamtester(&lab, &login, WRONG);
    assert_eq!(wrong.exit, Some(1), "{}", wrong.said);
    assert!(wrong.said.contains("Authentication failure"));
    assert_eq!(live_and_stopped(&lab), (0, 0));

    let right = pamtester(&lab, &login[..2], RIGHT);
    assert_eq!(right.exit, Some(0), "{}", right.said);
    assert!(right.said.contains("successfully authenticated"));
    assert_eq!(live_and_stopped(&lab), (1, 0));
    let right = pamtester(&lab, &login, RIGHT);
    assert_eq!(right.exit, Some(0), "{}", right.said);
    // Session identifiers of the module are its process ids: these are two.
    assert_eq!(live_and_stopped(&lab), (1, 1));

    let peer = Peer::packaged("pam_radius_auth", "libpam-radius-auth").unwrap();
    Exchange {
        spoken: "PAP and accounting, unsigned",
        right: "PAM_SUCCESS",
        wrong: "PAM_AUTH_ERR",
    }
    .record(&peer)
    .unwrap();
}
