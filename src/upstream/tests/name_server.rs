//! A name server of a few records, over UDP on loopback.

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What is said of a name.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// These addresses, each as A or AAAA, valid for so many seconds.
    Addresses(&'static [&'static str], u32),
    /// These SRV records: priority, weight, port and target. For A and AAAA there is nothing.
    Services(&'static [(u16, u16, u16, &'static str)], u32),
    NoSuchName,
    /// A failure for A; for AAAA these addresses.
    BrokenForV4(&'static [&'static str]),
    Broken,
    /// No word.
    Silence,
}

/// Answers until it goes; with it the socket goes.
pub(super) struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<HashMap<String, Reply>>>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    pub(super) async fn at(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        let address = socket.local_addr()?;
        let (zone, asked) = (Arc::<Mutex<_>>::default(), Arc::<Mutex<_>>::default());
        let task = tokio::spawn(answer(socket, Arc::clone(&zone), Arc::clone(&asked)));
        Ok(Self { address, zone, asked, task })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn says(&self, name: &str, reply: Reply) {
        self.zone.lock().unwrap().insert(name.into(), reply);
    }

    /// How often the name was asked for.
    pub(super) fn asked_for(&self, name: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| *asked == name).count()
    }

    pub(super) async fn close(self) {
        self.task.abort();
        let _ = self.task.await; // with the task its socket is closed
    }
}

async fn answer(socket: UdpSocket, zone: Arc<Mutex<HashMap<String, Reply>>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut buffer = vec![0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        let Ok(message) = Message::from_vec(&buffer[..length]) else { continue };
        let mut response = Message::response(message.metadata.id, message.metadata.op_code);
        response.metadata.recursion_desired = true;
        response.metadata.recursion_available = true;
        let Some(query) = message.queries.first().cloned() else { continue };
        response.add_query(query.clone());
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let reply = zone.lock().unwrap().get(&name).cloned().unwrap_or(Reply::NoSuchName);
        asked.lock().unwrap().push(name);
        let (texts, ttl) = match reply {
            Reply::Silence => continue,
            Reply::Broken => {
                response.metadata.response_code = ResponseCode::ServFail;
                (&[][..], 0)
            }
            Reply::BrokenForV4(_) if query.query_type() == RecordType::A => {
                response.metadata.response_code = ResponseCode::ServFail;
                (&[][..], 0)
            }
            Reply::NoSuchName => {
                response.metadata.response_code = ResponseCode::NXDomain;
                (&[][..], 0)
            }
            Reply::BrokenForV4(texts) => (texts, 0),
            Reply::Addresses(texts, ttl) => (texts, ttl),
            Reply::Services(services, ttl) => {
                for (priority, weight, port, target) in services {
                    let target = Name::from_ascii(format!("{target}.")).unwrap();
                    let srv = RData::SRV(SRV::new(*priority, *weight, *port, target));
                    if query.query_type() == RecordType::SRV {
                        response.add_answer(Record::from_rdata(query.name().clone(), ttl, srv));
                    }
                }
                (&[][..], 0)
            }
        };
        for address in texts.iter().map(|text| text.parse::<IpAddr>().unwrap()) {
            let record = Record::from_rdata(query.name().clone(), ttl, RData::from(address));
            if record.record_type() == query.query_type() {
                response.add_answer(record);
            }
        }
        let _ = socket.send_to(&response.to_vec().unwrap(), client).await;
    }
}
