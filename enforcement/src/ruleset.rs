//! The text of the table: settings in, `nft` input out.
//!
//! Pure. What the table promises:
//!
//! - sources in `garden4` and `garden6`, on the subscribers' interfaces, reach the portal, the
//!   allowed destinations on TCP 443, name resolution, and what an address needs to live
//!   (DHCP, neighbour discovery, echo to this router); nothing else;
//! - TCP 80 of these sources goes to the portal whatever its destination;
//! - the rest is refused at once: TCP by reset, everything else by ICMP, both ways;
//! - membership is asked before the state of a connection, in hooks ahead of the usual filter
//!   chains, so an established connection ends with the suspension;
//! - traffic of other sources meets one failed look-up and nothing else.
//!
//! An `accept` here ends only our own chain; the operator's filter still has its say.
//!
//! What other settings of the router do to it: the kernel sends one address some six ICMP errors at once
//! and then one a second (`net.ipv4.icmp_ratelimit`); clients then wait for their own timeout. A flowtable
//! that bypasses the hooks keeps an established connection alive for up to a second after its conntrack entry
//! was deleted.
//!
//! Not here: the members of the sets (`wanted`), the kernel (`garden`).

use std::collections::BTreeSet;
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use crate::prefix::Prefix;

/// The name of the table, in family `inet`.
pub const TABLE: &str = "garth";
pub(crate) const GARDEN4: &str = "garden4";
pub(crate) const GARDEN6: &str = "garden6";
pub(crate) const ALLOW4: &str = "allow4";
pub(crate) const ALLOW6: &str = "allow6";

/// Ahead of the filter chains (0) and mangle (-150): no earlier `accept`, offload or
/// queue of another table gets to see traffic of the garden first.
const FILTER_PRIORITY: i32 = -160;
/// Ahead of other destination NAT (-100): the first NAT rule that matches wins.
const NAT_PRIORITY: i32 = -110;
/// Addresses each allow set can hold; the resolver's answer still goes out when it is full.
pub(crate) const ALLOW_ADDRESSES_MAX: usize = 16_384;
/// ICMP errors per second to the whole garden. Above it, datagrams vanish silently, because
/// answering a flood doubles it.
const REJECTS_PER_SECOND: u32 = 2_000;
/// Echo requests per second answered to the whole garden.
const ECHOES_PER_SECOND: u32 = 200;
/// Packets of name queries per second of the whole garden, to bound tunnels and floods. Every limit is
/// given its burst: the kernel's default of 5 packets would reset ordinary TCP handshakes.
const QUERIES_PER_SECOND: u32 = 5_000;
/// IFNAMSIZ of the kernel without the closing zero.
const INTERFACE_NAME_MAX: usize = 15;

/// The name of a subscriber-side interface, or a beginning followed by `*`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Interface(String);

/// What the table is built from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ruleset {
    /// Where subscribers come in; never empty in a ruleset that installs.
    pub interfaces: Vec<Interface>,
    /// Where the portal takes plain HTTP, on the addresses of this router.
    pub portal_http_port: u16,
    /// Where the portal takes HTTPS.
    pub portal_https_ports: Vec<u16>,
    /// Other TCP ports of this router that the garden may use, such as a hosted payment page.
    pub local_ports: Vec<u16>,
    /// The garden's resolver on this router: port 53 goes there whatever its destination. None:
    /// port 53 passes, rate-limited.
    pub dns_port: Option<u16>,
}

/// Why settings do not make a ruleset. Always the operator's fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RulesetError {
    /// A name that no interface can have.
    #[error(
        "{name:?} cannot be an interface: 1 to {INTERFACE_NAME_MAX} letters, digits, '.', '_', ':', '@' or '-', \
         then at most one '*'"
    )]
    Interface {
        /// What was given.
        name: String,
    },
    /// No interface at all: the table would wall nobody.
    #[error("no subscriber-side interface is given; name at least one, such as \"ppp*\"")]
    NoInterface,
    /// Port 0 in one of the lists.
    #[error("port 0 cannot be opened; give the port the service listens on")]
    PortZero,
}

impl FromStr for Interface {
    type Err = RulesetError;

    /// Nothing but these characters ever reaches the ruleset's text, so a name cannot end its quotes.
    fn from_str(name: &str) -> Result<Self, RulesetError> {
        let stem = name.strip_suffix('*').unwrap_or(name);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_:@".contains(&b);
        if stem.is_empty() || stem.len() > INTERFACE_NAME_MAX || !stem.bytes().all(plain) {
            return Err(RulesetError::Interface {
                name: name.to_owned(),
            });
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An allowed address with the seconds it has left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Allowed {
    pub(crate) prefix: Prefix,
    pub(crate) seconds_left: u64,
}

impl Ruleset {
    /// Checks what the types leave open.
    ///
    /// # Errors
    ///
    /// [`RulesetError::NoInterface`] and [`RulesetError::PortZero`].
    pub fn check(&self) -> Result<(), RulesetError> {
        if self.interfaces.is_empty() {
            return Err(RulesetError::NoInterface);
        }
        if self.tcp_ports().contains(&0) || self.dns_port == Some(0) {
            return Err(RulesetError::PortZero);
        }
        Ok(())
    }

    /// The table with empty sets, as `nft list` would show it: for operators to read.
    pub fn text(&self) -> String {
        self.table(&[], &[])
    }

    /// Input for `nft -f -` that puts the table, with its members, in the place of any table of that name
    /// in one transaction: at no moment is anybody free who should be walled.
    pub(crate) fn replacement(&self, members: &[Prefix], allowed: &[Allowed]) -> String {
        // The first line makes the second valid where no table exists yet.
        format!(
            "table inet {TABLE}\ndelete table inet {TABLE}\n{}",
            self.table(members, allowed)
        )
    }

    fn table(&self, members: &[Prefix], allowed: &[Allowed]) -> String {
        let mut out = String::new();
        self.write(&mut out, members, allowed)
            .expect("writing to a String cannot fail");
        out
    }

    fn write(&self, out: &mut String, members: &[Prefix], allowed: &[Allowed]) -> fmt::Result {
        writeln!(out, "table inet {TABLE} {{")?;
        for (name, kind, v4) in [(GARDEN4, "ipv4_addr", true), (GARDEN6, "ipv6_addr", false)] {
            let members = members.iter().filter(|prefix| prefix.is_ipv4() == v4);
            write_set(
                out,
                name,
                kind,
                "flags interval;",
                members.map(|prefix| prefix.to_string()),
            )?;
        }
        for (name, kind, v4) in [(ALLOW4, "ipv4_addr", true), (ALLOW6, "ipv6_addr", false)] {
            let allowed = allowed
                .iter()
                .filter(|allowed| allowed.prefix.is_ipv4() == v4);
            let settings = format!("flags timeout; size {ALLOW_ADDRESSES_MAX};");
            let elements = allowed.map(|a| format!("{} timeout {}s", a.prefix, a.seconds_left));
            write_set(out, name, kind, &settings, elements)?;
        }
        self.write_nat(out)?;
        self.write_forward(out)?;
        self.write_input(out)?;
        write_common(out)?;
        writeln!(out, "}}")
    }

    fn write_nat(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\tchain to_portal {{")?;
        writeln!(
            out,
            "\t\ttcp dport 80 redirect to :{}",
            self.portal_http_port
        )?;
        if let Some(port) = self.dns_port {
            writeln!(
                out,
                "\t\tmeta l4proto {{ tcp, udp }} th dport 53 redirect to :{port}"
            )?;
        }
        writeln!(out, "\t}}")?;
        writeln!(out, "\tchain prerouting {{")?;
        writeln!(
            out,
            "\t\ttype nat hook prerouting priority {NAT_PRIORITY}; policy accept;"
        )?;
        self.write_sources(out, "to_portal")?;
        writeln!(out, "\t}}")
    }

    fn write_forward(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\tchain outbound {{")?;
        writeln!(out, "\t\tip daddr @{ALLOW4} tcp dport 443 accept")?;
        writeln!(out, "\t\tip6 daddr @{ALLOW6} tcp dport 443 accept")?;
        if self.dns_port.is_none() {
            writeln!(
                out,
                "\t\tmeta l4proto {{ tcp, udp }} th dport 53 limit rate {QUERIES_PER_SECOND}/second burst {QUERIES_PER_SECOND} packets accept"
            )?;
        }
        // Path MTU discovery of the allowed connections.
        writeln!(
            out,
            "\t\tct state related meta l4proto {{ icmp, icmpv6 }} accept"
        )?;
        writeln!(out, "\t\tgoto refuse\n\t}}")?;
        writeln!(out, "\tchain inbound {{")?;
        writeln!(
            out,
            "\t\tip saddr @{ALLOW4} tcp sport 443 ct state established accept"
        )?;
        writeln!(
            out,
            "\t\tip6 saddr @{ALLOW6} tcp sport 443 ct state established accept"
        )?;
        if self.dns_port.is_none() {
            writeln!(
                out,
                "\t\tmeta l4proto {{ tcp, udp }} th sport 53 ct direction reply ct state established accept"
            )?;
        }
        writeln!(
            out,
            "\t\tct state related meta l4proto {{ icmp, icmpv6 }} accept"
        )?;
        writeln!(out, "\t\tgoto refuse\n\t}}")?;
        writeln!(out, "\tchain forward {{")?;
        writeln!(
            out,
            "\t\ttype filter hook forward priority {FILTER_PRIORITY}; policy accept;"
        )?;
        self.write_sources(out, "outbound")?;
        for interface in &self.interfaces {
            writeln!(
                out,
                "\t\toifname \"{interface}\" ip daddr @{GARDEN4} goto inbound"
            )?;
            writeln!(
                out,
                "\t\toifname \"{interface}\" ip6 daddr @{GARDEN6} goto inbound"
            )?;
        }
        writeln!(out, "\t}}")
    }

    fn write_input(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\tchain to_router {{")?;
        writeln!(
            out,
            "\t\ttcp dport {{ {} }} accept",
            list(&self.tcp_ports())
        )?;
        let resolver = self.dns_port.unwrap_or(53);
        writeln!(
            out,
            "\t\tmeta l4proto {{ tcp, udp }} th dport {resolver} limit rate {QUERIES_PER_SECOND}/second burst {QUERIES_PER_SECOND} packets accept"
        )?;
        // Renewals of a lease come from the leased address.
        writeln!(out, "\t\tudp dport {{ 67, 547 }} accept")?;
        writeln!(
            out,
            "\t\ticmp type echo-request limit rate {ECHOES_PER_SECOND}/second burst {ECHOES_PER_SECOND} packets accept"
        )?;
        writeln!(
            out,
            "\t\ticmpv6 type echo-request limit rate {ECHOES_PER_SECOND}/second burst {ECHOES_PER_SECOND} packets accept"
        )?;
        writeln!(
            out,
            "\t\ticmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld-listener-report, \
             mld-listener-done, mld2-listener-report }} accept"
        )?;
        // Answers to what the router itself began: ping, SNMP, path MTU.
        writeln!(out, "\t\tct direction reply ct state established accept")?;
        writeln!(
            out,
            "\t\tct state related meta l4proto {{ icmp, icmpv6 }} accept"
        )?;
        writeln!(out, "\t\tgoto refuse\n\t}}")?;
        writeln!(out, "\tchain input {{")?;
        writeln!(
            out,
            "\t\ttype filter hook input priority {FILTER_PRIORITY}; policy accept;"
        )?;
        self.write_sources(out, "to_router")?;
        writeln!(out, "\t}}")
    }

    /// One rule per interface and family: `iifname` takes a wildcard in a rule, not in every kernel's set.
    fn write_sources(&self, out: &mut String, chain: &str) -> fmt::Result {
        for interface in &self.interfaces {
            writeln!(
                out,
                "\t\tiifname \"{interface}\" ip saddr @{GARDEN4} goto {chain}"
            )?;
            writeln!(
                out,
                "\t\tiifname \"{interface}\" ip6 saddr @{GARDEN6} goto {chain}"
            )?;
        }
        Ok(())
    }

    fn tcp_ports(&self) -> BTreeSet<u16> {
        let mut ports = BTreeSet::from([self.portal_http_port]);
        ports.extend(&self.portal_https_ports);
        ports.extend(&self.local_ports);
        ports
    }
}

fn write_set(
    out: &mut String,
    name: &str,
    kind: &str,
    settings: &str,
    elements: impl Iterator<Item = String>,
) -> fmt::Result {
    writeln!(out, "\tset {name} {{\n\t\ttype {kind}; {settings}")?;
    let mut separator = "\t\telements = { ";
    for element in elements {
        write!(out, "{separator}{element}")?;
        separator = ", ";
    }
    let end = if separator == ", " { " }\n\t}" } else { "\t}" };
    writeln!(out, "{end}")
}

fn write_common(out: &mut String) -> fmt::Result {
    writeln!(out, "\tchain refuse {{")?;
    writeln!(out, "\t\tmeta l4proto tcp reject with tcp reset")?;
    writeln!(
        out,
        "\t\tlimit rate {REJECTS_PER_SECOND}/second burst {REJECTS_PER_SECOND} packets reject with icmpx admin-prohibited"
    )?;
    writeln!(out, "\t\tdrop\n\t}}")
}

fn list(ports: &BTreeSet<u16>) -> String {
    ports
        .iter()
        .map(u16::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ruleset() -> Ruleset {
        Ruleset {
            interfaces: vec!["ppp*".parse().unwrap(), "lan0".parse().unwrap()],
            portal_http_port: 8080,
            portal_https_ports: vec![8443],
            local_ports: vec![9443],
            dns_port: Some(5353),
        }
    }

    #[test]
    fn a_name_that_could_leave_its_quotes_is_refused() {
        for name in [
            "",
            "*",
            "a b",
            "lan0\"",
            "x;",
            "lan0\n",
            "l*n",
            "a**",
            "abcdefghijklmnop",
            "ü",
        ] {
            assert!(name.parse::<Interface>().is_err(), "{name:?}");
        }
        for name in ["ppp*", "lan0", "eth0.100", "br-lan", "abcdefghijklmno"] {
            assert!(name.parse::<Interface>().is_ok(), "{name:?}");
        }
    }

    #[test]
    fn settings_that_would_wall_nobody_or_open_port_zero_are_refused() {
        assert_eq!(ruleset().check(), Ok(()));
        assert_eq!(
            Ruleset {
                interfaces: vec![],
                ..ruleset()
            }
            .check(),
            Err(RulesetError::NoInterface)
        );
        assert_eq!(
            Ruleset {
                local_ports: vec![0],
                ..ruleset()
            }
            .check(),
            Err(RulesetError::PortZero)
        );
        assert_eq!(
            Ruleset {
                dns_port: Some(0),
                ..ruleset()
            }
            .check(),
            Err(RulesetError::PortZero)
        );
    }

    #[test]
    fn every_interface_is_matched_in_every_hook_and_family() {
        let text = ruleset().text();
        for chain in ["to_portal", "outbound", "to_router"] {
            for interface in ["ppp*", "lan0"] {
                for source in ["ip saddr @garden4", "ip6 saddr @garden6"] {
                    assert!(
                        text.contains(&format!("iifname \"{interface}\" {source} goto {chain}\n")),
                        "{text}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_is_accepted_by_state_alone_before_membership_was_asked() {
        let text = ruleset().text();
        let base = text
            .lines()
            .skip_while(|line| !line.contains("chain forward"))
            .take_while(|line| *line != "\t}");
        assert!(base.clone().count() > 2);
        assert!(!base.clone().any(|line| line.contains("ct ")), "{text}");
    }

    #[test]
    fn without_a_resolver_names_pass_to_the_outside() {
        let text = Ruleset {
            dns_port: None,
            ..ruleset()
        }
        .text();
        assert!(!text.contains("redirect to :5353"));
        assert!(text.contains("th dport 53 limit rate"));
        assert!(ruleset().text().contains("th dport 53 redirect to :5353"));
    }

    #[test]
    fn members_and_allowed_addresses_are_part_of_the_replacement() {
        let member = |text: &str| text.parse::<Prefix>().unwrap();
        let allowed = Allowed {
            prefix: member("192.0.2.9"),
            seconds_left: 33,
        };
        let text =
            ruleset().replacement(&[member("10.0.0.1"), member("2001:db8::/56")], &[allowed]);
        assert!(
            text.starts_with("table inet garth\ndelete table inet garth\ntable inet garth {\n")
        );
        assert!(text.contains("elements = { 10.0.0.1 }"), "{text}");
        assert!(text.contains("elements = { 2001:db8::/56 }"), "{text}");
        assert!(
            text.contains("elements = { 192.0.2.9 timeout 33s }"),
            "{text}"
        );
    }
}
