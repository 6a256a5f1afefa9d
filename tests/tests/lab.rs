//! The lab itself: without garthd in the way, everything is reachable. What later tests see refused is
//! therefore refused by Garth.

use std::net::IpAddr;
use std::path::Path;

use garth_tests::curl::Curl;
use garth_tests::network::{
    Family, HOSTS, Network, PORTAL_NAME, WEB_NAME, WEB_V4, WEB_V6, host_address,
};
use garth_tests::tls::Authority;
use garth_tests::{curl, internet};
use tempfile::TempDir;

#[test]
fn every_subscriber_reaches_the_internet_without_garthd() {
    let folder = TempDir::new().unwrap();
    let network = Network::create().unwrap();
    let authority = Authority::create().unwrap();
    let trusted = folder.path().join("authority.pem");
    std::fs::write(&trusted, authority.certificate()).unwrap();
    let addresses: [IpAddr; 2] = [WEB_V4.into(), WEB_V6.into()];
    internet::start(
        &network.internet,
        &authority.issue(WEB_NAME, &addresses).unwrap(),
    )
    .unwrap();

    for family in [Family::V4, Family::V6] {
        for host in HOSTS {
            let source = host_address(host, family);
            let curl = Curl::new(&network.home, source, trusted.clone()).unwrap();
            for scheme in ["http", "https"] {
                let answer = curl.get(&format!("{scheme}://{WEB_NAME}/")).unwrap();
                assert_eq!(answer.exit, 0, "{scheme} from {source}: {answer:?}");
                assert_eq!(answer.body, internet::GREETING);
            }
        }
    }
    let first = Curl::new(&network.home, host_address(HOSTS[0], Family::V4), trusted).unwrap();
    let nobody = first.get(&format!("https://{PORTAL_NAME}:8443/")).unwrap();
    assert_eq!(nobody.exit, curl::REFUSED, "nobody listens on the router");
}

#[test]
fn namespaces_are_gone_after_the_lab() {
    let network = Network::create().unwrap();
    let names = [&network.home, &network.router, &network.internet]
        .map(|namespace| namespace.name().to_owned());
    for name in &names {
        assert!(Path::new("/run/netns").join(name).exists());
    }
    drop(network);
    for name in &names {
        assert!(!Path::new("/run/netns").join(name).exists());
        assert!(!Path::new("/etc/netns").join(name).exists());
    }
}
