//! The new process: it takes over from the running one.

use super::channel::{Channel, Heard};
use super::giver::answers;
use super::message::Message;
use super::sockets::Sockets;
use crate::live::{Counts, Heritage};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the running process may take for an answer. It is quick, or stuck.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why there is nothing to take over. The message says why and what to do.
#[derive(Debug, thiserror::Error)]
pub enum HeirError {
    /// The running process cannot be asked.
    #[error(
        "the running edge cannot be asked to hand over at {}: {error}; start this one as the user that runs that one, with the \
         same state: directory",
        .path.display()
    )]
    NotReached {
        /// Its socket.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It said no.
    #[error("the running edge does not hand over: {0}")]
    No(String),
    /// It says something else.
    #[error("the running edge cannot be understood: {0}; stop it, and start this one without --upgrade")]
    NotUnderstood(String),
}

/// What becomes of the new process once it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It serves on: the old one takes no more connections, or is gone.
    Serve,
    /// The old one serves on, and this one has to end.
    End(String),
}

/// A process that takes over.
#[derive(Debug)]
pub struct Heir {
    channel: Channel,
    /// Whether the running process has gone without a word: then nobody else serves.
    is_alone: bool,
}

impl Heir {
    /// Asks the process at the socket `path` for what it has; `None` where none is there.
    ///
    /// # Errors
    /// Where it says no, or cannot be asked.
    pub fn find(path: &Path) -> Result<Option<(Self, Sockets, Heritage)>, HeirError> {
        let not_reached = |error| HeirError::NotReached { path: path.to_owned(), error };
        let Some(stream) = answers(path).map_err(not_reached)? else { return Ok(None) };
        let mut channel = Channel::new(stream).map_err(not_reached)?;
        channel.peer().map_err(not_reached)?;
        channel.say(&Message::hello(), &[]).map_err(not_reached)?;
        match channel.hear(PATIENCE).map_err(not_reached)? {
            Heard::End => Err(not_reached(io::ErrorKind::UnexpectedEof.into())),
            Heard::Message(message, sockets) => match *message {
                Message::Offer { sockets: names, .. } if names.len() != sockets.len() => {
                    let (said, came) = (names.len(), sockets.len());
                    Err(HeirError::NotUnderstood(format!("{came} of {said} sockets came; see the limit of open files")))
                }
                Message::Offer { sockets: names, heritage, homeward, .. } => {
                    tracing::info!("taking over from the running edge, Homeward {homeward}");
                    let sockets = Sockets::new(names.into_iter().zip(sockets).collect());
                    Ok(Some((Self { channel, is_alone: false }, sockets, heritage)))
                }
                Message::No { why } => Err(HeirError::No(why)),
                other => Err(HeirError::NotUnderstood(format!("it says '{}'", other.name()))),
            },
        }
    }

    /// Whether a process answers at the socket `path`.
    #[must_use]
    pub fn is_somebody_at(path: &Path) -> bool {
        matches!(answers(path), Ok(Some(_)))
    }

    /// Says that this process cannot take over.
    pub fn failed(mut self, why: &str) {
        // The running one hears of the end too.
        let _ = self.channel.say(&Message::Failed { why: why.to_owned() }, &[]);
    }

    /// Says that nothing is missing any more but connections; gives back what the running process has counted.
    ///
    /// # Errors
    /// Where it says no.
    pub fn ready(&mut self) -> Result<Counts, HeirError> {
        match self.exchange(&Message::Ready) {
            Ok(Some(Message::Counts { counts })) => Ok(counts),
            Ok(Some(Message::No { why })) => Err(HeirError::No(why)),
            Ok(Some(other)) => Err(HeirError::NotUnderstood(format!("it says '{}'", other.name()))),
            Ok(None) => {
                tracing::warn!(
                    "the edge that was to hand over is gone; this one goes on alone, without what that one counted"
                );
                self.is_alone = true;
                Ok(Counts::default())
            }
            Err(error) => Err(HeirError::NotUnderstood(error.to_string())),
        }
    }

    /// Says that this process takes connections.
    #[must_use]
    pub fn serving(mut self) -> Verdict {
        if self.is_alone {
            return Verdict::Serve;
        }
        match self.exchange(&Message::Serving) {
            Ok(Some(Message::Farewell)) => Verdict::Serve,
            Ok(Some(Message::No { why })) => Verdict::End(why),
            Ok(Some(other)) => Verdict::End(format!("it says '{}'", other.name())),
            Ok(None) => {
                tracing::warn!("the edge that handed over is gone without a word; this one serves");
                Verdict::Serve
            }
            Err(error) => Verdict::End(error.to_string()),
        }
    }

    /// What is answered; nothing where nobody is there any more.
    fn exchange(&mut self, message: &Message) -> io::Result<Option<Message>> {
        match self.channel.say(message, &[]) {
            // A last word may be there all the same.
            Err(error) if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {}
            said => said?,
        }
        match self.channel.hear(PATIENCE)? {
            Heard::Message(message, _) => Ok(Some(*message)),
            Heard::End => Ok(None),
        }
    }
}
