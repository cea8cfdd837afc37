//! WebSockets that are opened at another edge than that of their session's home.

use super::streams::table_with_east;
use crate::support::edge;
use crate::support::fleet::{EAST, Fleet, Reach, WEST};
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

/// Says back what it hears; `close N` makes it close with that code.
async fn echo(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // Probes connect and say nothing.
            let Ok(mut socket) = accept_async(stream).await else { return };
            while let Some(Ok(message)) = socket.next().await {
                let code = message.to_text().ok().and_then(|text| text.strip_prefix("close ")?.parse::<u16>().ok());
                let said = match (code, message) {
                    (Some(code), _) => socket.close(Some(frame(code, "as asked"))).await,
                    (None, message @ (Message::Text(_) | Message::Binary(_))) => socket.send(message).await,
                    _ => Ok(()), // pings and closes are answered by the library
                };
                if said.is_err() {
                    return;
                }
            }
        });
    }
}

fn frame(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code: CloseCode::from(code), reason: reason.to_owned().into() }
}

async fn open(edge: SocketAddr) -> Result<WebSocketStream<TcpStream>, Error> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(edge::NEW_YORK, 0)).unwrap();
    let stream = socket.connect(edge).await.unwrap();
    let mut request = "ws://portal.example.com/socket?a=b".into_client_request().unwrap();
    request.headers_mut().insert("cookie", "sid=east-1".parse().unwrap());
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn hear(socket: &mut WebSocketStream<TcpStream>) -> Message {
    tokio::time::timeout(crate::support::PATIENCE, socket.next()).await.expect("a message").unwrap().unwrap()
}

async fn talk(edge: SocketAddr, about: &str) {
    let mut socket = open(edge).await.unwrap_or_else(|error| panic!("{about}: {error}"));
    for message in [
        Message::text("hello"),
        Message::text("ü".repeat(100_000)),
        Message::binary(vec![0, 1, 254, 255]),
        Message::binary(vec![7; 300_000]),
    ] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(hear(&mut socket).await, message, "{about}");
    }
    socket.send(Message::Ping(vec![1, 2, 3].into())).await.unwrap();
    assert_eq!(hear(&mut socket).await, Message::Pong(vec![1, 2, 3].into()), "{about}");
    // The app closes: its code comes through.
    socket.send(Message::text("close 4002")).await.unwrap();
    assert_eq!(hear(&mut socket).await, Message::Close(Some(frame(4002, "as asked"))), "{about}");
    assert!(socket.next().await.is_none_or(|end| end.is_err()), "{about}");

    // The visitor closes: the app gets its code, and says it back.
    let mut socket = open(edge).await.unwrap();
    socket.close(Some(frame(4001, "bye"))).await.unwrap();
    assert_eq!(hear(&mut socket).await, Message::Close(Some(frame(4001, "bye"))), "{about}");
}

#[tokio::test]
async fn a_socket_opened_at_the_wrong_edge_works() {
    let fleet = Fleet::start(Reach::Edge).await;
    let listener = TcpListener::bind(SocketAddr::new(fleet.block.address(20), 8080)).await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(echo(listener));
    for reach in [Reach::Edge, Reach::Pool, Reach::EdgeOrPool, Reach::Http2] {
        fleet.adopt(&table_with_east(&fleet, reach, server)).await;
        talk(fleet.edges[WEST].address, &format!("{reach:?}, at another edge")).await;
        talk(fleet.edges[EAST].address, &format!("{reach:?}, at its own")).await;
    }
}
