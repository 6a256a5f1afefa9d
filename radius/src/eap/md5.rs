//! EAP-MD5 (RFC 3748 section 5.4): CHAP in EAP. It proves the peer to us, nothing to the peer, and gives no keys.

use super::prove::{Context, Progress, Proven};
use crate::crypto::ChapPassword;
use crate::reason::RejectReason;

/// Octets of a challenge and of its response.
const VALUE_LEN: usize = 16;
/// The same, as Value-Size says it.
const VALUE_SIZE: u8 = 16;

/// A challenge that was sent.
pub(super) struct Md5 {
    challenge: [u8; VALUE_LEN],
    /// Of the request that carried it: part of what is digested.
    identifier: u8,
}

impl Md5 {
    /// Gives the data of the first request too.
    pub(super) fn begin(context: &Context<'_>) -> (Self, Vec<u8>) {
        let challenge = context.random();
        let data = [&[VALUE_SIZE][..], &challenge].concat();
        let identifier = context.identifier;
        (
            Self {
                challenge,
                identifier,
            },
            data,
        )
    }

    /// Takes the response, which is the last.
    ///
    /// # Errors
    /// When it is wrong.
    pub(super) fn receive(
        &self,
        context: &mut Context<'_>,
        identity: &[u8],
        data: &[u8],
    ) -> Result<Progress, RejectReason> {
        // A name may follow; it is the identity that counts.
        let Some(([VALUE_SIZE, digest @ ..], _name)) =
            data.split_first_chunk::<{ 1 + VALUE_LEN }>()
        else {
            return Err(RejectReason::EapProtocol);
        };
        let mut response: ChapPassword = [self.identifier; 1 + VALUE_LEN];
        response[1..].copy_from_slice(digest);
        let grant = context.by_chap(identity, &response, &self.challenge)?;
        Ok(Progress::Accept(Proven { grant, msk: None }))
    }
}
