//! A mail server on a real socket that misbehaves by recipient: `tmp451@`, `perm550@`, `data554@`, `flaky2@` (451 twice,
//! then fine), `drop@` (takes the message, then cuts the line without a reply), `cut@` (cuts in the middle of it).

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// A message as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub to: Vec<String>,
    pub raw: String,
}

impl Received {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.raw.lines().take_while(|l| !l.is_empty()).find_map(|l| l.strip_prefix(&prefix))
    }
}

/// The running server; it ends with the test's runtime.
#[derive(Clone)]
pub struct Sink {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    received: Vec<Received>,
    refused: HashMap<String, u32>,
}

impl Sink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Self { address, state }
    }

    /// For `mail.smtp_url`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Everything that came in whole, also what was not acknowledged.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) -> Option<()> {
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading).lines();
    let mut to: Vec<String> = Vec::new();
    writing.write_all(b"220 sink ESMTP\r\n").await.ok()?;
    while let Some(line) = lines.next_line().await.ok()? {
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => "250-sink\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1)?.to_owned();
                let reply = on_recipient(&address, &mut state.lock().unwrap());
                if reply.starts_with('2') {
                    to.push(address);
                }
                reply
            }
            "DATA" => {
                writing.write_all(b"354 go on\r\n").await.ok()?;
                let mut raw = String::new();
                loop {
                    let line = lines.next_line().await.ok()??;
                    if to.iter().any(|a| a.starts_with("cut@")) {
                        return None;
                    }
                    if line == "." {
                        break;
                    }
                    raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                    raw.push('\n');
                }
                let to = std::mem::take(&mut to);
                if to.iter().any(|a| a.starts_with("data554@")) {
                    "554 5.6.0 rejected content".to_owned()
                } else {
                    let dropped = to.iter().any(|a| a.starts_with("drop@"));
                    state.lock().unwrap().received.push(Received { to, raw });
                    if dropped {
                        return None;
                    }
                    "250 2.0.0 queued".to_owned()
                }
            }
            "QUIT" => {
                writing.write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => "250 OK".to_owned(),
        };
        writing.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
    }
    None
}

fn on_recipient(address: &str, state: &mut State) -> String {
    match address.split('@').next().unwrap_or_default() {
        "tmp451" => "451 4.7.1 greylisted, try later".to_owned(),
        "perm550" => "550 5.1.1 no such user".to_owned(),
        "flaky2" => {
            let refused = state.refused.entry(address.to_owned()).or_default();
            *refused += 1;
            if *refused <= 2 { "451 4.3.0 try again".to_owned() } else { "250 OK".to_owned() }
        }
        _ => "250 OK".to_owned(),
    }
}
