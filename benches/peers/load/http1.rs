//! Requests of HTTP/1.1, one at a time on each connection, and messages of WebSockets.

use super::answer;
use super::meter::Meter;
use super::plan::{Outcome, Plan, Protocol};
use super::prepared::{Request, check, echo_length, message, request, requests};
use super::wire::{self, Wire};
use super::{CONNECTING, hold};
use crate::countries;
use crate::ready::{Ready, Sockets};
use rustls::ClientConfig;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

/// What is read at once; larger answers take several reads.
const SCRATCH: usize = 256 * 1024;

static ZEROS: [u8; SCRATCH] = [0; SCRATCH];

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed,
    Connecting,
    Idle,
    /// So many bytes of the request are written.
    Writing(usize),
    /// The head of the answer is not complete.
    Head,
    /// So many bytes of its body are to come.
    Body(u64),
    /// It has had what it is for.
    Held,
}

struct Visitor {
    wire: Option<Wire>,
    state: State,
    requests: Vec<Request>,
    turn: usize,
    due: u64,
    /// The part of a head that has come.
    head: Vec<u8>,
    waits_for_room: bool,
    /// Whether it has become a WebSocket.
    is_upgraded: bool,
    /// Whether its connection ends with the answer that it gets.
    closes: bool,
}

/// All visitors.
pub struct Load<'a> {
    plan: &'a Plan,
    sockets: Sockets,
    visitors: Vec<Visitor>,
    tls: Option<Arc<ClientConfig>>,
    meter: Meter,
    scratch: Vec<u8>,
    idle: VecDeque<usize>,
    /// The next visitor that has never been connected, how many are on their way, and how many have had an answer.
    next: usize,
    connecting: usize,
    settled: usize,
    /// A message of a WebSocket.
    message: Request,
}

impl<'a> Load<'a> {
    /// As a plan says.
    pub fn new(plan: &'a Plan) -> Self {
        let visitors = (0..plan.connections).map(|connection| Visitor {
            wire: None,
            state: State::Closed,
            requests: requests(connection, plan),
            turn: 0,
            due: 0,
            head: Vec::new(),
            waits_for_room: false,
            is_upgraded: false,
            closes: false,
        });
        Self {
            plan,
            sockets: Sockets::new(),
            visitors: visitors.collect(),
            tls: plan.certificate.as_deref().map(|certificate| wire::tls(certificate, b"http/1.1")),
            meter: Meter::new(plan),
            scratch: vec![0; SCRATCH],
            idle: VecDeque::new(),
            next: 0,
            connecting: 0,
            settled: 0,
            message: Request { bytes: message(plan.download), rest: 0, region: None },
        }
    }

    /// Until the window is over.
    pub fn run(mut self) -> Outcome {
        let mut ready: Vec<Ready> = Vec::new();
        loop {
            let now = self.meter.now();
            if !self.meter.turn(now) || self.meter.is_hopeless() {
                return self.meter.outcome();
            }
            self.connect_more(now);
            if self.plan.holds && self.settled == self.plan.connections {
                hold();
                return Outcome::default();
            }
            self.send_due();
            let pause = self.meter.pause(self.meter.now());
            self.sockets.wait(Some(pause), &mut ready);
            for event in &ready {
                self.event(*event);
            }
        }
    }

    fn connect_more(&mut self, now: u64) {
        while self.next < self.visitors.len() && self.connecting < CONNECTING {
            self.connect(self.next);
            self.next += 1;
        }
        if self.next == self.visitors.len() && (self.connecting == 0 || self.plan.reconnects) {
            self.meter.connected(now);
        }
    }

    fn send_due(&mut self) {
        while !self.meter.due.is_empty() {
            let Some(visitor) = self.idle.pop_front() else { return };
            if self.visitors[visitor].state == State::Idle
                && let Some(due) = self.meter.due.pop_front()
            {
                self.begin(visitor, due);
            }
        }
    }

    fn connect(&mut self, number: usize) {
        let target: SocketAddr = self.plan.target;
        let visitor = &mut self.visitors[number];
        visitor.head.clear();
        (visitor.is_upgraded, visitor.closes) = (false, false);
        // The time of a visitor that connects for each request begins here.
        visitor.due = self.meter.now();
        match Wire::connect(countries::address(number), target, self.tls.as_ref()) {
            Ok(wire) => {
                self.sockets.add(wire.socket(), number, true);
                visitor.waits_for_room = true;
                visitor.state = State::Connecting;
                visitor.wire = Some(wire);
                self.connecting += 1;
            }
            Err(error) => {
                visitor.state = State::Closed;
                self.meter.failed(visitor.due, &format!("no connection: {}", error.kind()));
            }
        }
    }

    fn event(&mut self, event: Ready) {
        let number = event.token;
        let state = self.visitors[number].state;
        if state == State::Connecting && event.writable {
            self.connecting -= 1;
            let due = self.visitors[number].due;
            self.rest(number, due);
        } else if matches!(state, State::Writing(_)) {
            self.write(number);
        } else if event.readable {
            self.read(number);
        } else if event.writable {
            self.flush(number);
        }
    }

    /// It may have its next request: at once where nothing sets the pace.
    fn rest(&mut self, number: usize, now: u64) {
        self.visitors[number].state = State::Idle;
        if self.meter.is_closed_loop() {
            self.begin(number, now);
        } else if let Some(due) = self.meter.due.pop_front() {
            self.begin(number, due);
        } else {
            self.wants_room(number, false);
            self.idle.push_back(number);
        }
    }

    fn begin(&mut self, number: usize, due: u64) {
        let visitor = &mut self.visitors[number];
        visitor.due = due;
        visitor.turn += 1;
        visitor.state = State::Writing(0);
        self.write(number);
    }

    fn write(&mut self, number: usize) {
        let visitor = &mut self.visitors[number];
        let State::Writing(mut written) = visitor.state else { return };
        let Some(wire) = &mut visitor.wire else { return };
        let request = request(visitor.is_upgraded, &self.message, &visitor.requests, visitor.turn);
        let all = request.bytes.len() + request.rest;
        let failed = loop {
            let chunk = match request.bytes.get(written..) {
                Some(bytes) if !bytes.is_empty() => bytes,
                _ => &ZEROS[..(all - written).min(ZEROS.len())],
            };
            match wire.write(chunk) {
                Ok(0) => break Some("closed while sending"),
                Ok(more) => written += more,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => break None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => break Some("refused"),
                Err(_) => break Some("broken while sending"),
            }
            if written == all {
                break None;
            }
        };
        let is_whole = written == all;
        visitor.state = if is_whole { State::Head } else { State::Writing(written) };
        let holds_back = wire.holds_back();
        match failed {
            Some(why) => self.fail(number, why),
            None => self.wants_room(number, !is_whole || holds_back),
        }
    }

    /// What TLS held back goes out.
    fn flush(&mut self, number: usize) {
        let Some(wire) = &mut self.visitors[number].wire else { return };
        match wire.flush() {
            Ok(()) => {
                let holds_back = wire.holds_back();
                self.wants_room(number, holds_back);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.fail(number, "broken while sending"),
        }
    }

    fn wants_room(&mut self, number: usize, wants: bool) {
        let visitor = &mut self.visitors[number];
        if visitor.waits_for_room != wants
            && let Some(wire) = &visitor.wire
        {
            self.sockets.change(wire.socket(), number, wants);
            visitor.waits_for_room = wants;
        }
    }

    fn read(&mut self, number: usize) {
        loop {
            let visitor = &mut self.visitors[number];
            let Some(wire) = &mut visitor.wire else { return };
            let is_plain = matches!(wire, Wire::Plain(_));
            match wire.read(&mut self.scratch) {
                Ok(0) if visitor.state == State::Idle => return self.reopen(number),
                Ok(0) if visitor.state == State::Held => {
                    self.settled -= 1;
                    return self.reopen(number);
                }
                Ok(0) => return self.fail(number, "closed without an answer"),
                Ok(length) => {
                    let is_all = is_plain && length < self.scratch.len();
                    match self.take(number, length) {
                        Ok(true) => return self.answered(number),
                        Ok(false) if is_all => return,
                        Ok(false) => {}
                        Err(why) => return self.fail(number, &why),
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) if visitor.state == State::Idle => return self.reopen(number),
                Err(_) => return self.fail(number, "broken without an answer"),
            }
        }
    }

    /// Takes what was read; whether the answer is complete.
    fn take(&mut self, number: usize, length: usize) -> Result<bool, String> {
        let visitor = &mut self.visitors[number];
        let mut came = length as u64;
        if visitor.state == State::Head && visitor.is_upgraded {
            visitor.state = State::Body(echo_length(self.plan.download));
        } else if visitor.state == State::Head {
            let joined;
            let bytes = if visitor.head.is_empty() {
                &self.scratch[..length]
            } else {
                visitor.head.extend_from_slice(&self.scratch[..length]);
                joined = std::mem::take(&mut visitor.head);
                &joined[..]
            };
            let Some(head) = answer::read(bytes)? else {
                visitor.head = bytes.to_vec();
                return Ok(false);
            };
            came = (bytes.len() - head.length) as u64;
            if self.plan.protocol == Protocol::WebSocket {
                visitor.is_upgraded = head.status == 101;
                return if visitor.is_upgraded { Ok(true) } else { Err(format!("{} for an upgrade", head.status)) };
            }
            let wanted = visitor.requests[visitor.turn % visitor.requests.len()].region;
            check(&head, self.plan.download as u64, wanted)?;
            visitor.closes = head.closes;
            visitor.state = State::Body(head.body.unwrap_or(0));
        }
        let State::Body(left) = visitor.state else { return Err("an answer to nothing".into()) };
        visitor.state = State::Body(left.checked_sub(came).ok_or("more than was asked for")?);
        Ok(left == came)
    }

    fn answered(&mut self, number: usize) {
        let now = self.meter.now();
        self.meter.answered(self.visitors[number].due, now);
        if self.plan.holds {
            self.visitors[number].state = State::Held;
            self.settled += 1;
        } else if self.plan.reconnects || self.visitors[number].closes {
            self.visitors[number].wire = None;
            self.connect(number);
        } else {
            self.rest(number, now);
        }
    }

    fn fail(&mut self, number: usize, why: &str) {
        self.meter.failed(self.visitors[number].due, why);
        self.reopen(number);
    }

    fn reopen(&mut self, number: usize) {
        self.connecting -= usize::from(self.visitors[number].state == State::Connecting);
        self.visitors[number].wire = None;
        self.connect(number);
    }
}
