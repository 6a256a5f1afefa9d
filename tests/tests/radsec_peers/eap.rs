//! EAP and MS-CHAPv2 through radsecproxy: it takes the keys out of their hiding and hides them anew for its NAS.

use garth_tests::eapol::Login;
use garth_tests::radsec::NAS_NAME;

use super::record;
use super::world::World;

/// What wpa_supplicant is told so that it speaks TLS 1.2, and 1.3.
const TLS: [(&str, &str); 2] = [
    ("1.2", "tls_disable_tlsv1_3=1"),
    (
        "1.3",
        "tls_disable_tlsv1_0=1 tls_disable_tlsv1_1=1 tls_disable_tlsv1_2=1 tls_disable_tlsv1_3=0",
    ),
];
/// Outside, where the name is readable.
const OUTSIDE: &str = "anonymous_identity=\"anonymous\"";

fn with_eap() -> World {
    World::start_with(|folder, config| {
        let path = |name: &str| folder.join(name).display().to_string();
        config
            + &format!(
                "\n[eap]\ncertificate_file = \"{}\"\nkey_file = \"{}\"\nclient_ca_file = \"{}\"\n",
                path("server.pem"),
                path("server.key"),
                path("authority.pem"),
            )
    })
}

fn login(world: &World, method: &str, phase2: &str, tls: &str, password: &str) -> Login {
    let authority = world.folder.path().join("authority.pem");
    world.eap(&format!(
        "eap={method}\n{OUTSIDE}\nidentity=\"bruno\"\npassword=\"{password}\"\nphase1=\"{tls}\"\n\
         phase2=\"{phase2}\"\nca_cert=\"{}\"",
        authority.display()
    ))
}

#[test]
fn n7_eap_in_tunnels_through_a_proxy_gives_the_same_keys() {
    let world = with_eap();
    let certificate = world.authority.issue(NAS_NAME, &[]).unwrap();
    let _proxy = world.proxy(&certificate, "127.0.0.1");
    for (version, tls) in TLS {
        for (method, phase2) in [
            ("PEAP", "auth=MSCHAPV2"),
            ("TTLS", "auth=PAP"),
            ("TTLS", "auth=MSCHAPV2"),
        ] {
            let right = login(&world, method, phase2, tls, "bird-cherry-8");
            assert!(
                right.accepted && right.keys_match,
                "{}\n{}",
                right.said,
                world.proxy_log()
            );
            let wrong = login(&world, method, phase2, tls, "bird-cherry-9");
            assert!(wrong.rejected && !wrong.accepted, "{}", wrong.said);
            let inner = phase2
                .trim_start_matches("auth=")
                .replace("MSCHAPV2", "MSCHAPv2");
            record(
                ("eapol_test through radsecproxy", "eapoltest"),
                &format!("RADIUS over TLS: EAP-{method}/{inner} over TLS {version}"),
                "Access-Accept and the same keys",
                "Access-Reject",
            );
        }
    }
    assert_eq!(world.counted("radsec_connections"), 1);
}

/// RFC 2759 section 9.2: radclient makes no MS-CHAPv2 of a password, so what it sends is the standard's own.
#[test]
fn n7_ms_chap_v2_through_a_proxy_is_accepted_with_its_keys() {
    let world = World::start();
    let certificate = world.authority.issue(NAS_NAME, &[]).unwrap();
    let _proxy = world.proxy(&certificate, "127.0.0.1");
    let right = "User-Name = User\nMS-CHAP-Challenge = 0x5b5d7c7d7b3f2f3e3c2c602132262628\n\
                 MS-CHAP2-Response = 0x070021402324255e262a28295f2b3a337c7e000000000000000082309ecd8d708b5ea08f\
                 aa3981cd83544233114a3d85d6df\nMessage-Authenticator = 0x00\n";
    let said = world.radclient("auth", 1, right);
    assert!(
        said.contains("Received Access-Accept"),
        "{said}\n{}",
        world.proxy_log()
    );
    // "S=" and the authenticator response, behind the identifier.
    let success = "MS-CHAP2-Success = 0x07533d34303741353538393131354644304436323039463531304645394330343536363933324344413536";
    assert!(said.contains(success), "{said}");
    // Of the same section, and of RFC 3079 section 3.5.3 for keys of 128 bits: radclient takes them out of their hiding.
    assert!(
        said.contains("MS-MPPE-Send-Key = 0x8b7cdc149b993a1ba118cb153f56dccb"),
        "{said}"
    );
    let wrong = right.replace("d85d6df", "d85d6de");
    let said = world.radclient("auth", 1, &wrong);
    assert!(said.contains("Received Access-Reject"), "{said}");
    record(
        ("radclient through radsecproxy", "freeradius-utils"),
        "RADIUS over TLS: MS-CHAP v2",
        "Access-Accept and its keys",
        "Access-Reject",
    );
}
