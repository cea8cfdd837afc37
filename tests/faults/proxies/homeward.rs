//! This project's edge.

use crate::record::REGIONS;
use crate::table::{self, Service};
use std::net::SocketAddr;
use std::path::Path;

/// Writes its files; gives back its arguments. It stands in us-central, and believes its visitors.
pub fn write(
    directory: &Path,
    address: SocketAddr,
    admin: SocketAddr,
    pools: &[Vec<SocketAddr>; 3],
    service: &Service,
) -> Vec<String> {
    write_named(directory, address, admin, &named(pools), service, "")
}

/// The servers as a table writes them.
pub fn named(pools: &[Vec<SocketAddr>; 3]) -> [Vec<String>; 3] {
    pools.clone().map(|pool| pool.iter().map(ToString::to_string).collect())
}

/// The same, for servers that may have names, with more sections in the table.
pub fn write_named(
    directory: &Path,
    address: SocketAddr,
    admin: SocketAddr,
    pools: &[Vec<String>; 3],
    service: &Service,
    more: &str,
) -> Vec<String> {
    std::fs::write(directory.join("routing.yaml"), table::text(service, pools, more)).unwrap();
    write_settings(directory, address, admin, &service.settings());
    ["run", "--config", "homeward.yaml"].map(String::from).to_vec()
}

fn write_settings(directory: &Path, address: SocketAddr, admin: SocketAddr, more: &str) {
    let settings = format!(
        "version: 1\n\
         region: {}\n\
         listen: [{{address: \"{address}\"}}]\n\
         admin: {{address: \"{admin}\", socket: run/homeward.sock}}\n\
         trusted_proxies: [127.0.0.1/32]\n\
         routing: {{file: routing.yaml}}\n\
         access_log: {{format: json, file: /dev/null}}\n\
         state: run\n\
         threads: 2\n{more}",
        REGIONS[1]
    );
    std::fs::write(directory.join("homeward.yaml"), settings).unwrap();
}
