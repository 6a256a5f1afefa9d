//! Signatures of quotes (E6): HMAC-SHA256 (RFC 2104) with a key that never leaves this edge's file.
//!
//! A quote that comes back from elsewhere is believed only if this edge has signed it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::disk::signed_octets;
use crate::record::StoredQuote;

/// Octets of a key: as many as a signature has.
pub(crate) const KEY_LEN: usize = 32;

/// The key that quotes are signed with. A secret: it has no `Debug`.
#[derive(Clone)]
pub(crate) struct QuoteKey([u8; KEY_LEN]);

impl QuoteKey {
    pub(crate) const fn new(octets: [u8; KEY_LEN]) -> Self {
        Self(octets)
    }

    /// A new one, from the system's random numbers.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut octets = [0; KEY_LEN];
        getrandom::fill(&mut octets)?;
        Ok(Self(octets))
    }

    /// To be kept in `meta`.
    pub(crate) const fn octets(&self) -> &[u8; KEY_LEN] {
        &self.0
    }

    /// The signature that belongs on the quote.
    pub(crate) fn sign(&self, quote: &StoredQuote) -> [u8; 32] {
        self.over(&signed_octets(quote))
            .finalize()
            .into_bytes()
            .into()
    }

    /// Whether the quote is as it was signed; takes the same time wherever it differs.
    pub(crate) fn verifies(&self, quote: &StoredQuote) -> bool {
        self.over(&signed_octets(quote))
            .verify_slice(&quote.signature)
            .is_ok()
    }

    fn over(&self, octets: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(octets);
        mac
    }
}
