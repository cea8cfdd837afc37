//! From a job to the files of a proxy and its arguments.

use super::Kind;
use super::scene::{Ground, Scene, rules};
use crate::countries::{self, COUNTRIES};
use crate::template::Values;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// Writes its files; gives back its arguments.
pub fn configure(
    kind: &Kind,
    scene: &Scene,
    ground: &Ground,
    directory: &Path,
    [address, admin]: [SocketAddr; 2],
    behind: Option<SocketAddr>,
) -> Result<Vec<String>, String> {
    let write = |name: &str, text: &str, values: &Values| {
        let filled = values.fill(text).map_err(|why| format!("{name}: {why}"))?;
        std::fs::write(directory.join(name), filled).map_err(|error| error.to_string())
    };
    let mut values = ground.values(scene, address, admin, behind);
    let arguments: &[&str] = match kind {
        Kind::Homeward(..) => {
            write("homeward.yaml", include_str!("../configs/homeward.yaml"), &values)?;
            write("routing.yaml", include_str!("../configs/routing.yaml"), &values)?;
            &["run", "--config", "homeward.yaml"]
        }
        Kind::Nginx => {
            let tls = if scene.tls { " ssl" } else { "" };
            let http2 = if scene.http2 || scene.tls { " http2" } else { "" };
            values.word("listen_options", format!("{tls}{http2}"));
            write("nginx.conf", include_str!("../configs/nginx.conf"), &values)?;
            &["-p", ".", "-c", "nginx.conf", "-e", "error.log"]
        }
        Kind::Haproxy => {
            maps(scene, directory).map_err(|error| error.to_string())?;
            write("haproxy.cfg", include_str!("../configs/haproxy.cfg"), &values)?;
            // A master that can be told of new files where they change.
            if scene.reload.is_some() { &["-W", "-db", "-f", "haproxy.cfg"] } else { &["-db", "-f", "haproxy.cfg"] }
        }
        Kind::Envoy => {
            write("envoy.yaml", include_str!("../configs/envoy.yaml"), &values)?;
            &["-c", "envoy.yaml", "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "error"]
        }
        Kind::Loop => return Ok(vec!["loop".into(), address.to_string(), ground.server(0).to_string()]),
        Kind::Splice => return Ok(vec!["splice".into(), address.to_string(), ground.server(0).to_string()]),
    };
    Ok(arguments.iter().map(|argument| (*argument).to_owned()).collect())
}

/// HAProxy's maps.
fn maps(scene: &Scene, directory: &Path) -> std::io::Result<()> {
    let (mut prefixes, mut homes, mut networks) = (String::new(), String::new(), String::new());
    for region in 0..scene.regions {
        writeln!(prefixes, "{} {}", countries::prefix(region), countries::region(region)).unwrap();
    }
    for (country, code) in COUNTRIES.iter().enumerate() {
        let home = countries::region(countries::home(country, scene.regions));
        writeln!(homes, "{code} {home}").unwrap();
    }
    rules(scene).for_each(|(network, region)| writeln!(networks, "{network} {region}").unwrap());
    std::fs::write(directory.join("prefixes.map"), prefixes)?;
    std::fs::write(directory.join("homes.map"), homes)?;
    std::fs::write(directory.join("networks.map"), networks)
}
