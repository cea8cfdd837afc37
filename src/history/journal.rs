//! The journal's file: a JSON object a line, the newest last.

use super::entry::Entry;
use super::whole::write_whole;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The most bytes of the file that are read; what stands before them is older than anything that is kept.
const LARGEST: u64 = 4 << 20;

/// The lines of a journal.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Those that can be read, as they stand there, the newest last.
    pub(super) good: Vec<(String, Entry)>,
    /// How many cannot be read: torn by a crash, or not ours.
    pub(super) torn: usize,
    /// Whether the last one has no end.
    pub(super) is_open: bool,
}

/// Reads the journal at `path`; one that is missing is empty.
///
/// # Errors
/// Those of the file system.
pub(super) fn read(path: &Path) -> io::Result<Lines> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Lines::default()),
        Err(error) => return Err(error),
    };
    let begin = file.metadata()?.len().saturating_sub(LARGEST);
    file.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    let mut lines = Lines { is_open: bytes.last().is_some_and(|last| *last != b'\n'), ..Lines::default() };
    // The first line of a part of a file is a part of a line.
    let skipped =
        if begin > 0 { bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1) } else { 0 };
    for line in bytes[skipped..].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match (std::str::from_utf8(line), serde_json::from_slice(line)) {
            (Ok(text), Ok(entry)) => lines.good.push((text.to_owned(), entry)),
            _ => lines.torn += 1,
        }
    }
    Ok(lines)
}

/// Adds a line. When this returns, it is on the disk.
///
/// # Errors
/// Those of the file system; what was there before can still be read.
pub(super) fn append(path: &Path, entry: &Entry, last_is_open: bool) -> io::Result<()> {
    let mut line = if last_is_open { b"\n".to_vec() } else { Vec::new() };
    serde_json::to_writer(&mut line, entry)?;
    line.push(b'\n');
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(&line)?;
    file.sync_data()
}

/// Writes the journal anew with these lines.
///
/// # Errors
/// Those of the file system; it is as it was then.
pub(super) fn rewrite<'a>(path: &Path, lines: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let mut text = String::new();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    write_whole(path, text.as_bytes())
}
