//! Addresses and paths that cannot be taken twice.

use super::{Acme, Admin, Listener, Settings, tls};
use crate::config::problem::{Findings, quoted};
use crate::config::yaml::{Node, Span};
use std::collections::HashMap;
use std::net::SocketAddr;

/// The listeners; reports two that cannot both have their address.
pub(super) fn listeners(root: &Node<'_>, acme: Option<&Acme>, findings: &mut Findings) -> Vec<Listener> {
    let mut by_port: HashMap<u16, Vec<(SocketAddr, Span)>> = HashMap::new();
    let mut listeners = Vec::new();
    let anybody_is_trusted = root.get("trusted_proxies").is_some_and(|trusted| !trusted.items().is_empty());
    for node in root.get("listen").map(Node::items).unwrap_or_default() {
        let tls = node.get("tls").map(|node| tls::read(node, acme, findings));
        // With TLS a client says which it speaks; without, only one that knows beforehand can speak HTTP/2.
        let http2 = node.get("http2").and_then(Node::parse).unwrap_or(tls.is_some());
        let proxy_protocol = node.get("proxy_protocol").and_then(Node::parse).unwrap_or(false);
        if let (true, Some(entry), false) = (proxy_protocol, node.entry("proxy_protocol"), anybody_is_trusted) {
            findings.push(
                entry.key_span,
                "nobody is trusted to send a PROXY protocol header",
                "name the load balancers that send it, e.g. trusted_proxies: [10.0.0.0/8], or take this key away",
            );
        }
        let Some(node) = node.get("address") else { continue };
        let Some(address) = node.parse::<SocketAddr>() else { continue };
        listeners.push(Listener { address, http2, tls, proxy_protocol });
        let beside = by_port.entry(address.port()).or_default();
        if let Some((other, at)) = beside.iter().find(|(other, _)| collide(*other, address)) {
            report_collision(findings, (address, node.span), (*other, *at));
        }
        beside.push((address, node.span));
    }
    // The admin address too, also where it is the default one.
    let admin = root.get("admin").and_then(|admin| admin.get("address"));
    let address = admin.map_or(Some(Admin::default().address), Node::parse);
    if let Some(address) = address {
        let taken = by_port.get(&address.port()).into_iter().flatten().find(|(other, _)| collide(*other, address));
        match (taken, admin) {
            (Some((other, at)), Some(node)) => report_collision(findings, (address, node.span), (*other, *at)),
            (Some((_, at)), None) => findings.push(
                *at,
                format!("{address} is the admin address, where nothing else is said"),
                "listen on another port, or move the other one: admin: {address: 127.0.0.1:9902}",
            ),
            (None, _) => {}
        }
    }
    listeners
}

fn report_collision(findings: &mut Findings, here: (SocketAddr, Span), (other, at): (SocketAddr, Span)) {
    let (message, help) = if here.0 == other {
        (format!("{} is taken twice", here.0), "take one of the two away, or give it another port")
    } else {
        (format!("{} and {other} cannot both be taken", here.0), "one covers the other: give them different ports")
    };
    findings.push_with(here.1, message, help, (at, "taken here"));
}

/// Whether the two cannot be bound at the same time. Port 0 is another port each time.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let same = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && a.is_ipv4() == b.is_ipv4() && same
}

/// Reports a socket that would lie where a file already is.
pub(super) fn socket_is_free(root: &Node<'_>, settings: &Settings, findings: &mut Findings) {
    let Some(node) = root.get("admin").and_then(|admin| admin.get("socket")) else { return };
    let Some(socket) = &settings.admin.socket else { return };
    let taken = [
        ("the routing table", Some(&settings.routing)),
        ("the access log", settings.access_log.file.as_ref()),
        ("the state", Some(&settings.state)),
    ];
    if let Some((what, _)) = taken.into_iter().find(|(_, path)| *path == Some(socket)) {
        let message = format!("{} is already {what}", quoted(&socket.to_string_lossy()));
        findings.push(node.span, message, "give the socket a path of its own, e.g. run/homeward.sock");
    }
}
