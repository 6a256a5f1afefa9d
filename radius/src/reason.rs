//! Why a packet was dropped or a subscriber rejected: metric label, log field and test assertion at once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::packet::{DecodeError, EncodeError};

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every one, in the order of the type.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The label, in snake_case.
            pub const fn as_str(self) -> &'static str {
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
    /// Why nothing was answered. The peer's fault, but for the last three.
    DropReason {
        /// The source address belongs to no NAS.
        UnknownNas = "unknown_nas",
        /// Shorter than a header.
        ShortDatagram = "short_datagram",
        /// The Length field does not fit.
        BadLength = "bad_length",
        /// An attribute does not fit.
        BadAttributeLength = "bad_attribute_length",
        /// A code this port does not answer.
        UnexpectedCode = "unexpected_code",
        /// There must be a Message-Authenticator and there is none.
        MissingMessageAuthenticator = "missing_message_authenticator",
        /// The Message-Authenticator is wrong, or there are two.
        BadMessageAuthenticator = "bad_message_authenticator",
        /// The Request Authenticator of an Accounting-Request is wrong.
        BadRequestAuthenticator = "bad_request_authenticator",
        /// An accounting attribute has an impossible length.
        BadAttribute = "bad_attribute",
        /// An accounting attribute that may appear once appears again.
        RepeatedAttribute = "repeated_attribute",
        /// An Accounting-Request without Acct-Status-Type.
        MissingStatusType = "missing_status_type",
        /// A record of a session that does not name it: RFC 2866 section 5.5 demands Acct-Session-Id.
        MissingSessionId = "missing_session_id",
        /// The reply with all Proxy-State does not fit 4096 octets.
        ReplyTooLong = "reply_too_long",
        /// An EAP response of a conversation that another worker has in its hands: the one before is being answered.
        EapDiscarded = "eap_discarded",
        /// The same request is being made durable right now: it will be answered then.
        Pending = "pending",
        /// The NAS has as many records waiting to become durable as its share allows.
        TooManyPending = "too_many_pending",
    }
}

reasons! {
    /// Why an Access-Request was answered with Access-Reject.
    RejectReason {
        /// The directory does not know the identity.
        UnknownUser = "unknown_user",
        /// PAP or CHAP with another password.
        WrongPassword = "wrong_password",
        /// The request proves nothing, or there is nothing on file to prove it by.
        NoCredential = "no_credential",
        /// More than one authentication method in one request.
        AmbiguousCredential = "ambiguous_credential",
        /// A method we do not speak, or that the settings do not allow.
        UnsupportedMethod = "unsupported_method",
        /// A method that what is on file cannot serve: CHAP or EAP-MD5 with an NT hash, MS-CHAP with a
        /// password that is not text.
        CredentialForm = "credential_form",
        /// The realm of the User-Name is one that the settings refuse.
        Realm = "realm",
        /// The subscription has as many live sessions as its plan allows.
        SessionLimit = "session_limit",
        /// An EAP packet that does not fit the conversation.
        EapProtocol = "eap_protocol",
        /// The State names no EAP conversation of this NAS: it took too long, or was never there.
        EapStateUnknown = "eap_state_unknown",
        /// The EAP peer wants none of the methods that the settings allow.
        EapMethodRefused = "eap_method_refused",
        /// The TLS handshake of an EAP method failed: the peer's certificate, its trust in ours, or its version.
        TlsFailed = "tls_failed",
        /// User-Name and Calling-Station-Id of a call-check are different MACs.
        StationMismatch = "station_mismatch",
        /// An attribute has an impossible length (RFC 2865 section 5 asks for a reject).
        BadAttribute = "bad_attribute",
        /// An attribute that may appear once appears again.
        RepeatedAttribute = "repeated_attribute",
        /// Known and proven, but there is no service: terminated, cancelled, or disabled by policy.
        NoService = "no_service",
    }
}

impl From<DecodeError> for DropReason {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::ShortDatagram { .. } => Self::ShortDatagram,
            DecodeError::BadLength { .. } => Self::BadLength,
            DecodeError::BadAttributeLength { .. } => Self::BadAttributeLength,
        }
    }
}

impl From<EncodeError> for DropReason {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Full { .. }
            | EncodeError::LongValue { .. }
            | EncodeError::TimeOutOfRange(_) => Self::ReplyTooLong,
        }
    }
}

/// What was answered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// Access-Accept with the plan.
    AcceptFull,
    /// Access-Accept into the garden.
    AcceptGarden,
    /// Access-Accept into the garden of somebody the directory does not know, by setting.
    AcceptUnknown,
    /// Access-Challenge: an EAP conversation goes on.
    Challenge,
    /// Access-Reject.
    Reject(RejectReason),
    /// The reply of before, to a retransmission.
    Duplicate,
    /// The answer to Status-Server.
    StatusServer,
}

impl Outcome {
    /// The label, in snake_case; every reject is `reject`, its reason a label of its own.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AcceptFull => "accept_full",
            Self::AcceptGarden => "accept_garden",
            Self::AcceptUnknown => "accept_unknown",
            Self::Challenge => "challenge",
            Self::Reject(_) => "reject",
            Self::Duplicate => "duplicate",
            Self::StatusServer => "status_server",
        }
    }
}

/// What one worker has counted since it was made. Read from any thread, written by one.
#[derive(Debug, Default)]
pub struct Counters {
    accept_full: AtomicU64,
    accept_garden: AtomicU64,
    accept_unknown: AtomicU64,
    challenge: AtomicU64,
    duplicate: AtomicU64,
    status_server: AtomicU64,
    rejected: [AtomicU64; RejectReason::ALL.len()],
    dropped: [AtomicU64; DropReason::ALL.len()],
    committed: AtomicU64,
    abandoned: AtomicU64,
}

impl Counters {
    /// How often this was answered.
    pub fn answered(&self, outcome: Outcome) -> u64 {
        self.slot(outcome).load(Ordering::Relaxed)
    }

    /// How often this made us silent.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason.index()].load(Ordering::Relaxed)
    }

    /// Accounting records that became durable and were answered.
    pub fn committed(&self) -> u64 {
        self.committed.load(Ordering::Relaxed)
    }

    /// Accounting records that did not become durable; the NAS sends them again.
    pub fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    fn slot(&self, outcome: Outcome) -> &AtomicU64 {
        match outcome {
            Outcome::AcceptFull => &self.accept_full,
            Outcome::AcceptGarden => &self.accept_garden,
            Outcome::AcceptUnknown => &self.accept_unknown,
            Outcome::Challenge => &self.challenge,
            Outcome::Reject(reason) => &self.rejected[reason.index()],
            Outcome::Duplicate => &self.duplicate,
            Outcome::StatusServer => &self.status_server,
        }
    }

    pub(crate) fn count_answered(&self, outcome: Outcome) {
        self.slot(outcome).fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_dropped(&self, reason: DropReason) {
        self.dropped[reason.index()].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_committed(&self) {
        self.committed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_abandoned(&self) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn labels_are_distinct_and_positions_match() {
        let labels: HashSet<_> = DropReason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(labels.len(), DropReason::ALL.len());
        for (index, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
        let labels: HashSet<_> = RejectReason::ALL.iter().map(|r| r.as_str()).collect();
        assert_eq!(labels.len(), RejectReason::ALL.len());
        for (index, reason) in RejectReason::ALL.iter().enumerate() {
            assert_eq!(reason.index(), index);
        }
    }
}
