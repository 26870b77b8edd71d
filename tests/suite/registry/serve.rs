//! A server on loopback inside the test process: a thread a connection, HTTP by hand, and an answer that is a function.

use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::http::{self, Request, Response};

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

impl Server {
    /// Starts one on a free port. `make` learns the address and makes what answers.
    pub(crate) fn start<A>(make: impl FnOnce(SocketAddr) -> A) -> Self
    where
        A: Fn(&Request) -> Response + Send + Sync + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let server = Self { address, stopped: Arc::default() };
        let (answer, stopped) = (Arc::new(make(address)), Arc::clone(&server.stopped));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (answer, stopped) = (Arc::clone(&answer), Arc::clone(&stopped));
                if let Ok(stream) = stream {
                    // A client that goes away in the middle is not this server's trouble.
                    thread::spawn(move || serve(&stream, &*answer, &stopped).ok());
                }
            }
        });
        server
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener so that it sees the flag.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(
    stream: &TcpStream,
    answer: &dyn Fn(&Request) -> Response,
    stopped: &AtomicBool,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    // Nobody is left behind for ever: the last test must end.
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Some(request) = http::read(&mut reader, &mut writer)? {
        let response = answer(&request);
        if stopped.load(Ordering::SeqCst) || !http::write(&mut writer, &request, &response)? {
            return Ok(());
        }
    }
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(30);
