//! HAProxy, as its manual has it for servers that fail: checks of a path, observed traffic, retries on another server, and
//! none of what may not be sent twice.

use crate::record::{PREFIXES, REGIONS};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// Writes its file; gives back its arguments.
pub fn write(directory: &Path, address: SocketAddr, admin: SocketAddr, pools: &[Vec<SocketAddr>; 3]) -> Vec<String> {
    let mut text = format!(
        "global\n    maxconn 9000\n    nbthread 2\n\
         defaults\n    mode http\n    balance roundrobin\n\
         \x20   option redispatch 1\n    retries 3\n    retry-on conn-failure empty-response response-timeout\n\
         \x20   timeout connect 250ms\n    timeout server 1s\n    timeout client 30s\n    timeout http-request 10s\n\
         \x20   timeout http-keep-alive 60s\n    timeout queue 5s\n    timeout check 1s\n\
         \x20   option httpchk GET /healthz\n    http-check expect status 200\n\
         \x20   default-server inter 2s fastinter 500ms downinter 1s fall 3 rise 2 observe layer7 error-limit 5 on-error mark-down\n\
         frontend figures\n    bind {admin}\n    http-request use-service prometheus-exporter if {{ path /metrics }}\n\
         frontend visitors\n    bind {address}\n"
    );
    for (nth, (region, prefix)) in (1..).zip(REGIONS.iter().zip(PREFIXES)) {
        writeln!(text, "    acl home_{nth} req.cook(sid) -m beg {prefix}-").unwrap();
        writeln!(text, "    acl home_{nth} req.hdr(x-forwarded-for) -m beg 10.{nth}.").unwrap();
        writeln!(text, "    use_backend {region} if home_{nth} {{ nbsrv({region}) gt 0 }}").unwrap();
    }
    for region in REGIONS {
        writeln!(text, "    use_backend {region} if {{ nbsrv({region}) gt 0 }}").unwrap();
    }
    writeln!(text, "    default_backend {}", REGIONS[0]).unwrap();
    for (region, pool) in REGIONS.iter().zip(pools) {
        writeln!(text, "backend {region}\n    http-request disable-l7-retry if METH_POST").unwrap();
        for (nth, server) in pool.iter().enumerate() {
            writeln!(text, "    server s{nth} {server} check").unwrap();
        }
    }
    std::fs::write(directory.join("haproxy.cfg"), text).unwrap();
    ["-db", "-f", "haproxy.cfg"].map(String::from).to_vec()
}
