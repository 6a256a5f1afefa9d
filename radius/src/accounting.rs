//! What a NAS reports about a session, read in the pass that checks its lengths (RFC 2866, RFC 2869).
//!
//! A record is what was sent: nothing is joined with earlier records here, nothing is stored.
//!
//! Not here: the order of records, sessions of a NAS that died (`daemon`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::UnixSeconds;
use crate::attribute::AttributeType;
use crate::directory::CLASS_LEN;
use crate::mac;
use crate::nas::Nas;
use crate::packet::Attribute;
use crate::reason::DropReason;
use crate::request::{Flaw, MessageAuthenticator, set, set_octets};

/// Acct-Status-Type (RFC 2866 section 5.1). Unknown values are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StatusType {
    /// A session begins.
    Start,
    /// A session has ended; its counters are final.
    Stop,
    /// A session goes on.
    InterimUpdate,
    /// The NAS has started: it has no sessions.
    AccountingOn,
    /// The NAS is about to stop: its sessions end.
    AccountingOff,
    /// Anything else.
    Other(u32),
}

impl StatusType {
    /// Reads the value of the attribute.
    pub const fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Start,
            2 => Self::Stop,
            3 => Self::InterimUpdate,
            7 => Self::AccountingOn,
            8 => Self::AccountingOff,
            other => Self::Other(other),
        }
    }

    /// The value of the attribute.
    pub const fn number(self) -> u32 {
        match self {
            Self::Start => 1,
            Self::Stop => 2,
            Self::InterimUpdate => 3,
            Self::AccountingOn => 7,
            Self::AccountingOff => 8,
            Self::Other(other) => other,
        }
    }
}

/// An IPv6 prefix: address with its length in bits, 128 at most.
pub type Ipv6Prefix = (Ipv6Addr, u8);

/// The most IPv6 prefixes and addresses of one record beside the first of each attribute; others
/// are passed over.
pub const FURTHER_IPV6_MAX: usize = 6;

/// One Accounting-Request. Octets of the NAS and the subscriber are as sent: escape them before showing.
#[derive(Clone, Debug)]
pub struct AccountingRecord<'a> {
    /// Who reports, by the source address.
    pub nas: Arc<Nas>,
    /// Where the packet came from; IPv4-mapped addresses are IPv4.
    pub source: IpAddr,
    /// What happened.
    pub status_type: StatusType,
    /// What the NAS calls itself.
    pub nas_identifier: Option<&'a [u8]>,
    /// The address the NAS says it has.
    pub nas_ip_address: Option<Ipv4Addr>,
    /// The IPv6 address the NAS says it has.
    pub nas_ipv6_address: Option<Ipv6Addr>,
    /// Names the session on its NAS (RFC 2866 section 5.5). Always there in a record of a session; some
    /// NAS omit it in On and Off.
    pub acct_session_id: Option<&'a [u8]>,
    /// As the subscriber gave it, or as an Accept replaced it.
    pub user_name: Option<&'a [u8]>,
    /// The Class we sent: the subscription's id. Of several, the first with our length; else the first.
    pub class: Option<&'a [u8]>,
    /// The subscriber's IPv4 address.
    pub framed_ip_address: Option<Ipv4Addr>,
    /// The subscriber's prefix on the link; of several the first, and so of the next two.
    pub framed_ipv6_prefix: Option<Ipv6Prefix>,
    /// The subscriber's IPv6 address (RFC 6911).
    pub framed_ipv6_address: Option<Ipv6Addr>,
    /// The subscriber's delegated prefix (RFC 4818).
    pub delegated_ipv6_prefix: Option<Ipv6Prefix>,
    /// What else there is of these three, addresses as prefixes of 128 bits; those that are not there
    /// are at the end.
    pub further_ipv6: [Option<Ipv6Prefix>; FURTHER_IPV6_MAX],
    /// Usually the subscriber's MAC.
    pub calling_station_id: Option<&'a [u8]>,
    /// The port as a number.
    pub nas_port: Option<u32>,
    /// The port as text.
    pub nas_port_id: Option<&'a [u8]>,
    /// Octets received from the subscriber so far (its upload).
    pub input_octets: u64,
    /// Octets sent to the subscriber so far (its download).
    pub output_octets: u64,
    /// Packets received from the subscriber so far.
    pub input_packets: u32,
    /// Packets sent to the subscriber so far.
    pub output_packets: u32,
    /// Seconds of service so far.
    pub session_time: Option<u32>,
    /// Why the session ended (RFC 2866 section 5.10).
    pub terminate_cause: Option<u32>,
    /// When it happened, by the clock of the NAS.
    pub event_timestamp: Option<UnixSeconds>,
    /// Seconds the NAS has been trying to deliver this.
    pub delay_time: u32,
}

impl AccountingRecord<'_> {
    /// Calling-Station-Id, if it is a MAC: read as at a login, so that it is the same station in both.
    pub fn calling_station_mac(&self) -> Option<[u8; 6]> {
        self.calling_station_id.and_then(mac::parse)
    }
}

/// Octets received from the subscriber in this session (its upload), or sent to it.
///
/// Joins Acct-Input-Octets (RFC 2866 section 5.3) with its count of 2^32 wraps,
/// Acct-Input-Gigawords (RFC 2869 section 5.1), and likewise for output; a NAS without Gigawords passes 0.
pub fn joined_octets(octets: u32, gigawords: u32) -> u64 {
    (u64::from(gigawords) << u32::BITS) | u64::from(octets)
}

/// The attributes of an Accounting-Request, before anything is authenticated.
#[derive(Debug, Default)]
pub(crate) struct AccountingAttributes<'a> {
    status_type: Option<u32>,
    nas_identifier: Option<&'a [u8]>,
    nas_ip_address: Option<u32>,
    nas_ipv6_address: Option<Ipv6Addr>,
    acct_session_id: Option<&'a [u8]>,
    user_name: Option<&'a [u8]>,
    class: Option<&'a [u8]>,
    framed_ip_address: Option<u32>,
    framed_ipv6_prefix: Option<Ipv6Prefix>,
    framed_ipv6_address: Option<Ipv6Addr>,
    delegated_ipv6_prefix: Option<Ipv6Prefix>,
    further_ipv6: [Option<Ipv6Prefix>; FURTHER_IPV6_MAX],
    calling_station_id: Option<&'a [u8]>,
    nas_port: Option<u32>,
    nas_port_id: Option<&'a [u8]>,
    input_octets: Option<u32>,
    input_gigawords: Option<u32>,
    output_octets: Option<u32>,
    output_gigawords: Option<u32>,
    input_packets: Option<u32>,
    output_packets: Option<u32>,
    session_time: Option<u32>,
    terminate_cause: Option<u32>,
    event_timestamp: Option<u32>,
    delay_time: Option<u32>,
    pub(crate) message_authenticator: MessageAuthenticator,
    /// There is a Proxy-State to be echoed.
    pub(crate) proxy_state: bool,
    /// The first flaw found. A request with one is dropped (RFC 2866 section 4.1).
    pub(crate) flaw: Option<Flaw>,
}

impl<'a> AccountingAttributes<'a> {
    /// Takes one attribute of the packet.
    pub(crate) fn take(&mut self, attribute: &Attribute<'a>) {
        let flaw = match self.integer_slot(attribute.kind) {
            Some(slot) => match attribute.integer() {
                Some(number) => set(slot, number),
                None => Some(Flaw::BadValue),
            },
            None => self.take_other(attribute),
        };
        self.flaw = self.flaw.or(flaw);
    }

    fn integer_slot(&mut self, kind: AttributeType) -> Option<&mut Option<u32>> {
        Some(match kind {
            AttributeType::ACCT_STATUS_TYPE => &mut self.status_type,
            AttributeType::NAS_IP_ADDRESS => &mut self.nas_ip_address,
            AttributeType::FRAMED_IP_ADDRESS => &mut self.framed_ip_address,
            AttributeType::NAS_PORT => &mut self.nas_port,
            AttributeType::ACCT_INPUT_OCTETS => &mut self.input_octets,
            AttributeType::ACCT_INPUT_GIGAWORDS => &mut self.input_gigawords,
            AttributeType::ACCT_OUTPUT_OCTETS => &mut self.output_octets,
            AttributeType::ACCT_OUTPUT_GIGAWORDS => &mut self.output_gigawords,
            AttributeType::ACCT_INPUT_PACKETS => &mut self.input_packets,
            AttributeType::ACCT_OUTPUT_PACKETS => &mut self.output_packets,
            AttributeType::ACCT_SESSION_TIME => &mut self.session_time,
            AttributeType::ACCT_TERMINATE_CAUSE => &mut self.terminate_cause,
            AttributeType::EVENT_TIMESTAMP => &mut self.event_timestamp,
            AttributeType::ACCT_DELAY_TIME => &mut self.delay_time,
            _ => return None,
        })
    }

    fn take_other(&mut self, attribute: &Attribute<'a>) -> Option<Flaw> {
        let value = attribute.value;
        match attribute.kind {
            AttributeType::NAS_IDENTIFIER => set_octets(&mut self.nas_identifier, value),
            AttributeType::ACCT_SESSION_ID => set_octets(&mut self.acct_session_id, value),
            AttributeType::USER_NAME => set_octets(&mut self.user_name, value),
            AttributeType::CALLING_STATION_ID => set_octets(&mut self.calling_station_id, value),
            AttributeType::NAS_PORT_ID => set_octets(&mut self.nas_port_id, value),
            AttributeType::NAS_IPV6_ADDRESS => first(&mut self.nas_ipv6_address, ipv6(value)).err(),
            AttributeType::FRAMED_IPV6_ADDRESS => {
                let taken = first(&mut self.framed_ipv6_address, ipv6(value));
                self.further(taken.map(|left| left.map(|address| (address, 128))))
            }
            AttributeType::FRAMED_IPV6_PREFIX => {
                let taken = first(&mut self.framed_ipv6_prefix, ipv6_prefix(value));
                self.further(taken)
            }
            AttributeType::DELEGATED_IPV6_PREFIX => {
                let taken = first(&mut self.delegated_ipv6_prefix, ipv6_prefix(value));
                self.further(taken)
            }
            AttributeType::CLASS => {
                let ours = |class: &[u8]| class.len() == CLASS_LEN;
                if self.class.is_none_or(|class| !ours(class) && ours(value)) {
                    self.class = Some(value);
                }
                None
            }
            AttributeType::PROXY_STATE => {
                self.proxy_state = true;
                None
            }
            AttributeType::MESSAGE_AUTHENTICATOR => {
                self.message_authenticator
                    .note(value.len(), attribute.value_offset);
                None
            }
            _ => None,
        }
    }

    /// Keeps a prefix that was not the first of its attribute, while there is room.
    fn further(&mut self, left: Result<Option<Ipv6Prefix>, Flaw>) -> Option<Flaw> {
        match left {
            Ok(Some(prefix)) => {
                let room = self.further_ipv6.iter_mut().find(|room| room.is_none());
                if let Some(room) = room {
                    *room = Some(prefix);
                }
                None
            }
            Ok(None) => None,
            Err(flaw) => Some(flaw),
        }
    }

    /// What the attributes say.
    ///
    /// # Errors
    /// [`DropReason::MissingStatusType`]; [`DropReason::MissingSessionId`] where it is of a session.
    pub(crate) fn record(
        &self,
        nas: &Arc<Nas>,
        source: IpAddr,
    ) -> Result<AccountingRecord<'a>, DropReason> {
        let status_type = self.status_type.ok_or(DropReason::MissingStatusType)?;
        let status_type = StatusType::from_number(status_type);
        let is_of_a_session = matches!(
            status_type,
            StatusType::Start | StatusType::InterimUpdate | StatusType::Stop
        );
        if is_of_a_session && self.acct_session_id.is_none() {
            return Err(DropReason::MissingSessionId);
        }
        let octets = |low: Option<u32>, high: Option<u32>| {
            joined_octets(low.unwrap_or(0), high.unwrap_or(0))
        };
        Ok(AccountingRecord {
            status_type,
            nas: Arc::clone(nas),
            source,
            nas_identifier: self.nas_identifier,
            nas_ip_address: self.nas_ip_address.map(Ipv4Addr::from_bits),
            nas_ipv6_address: self.nas_ipv6_address,
            acct_session_id: self.acct_session_id,
            user_name: self.user_name,
            class: self.class,
            framed_ip_address: self.framed_ip_address.map(Ipv4Addr::from_bits),
            framed_ipv6_prefix: self.framed_ipv6_prefix,
            framed_ipv6_address: self.framed_ipv6_address,
            delegated_ipv6_prefix: self.delegated_ipv6_prefix,
            further_ipv6: self.further_ipv6,
            calling_station_id: self.calling_station_id,
            nas_port: self.nas_port,
            nas_port_id: self.nas_port_id,
            input_octets: octets(self.input_octets, self.input_gigawords),
            output_octets: octets(self.output_octets, self.output_gigawords),
            input_packets: self.input_packets.unwrap_or(0),
            output_packets: self.output_packets.unwrap_or(0),
            session_time: self.session_time,
            terminate_cause: self.terminate_cause,
            event_timestamp: self.event_timestamp.map(|t| UnixSeconds(u64::from(t))),
            delay_time: self.delay_time.unwrap_or(0),
        })
    }
}

/// Fills an attribute of which several may appear with the first; gives back any other.
fn first<T>(slot: &mut Option<T>, value: Option<T>) -> Result<Option<T>, Flaw> {
    let value = value.ok_or(Flaw::BadValue)?;
    if slot.is_some() {
        return Ok(Some(value));
    }
    *slot = Some(value);
    Ok(None)
}

fn ipv6(value: &[u8]) -> Option<Ipv6Addr> {
    <[u8; 16]>::try_from(value).ok().map(Ipv6Addr::from)
}

/// Reads a reserved octet, the prefix length and up to 16 octets of prefix (RFC 3162 section 2.3).
fn ipv6_prefix(value: &[u8]) -> Option<Ipv6Prefix> {
    let (&[_reserved, length], prefix) = value.split_first_chunk::<2>()?;
    let mut octets = [0; 16];
    octets.get_mut(..prefix.len())?.copy_from_slice(prefix);
    let fits = length <= 128 && usize::from(length.div_ceil(8)) <= prefix.len();
    fits.then(|| (Ipv6Addr::from(octets), length))
}

/// Writes the value of an IPv6 prefix attribute; returns the octets used.
///
/// Bits behind the prefix are zero, as RFC 3162 section 2.3 demands. A length over 128 counts as 128.
pub(crate) fn ipv6_prefix_value((address, length): Ipv6Prefix, value: &mut [u8; 18]) -> usize {
    let length = length.min(128);
    let host_bits = u32::from(128 - length);
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    value[0] = 0;
    value[1] = length;
    value[2..].copy_from_slice(&(address.to_bits() & mask).to_be_bytes());
    2 + usize::from(length.div_ceil(8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gigawords_count_wraps_of_32_bits() {
        assert_eq!(joined_octets(5, 0), 5);
        assert_eq!(joined_octets(u32::MAX, 2), 3 * (1 << 32) - 1);
    }

    #[test]
    fn prefix_shorter_than_its_length_is_refused() {
        assert_eq!(ipv6_prefix(&[0, 64, 0x20, 1]), None);
        assert_eq!(
            ipv6_prefix(&[0, 129, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
            None
        );
        assert_eq!(ipv6_prefix(&[0]), None);
        assert_eq!(ipv6_prefix(&[0; 19]), None);
        assert_eq!(ipv6_prefix(&[0, 0]), Some((Ipv6Addr::UNSPECIFIED, 0)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn written_prefix_reads_back(bits: u128, length in 0_u8..=128) {
            let mask = u128::MAX.checked_shl(u32::from(128 - length)).unwrap_or(0);
            let mut value = [0; 18];
            let len = ipv6_prefix_value((Ipv6Addr::from_bits(bits), length), &mut value);
            prop_assert_eq!(ipv6_prefix(&value[..len]), Some((Ipv6Addr::from_bits(bits & mask), length)));
        }

        #[test]
        fn status_type_keeps_its_number(number: u32) {
            prop_assert_eq!(StatusType::from_number(number).number(), number);
        }
    }
}
