//! Attributes of a dialect as an operator reads them.

use super::{Fill, Template, Value, encode};
use crate::code::Code;
use crate::packet::{Encoder, PACKET_LEN_MAX, Packet};

impl Template {
    /// The attribute filled in, such as `Mikrotik-Rate-Limit = "20000k/100000k"`; behind a name may
    /// stand a tag. `None` for what does not fit or comes out empty: it is not sent either.
    pub fn in_words(&self, fill: Fill<'_>) -> Option<String> {
        let mut buffer = [0; PACKET_LEN_MAX];
        let mut encoder = Encoder::new(&mut buffer, Code::COA_REQUEST, 0).ok()?;
        encode(std::slice::from_ref(self), fill, &mut encoder).ok()?;
        let packet = Packet::decode(encoder.close().octets).ok()?;
        let attribute = packet.attributes().next()?;
        let octets = attribute.vendor_value().unwrap_or(attribute.value);
        let (tag, octets) = match self.tag {
            Some(_) => octets
                .split_first()
                .map(|(tag, rest)| (format!(":{tag}"), rest))?,
            None => (String::new(), octets),
        };
        let value = match &self.value {
            Value::Text(_) => format!("\"{}\"", octets.escape_ascii()),
            Value::Address(address) => address.to_string(),
            Value::Integer(_) => octets
                .iter()
                .fold(0_u32, |number, octet| number << 8 | u32::from(*octet))
                .to_string(),
        };
        Some(format!("{}{tag} = {value}", self.attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dialect;
    use super::*;

    fn words(dialect: &str, is_full: bool) -> Vec<String> {
        let dialect = Dialect::by_name(dialect).unwrap();
        let templates = if is_full {
            dialect.full
        } else {
            dialect.garden
        };
        let fill = Fill {
            down_kbps: 100_000,
            up_kbps: 20_000,
            garden_name: "garden",
            ..Fill::default()
        };
        let words = templates.iter();
        words.filter_map(|one| one.in_words(fill)).collect()
    }

    #[test]
    fn text_numbers_and_tags_can_be_read() {
        assert_eq!(
            words("mikrotik", false),
            [
                "Mikrotik-Address-List = \"garden\"",
                "Mikrotik-Rate-Limit = \"20000k/100000k\""
            ]
        );
        let generic = words("generic", true);
        let rate = "WISPr-Bandwidth-Max-Down = 100000000".to_owned();
        assert!(generic.contains(&rate), "{generic:?}");
        let juniper = words("juniper", true);
        let is_tagged = |word: &String| word.starts_with("ERX-Service-Activate:1 = \"");
        assert!(juniper.iter().any(is_tagged), "{juniper:?}");
    }
}
