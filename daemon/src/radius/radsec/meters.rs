//! What RadSec counts: connections, packets, and why there were none.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub(crate) enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every one, in the order of the type.
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The label, in snake_case.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Its position in `ALL`.
            const fn index(self) -> usize {
                self as usize
            }
        }
    };
}

reasons! {
    /// Why a connection never became one of a NAS.
    Refused {
        /// There are as many handshakes as there may be.
        Handshakes = "too_many_handshakes",
        /// The same, from one source.
        HandshakesOfSource = "too_many_handshakes_of_source",
        /// There was no place left, and this one made way for another.
        MadeWay = "made_way",
        /// The handshake took too long.
        Slow = "slow_handshake",
        /// The client has no certificate.
        NoCertificate = "no_certificate",
        /// The client's certificate is expired, or not valid yet.
        Expired = "expired_certificate",
        /// The client's certificate is revoked.
        Revoked = "revoked_certificate",
        /// No revocation list that can be used says of the client's certificate, or of one above it, that it is not.
        RevocationUnknown = "revocation_unknown",
        /// The client's certificate is not of an authority we trust, or not fit for its use.
        Untrusted = "untrusted_certificate",
        /// There is no version of RADIUS that both speak (RFC 9765 section 3.3).
        NoVersion = "no_common_version",
        /// What came is no TLS, or not one we speak.
        Handshake = "no_tls",
        /// The certificate is that of no NAS.
        UnknownNas = "unknown_nas",
        /// The certificate is that of several NASes.
        AmbiguousNas = "ambiguous_nas",
        /// There are as many connections as there may be.
        Connections = "too_many_connections",
        /// The same, of one NAS.
        ConnectionsOfNas = "too_many_connections_of_nas",
    }
}

reasons! {
    /// Why a connection of a NAS is over.
    Ended {
        /// The NAS closed it.
        Closed = "closed",
        /// The network, or TLS, broke it.
        Broken = "broken",
        /// A Length field or an attribute does not fit: where the next packet begins is not to be trusted.
        Malformed = "malformed",
        /// A packet was signed with another secret than that of RFC 6614.
        BadSignature = "bad_signature",
        /// There was no packet for long.
        Idle = "idle",
        /// The NAS does not take its answers.
        SlowReader = "slow_reader",
        /// The certificate is no longer that of this NAS in the configuration.
        Removed = "removed",
        /// The certificate is no longer trusted: expired, revoked, or its authority is gone.
        Untrusted = "untrusted",
        /// The version of RADIUS is no longer spoken.
        OtherVersion = "other_version",
        /// The daemon stops.
        Stopping = "stopping",
    }
}

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    connections: AtomicU64,
    requests: AtomicU64,
    replies: AtomicU64,
    eap_dropped: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
    ended: [AtomicU64; Ended::ALL.len()],
}

impl Meters {
    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reply(&self) {
        self.replies.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn eap_dropped(&self) {
        self.eap_dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, reason: Refused) {
        self.refused[reason.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, reason: Ended) {
        self.ended[reason.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Every counter under its name.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (String, u64)> {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let packets = [
            ("connections", &self.connections),
            ("requests", &self.requests),
            ("replies", &self.replies),
            ("eap_dropped", &self.eap_dropped),
        ];
        let packets = packets.map(|(name, counter)| (format!("radsec_{name}"), read(counter)));
        let refused = Refused::ALL.iter().map(move |reason| {
            let name = format!("radsec_refused_{}", reason.as_str());
            (name, read(&self.refused[reason.index()]))
        });
        let ended = Ended::ALL.iter().map(move |reason| {
            let name = format!("radsec_ended_{}", reason.as_str());
            (name, read(&self.ended[reason.index()]))
        });
        packets.into_iter().chain(refused).chain(ended)
    }
}
