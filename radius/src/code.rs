//! Packet codes (RFC 2865 section 3, RFC 2866 section 3, RFC 5176 section 2.3).

/// The first octet of a packet: what kind it is. Unknown codes are kept.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Code(pub u8);

impl Code {
    /// A NAS asks whether a subscriber may connect.
    pub const ACCESS_REQUEST: Self = Self(1);
    /// Yes; also the answer to Status-Server on the authentication port.
    pub const ACCESS_ACCEPT: Self = Self(2);
    /// No.
    pub const ACCESS_REJECT: Self = Self(3);
    /// A NAS reports on a session.
    pub const ACCOUNTING_REQUEST: Self = Self(4);
    /// The report is durable; also the answer to Status-Server on the accounting port.
    pub const ACCOUNTING_RESPONSE: Self = Self(5);
    /// Another round of the authentication method is needed.
    pub const ACCESS_CHALLENGE: Self = Self(11);
    /// Are you alive? (RFC 5997)
    pub const STATUS_SERVER: Self = Self(12);
    /// End a session now.
    pub const DISCONNECT_REQUEST: Self = Self(40);
    /// The session is ending.
    pub const DISCONNECT_ACK: Self = Self(41);
    /// The session was not ended.
    pub const DISCONNECT_NAK: Self = Self(42);
    /// Change what a session may do.
    pub const COA_REQUEST: Self = Self(43);
    /// The change was taken.
    pub const COA_ACK: Self = Self(44);
    /// The change was refused whole.
    pub const COA_NAK: Self = Self(45);
    /// The request cannot be answered, and why (RFC 7930 section 4, RFC 9765 section 6.1).
    pub const PROTOCOL_ERROR: Self = Self(52);
}
