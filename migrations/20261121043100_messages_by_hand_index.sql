-- Home asks on every load which reach-outs wait for a person; there are few of them among all messages.
create index messages_by_hand on messages (org_id, send_at) where state = 'by_hand';
