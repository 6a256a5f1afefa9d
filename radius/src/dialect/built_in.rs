//! The built-in dialects, one table each. Numbers are those of the FreeRADIUS dictionaries unless said otherwise.
//!
//! Rates are in the unit of the attribute: WISPr, Huawei and Cisco in bit/s, the others in kbit/s.
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
            class_with_session_timeout: true,
        }
    }

    /// MikroTik: address list for the garden, rate limit as text, release by CoA.
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
            class_with_session_timeout: true,
        }
    }

    /// Cisco Intelligent Services Gateway: the garden is a service that is activated and deactivated.
    ///
    /// Rates are session policing, "QU;…;D;…" in Account-Info. Whether each IOS release takes policing
    /// and a service command in one CoA-Request is not documented; one that does not answers with a
    /// NAK, and the session is ended instead.
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
            class_with_session_timeout: true,
        }
    }

    /// Juniper MX and ERX: services with their rates in bit/s as parameters, `garth-full(down,up)`.
    ///
    /// A service is deactivated by its name alone, whatever parameters it was activated with.
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
            class_with_session_timeout: true,
        }
    }

    /// Nokia SR OS: a subscriber profile `garth-full` and one SLA profile for each pair of rates,
    /// `garth-DOWN-UP` in kbit/s; in the garden both are the garden's name.
    ///
    /// NAS-Port-Id with the address goes before Acct-Session-Id where both are given (7750 SR RADIUS
    /// Attributes Reference Guide, table "subscriber host identification attributes"). One request
    /// reaches at most 32 hosts. Alc-Subscriber-Filter takes numbers of filters, which only the
    /// operator knows: it is not sent unless an own dialect does.
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
            class_with_session_timeout: true,
        }
    }

    /// Huawei NetEngine and ME60: user group, policy and where the group's policy redirects to.
    ///
    /// The URL is sent in both states: an attribute that is left out stays, and in the group of full
    /// access nothing redirects. HW-User-Group (251) is not in the FreeRADIUS dictionary and was
    /// not tried on a device. Attributes 1 to 6 differ between the protocols
    /// `huawei+1.0` and `+1.1`: rates here are those of `+1.1`, in bit/s.
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
            class_with_session_timeout: true,
        }
    }

    /// accel-ppp: Filter-Id "down/up" in kbit/s for its shaper, L4-Redirect for IPoE.
    ///
    /// Everything given must match, and User-Name alone names nothing, so the session is named by
    /// Acct-Session-Id alone. A second request for a session is dropped without a word. A PPPoE
    /// session has no redirection: write a dialect with Accel-VRF-Name (26.55999.1) there.
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
            class_with_session_timeout: false,
            port: DYNAMIC_AUTHORIZATION_PORT,
        }
    }

    /// CoovaChilli: Session-State and rates in kbit/s; User-Name is demanded.
    ///
    /// Session-State (15) is in the dictionary of CoovaChilli itself, not in that of FreeRADIUS.
    pub const fn coovachilli() -> Self {
        Self {
            name: Cow::Borrowed("coovachilli"),
            full: Cow::Borrowed(CHILLI_FULL),
            garden: Cow::Borrowed(CHILLI_GARDEN),
            change: Change::Coa {
                full: Cow::Borrowed(CHILLI_FULL),
                garden: Cow::Borrowed(CHILLI_GARDEN),
            },
            identify_by: Cow::Borrowed(&[SessionKey::UserName, SessionKey::AcctSessionId]),
            required: Cow::Borrowed(&[SessionKey::UserName]),
            port: DYNAMIC_AUTHORIZATION_PORT,
            one_change_at_a_time: false,
            class_with_session_timeout: true,
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
const JUNIPER_DEACTIVATE_FULL: Template = juniper_deactivate(text![literal(FULL_NAME)]);
const JUNIPER_DEACTIVATE_GARDEN: Template = juniper_deactivate(text![Part::GardenName]);

const JUNIPER_FULL: &[Template] = &[JUNIPER_ACTIVATE_FULL];
const JUNIPER_GARDEN: &[Template] = &[JUNIPER_ACTIVATE_GARDEN];
const JUNIPER_RELEASE: &[Template] = &[JUNIPER_DEACTIVATE_GARDEN, JUNIPER_ACTIVATE_FULL];
const JUNIPER_WALL: &[Template] = &[JUNIPER_DEACTIVATE_FULL, JUNIPER_ACTIVATE_GARDEN];

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
    huawei_text(huawei::USER_GROUP, text![literal(FULL_NAME)]),
    huawei_text(huawei::POLICY_NAME, text![literal(FULL_NAME)]),
    HUAWEI_URL,
    HUAWEI_UP,
    HUAWEI_DOWN,
];
const HUAWEI_GARDEN: &[Template] = &[
    huawei_text(huawei::USER_GROUP, text![Part::GardenName]),
    huawei_text(huawei::POLICY_NAME, text![Part::GardenName]),
    HUAWEI_URL,
    HUAWEI_UP,
    HUAWEI_DOWN,
];
const HUAWEI_URL: Template = huawei_text(huawei::HTTP_REDIRECT_URL, text![Part::PortalUrl]);
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

const fn huawei_text(kind: u8, parts: Value) -> Template {
    vendor(Vendor::HUAWEI, kind, parts)
}

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

const CHILLI_FULL: &[Template] = &[
    chilli_state(chillispot::session_state::AUTHORIZED),
    CHILLI_UP,
    CHILLI_DOWN,
];
const CHILLI_GARDEN: &[Template] = &[
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
