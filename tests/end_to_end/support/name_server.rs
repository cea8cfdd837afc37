//! A name server of a few records, over UDP on loopback.

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

type Zone = Arc<Mutex<HashMap<String, Vec<RData>>>>;

/// Answers until it is dropped. Everything it says is valid for no time at all.
pub struct NameServer {
    pub address: SocketAddr,
    zone: Zone,
    task: JoinHandle<()>,
}

impl NameServer {
    pub async fn start(host: IpAddr) -> Self {
        let socket = UdpSocket::bind(SocketAddr::new(host, 0)).await.unwrap();
        let (address, zone) = (socket.local_addr().unwrap(), Zone::default());
        let task = tokio::spawn(answer(socket, Arc::clone(&zone)));
        Self { address, zone, task }
    }

    /// From now on the name has these addresses, and no others.
    pub fn addresses(&self, name: &str, addresses: &[IpAddr]) {
        let data = addresses.iter().map(|address| RData::from(*address)).collect();
        self.zone.lock().unwrap().insert(name.to_owned(), data);
    }

    /// From now on the name has these SRV records, and no others: priority, weight, port and target.
    pub fn services(&self, name: &str, services: &[(u16, u16, u16, &str)]) {
        let srv = |(priority, weight, port, target): &(u16, u16, u16, &str)| {
            RData::SRV(SRV::new(*priority, *weight, *port, Name::from_ascii(format!("{target}.")).unwrap()))
        };
        self.zone.lock().unwrap().insert(name.to_owned(), services.iter().map(srv).collect());
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(socket: UdpSocket, zone: Zone) {
    let mut buffer = vec![0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        let Ok(message) = Message::from_vec(&buffer[..length]) else { continue };
        let mut response = Message::response(message.metadata.id, message.metadata.op_code);
        response.metadata.recursion_desired = true;
        response.metadata.recursion_available = true;
        let Some(query) = message.queries.first().cloned() else { continue };
        response.add_query(query.clone());
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        match zone.lock().unwrap().get(&name) {
            None => response.metadata.response_code = ResponseCode::NXDomain,
            Some(data) => {
                for data in data {
                    let record = Record::from_rdata(query.name().clone(), 0, data.clone());
                    if record.record_type() == query.query_type() || query.query_type() == RecordType::ANY {
                        response.add_answer(record);
                    }
                }
            }
        }
        let _ = socket.send_to(&response.to_vec().unwrap(), client).await;
    }
}
