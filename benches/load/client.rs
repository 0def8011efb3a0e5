//! An HTTP/1.1 client that costs next to nothing: it shares two cores with what it measures.

use std::io::{Error, ErrorKind, Result};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

pub struct Connection {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
    line: String,
}

/// What came back; the body's bytes as they travelled, compressed.
pub struct Reply {
    pub status: u16,
    pub bytes: usize,
}

impl Connection {
    pub async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), body: Vec::new(), line: String::new() })
    }

    pub async fn send(&mut self, request: &str) -> Result<Reply> {
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let status = self.line().await?.get(9..12).and_then(|s| s.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        let (mut length, mut is_chunked) = (0, false);
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            match line.split_once(':') {
                None => break,
                Some(("content-length", n)) => length = n.trim().parse().map_err(Error::other)?,
                Some(("transfer-encoding", how)) => is_chunked = how.contains("chunked"),
                Some(_) => {}
            }
        }
        self.body.clear();
        if is_chunked {
            loop {
                let size = usize::from_str_radix(self.line().await?.trim(), 16).map_err(Error::other)?;
                self.take(size).await?;
                self.line().await?;
                if size == 0 {
                    break;
                }
            }
        } else {
            self.take(length).await?;
        }
        Ok(Reply { status, bytes: self.body.len() })
    }

    /// The last reply's body; only of use where it was not compressed.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    async fn line(&mut self) -> Result<&str> {
        self.line.clear();
        match self.stream.read_line(&mut self.line).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(self.line.trim_end()),
        }
    }

    async fn take(&mut self, length: usize) -> Result<()> {
        let start = self.body.len();
        self.body.resize(start + length, 0);
        self.stream.read_exact(&mut self.body[start..]).await?;
        Ok(())
    }
}
