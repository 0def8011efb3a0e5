//! What becomes of a message, against a mail server that misbehaves.

use std::time::Duration;

use chrono::{TimeZone as _, Utc};
use rounds::platform::mail::{Attachment, MailError, Mailbox, Mailer, Outgoing, Smtp};

use crate::support::smtp::Sink;

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
