//! The door: connections on loopback, kept alive, and a quiet end.
//!
//! It listens on 127.0.0.1 only. It must never look into a request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::Options;
use super::desk::Desk;
use super::keeper::Keeper;
use super::response::respond;
use super::store::Store;

const GRACE: Duration = Duration::from_secs(5);

/// A server that is running on the present tokio runtime.
#[derive(Debug)]
pub struct Running {
    addr: SocketAddr,
    desk: Arc<Desk>,
    closing: watch::Sender<bool>,
    drained: mpsc::Receiver<()>,
    door: JoinHandle<()>,
}

/// Starts to serve. It goes on until [`Running::shutdown`], until that is dropped, or until the runtime ends.
pub async fn serve(options: Options) -> io::Result<Running> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.map_err(|error| {
        io::Error::new(error.kind(), format!("cannot listen on 127.0.0.1:{}: {error}", options.port))
    })?;
    let addr = listener.local_addr()?;
    let store = Store::open(options.store.as_deref())?;
    let desk = Arc::new(Desk::new(&options, Keeper::start(store)?));
    let (closing, closes) = watch::channel(false);
    let (busy, drained) = mpsc::channel(1);
    let door = tokio::spawn(open_door(listener, Arc::clone(&desk), closes, busy));
    Ok(Running { addr, desk, closing, drained, door })
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes no more connections, finishes what has begun (for at most five seconds), and closes the store.
    pub async fn shutdown(mut self) {
        self.closing.send_replace(true);
        drop(self.door.await);
        drop(tokio::time::timeout(GRACE, self.drained.recv()).await);
        self.desk.keeper.close();
    }
}

/// Held by whoever still has something to finish.
pub(super) type Busy = mpsc::Sender<()>;

async fn open_door(listener: TcpListener, desk: Arc<Desk>, closes: watch::Receiver<bool>, busy: Busy) {
    let mut closing = closes.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = closing.wait_for(|closing| *closing) => return,
        };
        match accepted {
            Ok((stream, _)) => {
                drop(tokio::spawn(attend(stream, Arc::clone(&desk), closes.clone(), busy.clone())));
            }
            // Out of file descriptors, or a client that is already gone.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn attend(stream: TcpStream, desk: Arc<Desk>, mut closes: watch::Receiver<bool>, busy: Busy) {
    drop(stream.set_nodelay(true));
    let service = hyper::service::service_fn(|request| respond(Arc::clone(&desk), request, busy.clone()));
    let connection = hyper::server::conn::http1::Builder::new()
        .pipeline_flush(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        _ = closes.wait_for(|closing| *closing) => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        drop(connection.await);
    }
}
