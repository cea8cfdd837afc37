//! Bytes passed on: a connection to the server for each of a client, and nothing read in what goes over them.

use super::pipe::End;
use super::{SCRATCH, accept, connect, listen};
use crate::ready::{Ready, Sockets};
use std::net::SocketAddr;
use std::process::ExitCode;

/// Runs until it is killed.
pub fn run(address: SocketAddr, server: SocketAddr) -> ExitCode {
    let mut sockets = Sockets::new();
    let listener = listen(address, &sockets);
    // The ends of a pair stand at an even place and the odd one behind it, both one further as a token.
    let mut pairs: Vec<Option<[End; 2]>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut scratch = vec![0; SCRATCH];
    let mut ready: Vec<Ready> = Vec::new();
    loop {
        sockets.wait(None, &mut ready);
        // One that is closed is free for another only when all events of its time are over.
        let mut closed = Vec::new();
        for event in &ready {
            let Some(end) = event.token.checked_sub(1) else {
                while let Some(client) = accept(&listener) {
                    let Ok(to_server) = connect(server) else { continue };
                    let number = free.pop().unwrap_or_else(|| {
                        pairs.push(None);
                        pairs.len() - 1
                    });
                    let end = |stream, side| End::new(stream, 2 * number + side + 1, &sockets);
                    pairs[number] = Some([end(client, 0), end(to_server, 1)]);
                }
                continue;
            };
            if let Some(pair) = &mut pairs[end / 2]
                && pass(pair, end % 2, *event, &sockets, &mut scratch).is_none()
            {
                pairs[end / 2] = None;
                closed.push(end / 2);
            }
        }
        free.append(&mut closed);
    }
}

fn pass(pair: &mut [End; 2], side: usize, event: Ready, sockets: &Sockets, scratch: &mut [u8]) -> Option<()> {
    let [client, server] = pair;
    let (from, to) = if side == 0 { (client, server) } else { (server, client) };
    if event.writable && from.is_full() && from.flush(sockets)? {
        to.reads(true, sockets);
    }
    if event.readable && !to.is_full() {
        let length = from.read(scratch)?;
        to.write(&scratch[..length], sockets)?;
        if to.is_full() {
            from.reads(false, sockets);
        }
    }
    Some(())
}
