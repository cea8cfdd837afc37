//! Requests and messages as bytes, made before it is measured. Pure.

use super::answer::Head;
use super::plan::{self, HEADERS, HOST, Plan, Prepared};
use crate::http2::{Memory, put_header};

/// Bodies up to this size are sent with their heads.
const TOGETHER: usize = 64 * 1024;

/// A request as bytes.
pub struct Request {
    /// With the body, where it is not large.
    pub bytes: Vec<u8>,
    /// The zeros behind the bytes.
    pub rest: usize,
    /// The app that must answer.
    pub region: Option<usize>,
}

/// Whether an answer is the one that was asked for.
///
/// # Errors
/// What is wrong with it.
pub fn check(head: &Head, body: u64, region: Option<usize>) -> Result<(), String> {
    match head {
        Head { status: 200, .. } => {}
        other => return Err(format!("status {}", other.status)),
    }
    if head.body != Some(body) {
        return Err("a body of another length".into());
    }
    if region.is_some() && head.region != region {
        return Err("served by another region".into());
    }
    Ok(())
}

/// What a connection sends next: messages, once it is a WebSocket.
pub fn request<'a>(is_upgraded: bool, message: &'a Request, requests: &'a [Request], turn: usize) -> &'a Request {
    if is_upgraded { message } else { &requests[turn % requests.len()] }
}

/// The requests of a connection.
pub fn requests(connection: usize, plan: &Plan) -> Vec<Request> {
    let request = |prepared: &Prepared| {
        let mut bytes = plan::head(prepared, plan).into_bytes();
        let together = if plan.upload <= TOGETHER { plan.upload } else { 0 };
        bytes.resize(bytes.len() + together, 0);
        // Apps are counted by threes, however many regions there are.
        Request { bytes, rest: plan.upload - together, region: prepared.region.map(|region| region % 3) }
    };
    plan::requests(connection, plan.homes).iter().map(request).collect()
}

/// A binary message as clients send it: masked, here by zeros.
pub fn message(length: usize) -> Vec<u8> {
    let mut bytes = vec![0x82];
    match length {
        0..126 => bytes.push(0x80 | length as u8),
        126..65536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.resize(bytes.len() + length, 0);
    bytes
}

/// How long the same message is from a server.
pub fn echo_length(length: usize) -> u64 {
    message(length).len() as u64 - 4
}

/// As browsers send them: what is the same in all requests is said once on a connection, and meant by a byte later.
pub fn heads(plan: &Plan) -> [Vec<u8>; 2] {
    // `:method: GET`, `:scheme: http` or `https`.
    let mut first = vec![0x82, if plan.certificate.is_some() { 0x87 } else { 0x86 }];
    let mut further = first.clone();
    let path = plan::path(plan.download);
    let same = [(":authority", HOST), (":path", path.as_str())].into_iter().chain(HEADERS);
    let count = same.clone().count();
    for (nth, (name, value)) in same.enumerate() {
        put_header(&mut first, Memory::Kept, name, value);
        // The last one that was remembered has the first place behind those that all know.
        further.push(0x80 | (61 + count - nth) as u8);
    }
    [first, further]
}
