//! Attribute and vendor numbers, named as in the IANA registry and the vendors' dictionaries.

/// The type octet of an attribute. Unknown types are kept.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct AttributeType(pub u8);

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        impl AttributeType { $($(#[$doc])* pub const $name: Self = Self($number);)* }
    };
}

attributes! {
    /// Text of 1 to 253 octets: who wants to connect (RFC 2865 section 5.1).
    USER_NAME = 1;
    /// 16 to 128 octets, hidden with the secret (RFC 2865 section 5.2).
    USER_PASSWORD = 2;
    /// CHAP identifier and 16 octets of response (RFC 2865 section 5.3).
    CHAP_PASSWORD = 3;
    /// IPv4 address of the NAS (RFC 2865 section 5.4).
    NAS_IP_ADDRESS = 4;
    /// Physical port number (RFC 2865 section 5.5).
    NAS_PORT = 5;
    /// Kind of service, see [`service_type`] (RFC 2865 section 5.6).
    SERVICE_TYPE = 6;
    /// The subscriber's IPv4 address (RFC 2865 section 5.8).
    FRAMED_IP_ADDRESS = 8;
    /// Name of a filter list on the NAS (RFC 2865 section 5.11).
    FILTER_ID = 11;
    /// Largest packet to the subscriber, in octets; bounds EAP packets too (RFC 2865 section 5.12, RFC 3579 section 2.4).
    FRAMED_MTU = 12;
    /// Text shown to the subscriber (RFC 2865 section 5.18).
    REPLY_MESSAGE = 18;
    /// A route to the subscriber, as text (RFC 2865 section 5.22).
    FRAMED_ROUTE = 22;
    /// Opaque octets the NAS returns with the answer to a challenge (RFC 2865 section 5.24).
    STATE = 24;
    /// Opaque octets the NAS returns in accounting (RFC 2865 section 5.25).
    CLASS = 25;
    /// Attributes of one vendor (RFC 2865 section 5.26).
    VENDOR_SPECIFIC = 26;
    /// Longest duration of the session in seconds (RFC 2865 section 5.27).
    SESSION_TIMEOUT = 27;
    /// Longest silence of a session in seconds (RFC 2865 section 5.28).
    IDLE_TIMEOUT = 28;
    /// What the subscriber called: access point, port (RFC 2865 section 5.30).
    CALLED_STATION_ID = 30;
    /// Where the subscriber calls from: usually the MAC (RFC 2865 section 5.31).
    CALLING_STATION_ID = 31;
    /// Name of the NAS (RFC 2865 section 5.32).
    NAS_IDENTIFIER = 32;
    /// Opaque octets of a proxy, echoed in order (RFC 2865 section 5.33).
    PROXY_STATE = 33;
    /// Start, Stop, Interim-Update … (RFC 2866 section 5.1).
    ACCT_STATUS_TYPE = 40;
    /// Seconds the NAS has been trying to deliver (RFC 2866 section 5.2).
    ACCT_DELAY_TIME = 41;
    /// Octets received from the subscriber, modulo 2^32 (RFC 2866 section 5.3).
    ACCT_INPUT_OCTETS = 42;
    /// Octets sent to the subscriber, modulo 2^32 (RFC 2866 section 5.4).
    ACCT_OUTPUT_OCTETS = 43;
    /// Names the session on its NAS (RFC 2866 section 5.5).
    ACCT_SESSION_ID = 44;
    /// Seconds of service so far (RFC 2866 section 5.7).
    ACCT_SESSION_TIME = 46;
    /// Packets received from the subscriber (RFC 2866 section 5.8).
    ACCT_INPUT_PACKETS = 47;
    /// Packets sent to the subscriber (RFC 2866 section 5.9).
    ACCT_OUTPUT_PACKETS = 48;
    /// Why the session ended (RFC 2866 section 5.10).
    ACCT_TERMINATE_CAUSE = 49;
    /// Wraps of Acct-Input-Octets (RFC 2869 section 5.1).
    ACCT_INPUT_GIGAWORDS = 52;
    /// Wraps of Acct-Output-Octets (RFC 2869 section 5.2).
    ACCT_OUTPUT_GIGAWORDS = 53;
    /// When the event happened, Unix seconds (RFC 2869 section 5.3).
    EVENT_TIMESTAMP = 55;
    /// The CHAP challenge, if not the Request Authenticator (RFC 2865 section 5.40).
    CHAP_CHALLENGE = 60;
    /// Tag, salt and hidden octets (RFC 2868 section 3.5).
    TUNNEL_PASSWORD = 69;
    /// A piece of an EAP packet (RFC 3579 section 3.1).
    EAP_MESSAGE = 79;
    /// HMAC-MD5 over the packet (RFC 3579 section 3.2).
    MESSAGE_AUTHENTICATOR = 80;
    /// Seconds between Interim-Updates (RFC 2869 section 5.16).
    ACCT_INTERIM_INTERVAL = 85;
    /// Port as text (RFC 2869 section 5.17).
    NAS_PORT_ID = 87;
    /// Name of the NAS's pool of IPv4 addresses (RFC 2869 section 5.18).
    FRAMED_POOL = 88;
    /// A name for the subscriber that tells nothing else of them (RFC 4372).
    CHARGEABLE_USER_IDENTITY = 89;
    /// IPv6 address of the NAS (RFC 3162 section 2.1).
    NAS_IPV6_ADDRESS = 95;
    /// The subscriber's IPv6 prefix on the link (RFC 3162 section 2.3).
    FRAMED_IPV6_PREFIX = 97;
    /// An IPv6 route to the subscriber, as text (RFC 3162 section 2.5).
    FRAMED_IPV6_ROUTE = 99;
    /// Name of the NAS's pool of IPv6 prefixes for the link (RFC 3162 section 2.6).
    FRAMED_IPV6_POOL = 100;
    /// Why a change or a disconnect was refused (RFC 5176 section 3.5).
    ERROR_CAUSE = 101;
    /// Prefix delegated to the subscriber by DHCPv6 (RFC 4818).
    DELEGATED_IPV6_PREFIX = 123;
    /// The subscriber's IPv6 address (RFC 6911 section 3.1).
    FRAMED_IPV6_ADDRESS = 168;
    /// Name of the NAS's pool of prefixes to delegate (RFC 6911 section 3.5).
    DELEGATED_IPV6_PREFIX_POOL = 171;
}

/// SMI private enterprise number of a vendor.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Vendor(pub u32);

impl Vendor {
    /// Cisco.
    pub const CISCO: Self = Self(9);
    /// Microsoft (RFC 2548).
    pub const MICROSOFT: Self = Self(311);
    /// Huawei.
    pub const HUAWEI: Self = Self(2011);
    /// Broadband Forum, formerly ADSL Forum (RFC 4679).
    pub const BROADBAND_FORUM: Self = Self(3561);
    /// Juniper's subscriber management, once Unisphere ERX.
    pub const ERX: Self = Self(4874);
    /// Nokia service routers, once Alcatel-Lucent.
    pub const NOKIA: Self = Self(6527);
    /// Wireless ISP roaming.
    pub const WISPR: Self = Self(14122);
    /// `CoovaChilli`, once `ChilliSpot`.
    pub const CHILLISPOT: Self = Self(14559);
    /// MikroTik `RouterOS`.
    pub const MIKROTIK: Self = Self(14988);
    /// accel-ppp.
    pub const ACCEL_PPP: Self = Self(55999);
}

/// Attributes of [`Vendor::CISCO`].
pub mod cisco {
    /// Cisco-AVPair, text "protocol:name=value".
    pub const AV_PAIR: u8 = 1;
    /// Cisco-Account-Info: "A" and a service to begin, "S" and what names a session, "Q" and rates.
    pub const ACCOUNT_INFO: u8 = 250;
}

/// Attributes of [`Vendor::HUAWEI`].
pub mod huawei {
    /// HW-Input-Committed-Information-Rate, from the subscriber, bit/s.
    pub const INPUT_RATE: u8 = 2;
    /// HW-Output-Committed-Information-Rate, towards the subscriber, bit/s.
    pub const OUTPUT_RATE: u8 = 5;
    /// HW-Policy-Name: a DAA or EDSG service policy.
    pub const POLICY_NAME: u8 = 95;
    /// HW-HTTP-Redirect-URL.
    pub const HTTP_REDIRECT_URL: u8 = 140;
}

/// Attributes of [`Vendor::ERX`].
pub mod erx {
    /// ERX-Service-Activate, tagged text: a service and its parameters.
    pub const SERVICE_ACTIVATE: u8 = 65;
    /// ERX-Service-Deactivate, text: a service and the parameters that it was activated with.
    pub const SERVICE_DEACTIVATE: u8 = 66;
}

/// Attributes of [`Vendor::NOKIA`].
pub mod nokia {
    /// Alc-Subsc-Prof-Str, the subscriber profile.
    pub const SUBSCRIBER_PROFILE: u8 = 12;
    /// Alc-SLA-Prof-Str, the SLA profile.
    pub const SLA_PROFILE: u8 = 13;
    /// Alc-Subscriber-Filter, "Ingr-v4:number,Egr-v4:number".
    pub const SUBSCRIBER_FILTER: u8 = 134;
}

/// Attributes of [`Vendor::CHILLISPOT`].
pub mod chillispot {
    /// ChilliSpot-Bandwidth-Max-Up, kbit/s.
    pub const BANDWIDTH_MAX_UP: u8 = 4;
    /// ChilliSpot-Bandwidth-Max-Down, kbit/s.
    pub const BANDWIDTH_MAX_DOWN: u8 = 5;
    /// ChilliSpot-Config, see [`REQUIRE_UAM_AUTH`].
    pub const CONFIG: u8 = 6;
    /// ChilliSpot-Session-State, see [`session_state`]: in CoA-Requests, not in Access-Accepts.
    pub const SESSION_STATE: u8 = 15;

    /// A value of [`CONFIG`]: the subscriber must still log in at the captive portal.
    pub const REQUIRE_UAM_AUTH: &str = "require-uam-auth";

    /// Values of [`SESSION_STATE`].
    pub mod session_state {
        /// The subscriber has access.
        pub const AUTHORIZED: u32 = 1;
        /// The subscriber is in the captive portal.
        pub const NOT_AUTHORIZED: u32 = 2;
    }
}

/// Attributes of accel-ppp: one of its own vendor number, the others by convention.
pub mod accel_ppp {
    use super::AttributeType;

    /// Accel-VRF-Name, inside Vendor-Specific.
    pub const VRF_NAME: u8 = 1;
    /// L4-Redirect: 0, no redirection. Not in the dictionary that accel-ppp installs: installations add it
    /// with this number and name it in `attr-l4-redirect`.
    pub const L4_REDIRECT: AttributeType = AttributeType(243);
}

/// Attributes of [`Vendor::MICROSOFT`].
pub mod microsoft {
    /// MS-CHAP-Response (RFC 2548 section 2.1.3).
    pub const MS_CHAP_RESPONSE: u8 = 1;
    /// MS-CHAP-Error: identifier and text (RFC 2548 section 2.1.5).
    pub const MS_CHAP_ERROR: u8 = 2;
    /// MS-MPPE-Encryption-Policy (RFC 2548 section 2.4.4).
    pub const MPPE_ENCRYPTION_POLICY: u8 = 7;
    /// MS-MPPE-Encryption-Types (RFC 2548 section 2.4.5).
    pub const MPPE_ENCRYPTION_TYPES: u8 = 8;
    /// MS-CHAP-Challenge: 8 octets, with MS-CHAPv2 16 (RFC 2548 section 2.1.2).
    pub const MS_CHAP_CHALLENGE: u8 = 11;
    /// MS-CHAP-MPPE-Keys, hidden as a User-Password (RFC 2548 section 2.4.1).
    pub const MS_CHAP_MPPE_KEYS: u8 = 12;
    /// MS-MPPE-Send-Key, salted and hidden (RFC 2548 section 2.4.2).
    pub const MPPE_SEND_KEY: u8 = 16;
    /// MS-MPPE-Recv-Key, salted and hidden (RFC 2548 section 2.4.3).
    pub const MPPE_RECV_KEY: u8 = 17;
    /// MS-CHAP2-Response (RFC 2548 section 2.3.2).
    pub const MS_CHAP2_RESPONSE: u8 = 25;
    /// MS-CHAP2-Success: identifier and what proves us to the peer (RFC 2548 section 2.3.3).
    pub const MS_CHAP2_SUCCESS: u8 = 26;
}

/// Attributes of [`Vendor::BROADBAND_FORUM`].
pub mod broadband_forum {
    /// Agent-Circuit-Id: the line, as the access node calls it (RFC 4679 section 3.3.1).
    pub const AGENT_CIRCUIT_ID: u8 = 1;
    /// Agent-Remote-Id: the subscriber's end of the line (RFC 4679 section 3.3.2).
    pub const AGENT_REMOTE_ID: u8 = 2;
}

/// Attributes of [`Vendor::WISPR`].
pub mod wispr {
    /// WISPr-Bandwidth-Max-Up, bit/s.
    pub const BANDWIDTH_MAX_UP: u8 = 7;
    /// WISPr-Bandwidth-Max-Down, bit/s.
    pub const BANDWIDTH_MAX_DOWN: u8 = 8;
}

/// Attributes of [`Vendor::MIKROTIK`].
pub mod mikrotik {
    /// Mikrotik-Rate-Limit, text "rx/tx" as the router sees it: rx is the subscriber's upload.
    pub const RATE_LIMIT: u8 = 8;
    /// Mikrotik-Address-List, the firewall list the subscriber's address is put into.
    pub const ADDRESS_LIST: u8 = 19;
}

/// Values of Service-Type.
pub mod service_type {
    /// The NAS asks about the calling station, without a password.
    pub const CALL_CHECK: u32 = 10;
}
