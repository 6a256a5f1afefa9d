//! A lab whose garthd speaks RadSec, and what a NAS needs to connect to it.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

use crate::Lab;
use crate::namespace::Namespace;
use crate::tls::{Authority, Certificate};

/// What the NAS's certificate says.
pub const NAS_NAME: &str = "olt.isp.example";
/// What garthd's says.
pub const SERVER_NAME: &str = "radsec.isp.example";
/// How long garthd may take for an answer, or for an end.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// garthd with RadSec on the router's loopback, the authority that it trusts, and the files of both.
pub struct RadsecLab {
    /// The lab, with the catalogue of all labs.
    pub lab: Lab,
    /// Who signs certificates.
    pub authority: Authority,
    /// `authority.pem`, `authority.key`, `server.pem`, `server.key`.
    pub folder: TempDir,
}

impl RadsecLab {
    /// A lab with a NAS `olt` known by [`NAS_NAME`]; `change` sees the folder and the configuration.
    ///
    /// # Errors
    ///
    /// See [`Lab::start`].
    pub fn start(change: impl FnOnce(&Path, String) -> String) -> Result<Self> {
        let folder = TempDir::with_prefix("garth-radsec-").context("a folder for certificates")?;
        let authority = Authority::create()?;
        let own: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let server = authority.issue(SERVER_NAME, &own)?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("server.pem"), &server.certificate)?;
        fs::write(path("server.key"), &server.key)?;
        fs::write(path("authority.pem"), authority.certificate())?;
        fs::write(path("authority.key"), authority.key())?;
        let section = format!(
            "[radsec]\nlisten = [\"127.0.0.1:2083\", \"[::1]:2083\"]\ncertificate_file = \"{}\"\n\
             key_file = \"{}\"\nclient_ca_file = \"{}\"\n\n[[nas]]\nname = \"olt\"\n\
             certificate = \"{NAS_NAME}\"\ndialect = \"mikrotik\"\n\n[garden]\n",
            path("server.pem"),
            path("server.key"),
            path("authority.pem"),
        );
        let lab = Lab::start_with(|config| {
            change(folder.path(), config.replace("[garden]\n", &section))
        })?;
        lab.apply_plans()?;
        Ok(Self {
            lab,
            authority,
            folder,
        })
    }

    /// A NAS that can connect, again and again.
    ///
    /// # Errors
    ///
    /// When there is no certificate.
    pub fn nas(&self, alpn: &[&[u8]]) -> Result<Nas<'_>> {
        let Certificate { certificate, key } = self.authority.issue(NAS_NAME, &[])?;
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes())?];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let mut roots = RootCertStore::empty();
        let authority = self.authority.certificate();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Nas {
            router: &self.lab.network.router,
            config: Arc::new(config),
        })
    }
}

/// A NAS with its certificate.
pub struct Nas<'a> {
    router: &'a Namespace,
    config: Arc<ClientConfig>,
}

impl Nas<'_> {
    /// Sends `stream` on a connection of its own and returns all that garthd answers until it ends the connection.
    /// With `ends` garthd has to end it of itself; else it is told that there will be no more.
    ///
    /// # Errors
    ///
    /// When there is no connection, or garthd does not end it in time.
    pub fn exchange(&self, stream: &[u8], ends: bool) -> Result<Vec<u8>> {
        let name = ServerName::try_from(SERVER_NAME).context("a name")?;
        let tls = ClientConnection::new(Arc::clone(&self.config), name)?;
        let socket = self
            .router
            .enter(|| TcpStream::connect((Ipv4Addr::LOCALHOST, 2083)))?
            .context("connecting")?;
        socket.set_nodelay(true).context("sending at once")?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        let mut tls = StreamOwned::new(tls, socket);
        while tls.conn.is_handshaking() {
            tls.conn
                .complete_io(&mut tls.sock)
                .context("shaking hands")?;
        }
        // garthd may end the connection before it has read all.
        let sent = tls.write_all(stream).and_then(|()| tls.flush());
        if sent.is_ok() && !ends {
            tls.conn.send_close_notify();
            drop(tls.flush());
        }
        let mut answers = Vec::new();
        match tls.read_to_end(&mut answers) {
            Ok(_) => Ok(answers),
            // What it has not read makes its end a reset.
            Err(error) if gone(error.kind()) => Ok(answers),
            Err(error) => Err(error).context("garthd does not end the connection"),
        }
    }
}

fn gone(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof
    )
}
