//! Who there is: the same subscribers in every server, told by their numbers.

use std::io::{self, Write};

use crate::random::Random;

/// One of so many has not paid.
const UNPAID_ONE_IN: u32 = 10;

/// Subscribers 0 to `count`, of which the last tenth has not paid.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    count: u32,
}

impl Population {
    /// So many subscribers.
    ///
    /// # Panics
    /// When there are fewer than ten.
    pub const fn new(count: u32) -> Self {
        assert!(count >= UNPAID_ONE_IN, "nobody would not have paid");
        Self { count }
    }

    /// How many there are.
    pub const fn count(self) -> u32 {
        self.count
    }

    const fn paid_count(self) -> u32 {
        self.count - self.count / UNPAID_ONE_IN
    }

    /// Whether this one has paid.
    pub const fn has_paid(self, user: u32) -> bool {
        user < self.paid_count()
    }

    /// One of those who have paid.
    pub fn paid(self, random: &mut Random) -> u32 {
        random.below(self.paid_count())
    }

    /// One of those who have not.
    pub fn unpaid(self, random: &mut Random) -> u32 {
        self.paid_count() + random.below(self.count / UNPAID_ONE_IN)
    }

    /// Any of them.
    pub fn anybody(self, random: &mut Random) -> u32 {
        random.below(self.count)
    }

    /// Somebody who is none of them.
    pub fn unknown(self, random: &mut Random) -> u32 {
        50_000_000 + self.anybody(random)
    }

    /// The user name. Scattered, as names that people choose are: neighbours do not sort together.
    pub fn user_name(user: u32) -> String {
        // An odd factor: no two below 2^32 become the same.
        format!("user{:010}", user.wrapping_mul(2_654_435_761))
    }

    /// The password: one block of 16 octets hides it.
    pub fn password(user: u32) -> String {
        format!("pw{user:08}")
    }

    /// The MAC address.
    pub fn mac(user: u32) -> String {
        let [a, b, c, d] = user.to_be_bytes();
        format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
    }

    /// The subscription's id, a UUID of version 4 by its form.
    pub fn class(user: u32) -> [u8; 16] {
        (0x4000_8000_0000_0000_0000 | u128::from(user)).to_be_bytes()
    }

    /// Writes the subscribers from `from` on as `garthctl subscription import` reads them.
    ///
    /// # Errors
    /// When `to` takes no more.
    pub fn write_import(self, from: u32, to: &mut impl Write) -> io::Result<()> {
        for user in from..from + self.count {
            let (name, password, mac) =
                (Self::user_name(user), Self::password(user), Self::mac(user));
            let paid_through = if self.has_paid(user) {
                // Over fifty years, so that the boundaries lie apart.
                format!("20{}-0{}-{}", 40 + user % 50, 1 + user % 9, 10 + user % 18)
            } else {
                "2020-01-31".to_owned()
            };
            writeln!(
                to,
                r#"{{"id":"00000000-0000-4000-8000-{user:012x}","username":"{name}","password":"{password}","mac":"{mac}","plan":"home-100","paid_through":"{paid_through}"}}"#
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn who_is_drawn_is_who_was_asked_for() {
        let population = Population::new(100);
        let mut random = Random::new(5);
        let mut drawn = [BTreeSet::new(), BTreeSet::new(), BTreeSet::new()];
        for _ in 0..2_000 {
            drawn[0].insert(population.paid(&mut random));
            drawn[1].insert(population.unpaid(&mut random));
            drawn[2].insert(population.anybody(&mut random));
            assert!(population.unknown(&mut random) >= 100);
        }
        assert!(drawn[0].iter().all(|user| population.has_paid(*user)));
        assert!(!drawn[1].iter().any(|user| population.has_paid(*user)));
        assert!(drawn.map(Vec::from_iter) == [0..90, 90..100, 0..100].map(Vec::from_iter));
    }

    #[test]
    fn the_import_names_everybody_once() {
        let mut written = Vec::new();
        Population::new(100).write_import(7, &mut written).unwrap();
        let text = String::from_utf8(written).unwrap();
        let field = |name: &str| -> Vec<String> {
            let of = |line: &str| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                line[name].as_str().unwrap().to_owned()
            };
            text.lines().map(of).collect()
        };
        let names = field("username");
        assert_eq!(
            names,
            (7..107).map(Population::user_name).collect::<Vec<_>>()
        );
        for name in ["id", "username", "password", "mac"] {
            let different: BTreeSet<_> = field(name).into_iter().collect();
            assert_eq!(different.len(), 100, "{name}");
        }
        for (user, paid_through) in (7..).zip(field("paid_through")) {
            assert_eq!(paid_through.as_str() > "2040", user < 90, "{user}");
        }
    }

    #[test]
    fn the_class_is_the_id_of_the_import() {
        let hex: String = Population::class(0xabc)
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect();
        assert_eq!(hex, "00000000000040008000000000000abc");
    }
}
