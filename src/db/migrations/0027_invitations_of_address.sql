-- Whoever is signed in sees what invites their own address.
CREATE INDEX invitations_of_address ON invitations (email_key, id);
