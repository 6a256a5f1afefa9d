//! From chunks of octets to lines, with a bound on each line.

/// The longest line, in octets: every field at its longest, escaped, and then some.
pub const LINE_LEN_MAX: usize = 64 << 10;

/// Cuts a stream into lines. A line over the bound is reported once and skipped.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    /// How much of `buffer` was given out already.
    taken: usize,
    /// How much of `buffer` is known to hold no newline.
    searched: usize,
    skipping: bool,
}

/// What [`Lines::next_line`] found.
#[derive(Debug, Eq, PartialEq)]
pub enum Split<'a> {
    /// A line without its newline.
    Line(&'a [u8]),
    /// A line that was too long.
    TooLong,
    /// Nothing until more is fed.
    More,
}

impl Lines {
    /// Takes the next chunk of the stream.
    pub fn feed(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.buffer.extend_from_slice(chunk);
    }

    /// The next whole line.
    pub fn next_line(&mut self) -> Split<'_> {
        loop {
            let unseen = &self.buffer[self.searched..];
            let Some(at) = unseen.iter().position(|octet| *octet == b'\n') else {
                self.searched = self.buffer.len();
                return self.without_newline();
            };
            let end = self.searched + at;
            let start = std::mem::replace(&mut self.taken, end + 1);
            self.searched = self.taken;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if end - start > LINE_LEN_MAX {
                return Split::TooLong;
            }
            return Split::Line(trimmed(&self.buffer[start..end]));
        }
    }

    /// The last line, where the stream ended without a newline.
    pub fn last_line(&mut self) -> Option<&[u8]> {
        let start = std::mem::replace(&mut self.taken, self.buffer.len());
        self.searched = self.taken;
        let rest = &self.buffer[start..];
        (!rest.is_empty() && !self.skipping).then(|| trimmed(rest))
    }

    fn without_newline(&mut self) -> Split<'_> {
        if self.buffer.len() - self.taken <= LINE_LEN_MAX {
            return Split::More;
        }
        self.taken = self.buffer.len();
        self.searched = self.taken;
        if std::mem::replace(&mut self.skipping, true) {
            Split::More
        } else {
            Split::TooLong
        }
    }
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(chunks: &[&[u8]]) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.feed(chunk);
            loop {
                match lines.next_line() {
                    Split::Line(line) => found.push(Some(line.to_vec())),
                    Split::TooLong => found.push(None),
                    Split::More => break,
                }
            }
        }
        found.extend(lines.last_line().map(|line| Some(line.to_vec())));
        found
    }

    #[test]
    fn a_line_over_the_bound_is_reported_once_and_the_next_one_is_whole() {
        let long = vec![b'a'; LINE_LEN_MAX];
        let found = all(&[b"one\n", &long, &long, &long, b"\ntwo\r\n", b"three"]);
        assert_eq!(
            found,
            [
                Some(b"one".to_vec()),
                None,
                Some(b"two".to_vec()),
                Some(b"three".to_vec())
            ]
        );
    }

    #[test]
    fn memory_stays_bounded_however_long_a_line_is() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            lines.feed(&[b'a'; 16 << 10]);
            while lines.next_line() != Split::More {}
            assert!(lines.buffer.len() <= LINE_LEN_MAX + (16 << 10));
        }
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_how_the_stream_is_cut(
            text in "[ab\n]{0,60}", at in 0_usize..60,
        ) {
            let at = at.min(text.len());
            let (head, tail) = text.as_bytes().split_at(at);
            let expected: Vec<_> = text.lines().map(|line| Some(line.as_bytes().to_vec())).collect();
            prop_assert_eq!(all(&[head, tail]), expected);
        }
    }
}
