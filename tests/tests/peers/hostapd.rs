//! hostapd as a switch with 802.1X, and wpa_supplicant on the subscriber's end of the cable.

use std::fs;
use std::time::Duration;

use garth_tests::Lab;
use garth_tests::clock::wait_for;
use garth_tests::garthd::SECRET;
use garth_tests::interop::{Exchange, Peer};
use garth_tests::network::PORTAL_NAME;
use garth_tests::process::Talker;
use garth_tests::radclient::Question;

use crate::{RIGHT, USER, WRONG, lab_with, live_and_stopped, with_eap};

/// The two ends of the cable.
const PORT: &str = "port0";
const CPE: &str = "cpe0";

/// Two devices: the switch answers one that was refused only a minute later.
const MISTAKEN: &str = "02:00:00:00:00:01";
const ENTITLED: &str = "02:00:00:00:00:02";

/// How long a record of the switch may take.
const RECORD_MAX: Duration = Duration::from_secs(10);

/// A lab with a cable from the home to a switch that takes Disconnect-Requests.
fn lab_with_cable() -> Lab {
    let lab = lab_with(|config| {
        let config = config.replace(
            "dialect = \"mikrotik\"\n",
            "dialect = \"generic\"\ndynamic_authorization = \"127.0.0.1:3799\"\n",
        );
        with_eap(&config, &["peap"])
    });
    let (router, home) = (&lab.network.router, &lab.network.home);
    let far = ["type", "veth", "peer", "name", CPE, "netns", home.name()];
    router
        .ip(&[&["link", "add", PORT], &far[..]].concat())
        .unwrap();
    router.ip(&["link", "set", PORT, "up"]).unwrap();
    home.ip(&["link", "set", CPE, "up"]).unwrap();
    lab
}

/// `secret` is that of Disconnect-Requests.
fn start_switch(lab: &Lab, secret: &str) -> Talker {
    let folder = lab.files.path("switch");
    fs::create_dir_all(&folder).unwrap();
    let config = format!(
        "interface={PORT}\ndriver=wired\nlogger_stdout=-1\nlogger_stdout_level=1\n\
         ieee8021x=1\neap_reauth_period=0\nuse_pae_group_addr=1\n\
         own_ip_addr=127.0.0.1\nnas_identifier=switch\n\
         auth_server_addr=127.0.0.1\nauth_server_port=1812\nauth_server_shared_secret={SECRET}\n\
         acct_server_addr=127.0.0.1\nacct_server_port=1813\nacct_server_shared_secret={SECRET}\n\
         radius_das_port=3799\nradius_das_client=127.0.0.1 {secret}\n\
         radius_das_require_event_timestamp=1\nradius_das_require_message_authenticator=1\n"
    );
    let path = folder.join("hostapd.conf");
    fs::write(&path, config).unwrap();
    let mut command = lab.network.router.command("hostapd");
    command.arg("-d").arg(&path);
    let name = format!("hostapd with {secret}");
    let mut switch = Talker::start(&name, &mut command, &folder).unwrap();
    switch.await_words("AP-ENABLED").unwrap();
    switch
}

/// The home's device with the address `calling_station_id` logs in.
fn plug_in(lab: &Lab, calling_station_id: &str, password: &str) -> Talker {
    let folder = lab.files.path("switch");
    let config = format!(
        "ap_scan=0\nnetwork={{\n\tkey_mgmt=IEEE8021X\n\teapol_flags=0\n\teap=PEAP\n\
         \tphase2=\"auth=MSCHAPV2\"\n\tca_cert=\"{authority}\"\n\tdomain_match=\"{PORTAL_NAME}\"\n\
         \tidentity=\"{USER}\"\n\tpassword=\"{password}\"\n}}\n",
        authority = lab.files.authority().display()
    );
    let name = format!("wpa_supplicant-{password}");
    let path = folder.join(format!("{name}.conf"));
    fs::write(&path, config).unwrap();
    let home = &lab.network.home;
    home.ip(&["link", "set", CPE, "address", calling_station_id])
        .unwrap();
    let mut command = home.command("wpa_supplicant");
    command.args(["-D", "wired", "-i", CPE, "-c"]).arg(&path);
    Talker::start(&name, &mut command, &folder).unwrap()
}

fn await_live_session(lab: &Lab) {
    let live = || (live_and_stopped(lab) == (1, 0)).then_some(());
    wait_for("a live session", RECORD_MAX, live).unwrap();
}

#[test]
fn n1_n10_a_port_opens_for_the_right_password_alone_and_closes_by_disconnect() {
    let lab = lab_with_cable();
    let mut switch = start_switch(&lab, SECRET);
    let mut wrong = plug_in(&lab, MISTAKEN, WRONG);
    wrong.await_words("CTRL-EVENT-EAP-FAILURE").unwrap();
    drop(wrong);
    assert_eq!(live_and_stopped(&lab), (0, 0));

    let mut right = plug_in(&lab, ENTITLED, RIGHT);
    right.await_words("CTRL-EVENT-EAP-SUCCESS").unwrap();
    switch
        .await_words(&format!("{ENTITLED} IEEE 802.1X: authorizing port"))
        .unwrap();
    await_live_session(&lab);

    let said = lab.garthctl.run(&["session", "disconnect", USER]).unwrap();
    assert!(said.trim_end().ends_with("ended"), "{said}");
    switch
        .await_words(&format!("AP-STA-DISCONNECTED {ENTITLED}"))
        .unwrap();
    let stopped = || (live_and_stopped(&lab).1 == 1).then_some(());
    wait_for("a session that has stopped", RECORD_MAX, stopped).unwrap();
    drop((right, switch));
    expects_another_secret(&lab);

    let peer = Peer::packaged("hostapd with wpa_supplicant", "hostapd").unwrap();
    for (spoken, right, wrong) in [
        ("EAP-PEAP/MSCHAPv2", "the port is open", "EAP-Failure"),
        ("accounting", "Start and Stop", "no session"),
        (
            "Disconnect with Event-Timestamp",
            "Disconnect-ACK, the port is closed",
            "silence",
        ),
    ] {
        Exchange {
            spoken,
            right,
            wrong,
        }
        .record(&peer)
        .unwrap();
    }
}

/// A switch that expects another secret, which has nothing to say to a Disconnect-Request of garthd.
fn expects_another_secret(lab: &Lab) {
    let mut switch = start_switch(lab, "another secret");
    let start = format!("Acct-Status-Type = Start\nAcct-Session-Id = \"1\"\nUser-Name = {USER}");
    let kept = lab.radius(Question::Accounting, &start).unwrap();
    assert!(kept.is("Accounting-Response"), "{}", kept.said);
    let mut command = lab.garthctl.command();
    command.args(["session", "disconnect", USER]);
    // Not waited for: garthd sends the request again before it gives up.
    let folder = lab.files.path("switch");
    let _garthctl = Talker::start("garthctl", &mut command, &folder).unwrap();
    switch
        .await_words("DAS: Invalid authenticator or Message-Authenticator")
        .unwrap();
    let replies = switch.said().matches("DAS: Reply").count();
    assert_eq!(replies, 0, "{}", switch.said());
    assert_eq!(live_and_stopped(lab), (1, 1));
}
