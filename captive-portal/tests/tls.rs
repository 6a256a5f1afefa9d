//! The portal over TLS.

#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests too")]

#[expect(dead_code, reason = "shared with the other tests")]
mod fake;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use fake::{Fake, now};
use garth_captive_portal::limits::Limits;
use garth_captive_portal::{Https, Listeners, Portal, PortalConfig, Services};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const NAME: &str = "portal.example";

fn certificate() -> (CertificateDer<'static>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    (certificate, Arc::new(config))
}

/// Far longer than a machine stalls.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longer than any test is let run.
const NEVER: Duration = Duration::from_secs(3_600);

async fn start(tls: &Arc<ArcSwap<ServerConfig>>, handshake_timeout: Duration) -> SocketAddr {
    let url = format!("https://{NAME}/").parse().unwrap();
    let mut config = PortalConfig::new(url, "Alpennetz", "UTC".parse().unwrap());
    config.limits = Limits {
        header_timeout: NEVER,
        handshake_timeout,
        connection_timeout: NEVER,
        ..Limits::default()
    };
    let fake = Arc::new(Fake::default());
    let portal = Portal::new(config, Services::of(&fake), Arc::new(now)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let https = Some(Https {
        listeners: vec![listener],
        tls: Arc::clone(tls),
    });
    let listeners = Listeners {
        http: vec![],
        https,
    };
    tokio::spawn(portal.serve(listeners, std::future::pending()));
    address
}

/// The answer to `request` over TLS, if the server shows that certificate.
async fn ask(
    address: SocketAddr,
    certificate: &CertificateDer<'static>,
    request: &str,
) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(NAME).unwrap();
    let mut stream = TlsConnector::from(Arc::new(client))
        .connect(name, stream)
        .await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer).await);
    Ok(answer)
}

#[tokio::test]
async fn a_login_over_tls_sets_a_cookie_for_tls_and_this_host_alone() {
    let (certificate, config) = certificate();
    let address = start(&Arc::new(ArcSwap::new(config)), NEVER).await;
    let get = "GET / HTTP/1.1\r\nhost: portal.example\r\nconnection: close\r\n\r\n";
    let page = ask(address, &certificate, get).await.unwrap();
    let (_, token) = page.split_once("name=\"token\" value=\"").unwrap();
    let token = token.split('"').next().unwrap();
    let form = format!("token={token}&user=alice&password=tulip%26rose");
    let post = format!(
        "POST /login HTTP/1.1\r\nhost: portal.example\r\norigin: https://portal.example\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = ask(address, &certificate, &post).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    assert!(answer.contains("set-cookie: __Host-garth="), "{answer}");
    assert!(
        answer.contains("; HttpOnly; SameSite=Lax; Secure\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_new_certificate_holds_for_the_next_connection() {
    let (old, config) = certificate();
    let tls = Arc::new(ArcSwap::new(config));
    let address = start(&tls, NEVER).await;
    let get = "GET / HTTP/1.1\r\nhost: portal.example\r\nconnection: close\r\n\r\n";
    assert!(ask(address, &old, get).await.is_ok());
    let (new, config) = certificate();
    tls.store(config);
    assert!(ask(address, &old, get).await.is_err());
    assert!(ask(address, &new, get).await.is_ok());
}

#[tokio::test]
async fn a_client_that_never_finishes_its_handshake_is_cut() {
    let (_, config) = certificate();
    let soon = Duration::from_millis(100);
    let address = start(&Arc::new(ArcSwap::new(config)), soon).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"\x16\x03\x01").await.unwrap();
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    let cut = tokio::time::timeout(PATIENCE, read).await;
    assert!(cut.is_ok());
    assert_eq!(rest, b"");
}
