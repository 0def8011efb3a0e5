//! A mail server on a real socket that misbehaves by recipient: `tmp451@`, `perm550@`, `data554@`, `flaky2@` (451 twice,
//! then fine), `drop@` (takes the message, then cuts the line without a reply), `cut@` (cuts in the middle of it).

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use platform::mail::Smtp;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// A message as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub to: Vec<String>,
    pub raw: String,
    /// The line was encrypted.
    pub is_encrypted: bool,
}

impl Received {
    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.raw.lines().take_while(|l| !l.is_empty()).find_map(|l| l.strip_prefix(&prefix))
    }
}

/// How the server speaks TLS.
#[derive(Clone)]
pub enum Tls {
    Off,
    /// STARTTLS.
    Upgrade(TlsAcceptor),
    /// From the first byte.
    Wrapped(TlsAcceptor),
}

/// A certificate authority of the test's own.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    /// Speaks TLS as the host of this name.
    pub fn acceptor(&self, host: &str) -> TlsAcceptor {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// The client, which trusts this authority.
    pub fn trusted(&self, smtp: Smtp) -> Smtp {
        smtp.trusting(self.pem.as_bytes()).unwrap()
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
    /// Whether each sign-in was encrypted.
    sign_ins: Vec<bool>,
}

impl Sink {
    pub async fn start() -> Self {
        Self::with(Tls::Off).await
    }

    pub async fn with(tls: Tls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, state) = (tls.clone(), shared.clone());
                tokio::spawn(async move {
                    match tls {
                        Tls::Off => serve(stream, &state, Line::Plain).await.map(|_| ()),
                        Tls::Wrapped(acceptor) => serve(acceptor.accept(stream).await.ok()?, &state, Line::Encrypted).await.map(|_| ()),
                        Tls::Upgrade(acceptor) => {
                            let stream = serve(stream, &state, Line::Upgradable).await?;
                            serve(acceptor.accept(stream).await.ok()?, &state, Line::EncryptedNow).await.map(|_| ())
                        }
                    }
                });
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

    /// Whether each sign-in came over an encrypted line.
    pub fn sign_ins(&self) -> Vec<bool> {
        self.state.lock().unwrap().sign_ins.clone()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Plain,
    Upgradable,
    /// After STARTTLS: without a greeting.
    EncryptedNow,
    Encrypted,
}

/// One connection; gives the stream back when the client asks for STARTTLS.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, state: &Mutex<State>, kind: Line) -> Option<S> {
    let mut stream = BufReader::new(stream);
    let is_encrypted = matches!(kind, Line::Encrypted | Line::EncryptedNow);
    let mut to: Vec<String> = Vec::new();
    if kind != Line::EncryptedNow {
        stream.write_all(b"220 sink ESMTP\r\n").await.ok()?;
    }
    loop {
        let line = next(&mut stream).await?;
        let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => {
                let starttls = if kind == Line::Upgradable { "250-STARTTLS\r\n" } else { "" };
                format!("250-sink\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN\r\n{starttls}250 SMTPUTF8")
            }
            "STAR" if kind == Line::Upgradable => {
                stream.write_all(b"220 go ahead\r\n").await.ok()?;
                return Some(stream.into_inner());
            }
            "AUTH" => {
                state.lock().unwrap().sign_ins.push(is_encrypted);
                "235 2.7.0 welcome".to_owned()
            }
            "RCPT" => {
                let address = line.split(['<', '>']).nth(1)?.to_owned();
                let reply = on_recipient(&address, &mut state.lock().unwrap());
                if reply.starts_with('2') {
                    to.push(address);
                }
                reply
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await.ok()?;
                let mut raw = String::new();
                loop {
                    let line = next(&mut stream).await?;
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
                    state.lock().unwrap().received.push(Received { to, raw, is_encrypted });
                    if dropped {
                        return None;
                    }
                    "250 2.0.0 queued".to_owned()
                }
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await.ok()?;
                return None;
            }
            _ => "250 OK".to_owned(),
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
    }
}

/// The next line without its end; none when the other side is gone.
async fn next<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
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
