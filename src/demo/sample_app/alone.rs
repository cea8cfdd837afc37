//! Serving the sample app on sockets: in the demo's own process, or as a program alone.

use super::Region;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long a port that is taken is left alone before it is tried again.
const PAUSE_BEFORE_REBIND: Duration = Duration::from_millis(500);

/// What a region's servers should do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) enum Power {
    /// Serve.
    On,
    /// Refuse connections, as servers without power do.
    Off,
    /// End for good.
    Ended,
}

/// Serves one server of `region` on `listener` until `power` ends. While the power is off nothing listens on its port;
/// afterwards the server is back on the same port, with the sessions that its region held.
pub(in crate::demo) async fn serve(
    region: Arc<Region>,
    server: String,
    listener: TcpListener,
    mut power: watch::Receiver<Power>,
) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    loop {
        let now = *power.borrow_and_update();
        match (now, listener.take()) {
            (Power::Ended, _) => return,
            (Power::Off, _) => {
                if power.changed().await.is_err() {
                    return;
                }
            }
            (Power::On, Some(listener)) => {
                let mut ends = power.clone();
                let stop = async move { _ = ends.wait_for(|power| *power != Power::On).await };
                _ = axum::serve(listener, region.server(&server)).with_graceful_shutdown(stop).await;
                // Whoever could say that the power is back is gone.
                if power.has_changed().is_err() {
                    return;
                }
            }
            (Power::On, None) => match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                Err(_) => tokio::time::sleep(PAUSE_BEFORE_REBIND).await,
            },
        }
    }
}

/// The servers of one region as a program of their own.
#[derive(Debug, Clone)]
pub struct SampleApp {
    /// The region that they stand in, as the pages call it.
    pub region: String,
    /// What the session keys begin with: the region's `session_prefix` in the routing table.
    pub session_prefix: String,
    /// One server for each address. They share their region's sessions, as real servers share a store.
    pub listen: Vec<SocketAddr>,
}

/// Serves `app` until SIGTERM or SIGINT.
///
/// # Errors
/// A text for people: no address to listen on, or one that is taken or not this machine's.
pub fn serve_alone(app: &SampleApp) -> Result<(), String> {
    if app.listen.is_empty() {
        return Err("the sample app has no address to listen on; give one, e.g. --listen 127.0.0.1:8081".to_owned());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| format!("the sample app cannot start its threads: {error}"))?;
    let served = runtime.block_on(async {
        let region = Region::new(&app.region, &app.session_prefix);
        let (power, powered) = watch::channel(Power::On);
        let mut servers = tokio::task::JoinSet::new();
        for (address, number) in app.listen.iter().zip(1..) {
            let listener = TcpListener::bind(address).await.map_err(|error| {
                format!("the sample app cannot listen on {address}: {error}; choose another address with --listen")
            })?;
            servers.spawn(serve(Arc::clone(&region), format!("{}/{number}", app.region), listener, powered.clone()));
        }
        crate::demo::signals::asked_to_stop().await;
        _ = power.send(Power::Ended);
        // Connections in use get a moment to finish.
        _ = tokio::time::timeout(Duration::from_secs(5), servers.join_all()).await;
        Ok(())
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}
