//! The crate `radius` of crates.io, as a NAS that cannot sign; its program is in `tests/peers/radius-crate`.

use garth_tests::interop::{self, Exchange, Peer};
use garth_tests::process::run;

use crate::{RIGHT, USER, WORD, WRONG, answers, lab_for_unsigned, live_and_stopped};

/// As the program's Cargo.toml wants it.
const VERSION: &str = "0.4.0";

#[test]
fn n1_n2_the_crate_radius_logs_in_and_accounts_with_the_right_password_and_secret_alone() {
    let lab = lab_for_unsigned();
    let program = interop::installed("radius-crate").unwrap();
    let ask = |secret, password, questions: &[&str]| {
        let mut command = lab
            .network
            .router
            .command(program.join("bin/radius-crate-nas"));
        command.args([secret, USER, password]).args(questions);
        answers(&run(&mut command).unwrap(), questions)
    };
    let wrong = ask(WORD, WRONG, &["pap"]);
    assert_eq!(wrong, ["AccessReject"]);
    let lost = ask("another secret", RIGHT, &["start"]);
    assert_eq!(lost, ["silence"]);
    assert_eq!(live_and_stopped(&lab), (0, 0));
    let right = ask(WORD, RIGHT, &["pap", "start"]);
    assert_eq!(right, ["AccessAccept", "AccountingResponse"]);
    assert_eq!(live_and_stopped(&lab), (1, 0));
    assert_eq!(ask(WORD, RIGHT, &["stop"]), right[1..]);
    assert_eq!(live_and_stopped(&lab), (0, 1));

    for (spoken, right, wrong) in [
        ("PAP, unsigned", "Access-Accept", "Access-Reject"),
        ("accounting", "Accounting-Response", "silence"),
    ] {
        let exchange = Exchange {
            spoken,
            right,
            wrong,
        };
        exchange
            .record(&Peer::new("radius (crates.io)", VERSION))
            .unwrap();
    }
}
