//! Logs in blocks that end with a line, handed to threads that wait for them.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// The size of a block, and of the longest line that is read, in bytes: no line of a log comes near.
const BLOCK: usize = 1 << 20;

/// How many blocks wait at the most, so that memory is bounded whatever the reader does.
const WAITING: usize = 8;

/// Some whole lines.
pub(super) struct Block {
    /// Which block it is, from 0, over all logs.
    pub(super) number: usize,
    /// The lines, each with its end, but for the last of a log.
    pub(super) bytes: Vec<u8>,
}

/// Where blocks come from.
pub(super) struct Blocks {
    full: Mutex<Receiver<Block>>,
    empty: SyncSender<Vec<u8>>,
}

/// Where they are read.
pub(super) struct Reader {
    full: SyncSender<Block>,
    empty: Receiver<Vec<u8>>,
    next: usize,
}

/// A reader, and where its blocks come out. It ends when the reader is dropped.
pub(super) fn pipe() -> (Reader, Blocks) {
    let (full, taken) = sync_channel(WAITING);
    let (empty, given_back) = sync_channel(2 * WAITING);
    (Reader { full, empty: given_back, next: 0 }, Blocks { full: Mutex::new(taken), empty })
}

impl Blocks {
    /// The next block; `None` where there are no more.
    pub(super) fn next(&self) -> Option<Block> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
    }

    /// Gives the memory of a block back.
    pub(super) fn give_back(&self, block: Block) {
        // Where the reader has enough of them, or is gone, it is freed.
        let _ = self.empty.try_send(block.bytes);
    }
}

impl Reader {
    /// The number of the next block.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Reads a log to its end. `seen` hears of the bytes that were read. Of a line that is too long the first part is handed
    /// on, which cannot be read, and the rest passed over.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn read(&mut self, log: &mut impl Read, mut seen: impl FnMut(usize)) -> io::Result<()> {
        let mut rest: Vec<u8> = Vec::new();
        let mut is_too_long = false;
        loop {
            let mut bytes = self.empty.try_recv().unwrap_or_default();
            bytes.clear();
            bytes.extend_from_slice(&rest);
            let room = u64::try_from(BLOCK - rest.len()).unwrap_or(0);
            let read = log.by_ref().take(room).read_to_end(&mut bytes)?;
            seen(read);
            rest.clear();
            let is_last = u64::try_from(read).is_ok_and(|read| read < room);
            if is_too_long {
                // The end of the line whose beginning was handed on.
                match memchr::memchr(b'\n', &bytes) {
                    Some(end) => drop(bytes.drain(..=end)),
                    None if is_last => return Ok(()),
                    None => continue,
                }
                is_too_long = false;
            }
            match memchr::memrchr(b'\n', &bytes) {
                _ if is_last => {}
                Some(end) => {
                    rest.extend_from_slice(bytes.get(end + 1..).unwrap_or_default());
                    bytes.truncate(end + 1);
                }
                None => is_too_long = true,
            }
            if !bytes.is_empty() && self.full.send(Block { number: self.next, bytes }).is_ok() {
                self.next += 1;
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &[u8]) -> Vec<Vec<u8>> {
        let (mut reader, blocks) = pipe();
        let mut log = text;
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| std::iter::from_fn(|| blocks.next()).map(|block| block.bytes).collect());
            reader.read(&mut log, |_| {}).unwrap();
            drop(reader);
            taken.join().unwrap()
        })
    }

    #[test]
    fn lines_stay_whole() {
        for length in [1, 7, 4_095, 100_003] {
            let line = [vec![b'x'; length], vec![b'\n']].concat();
            let mut text = line.repeat(3 * BLOCK / length + 3);
            text.extend_from_slice(b"the end");
            let blocks = blocks(&text);
            assert!(blocks.len() >= 3);
            assert!(blocks.iter().rev().skip(1).all(|block| block.ends_with(b"x\n") && block.len() <= BLOCK));
            assert_eq!(blocks.concat(), text, "{length}");
        }
        assert!(blocks(b"").is_empty());
        assert_eq!(blocks(b"\n"), [b"\n"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_one_that_cannot_be_read() {
        for length in [BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK + 7] {
            let text = [b"a\n".to_vec(), vec![b'x'; length], b"\nb\nc\n".to_vec()].concat();
            let whole = blocks(&text).concat();
            let lines: Vec<_> = whole.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            assert_eq!(lines.first().unwrap(), b"a");
            assert!(whole.ends_with(b"b\nc\n"), "{length}");
            assert!(whole.len() <= 2 * BLOCK, "{length}");
        }
    }
}
