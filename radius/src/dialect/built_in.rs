//! The built-in dialects, one table each, and what each of them is known from.
//!
//! Numbers are those of the FreeRADIUS dictionaries unless said otherwise; a test of the whole program looks every
//! one up. What a NAS does with them is from its manual or its source, which is named; no device was at hand.
//!
//! Rates are in the unit of the attribute: WISPr, Huawei, Cisco and Juniper in bit/s, the others in kbit/s.
//! Where a vendor takes names only (profiles, services), the name of full access is [`FULL_NAME`]
//! or made of the rates; the operator defines them on the NAS, or writes a dialect with other names.

use std::borrow::Cow;

use crate::attribute::{
    AttributeType, Vendor, accel_ppp, chillispot, cisco, erx, huawei, mikrotik, nokia, wispr,
};

use super::{
    AttributeName, Change, DYNAMIC_AUTHORIZATION_PORT, Dialect, FULL_NAME, Number, Part,
    SessionKey, Tag, Template, Value,
};

/// Cisco's port of Disconnect and CoA requests, older than RFC 5176.
const CISCO_PORT: u16 = 1700;

impl Dialect {
    /// Every built-in dialect.
    pub const BUILT_IN: [Self; 8] = [
        Self::generic(),
        Self::mikrotik(),
        Self::cisco_isg(),
        Self::juniper(),
        Self::nokia(),
        Self::huawei(),
        Self::accel_ppp(),
        Self::coovachilli(),
    ];

    /// The built-in dialect of a name in the configuration.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::BUILT_IN
            .into_iter()
            .find(|dialect| dialect.name == name)
    }

    /// Filter-Id for the garden, WISPr rates, release by Disconnect.
    ///
    /// hostapd is one of these: its `radius_das_require_event_timestamp` wants the Event-Timestamp
    /// that every request has.
    pub const fn generic() -> Self {
        Self {
            name: Cow::Borrowed("generic"),
            full: Cow::Borrowed(GENERIC_FULL),
            garden: Cow::Borrowed(GENERIC_GARDEN),
            change: Change::Disconnect,
            identify_by: Cow::Borrowed(&[SessionKey::UserName, SessionKey::AcctSessionId]),
            required: Cow::Borrowed(&[]),
            port: DYNAMIC_AUTHORIZATION_PORT,
            one_change_at_a_time: false,
            coa_session_timeout: false,
        }
    }

    /// MikroTik: address list for the garden, rate limit as text, release by CoA.
    ///
    /// The manual ("RADIUS", "Change of Authorization") has Mikrotik-Rate-Limit and Session-Timeout among what a CoA
    /// changes, and that an address or a pool is not. Mikrotik-Address-List is not among it, but moves a session from
    /// list to list: Splynx blocks by it ("Blocking customers in Splynx"), and takes the address out of one list by
    /// naming another, as the release here does. From when Session-Timeout counts the manual does not say.
    pub const fn mikrotik() -> Self {
        Self {
            name: Cow::Borrowed("mikrotik"),
            full: Cow::Borrowed(MIKROTIK_FULL),
            garden: Cow::Borrowed(MIKROTIK_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(MIKROTIK_RELEASE),
                garden: Cow::Borrowed(MIKROTIK_GARDEN),
            },
            identify_by: Cow::Borrowed(&[
                SessionKey::UserName,
                SessionKey::AcctSessionId,
                SessionKey::FramedIpAddress,
            ]),
            required: Cow::Borrowed(&[]),
            port: DYNAMIC_AUTHORIZATION_PORT,
            one_change_at_a_time: false,
            coa_session_timeout: true,
        }
    }

    /// Cisco Intelligent Services Gateway: the garden is a service that is activated and deactivated.
    ///
    /// A user profile names services that begin with the session ("A" and the name) and polices it ("QU;rate;D;rate",
    /// bursts may be left out) in Account-Info ("Configuring ISG Policies for Regulating Network Access"). In CoA a service
    /// is named by two Cisco-AVPairs, one command to a request ("CoA Activate Service Command", "CoA Deactivate
    /// Service Command"); several services in one request are known by Cisco-Command-Code alone, and by some releases
    /// ("Multiservice Activation and Deactivation in a CoA Message"). One service and no other needs neither. Whether
    /// each IOS release takes policing beside a service command is not documented; one that does not answers with a
    /// NAK, and the session is ended instead. All that identifies must match the session, or the answer is a NAK.
    pub const fn cisco_isg() -> Self {
        Self {
            name: Cow::Borrowed("cisco-isg"),
            full: Cow::Borrowed(CISCO_FULL),
            garden: Cow::Borrowed(CISCO_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(CISCO_RELEASE),
                garden: Cow::Borrowed(CISCO_WALL),
            },
            identify_by: Cow::Borrowed(&[SessionKey::CiscoAccountInfo, SessionKey::AcctSessionId]),
            port: CISCO_PORT,
            required: Cow::Borrowed(&[]),
            one_change_at_a_time: false,
            coa_session_timeout: false,
        }
    }

    /// Juniper MX: services with their rates in bit/s as parameters, `garth-full(down,up)`.
    ///
    /// In CoA a service is identified "by its complete activation string", parameters included; with others it is
    /// another instance, which runs beside the first (Junos, "Management of Subscriber Services with Multiple Instances").
    /// So the service that the session has is deactivated by the rates that it was told, and at a change of rates both
    /// are `garth-full`. All deactivations of a request are processed before its activations from Junos 16.1R4 on
    /// (feature 6605, "Processing multiple activation and deactivation requests in a single CoA message"). A service that
    /// the session does not have is a NAK, and the session is ended. Whether Session-Timeout is taken in CoA
    /// is not known.
    pub const fn juniper() -> Self {
        Self {
            name: Cow::Borrowed("juniper"),
            full: Cow::Borrowed(JUNIPER_FULL),
            garden: Cow::Borrowed(JUNIPER_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(JUNIPER_RELEASE),
                garden: Cow::Borrowed(JUNIPER_WALL),
            },
            identify_by: Cow::Borrowed(&[SessionKey::AcctSessionId]),
            required: Cow::Borrowed(&[]),
            port: DYNAMIC_AUTHORIZATION_PORT,
            one_change_at_a_time: false,
            coa_session_timeout: false,
        }
    }

    /// Nokia SR OS: a subscriber profile `garth-full` and one SLA profile for each pair of rates,
    /// `garth-DOWN-UP` in kbit/s; in the garden both are the garden's name.
    ///
    /// NAS-Port-Id with the address goes before Acct-Session-Id where both are given, and must be of the same
    /// session (7750 SR RADIUS Attributes Reference Guide, table "CoA and Disconnect Message: subscriber host
    /// identification attributes"). One request reaches at most 32 hosts. Session-Timeout is taken in CoA, counts from
    /// the start of the session, and is a NAK where that is over (there, attribute 27). Alc-Subscriber-Filter takes
    /// numbers of filters, which only the operator knows: it is not sent unless an own dialect does.
    pub const fn nokia() -> Self {
        Self {
            name: Cow::Borrowed("nokia"),
            full: Cow::Borrowed(NOKIA_FULL),
            garden: Cow::Borrowed(NOKIA_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(NOKIA_FULL),
                garden: Cow::Borrowed(NOKIA_GARDEN),
            },
            identify_by: Cow::Borrowed(&[
                SessionKey::NasPortId,
                SessionKey::FramedIpAddress,
                SessionKey::AcctSessionId,
            ]),
            required: Cow::Borrowed(&[]),
            port: DYNAMIC_AUTHORIZATION_PORT,
            one_change_at_a_time: false,
            coa_session_timeout: true,
        }
    }

    /// Huawei NetEngine and ME60: a user group, by whose traffic policy the garden is walled and redirected.
    ///
    /// A group comes in Filter-Id, in an Access-Accept and in CoA; one that the router does not have is ignored at the login
    /// and fails the CoA, unless the router may create groups (NetEngine 8000, command `remote-download user-group
    /// enable`). HW-Policy-Name (95) is not sent: it names a DAA or EDSG service policy that would have to exist, and the same
    /// one again is a NAK unless `radius-server coa-request hw-policy-name daa same-policy reply-ack` is set.
    /// HW-HTTP-Redirect-URL (140) is not either: its effect outside of the garden is not documented. Attributes 1 to 6
    /// differ between the protocols `huawei+1.0` and `+1.1`: rates here are those of `+1.1`, in bit/s. Whether
    /// Session-Timeout is taken in CoA is not known.
    pub const fn huawei() -> Self {
        Self {
            name: Cow::Borrowed("huawei"),
            full: Cow::Borrowed(HUAWEI_FULL),
            garden: Cow::Borrowed(HUAWEI_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(HUAWEI_FULL),
                garden: Cow::Borrowed(HUAWEI_GARDEN),
            },
            identify_by: Cow::Borrowed(&[SessionKey::FramedIpAddress, SessionKey::AcctSessionId]),
            required: Cow::Borrowed(&[]),
            port: DYNAMIC_AUTHORIZATION_PORT,
            one_change_at_a_time: false,
            coa_session_timeout: false,
        }
    }

    /// accel-ppp: Filter-Id "down/up" in kbit/s for its shaper, L4-Redirect for IPoE.
    ///
    /// From its source. Everything given must match (`rad_find_session` in `accel-pppd/radius/radius.c`), so the session is named by
    /// Acct-Session-Id alone. A second request for a session is dropped without a word (`dm_coa_read` in `dm_coa.c`).
    /// "down/up": `parse_string_simple` in `accel-pppd/shaper/shaper.c`. L4-Redirect is whatever `attr-l4-redirect` of `[ipoe]`
    /// names, with the number that the installation's dictionary gives it; zero ends it (`ev_radius_coa` in
    /// `accel-pppd/ctrl/ipoe/ipoe.c`). A PPPoE session has no redirection: write a dialect with Accel-VRF-Name
    /// (26.55999.1) there, "0" for none (`rad_update_vrf`).
    ///
    /// Session-Timeout in CoA is read (`coa_request`; not beside Class, which is never sent here), but begins a
    /// second timer (`rad_update_session_timeout`): that of the Access-Accept (`ap_session_activate` in
    /// `accel-pppd/session.c`) goes on, so a session could be cut sooner by it and never lasts longer. It is not sent.
    pub const fn accel_ppp() -> Self {
        Self {
            name: Cow::Borrowed("accel-ppp"),
            full: Cow::Borrowed(ACCEL_FULL),
            garden: Cow::Borrowed(ACCEL_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(ACCEL_FULL),
                garden: Cow::Borrowed(ACCEL_GARDEN),
            },
            identify_by: Cow::Borrowed(&[SessionKey::AcctSessionId]),
            required: Cow::Borrowed(&[SessionKey::AcctSessionId]),
            one_change_at_a_time: true,
            coa_session_timeout: false,
            port: DYNAMIC_AUTHORIZATION_PORT,
        }
    }

    /// CoovaChilli: the garden is its own captive portal; rates in kbit/s; User-Name is demanded.
    ///
    /// From its source, `src/chilli.c`. Session-State is read in CoA alone (`cb_radius_coa_ind`): 2 ends the session for
    /// accounting and leaves the subscriber in the portal, 1 lets in again. In an Access-Accept it is the
    /// ChilliSpot-Config "require-uam-auth" that leaves the subscriber there (`config_radius_session`, `dnprot_accept`; it must be
    /// built with `ENABLE_CHILLISPOTCONFIG`): after authentication by MAC. A login at its portal is let in whatever the
    /// Access-Accept says. In CoA what is left out becomes the default (`config_radius_session` with `reconfig` 0), and Session-Timeout
    /// counts from the start of the session (`session_interval`).
    ///
    /// Session-State (15) is in the dictionary of CoovaChilli itself, not in that of FreeRADIUS.
    pub const fn coovachilli() -> Self {
        Self {
            name: Cow::Borrowed("coovachilli"),
            full: Cow::Borrowed(CHILLI_FULL),
            garden: Cow::Borrowed(CHILLI_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(CHILLI_RELEASE),
                garden: Cow::Borrowed(CHILLI_WALL),
            },
            identify_by: Cow::Borrowed(&[SessionKey::UserName, SessionKey::AcctSessionId]),
            required: Cow::Borrowed(&[SessionKey::UserName]),
            port: DYNAMIC_AUTHORIZATION_PORT,
            one_change_at_a_time: false,
            coa_session_timeout: true,
        }
    }
}

const fn standard(kind: AttributeType, value: Value) -> Template {
    Template {
        attribute: AttributeName::Standard(kind),
        tag: None,
        value,
    }
}

const fn vendor(vendor: Vendor, kind: u8, value: Value) -> Template {
    Template {
        attribute: AttributeName::Vendor(vendor, kind),
        tag: None,
        value,
    }
}

/// Text of these parts, as a constant.
macro_rules! text {
    ($($part:expr),* $(,)?) => {{
        const PARTS: &[Part] = &[$($part),*];
        Value::Text(Cow::Borrowed(PARTS))
    }};
}

const fn literal(text: &'static str) -> Part {
    Part::Literal(Cow::Borrowed(text))
}

const WISPR_UP: Template = vendor(
    Vendor::WISPR,
    wispr::BANDWIDTH_MAX_UP,
    Value::Integer(Number::UpBps),
);
const WISPR_DOWN: Template = vendor(
    Vendor::WISPR,
    wispr::BANDWIDTH_MAX_DOWN,
    Value::Integer(Number::DownBps),
);
const GENERIC_FULL: &[Template] = &[WISPR_UP, WISPR_DOWN];
const GENERIC_GARDEN: &[Template] = &[
    standard(AttributeType::FILTER_ID, text![Part::GardenName]),
    WISPR_UP,
    WISPR_DOWN,
];

/// "rx/tx" as the router sees it: rx is the upload.
const MIKROTIK_RATE: Template = vendor(
    Vendor::MIKROTIK,
    mikrotik::RATE_LIMIT,
    text![
        Part::Number(Number::UpKbps),
        literal("k/"),
        Part::Number(Number::DownKbps),
        literal("k"),
    ],
);
const MIKROTIK_FULL: &[Template] = &[MIKROTIK_RATE];
const MIKROTIK_GARDEN: &[Template] = &[mikrotik_list(text![Part::GardenName]), MIKROTIK_RATE];
const MIKROTIK_RELEASE: &[Template] = &[mikrotik_list(text![literal(FULL_NAME)]), MIKROTIK_RATE];

const fn mikrotik_list(name: Value) -> Template {
    vendor(Vendor::MIKROTIK, mikrotik::ADDRESS_LIST, name)
}

const CISCO_RATE: Template = vendor(
    Vendor::CISCO,
    cisco::ACCOUNT_INFO,
    text![
        literal("QU;"),
        Part::Number(Number::UpBps),
        literal(";D;"),
        Part::Number(Number::DownBps),
    ],
);
const CISCO_FULL: &[Template] = &[CISCO_RATE];
const CISCO_GARDEN: &[Template] = &[
    vendor(
        Vendor::CISCO,
        cisco::ACCOUNT_INFO,
        text![literal("A"), Part::GardenName],
    ),
    CISCO_RATE,
];
const CISCO_SERVICE: Template =
    cisco_pair(text![literal("subscriber:service-name="), Part::GardenName]);
const CISCO_RELEASE: &[Template] = &[
    cisco_pair(text![literal("subscriber:command=deactivate-service")]),
    CISCO_SERVICE,
    CISCO_RATE,
];
const CISCO_WALL: &[Template] = &[
    cisco_pair(text![literal("subscriber:command=activate-service")]),
    CISCO_SERVICE,
    CISCO_RATE,
];

const fn cisco_pair(pair: Value) -> Template {
    vendor(Vendor::CISCO, cisco::AV_PAIR, pair)
}

const JUNIPER_ACTIVATE_FULL: Template = juniper_activate(text![
    literal(FULL_NAME),
    literal("("),
    Part::Number(Number::DownBps),
    literal(","),
    Part::Number(Number::UpBps),
    literal(")"),
]);
const JUNIPER_ACTIVATE_GARDEN: Template = juniper_activate(text![
    Part::GardenName,
    literal("("),
    Part::Number(Number::DownBps),
    literal(","),
    Part::Number(Number::UpBps),
    literal(")"),
]);
const JUNIPER_DEACTIVATE_TOLD: Template = juniper_deactivate(text![
    Part::ToldName,
    literal("("),
    Part::Number(Number::ToldDownBps),
    literal(","),
    Part::Number(Number::ToldUpBps),
    literal(")"),
]);

const JUNIPER_FULL: &[Template] = &[JUNIPER_ACTIVATE_FULL];
const JUNIPER_GARDEN: &[Template] = &[JUNIPER_ACTIVATE_GARDEN];
const JUNIPER_RELEASE: &[Template] = &[JUNIPER_DEACTIVATE_TOLD, JUNIPER_ACTIVATE_FULL];
const JUNIPER_WALL: &[Template] = &[JUNIPER_DEACTIVATE_TOLD, JUNIPER_ACTIVATE_GARDEN];

const fn juniper_activate(service: Value) -> Template {
    Template {
        attribute: AttributeName::Vendor(Vendor::ERX, erx::SERVICE_ACTIVATE),
        tag: Tag::new(1),
        value: service,
    }
}

const fn juniper_deactivate(service: Value) -> Template {
    vendor(Vendor::ERX, erx::SERVICE_DEACTIVATE, service)
}

const NOKIA_FULL: &[Template] = &[
    vendor(
        Vendor::NOKIA,
        nokia::SUBSCRIBER_PROFILE,
        text![literal(FULL_NAME)],
    ),
    vendor(
        Vendor::NOKIA,
        nokia::SLA_PROFILE,
        text![
            literal("garth-"),
            Part::Number(Number::DownKbps),
            literal("-"),
            Part::Number(Number::UpKbps),
        ],
    ),
];
const NOKIA_GARDEN: &[Template] = &[
    vendor(
        Vendor::NOKIA,
        nokia::SUBSCRIBER_PROFILE,
        text![Part::GardenName],
    ),
    vendor(Vendor::NOKIA, nokia::SLA_PROFILE, text![Part::GardenName]),
];

const HUAWEI_FULL: &[Template] = &[
    standard(AttributeType::FILTER_ID, text![literal(FULL_NAME)]),
    HUAWEI_UP,
    HUAWEI_DOWN,
];
const HUAWEI_GARDEN: &[Template] = &[
    standard(AttributeType::FILTER_ID, text![Part::GardenName]),
    HUAWEI_UP,
    HUAWEI_DOWN,
];
const HUAWEI_UP: Template = vendor(
    Vendor::HUAWEI,
    huawei::INPUT_RATE,
    Value::Integer(Number::UpBps),
);
const HUAWEI_DOWN: Template = vendor(
    Vendor::HUAWEI,
    huawei::OUTPUT_RATE,
    Value::Integer(Number::DownBps),
);

const ACCEL_RATE: Template = standard(
    AttributeType::FILTER_ID,
    text![
        Part::Number(Number::DownKbps),
        literal("/"),
        Part::Number(Number::UpKbps),
    ],
);
const ACCEL_FULL: &[Template] = &[ACCEL_RATE, accel_redirect(0)];
const ACCEL_GARDEN: &[Template] = &[ACCEL_RATE, accel_redirect(1)];

const fn accel_redirect(redirect: u32) -> Template {
    standard(
        accel_ppp::L4_REDIRECT,
        Value::Integer(Number::Literal(redirect)),
    )
}

const CHILLI_FULL: &[Template] = &[CHILLI_UP, CHILLI_DOWN];
const CHILLI_GARDEN: &[Template] = &[
    vendor(
        Vendor::CHILLISPOT,
        chillispot::CONFIG,
        text![literal(chillispot::REQUIRE_UAM_AUTH)],
    ),
    CHILLI_UP,
    CHILLI_DOWN,
];
const CHILLI_RELEASE: &[Template] = &[
    chilli_state(chillispot::session_state::AUTHORIZED),
    CHILLI_UP,
    CHILLI_DOWN,
];
const CHILLI_WALL: &[Template] = &[
    chilli_state(chillispot::session_state::NOT_AUTHORIZED),
    CHILLI_UP,
    CHILLI_DOWN,
];
const CHILLI_UP: Template = vendor(
    Vendor::CHILLISPOT,
    chillispot::BANDWIDTH_MAX_UP,
    Value::Integer(Number::UpKbps),
);
const CHILLI_DOWN: Template = vendor(
    Vendor::CHILLISPOT,
    chillispot::BANDWIDTH_MAX_DOWN,
    Value::Integer(Number::DownKbps),
);

const fn chilli_state(state: u32) -> Template {
    vendor(
        Vendor::CHILLISPOT,
        chillispot::SESSION_STATE,
        Value::Integer(Number::Literal(state)),
    )
}
