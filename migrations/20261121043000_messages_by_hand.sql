-- Many customers have a phone and no email. Reaching out to them is planned like any other message, and nobody has to know beforehand which way it goes:
-- the channel is decided when the message is due, from the contact as it then is. With an email address it is mailed; without one it becomes
-- `by_hand`, for a person to say by phone or from their own phone's messages, and `told` once they have. So there is no channel column that
-- could contradict the contact, and an address added or removed meanwhile counts by itself. Rounds itself never texts anybody.
-- What is to be said is put together then and kept in rendered_subject and rendered_text, as with what was mailed.
-- The index that uses the new values is the next migration: a value cannot be used in the transaction that adds it.
alter type message_state add value 'by_hand' after 'sending';
alter type message_state add value 'told' after 'delivered';
