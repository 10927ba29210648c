//! What lies between a function and AWS: it passes requests on, and loses or holds up some.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

pub struct Proxy {
    pub url: String,
    faults: Arc<Mutex<Vec<Fault>>>,
}

/// Concerns requests in which all of these marks stand.
struct Fault {
    marks: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Lose,
    HoldUp,
}

impl Proxy {
    /// A proxy before `endpoint`, such as `http://127.0.0.1:4566`.
    pub async fn start(endpoint: &str) -> Self {
        let endpoint: SocketAddr = endpoint.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let faults = Arc::<Mutex<Vec<Fault>>>::default();
        let armed = faults.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, endpoint, armed.clone()));
            }
        });
        Self { url, faults }
    }

    /// The next such request is served, and the connection closed in place of the answer.
    pub fn lose_answer(&self, marks: &[&str]) {
        self.arm(marks, Kind::Lose);
    }

    /// The next such request is not served, and its connection stays open.
    pub fn hold_up(&self, marks: &[&str]) {
        self.arm(marks, Kind::HoldUp);
    }

    /// Whether every fault has met its request.
    pub fn is_done(&self) -> bool {
        self.faults.lock().unwrap().is_empty()
    }

    fn arm(&self, marks: &[&str], kind: Kind) {
        let marks = marks.iter().map(|&mark| mark.to_owned()).collect();
        self.faults.lock().unwrap().push(Fault { marks, kind });
    }
}

/// Passes one connection's requests and answers on. Clients send a request only once they have the
/// answer of the one before.
async fn pass(
    client: TcpStream,
    endpoint: SocketAddr,
    faults: Arc<Mutex<Vec<Fault>>>,
) -> io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_aws, mut to_aws) = TcpStream::connect(endpoint).await?.into_split();
    let is_lost = Arc::new(AtomicBool::new(false));
    let lost = is_lost.clone();
    tokio::spawn(async move {
        let mut answer = vec![0; 1 << 16];
        loop {
            let read = from_aws.read(&mut answer).await?;
            // It has been served; closing both ways is all that the client hears of it.
            if read == 0 || lost.load(Ordering::Relaxed) {
                return io::Result::Ok(());
            }
            to_client.write_all(&answer[..read]).await?;
        }
    });
    while let Some(request) = read_request(&mut from_client).await? {
        match take(&faults, &String::from_utf8_lossy(&request)) {
            None => {}
            Some(Kind::Lose) => is_lost.store(true, Ordering::Relaxed),
            Some(Kind::HoldUp) => std::future::pending().await,
        }
        to_aws.write_all(&request).await?;
    }
    Ok(())
}

fn take(faults: &Mutex<Vec<Fault>>, request: &str) -> Option<Kind> {
    let mut faults = faults.lock().unwrap();
    let meets = |fault: &Fault| fault.marks.iter().all(|mark| request.contains(mark));
    let met = faults.iter().position(meets)?;
    Some(faults.remove(met).kind)
}

/// A request's head and body, or `None` at the connection's end.
async fn read_request(from: &mut OwnedReadHalf) -> io::Result<Option<Vec<u8>>> {
    let mut request = Vec::new();
    let head = loop {
        if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if from.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .map_or(0, |length| length.trim().parse().unwrap());
    while request.len() < head + length {
        if from.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(request))
}
