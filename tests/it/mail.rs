//! What becomes of a message, against a mail server that misbehaves.

use std::time::Duration;

use chrono::{TimeZone as _, Utc};
use platform::mail::{Attachment, MailError, Mailbox, Mailer, Outgoing, Smtp};

use crate::support::smtp::{Authority, Sink, Tls};

fn mailer(url: &str) -> Mailer {
    Mailer::Smtp(Smtp::from_url(url, "rounds.example", Duration::from_secs(2)).unwrap())
}

fn to(address: &str, text: &str) -> Outgoing {
    let mailbox = |address: &str| Mailbox { name: String::new(), address: address.into() };
    Outgoing {
        from: mailbox("office@clear.example"),
        reply_to: None,
        to: mailbox(address),
        subject: "Your appointment".into(),
        text: text.into(),
        html: None,
        message_id: "0190-1@rounds.example".into(),
        date: Utc.with_ymd_and_hms(2026, 11, 21, 8, 0, 0).unwrap(),
        attachments: vec![],
        list_unsubscribe: None,
    }
}

#[tokio::test]
async fn each_fault_says_what_may_be_done_next() {
    let sink = Sink::start().await;
    let mailer = mailer(&sink.url());
    let send = async |address: &str| mailer.send(&to(address, "Hello\n.\nwith a lone dot")).await;

    let accepted = send("ann@example.com").await.unwrap();
    assert_eq!(accepted.reply, "2.0.0 queued");
    assert!(matches!(send("tmp451@example.com").await, Err(MailError::Temporary(_))));
    assert!(matches!(send("perm550@example.com").await, Err(MailError::Permanent(_))));
    assert!(matches!(send("data554@example.com").await, Err(MailError::Permanent(_))));
    for _ in 0..2 {
        assert!(matches!(send("flaky2@example.com").await, Err(MailError::Temporary(_))));
    }
    assert!(send("flaky2@example.com").await.is_ok());
    // The far side has it, but we were never told.
    assert!(matches!(send("drop@example.com").await, Err(MailError::InDoubt(_))));

    let received = sink.received();
    let of = |address: &str| received.iter().filter(|m| m.to == [address]).count();
    assert_eq!(["ann@example.com", "flaky2@example.com", "drop@example.com"].map(of), [1, 1, 1]);
    assert_eq!(received.len(), 3);
    assert_eq!(received[0].header("Message-ID"), Some("<0190-1@rounds.example>"));
    assert!(received[0].raw.contains("Hello\n.\nwith a lone dot"), "{}", received[0].raw);
}

#[tokio::test]
async fn what_was_cut_off_midway_was_not_sent() {
    let sink = Sink::start().await;
    // More than the socket's buffers hold, so that the break is noticed while the body is being written.
    let mut outgoing = to("cut@example.com", "Hello");
    let bytes = vec![7; 12_000_000];
    outgoing.attachments = vec![Attachment::Pdf { file_name: "big.pdf".into(), bytes }];
    let failed = mailer(&sink.url()).send(&outgoing).await;
    assert!(matches!(failed, Err(MailError::Temporary(_))), "{failed:?}");
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn nobody_listening_and_nobody_answering_are_temporary() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mute = Smtp::from_url(&format!("smtp://{address}"), "rounds.example", Duration::from_millis(200));
    let failed = Mailer::Smtp(mute.unwrap()).send(&to("ann@example.com", "Hello")).await;
    assert!(matches!(failed, Err(MailError::Temporary(_))), "{failed:?}");
    drop(listener);
    let failed = mailer(&format!("smtp://{address}")).send(&to("ann@example.com", "Hello")).await;
    assert!(matches!(failed, Err(MailError::Temporary(_))), "{failed:?}");
}

/// The client for a sink that it knows as `localhost`, with a password, insisting on TLS.
fn guarded(url: &str, authority: &Authority) -> Mailer {
    let smtp = Smtp::from_url(url, "rounds.example", Duration::from_secs(5)).unwrap();
    Mailer::Smtp(authority.trusted(smtp))
}

#[tokio::test]
async fn starttls_and_smtps_are_encrypted_before_anything_is_said() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost");
    let upgraded = Sink::with(Tls::Upgrade(acceptor.clone())).await;
    let wrapped = Sink::with(Tls::Wrapped(acceptor)).await;
    let urls = [
        (format!("smtp://user:secret@localhost:{}?tls=required", upgraded.address.port()), &upgraded),
        (format!("smtps://user:secret@localhost:{}", wrapped.address.port()), &wrapped),
    ];
    for (url, sink) in urls {
        let mailer = guarded(&url, &authority);
        mailer.send(&to("ann@example.com", "Hello")).await.unwrap();
        // What the server says of a recipient means the same over TLS.
        assert!(matches!(mailer.send(&to("perm550@example.com", "Hello")).await, Err(MailError::Permanent(_))));
        assert!(matches!(mailer.send(&to("tmp451@example.com", "Hello")).await, Err(MailError::Temporary(_))));
        assert!(matches!(mailer.send(&to("drop@example.com", "Hello")).await, Err(MailError::InDoubt(_))));
        assert!(sink.received().iter().all(|m| m.is_encrypted) && sink.received().len() == 2, "{url}");
        assert_eq!(sink.sign_ins(), [true; 4], "{url}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_who_it_should_be_gets_nothing() {
    let authority = Authority::new();
    let other_name = authority.acceptor("mail.other.example");
    let good_name = authority.acceptor("localhost");
    let cases = [
        ("another name", Tls::Upgrade(other_name.clone()), "smtp", "?tls=required", true),
        ("another name", Tls::Wrapped(other_name), "smtps", "", true),
        ("an authority that nobody trusts", Tls::Wrapped(good_name.clone()), "smtps", "", false),
        ("an authority that nobody trusts", Tls::Upgrade(good_name), "smtp", "?tls=required", false),
        ("no TLS at all", Tls::Off, "smtp", "?tls=required", true),
    ];
    for (what, tls, scheme, wish, is_trusted) in cases {
        let sink = Sink::with(tls).await;
        let url = format!("{scheme}://user:secret@localhost:{}{wish}", sink.address.port());
        let mailer = if is_trusted { guarded(&url, &authority) } else { mailer(&url) };
        let failed = mailer.send(&to("ann@example.com", "Hello")).await;
        // It is the setup's fault, not the message's: it goes once that is mended.
        let Err(MailError::Temporary(words)) = &failed else { panic!("{what}: {failed:?}") };
        assert!(!words.contains("secret"), "{what}: {words}");
        assert!(sink.sign_ins().is_empty() && sink.received().is_empty(), "{what}");
    }
}
