//! Encryption of credentials at rest, keyed hashes, tokens and codes.

use std::fmt;

use aes_gcm::{
    Aes256Gcm, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, Mac as _};
use rand::Rng as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A value that logs and errors must not show. Read it with [`Secret::expose`], as late as possible.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret<T = String>(T);

impl<T> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(value)
    }

    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The instance's encryption keys by version; the newest encrypts, any decrypts.
#[derive(Clone)]
pub struct Keyring {
    /// Ascending by version, never empty.
    keys: Vec<(u32, Secret<[u8; 32]>)>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|(version, _)| version)).finish()
    }
}

/// Why a keyring or a ciphertext could not be used; says nothing about the contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretError {
    /// A key is not of the form `v1:<base64 of 32 bytes>`, a version occurs twice, or there is no key.
    BadKey,
    /// The ciphertext is not of the form `v1:<base64>`.
    Malformed,
    /// The key of this version is not in the ring.
    UnknownKey(u32),
    /// The ciphertext was altered, or made for another context.
    Refused,
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadKey => f.write_str("an encryption key must read v<number>:<base64 of 32 bytes>"),
            Self::Malformed => f.write_str("the stored secret is malformed"),
            Self::UnknownKey(version) => write!(f, "encryption key v{version} is missing"),
            Self::Refused => f.write_str("the stored secret could not be decrypted"),
        }
    }
}

impl std::error::Error for SecretError {}

impl Keyring {
    /// Reads `v1:<base64>[,v2:<base64>…]` from the environment or a secrets folder; spaces and line ends also separate.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let mut keys = text
            .split([',', ' ', '\n', '\r'])
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (version, key) = split_version(part).ok_or(SecretError::BadKey)?;
                let key = STANDARD.decode(key).map_err(|_| SecretError::BadKey)?;
                Ok((version, Secret::new(key.try_into().map_err(|_| SecretError::BadKey)?)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        keys.sort_by_key(|(version, _)| *version);
        if keys.is_empty() || keys.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(SecretError::BadKey);
        }
        Ok(Self { keys })
    }

    /// Returns a ring of one new key, and its text form, for an instance that has none yet.
    pub fn generate() -> (Self, Secret) {
        let key: [u8; 32] = random_bytes();
        let text = format!("v1:{}", STANDARD.encode(key));
        (Self { keys: vec![(1, Secret::new(key))] }, Secret::new(text))
    }

    /// Encrypts with the newest key, bound to `context` (such as business and connection). Returns `v2:<base64>`.
    ///
    /// # Panics
    /// Only for a text beyond the 64 GB that AES-GCM can take.
    pub fn encrypt(&self, context: &str, plain: &str) -> String {
        let (version, key) = self.keys.last().expect("a keyring is never empty");
        let nonce: [u8; 12] = random_bytes();
        let payload = Payload { msg: plain.as_bytes(), aad: context.as_bytes() };
        let sealed = cipher(key).encrypt(&Nonce::from(nonce), payload).expect("AES-GCM refuses only texts of 64 GB");
        let mut bytes = nonce.to_vec();
        bytes.extend(sealed);
        format!("v{version}:{}", STANDARD.encode(bytes))
    }

    /// Decrypts with the key that `text` was encrypted with; `context` must be the one given to [`Keyring::encrypt`].
    pub fn decrypt(&self, context: &str, text: &str) -> Result<Secret, SecretError> {
        let (version, body) = split_version(text).ok_or(SecretError::Malformed)?;
        let (_, key) = self.keys.iter().find(|(v, _)| *v == version).ok_or(SecretError::UnknownKey(version))?;
        let bytes = STANDARD.decode(body).map_err(|_| SecretError::Malformed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<12>().ok_or(SecretError::Malformed)?;
        let payload = Payload { msg: sealed, aad: context.as_bytes() };
        let plain = cipher(key).decrypt(&Nonce::from(*nonce), payload).map_err(|_| SecretError::Refused)?;
        String::from_utf8(plain).map(Secret::new).map_err(|_| SecretError::Malformed)
    }

    /// Whether a stored text should be re-encrypted because a newer key exists.
    pub fn is_stale(&self, text: &str) -> bool {
        let newest = self.keys.last().map(|(version, _)| *version);
        split_version(text).map(|(version, _)| version) != newest
    }
}

fn cipher(key: &Secret<[u8; 32]>) -> Aes256Gcm {
    Aes256Gcm::new(key.expose().into())
}

fn split_version(text: &str) -> Option<(u32, &str)> {
    let (version, rest) = text.strip_prefix('v')?.split_once(':')?;
    Some((version.parse().ok()?, rest))
}

/// HMAC-SHA256 of `message`.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    mac(key, message).finalize().into_bytes().into()
}

/// Whether `tag` is the HMAC-SHA256 of the concatenated `parts`, compared in constant time.
pub fn hmac_matches(key: &[u8], parts: &[&[u8]], tag: &[u8]) -> bool {
    let mut mac = mac(key, b"");
    for part in parts {
        mac.update(part);
    }
    mac.verify_slice(tag).is_ok()
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}

/// The public token of a link: base64url of HMAC(server key, link id), 256 bits, so that it can be shown again.
/// The database stores its [`digest`].
pub fn token_for_link(server_key: &[u8], link_id: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(hmac_sha256(server_key, format!("link:{link_id}").as_bytes()))
}

/// SHA-256 of `bytes`: stored in place of a token, and compared to recognise a repeated request.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// SHA-256 of `text` as lower-case hex.
pub fn sha256_hex(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Decodes hex in either case; `None` for anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let nibble = |d: u8| char::from(d).to_digit(16).and_then(|n| u8::try_from(n).ok());
    digits.chunks(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
}

/// Whether `a` equals `b`, in a time that does not depend on where they differ.
pub fn same(a: &str, b: &str) -> bool {
    // Both sides are hashed under a fresh key, so that the time reveals neither length nor common prefix.
    let key: [u8; 32] = random_bytes();
    hmac_matches(&key, &[a.as_bytes()], &hmac_sha256(&key, b.as_bytes()))
}

/// A fresh 256-bit token, base64url.
pub fn random_token() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<32>())
}

/// A fresh six-digit code, `000000` to `999999`.
pub fn random_code() -> String {
    format!("{:06}", rand::rng().random_range(0..1_000_000))
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill(&mut bytes[..]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(version: u32, byte: u8) -> String {
        format!("v{version}:{}", STANDARD.encode([byte; 32]))
    }

    #[test]
    fn encrypts_with_the_newest_and_decrypts_with_any() {
        let old = Keyring::parse(&key(1, 7)).unwrap();
        let sealed = old.encrypt("org:connection", "sk_test_1");
        assert!(sealed.starts_with("v1:") && !sealed.contains("sk_test"));
        assert_ne!(sealed, old.encrypt("org:connection", "sk_test_1"));

        let rotated = Keyring::parse(&format!("{},{}", key(2, 9), key(1, 7))).unwrap();
        assert_eq!(rotated.decrypt("org:connection", &sealed).unwrap().expose(), "sk_test_1");
        assert!(rotated.is_stale(&sealed));
        let fresh = rotated.encrypt("org:connection", "sk_test_1");
        assert!(fresh.starts_with("v2:") && !rotated.is_stale(&fresh));
        assert_eq!(old.decrypt("org:connection", &fresh), Err(SecretError::UnknownKey(2)));
    }

    #[test]
    fn refuses_another_context_and_altered_text() {
        let (ring, text) = Keyring::generate();
        assert!(Keyring::parse(text.expose()).is_ok());
        let sealed = ring.encrypt("a", "secret");
        assert_eq!(ring.decrypt("b", &sealed), Err(SecretError::Refused));
        let (_, body) = split_version(&sealed).unwrap();
        let mut bytes = STANDARD.decode(body).unwrap();
        bytes[20] ^= 1;
        let altered = format!("v1:{}", STANDARD.encode(bytes));
        assert_eq!(ring.decrypt("a", &altered), Err(SecretError::Refused));
        assert_eq!(ring.decrypt("a", "plain"), Err(SecretError::Malformed));
        for bad in ["", "v1:short", "1:AAAA", &format!("{},{}", key(1, 1), key(1, 2))] {
            assert!(Keyring::parse(bad).is_err());
        }
    }

    #[test]
    fn nothing_shows_in_debug() {
        let (ring, text) = Keyring::generate();
        let shown = format!("{ring:?} {text:?} {:?}", Secret::from("sk_live"));
        assert_eq!(shown, "[1] [secret] [secret]");
    }

    #[test]
    fn tokens_are_stable_and_strong() {
        let id = Uuid::from_u128(1);
        let token = token_for_link(b"server key", id);
        assert_eq!(token, token_for_link(b"server key", id));
        assert_eq!(token.len(), 43);
        assert_ne!(token, token_for_link(b"another key", id));
        assert_ne!(token, token_for_link(b"server key", Uuid::from_u128(2)));
        assert_ne!(random_token(), random_token());
        assert_eq!(random_code().len(), 6);
    }

    #[test]
    fn hashes_match_the_standards() {
        // FIPS 180 and RFC 4231 case 2.
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&tag), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(hmac_matches(b"Jefe", &[b"what do ya want ", b"for nothing?"], &tag));
        assert_eq!(unhex(&hex(&tag)).unwrap(), tag);
        assert!(unhex("zz").is_none() && unhex("abc").is_none());
        assert!(same("a", "a") && !same("a", "b") && !same("a", "aa"));
    }
}
