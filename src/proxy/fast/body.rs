//! The body of an answer, on its way from a server to a client.

use super::answer::{AnswerHead, Framing};
use super::chunks::Chunks;
use super::exchange::malformed;
use super::wire;
use pingora::BError;

/// How much of a body is to come.
pub(super) struct Body {
    /// Where its server ends it.
    pub framing: Framing,
    /// Where it ends for its client.
    pub passed_on: Framing,
    left: u64,
    chunks: Chunks,
}

impl Body {
    /// That of an answer with this head, which ends so for its client.
    pub(super) fn of(head: &AnswerHead, passed_on: Framing) -> Self {
        let left = if let Framing::Length(length) = head.framing { length } else { 0 };
        Self { framing: head.framing, passed_on, left, chunks: Chunks::new() }
    }

    /// Whether all of it was taken.
    pub(super) fn is_over(&self) -> bool {
        match self.framing {
            Framing::None => true,
            Framing::Length(_) => self.left == 0,
            Framing::Chunked => self.chunks.is_over(),
            Framing::Close => false,
        }
    }

    /// What says to its client that it has all of it.
    pub(super) fn last(&self) -> &'static [u8] {
        if self.passed_on == Framing::Chunked { wire::LAST_CHUNK } else { b"" }
    }

    /// Takes what was heard, and writes it as its client gets it; `data` counts its bytes. Gives back whether anything was left
    /// over.
    ///
    /// # Errors
    /// Where what was heard is no body of its framing.
    pub(super) fn take(&mut self, heard: &mut Vec<u8>, into: &mut Vec<u8>, data: &mut u64) -> Result<bool, BError> {
        let used = match self.framing {
            Framing::None => 0,
            Framing::Length(_) => {
                let piece = usize::try_from(self.left).map_or(heard.len(), |left| left.min(heard.len()));
                wire::piece(self.passed_on, &heard[..piece], into);
                self.left -= piece as u64;
                *data += piece as u64;
                piece
            }
            Framing::Close => {
                wire::piece(self.passed_on, heard, into);
                *data += heard.len() as u64;
                heard.len()
            }
            Framing::Chunked => {
                let used = self.chunks.read(heard, |piece| {
                    *data += piece.len() as u64;
                    wire::piece(self.passed_on, piece, into);
                });
                let used = used.map_err(|_| malformed("chunks that are none"))?;
                if self.chunks.is_over() {
                    into.extend_from_slice(self.last());
                }
                used
            }
        };
        let is_more = used < heard.len();
        heard.clear();
        Ok(is_more)
    }
}
