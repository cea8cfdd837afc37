//! What an app sends comes out at the other end before it sends more.

use crate::support::edge;
use crate::support::fleet::{Fleet, Reach, WEST};
use crate::support::stepwise::{Spoken, Stepwise};
use std::net::SocketAddr;

/// The table of a fleet, with the server of us-east in place of its app.
pub(super) fn table_with_east(fleet: &Fleet, reach: Reach, server: SocketAddr) -> String {
    fleet
        .table([reach; 3])
        .replace(&format!("us-east: [\"{}\"]", fleet.apps[0].address), &format!("us-east: [\"{server}\"]"))
}

#[tokio::test]
async fn each_event_arrives_before_the_next_one_is_sent() {
    let fleet = Fleet::start(Reach::Edge).await;
    let mut app = Stepwise::start(SocketAddr::new(fleet.block.address(20), 8080)).await;
    for reach in [Reach::Edge, Reach::Http2, Reach::EdgeOrPool, Reach::Pool] {
        fleet.adopt(&table_with_east(&fleet, reach, app.address)).await;
        let mut visitor = Spoken::ask(fleet.edges[WEST].address, edge::NEW_YORK, "/events", "sid=east-1").await;
        let mut server = app.next().await;
        server.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let head = visitor.hear("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "the head comes before any of the body exists: {head}");
        for nth in 0..30 {
            let event = format!("data: event {nth}\n\n");
            server.say(&format!("{:x}\r\n{event}\r\n", event.len())).await;
            visitor.hear(&event).await;
        }
        server.say("0\r\n\r\n").await;
        visitor.hear("0\r\n\r\n").await;
    }
}

/// The length of what comes is known, and it comes in pieces all the same.
#[tokio::test]
async fn a_piece_of_a_known_length_arrives_before_the_next_one_is_sent() {
    let fleet = Fleet::start(Reach::Edge).await;
    let mut app = Stepwise::start(SocketAddr::new(fleet.block.address(20), 8080)).await;
    for reach in [Reach::Edge, Reach::EdgeOrPool, Reach::Pool] {
        fleet.adopt(&table_with_east(&fleet, reach, app.address)).await;
        let mut visitor = Spoken::ask(fleet.edges[WEST].address, edge::NEW_YORK, "/file", "sid=east-1").await;
        let mut server = app.next().await;
        server.say("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n").await;
        visitor.hear("\r\n\r\n").await;
        for nth in 0..5 {
            let piece = format!("piece {nth}...");
            server.say(&piece).await;
            visitor.hear(&piece).await;
        }
    }
}

#[tokio::test]
async fn an_app_hears_that_its_visitor_has_left() {
    let fleet = Fleet::start(Reach::Edge).await;
    let mut app = Stepwise::start(SocketAddr::new(fleet.block.address(20), 8080)).await;
    for reach in [Reach::Edge, Reach::Http2] {
        fleet.adopt(&table_with_east(&fleet, reach, app.address)).await;
        let mut visitor = Spoken::ask(fleet.edges[WEST].address, edge::NEW_YORK, "/events", "sid=east-1").await;
        let mut server = app.next().await;
        server.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n").await;
        visitor.hear("four").await;
        drop(visitor);
        server.end().await;
    }
}
