//! A partner is dismissed, a device is lost: its certificate is in the list that OpenSSL makes.

use std::fs;
use std::path::Path;
use std::process::Command;

use garth_tests::clock::wait_for;
use garth_tests::eapol;
use garth_tests::process::output;
use garth_tests::radsec::NAS_NAME;

use super::record;
use super::world::{LONG, World};

/// `openssl ca` of the lab's authority.
fn openssl_ca(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("openssl");
    command
        .current_dir(folder)
        .args(["ca", "-config", "ca.cnf", "-keyfile", "authority.key"])
        .args(["-cert", "authority.pem"])
        .args(arguments);
    let said = output(&mut command).unwrap();
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{arguments:?}: {words}");
}

fn make_list(folder: &Path) {
    openssl_ca(folder, &["-gencrl", "-out", "clients.crl"]);
}

/// The same, out of date a second later.
fn make_short_list(folder: &Path) {
    let for_a_second = ["-gencrl", "-crlsec", "1", "-out", "clients.crl"];
    openssl_ca(folder, &for_a_second);
}

fn begin_lists(folder: &Path) {
    let config = "[ca]\ndefault_ca = lab\n[lab]\ndatabase = index.txt\ncrlnumber = crlnumber\n\
                  default_md = sha256\ndefault_crl_days = 30\n";
    for (name, text) in [("ca.cnf", config), ("index.txt", ""), ("crlnumber", "01\n")] {
        fs::write(folder.join(name), text).unwrap();
    }
    make_list(folder);
}

#[test]
fn n7_proxy_whose_certificate_is_revoked_is_cut_and_stays_out() {
    let world = World::start_with(|folder, config| {
        begin_lists(folder);
        let path = folder.join("clients.crl");
        let line = format!("[radsec]\nclient_crl_files = [\"{}\"]\n", path.display());
        config.replace("[radsec]\n", &line)
    });
    let folder = world.folder.path();
    let certificate = world.authority.issue(NAS_NAME, &[]).unwrap();
    let proxy = world.proxy(&certificate, "127.0.0.1");
    let login = "User-Name = bruno\nUser-Password = bird-cherry-8\nMessage-Authenticator = 0x00\n";
    let said = world.radclient("auth", 1, login);
    assert!(
        said.contains("Received Access-Accept"),
        "{said}\n{}",
        world.proxy_log()
    );
    openssl_ca(folder, &["-revoke", "client.pem"]);
    make_list(folder);
    world.lab.garthd.reload().unwrap();
    let counted = |counter| {
        wait_for(counter, LONG, || (world.counted(counter) > 0).then_some(()))
            .unwrap_or_else(|error| panic!("{error}\n{}", world.proxy_log()));
    };
    counted("radsec_ended_untrusted");
    // It would try again after half a minute; a new one does at once.
    drop(proxy);
    let _proxy = world.proxy(&certificate, "127.0.0.1");
    counted("radsec_refused_revoked_certificate");
    // A list that nobody has made anew is an alarm, and counts.
    make_short_list(folder);
    world.lab.garthd.reload().unwrap();
    wait_for("an alarm", LONG, || {
        let status = world.lab.garthctl.json(&["status"]).unwrap().to_string();
        status
            .contains("clients.crl is out of date since")
            .then_some(())
    })
    .unwrap();
    assert!(world.is_silent("auth", login));
    assert_eq!(world.counted("radsec_connections"), 1);
    record(
        ("radsecproxy, and OpenSSL's list", "radsecproxy"),
        "RADIUS over TLS: its certificate is revoked",
        "connected",
        "cut, and refused",
    );
}

/// Over UDP: the lists of `[eap]` are its own.
#[test]
fn n1_eap_tls_with_a_revoked_certificate_is_rejected_and_others_are_not() {
    let world = World::start_with(|folder, config| {
        begin_lists(folder);
        let path = |name: &str| folder.join(name).display().to_string();
        let section = format!(
            "\n[eap]\ncertificate_file = \"{}\"\nkey_file = \"{}\"\nclient_ca_file = \"{}\"\n\
             client_crl_files = [\"{}\"]\n",
            path("server.pem"),
            path("server.key"),
            path("authority.pem"),
            path("clients.crl"),
        );
        config + &section
    });
    let path = |name: &str| world.folder.path().join(name);
    for name in ["bruno", "User"] {
        let issued = world.authority.issue(name, &[]).unwrap();
        fs::write(path(&format!("{name}.pem")), &issued.certificate).unwrap();
        fs::write(path(&format!("{name}.key")), &issued.key).unwrap();
    }
    let login = |name: &str| {
        let network = format!(
            "eap=TLS\nidentity=\"somebody\"\nca_cert=\"{}\"\nclient_cert=\"{}\"\nprivate_key=\"{}\"",
            path("authority.pem").display(),
            path(&format!("{name}.pem")).display(),
            path(&format!("{name}.key")).display(),
        );
        eapol::login(
            &world.lab.network.router,
            &path("peer.conf"),
            &network,
            true,
        )
        .unwrap()
    };
    for name in ["bruno", "User"] {
        let login = login(name);
        assert!(login.accepted && login.keys_match, "{}", login.said);
    }
    openssl_ca(world.folder.path(), &["-revoke", "bruno.pem"]);
    make_list(world.folder.path());
    world.lab.garthd.reload().unwrap();
    wait_for("the list", LONG, || login("bruno").rejected.then_some(())).unwrap();
    let kept = login("User");
    assert!(kept.accepted && kept.keys_match, "{}", kept.said);
    record(
        ("eapol_test, and OpenSSL's list", "eapoltest"),
        "EAP-TLS: its certificate is revoked",
        "Access-Accept and the same keys",
        "Access-Reject",
    );
}
