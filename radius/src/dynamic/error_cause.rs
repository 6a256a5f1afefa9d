//! Why a NAS refuses (RFC 5176 section 3.5).

/// Error-Cause (RFC 5176 section 3.5). Unknown values are kept.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorCause {
    /// 201: the session is gone already.
    ResidualSessionContextRemoved,
    /// 202: an EAP packet was ignored.
    InvalidEapPacket,
    /// 401: the NAS does not know an attribute.
    UnsupportedAttribute,
    /// 402: the NAS needs another attribute.
    MissingAttribute,
    /// 403: the request is for another NAS.
    NasIdentificationMismatch,
    /// 404: something else is wrong with the request.
    InvalidRequest,
    /// 405: the NAS does not know the Service-Type.
    UnsupportedService,
    /// 406: the NAS does not know an extension.
    UnsupportedExtension,
    /// 407: a value is not taken.
    InvalidAttributeValue,
    /// 501: the NAS does not let us.
    AdministrativelyProhibited,
    /// 502: a proxy does not know the way.
    RequestNotRoutable,
    /// 503: there is no such session.
    SessionContextNotFound,
    /// 504: the session cannot be removed.
    SessionContextNotRemovable,
    /// 505: a proxy failed.
    OtherProxyProcessingError,
    /// 506: too little memory or the like.
    ResourcesUnavailable,
    /// 507: the NAS asks anew with an Access-Request.
    RequestInitiated,
    /// 508: several sessions match, and the NAS takes one at a time.
    MultipleSessionSelectionUnsupported,
    /// Anything else.
    Other(u32),
}

/// Every value with a name.
const NAMED: [(u32, ErrorCause); 17] = [
    (201, ErrorCause::ResidualSessionContextRemoved),
    (202, ErrorCause::InvalidEapPacket),
    (401, ErrorCause::UnsupportedAttribute),
    (402, ErrorCause::MissingAttribute),
    (403, ErrorCause::NasIdentificationMismatch),
    (404, ErrorCause::InvalidRequest),
    (405, ErrorCause::UnsupportedService),
    (406, ErrorCause::UnsupportedExtension),
    (407, ErrorCause::InvalidAttributeValue),
    (501, ErrorCause::AdministrativelyProhibited),
    (502, ErrorCause::RequestNotRoutable),
    (503, ErrorCause::SessionContextNotFound),
    (504, ErrorCause::SessionContextNotRemovable),
    (505, ErrorCause::OtherProxyProcessingError),
    (506, ErrorCause::ResourcesUnavailable),
    (507, ErrorCause::RequestInitiated),
    (508, ErrorCause::MultipleSessionSelectionUnsupported),
];

impl ErrorCause {
    /// Reads the value of the attribute.
    pub fn from_number(number: u32) -> Self {
        let named = NAMED.iter().find(|(value, _)| *value == number);
        named.map_or(Self::Other(number), |(_, cause)| *cause)
    }

    /// The value of the attribute.
    pub fn number(self) -> u32 {
        if let Self::Other(number) = self {
            return number;
        }
        let named = NAMED.iter().find(|(_, cause)| *cause == self);
        named.map_or(0, |(number, _)| *number)
    }
}
