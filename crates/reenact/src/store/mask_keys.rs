//! The keys by which sessions are masked, and masked sessions by their ids.

use rusqlite::OptionalExtension as _;

use super::{Doing, Store};
use crate::mask::{self, MaskKey, Masker};
use crate::{Error, ErrorKind, Result, Session};

impl Store {
    /// What masks sessions of this store: by the key that is handed in, or by the store's own, which is made the first time. The
    /// key stays in the store, so that a masked session can be read again by its id.
    ///
    /// # Errors
    /// Where the store cannot be read or written.
    pub fn masker(&self, key: Option<MaskKey>) -> Result<Masker> {
        if let Some(key) = key {
            self.with(Doing::Write, |connection| {
                let statement = "INSERT OR IGNORE INTO mask_keys (fingerprint, key, is_own) VALUES (?1, ?2, 0)";
                connection.execute(statement, (key.fingerprint(), key.bytes()))
            })?;
            return Ok(Masker::new(key));
        }
        if let Some(own) = self.own_mask_key()? {
            return Ok(Masker::new(own));
        }
        // Of two processes that come at once, the one that was first has made the key of both.
        let made = MaskKey::new_random();
        self.with(Doing::Write, |connection| {
            let statement = "INSERT OR IGNORE INTO mask_keys (fingerprint, key, is_own) VALUES (?1, ?2, 1)";
            connection.execute(statement, (made.fingerprint(), made.bytes()))
        })?;
        Ok(Masker::new(self.own_mask_key()?.unwrap_or(made)))
    }

    fn own_mask_key(&self) -> Result<Option<MaskKey>> {
        self.mask_key("SELECT key FROM mask_keys WHERE is_own = ?1", 1)
    }

    fn mask_key(&self, statement: &str, which: impl rusqlite::ToSql) -> Result<Option<MaskKey>> {
        let key = |row: &rusqlite::Row<'_>| row.get::<_, [u8; 32]>(0);
        let key = self.with(Doing::Read, |connection| connection.query_row(statement, [which], key).optional())?;
        Ok(key.map(MaskKey::from_bytes))
    }

    /// The masked session of this id; nothing where it is not the id of one.
    pub(super) fn masked_session(&self, id: &str) -> Result<Option<Session>> {
        let Some((recording, fingerprint)) = mask::unmasked_id(id) else { return Ok(None) };
        let session = self.recorded_session(recording)?;
        let key = self.mask_key("SELECT key FROM mask_keys WHERE fingerprint = ?1", fingerprint)?;
        let key = key.ok_or_else(|| self.without_key(id))?;
        Ok(Some(Masker::new(key).mask(&session).session))
    }

    fn without_key(&self, id: &str) -> Error {
        let what = format!("session `{id}` was masked by a key that this store does not have");
        let error = Error::new(ErrorKind::Usage, what).at(self.path(), None);
        error.hint("use the store in which it was distilled, or set REENACT_MASK_KEY as it was set there")
    }
}
