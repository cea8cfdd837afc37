//! Requests of HTTP/2, several at once on each connection.

use super::hold;
use super::meter::Meter;
use super::plan::{self, Outcome, Plan};
use super::prepared::heads;
use super::wire::{self, Wire};
use crate::countries;
use crate::http2::{self, Frame, Memory, put, put_header};
use crate::ready::{Ready, Sockets};
use rustls::ClientConfig;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

/// What is read at once.
const SCRATCH: usize = 256 * 1024;

/// A request that has no answer yet.
struct Open {
    stream: u32,
    due: u64,
    region: Option<usize>,
    is_ok: bool,
    came: usize,
    /// The first byte of the body: the region that served it, as a digit.
    first: Option<u8>,
}

struct Connection {
    wire: Option<Wire>,
    is_connecting: bool,
    waits_for_room: bool,
    /// The cookies of its requests, as headers, and the regions.
    requests: Vec<(Vec<u8>, Option<usize>)>,
    turn: usize,
    next: u32,
    open: Vec<Open>,
    out: Vec<u8>,
    gone: usize,
    read: Vec<u8>,
    /// Bytes that came since the other side was told of more room.
    taken: u32,
}

/// All connections.
pub struct Load<'a> {
    plan: &'a Plan,
    sockets: Sockets,
    connections: Vec<Connection>,
    tls: Option<Arc<ClientConfig>>,
    meter: Meter,
    scratch: Vec<u8>,
    /// What stands before the cookies of the first request of a connection, and of all further ones.
    heads: [Vec<u8>; 2],
    answers: usize,
    /// The connection that is asked first for room.
    first: usize,
}

impl<'a> Load<'a> {
    /// As a plan says.
    pub fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            sockets: Sockets::new(),
            connections: (0..plan.connections).map(|number| Connection::new(number, plan)).collect(),
            tls: plan.certificate.as_deref().map(|certificate| wire::tls(certificate, b"h2")),
            meter: Meter::new(plan),
            scratch: vec![0; SCRATCH],
            heads: heads(plan),
            answers: 0,
            first: 0,
        }
    }

    /// Until the window is over.
    pub fn run(mut self) -> Outcome {
        (0..self.connections.len()).for_each(|number| self.connect(number));
        let mut ready: Vec<Ready> = Vec::new();
        loop {
            let now = self.meter.now();
            if !self.meter.turn(now) || self.meter.is_hopeless() {
                return self.meter.outcome();
            }
            if self.connections.iter().all(|connection| !connection.is_connecting) {
                self.meter.connected(now);
            }
            if self.plan.holds && self.answers >= self.plan.connections * self.plan.streams {
                hold();
                return Outcome::default();
            }
            self.send_due();
            let pause = self.meter.pause(self.meter.now());
            self.sockets.wait(Some(pause), &mut ready);
            for event in &ready {
                if let Err(why) = self.event(*event) {
                    self.fail(event.token, &why);
                }
            }
        }
    }

    fn connect(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        connection.out.clear();
        connection.read.clear();
        (connection.gone, connection.next, connection.taken) = (0, 1, 0);
        match Wire::connect(countries::address(number), self.plan.target, self.tls.as_ref()) {
            Ok(wire) => {
                self.sockets.add(wire.socket(), number, true);
                connection.out.extend_from_slice(http2::PREFACE);
                let mut window = http2::INITIAL_WINDOW.to_be_bytes().to_vec();
                window.extend_from_slice(&http2::LARGEST_WINDOW.to_be_bytes());
                put(&mut connection.out, http2::SETTINGS, 0, 0, &window);
                let more = http2::LARGEST_WINDOW - http2::USUAL_WINDOW;
                put(&mut connection.out, http2::WINDOW_UPDATE, 0, 0, &more.to_be_bytes());
                (connection.wire, connection.waits_for_room, connection.is_connecting) = (Some(wire), true, true);
            }
            Err(error) => self.meter.failed(self.meter.now(), &format!("no connection: {}", error.kind())),
        }
    }

    fn fail(&mut self, number: usize, why: &str) {
        for open in std::mem::take(&mut self.connections[number].open) {
            self.meter.failed(open.due, why);
        }
        self.connections[number].wire = None;
        self.connect(number);
    }

    /// Hands what is due to connections that have room, by turns.
    fn send_due(&mut self) {
        let all = self.connections.len();
        let mut without_room = 0;
        while let Some(due) = self.meter.due.front().copied()
            && without_room < all
        {
            let number = self.first;
            self.first = (self.first + 1) % all;
            let connection = &self.connections[number];
            if connection.is_connecting || connection.wire.is_none() || connection.open.len() >= self.plan.streams {
                without_room += 1;
                continue;
            }
            without_room = 0;
            self.meter.due.pop_front();
            self.begin(number, due);
            if let Err(why) = self.write(number) {
                self.fail(number, &why);
            }
        }
    }

    fn begin(&mut self, number: usize, due: u64) {
        let connection = &mut self.connections[number];
        connection.turn += 1;
        let (cookies, region) = &connection.requests[connection.turn % connection.requests.len()];
        let head = &self.heads[usize::from(connection.next > 1)];
        let flags = http2::END_HEADERS | http2::END_STREAM;
        put(&mut connection.out, http2::HEADERS, flags, connection.next, &[head.as_slice(), cookies].concat());
        let stream = connection.next;
        connection.open.push(Open { stream, due, region: *region, is_ok: false, came: 0, first: None });
        connection.next += 2;
    }

    fn event(&mut self, event: Ready) -> Result<(), String> {
        let number = event.token;
        if self.connections[number].is_connecting {
            if event.writable {
                self.connections[number].is_connecting = false;
                if self.meter.is_closed_loop() {
                    let now = self.meter.now();
                    (0..self.plan.streams).for_each(|_| self.begin(number, now));
                }
            }
            return self.write(number);
        }
        if event.readable {
            self.read(number)?;
        }
        self.write(number)
    }

    fn write(&mut self, number: usize) -> Result<(), String> {
        let connection = &mut self.connections[number];
        let Some(wire) = &mut connection.wire else { return Ok(()) };
        while connection.gone < connection.out.len() {
            match wire.write(&connection.out[connection.gone..]) {
                Ok(0) => return Err("closed while sending".into()),
                Ok(length) => connection.gone += length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("broken while sending: {}", error.kind())),
            }
        }
        if connection.gone == connection.out.len() {
            connection.out.clear();
            connection.gone = 0;
        }
        if wire.holds_back() {
            let _ = wire.flush();
        }
        let wants = !connection.out.is_empty() || wire.holds_back();
        if connection.waits_for_room != wants {
            self.sockets.change(wire.socket(), number, wants);
            connection.waits_for_room = wants;
        }
        Ok(())
    }

    fn read(&mut self, number: usize) -> Result<(), String> {
        loop {
            let connection = &mut self.connections[number];
            let Some(wire) = &mut connection.wire else { return Ok(()) };
            let is_plain = matches!(wire, Wire::Plain(_));
            match wire.read(&mut self.scratch) {
                Ok(0) => return Err("the connection was closed".into()),
                Ok(length) => {
                    connection.read.extend_from_slice(&self.scratch[..length]);
                    self.frames(number)?;
                    if is_plain && length < SCRATCH {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("broken: {}", error.kind())),
            }
        }
    }

    fn frames(&mut self, number: usize) -> Result<(), String> {
        let read = std::mem::take(&mut self.connections[number].read);
        let mut rest = &read[..];
        while let Some(frame) = Frame::take(&mut rest)? {
            self.frame(number, &frame)?;
        }
        let left = rest.len();
        let connection = &mut self.connections[number];
        connection.read = read;
        let whole = connection.read.len() - left;
        connection.read.drain(..whole);
        if connection.taken > http2::LARGEST_WINDOW / 2 {
            put(&mut connection.out, http2::WINDOW_UPDATE, 0, 0, &connection.taken.to_be_bytes());
            connection.taken = 0;
        }
        Ok(())
    }

    fn frame(&mut self, number: usize, frame: &Frame<'_>) -> Result<(), String> {
        let connection = &mut self.connections[number];
        match frame.kind {
            http2::SETTINGS if frame.flags & http2::ACK == 0 => {
                put(&mut connection.out, http2::SETTINGS, http2::ACK, 0, &[]);
            }
            http2::PING if frame.flags & http2::ACK == 0 => {
                put(&mut connection.out, http2::PING, http2::ACK, 0, frame.payload);
            }
            http2::GOAWAY => return Err("the connection was ended".into()),
            http2::RST_STREAM => return Err("a stream was reset".into()),
            http2::HEADERS | http2::DATA => {
                let open = connection.open.iter().position(|open| open.stream == frame.stream);
                let index = open.ok_or("an answer to nothing")?;
                let open = &mut connection.open[index];
                if frame.kind == http2::HEADERS {
                    open.is_ok |= http2::is_ok(frame.content());
                } else {
                    connection.taken += frame.payload.len() as u32;
                    open.came += frame.content().len();
                    open.first = open.first.or(frame.content().first().copied());
                }
                if frame.ends_stream() {
                    let open = connection.open.swap_remove(index);
                    self.answered(number, &open);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn answered(&mut self, number: usize, open: &Open) {
        let now = self.meter.now();
        let served = open.first.map(|digit| usize::from(digit.wrapping_sub(b'0')));
        if !open.is_ok {
            self.meter.failed(open.due, "another status");
        } else if open.came != self.plan.download {
            self.meter.failed(open.due, "a body of another length");
        } else if open.region.is_some() && served != open.region {
            self.meter.failed(open.due, "served by another region");
        } else {
            self.meter.answered(open.due, now);
        }
        self.answers += 1;
        if self.meter.is_closed_loop() && !self.plan.holds {
            self.begin(number, now);
        }
    }
}

impl Connection {
    fn new(number: usize, plan: &Plan) -> Self {
        let request = |prepared: &plan::Prepared| {
            let mut cookies = Vec::new();
            put_header(&mut cookies, Memory::Passing, "cookie", &plan::cookies(prepared));
            // Apps are counted by threes, however many regions there are.
            (cookies, prepared.region.map(|region| region % 3))
        };
        Self {
            wire: None,
            is_connecting: true,
            waits_for_room: false,
            requests: plan::requests(number, plan.homes).iter().map(request).collect(),
            turn: 0,
            next: 1,
            open: Vec::new(),
            out: Vec::new(),
            gone: 0,
            read: Vec::new(),
            taken: 0,
        }
    }
}
