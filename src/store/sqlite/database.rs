//! A connection to the file, with the keys of what is encrypted in it.

use std::borrow::Cow;
use std::ops::Deref;

use rusqlite::types::Type;
use rusqlite::{Connection, Error, Result};

use crate::store::at_rest::{Cell, Cipher, NotOpened};

/// Used as the connection that it is.
pub(super) struct Database {
    connection: Connection,
    cipher: Cipher,
}

impl Database {
    pub(super) fn new(connection: Connection, cipher: Cipher) -> Database {
        Database { connection, cipher }
    }

    /// A value as it is to be written.
    pub(super) fn seal<'a>(&self, cell: Cell<'_>, plain: &'a str) -> Cow<'a, str> {
        self.cipher.seal(cell, plain)
    }

    /// What opens the values of rows.
    pub(super) fn cipher(&self) -> &Cipher {
        &self.cipher
    }
}

impl Deref for Database {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// A value as it was before it was sealed.
///
/// # Errors
/// [`NotOpened`], which [`map`](super::error::map) tells.
pub(super) fn open<'a>(cipher: &Cipher, cell: Cell<'_>, written: &'a str) -> Result<Cow<'a, str>> {
    let not_opened = |why: NotOpened| Error::FromSqlConversionFailure(0, Type::Text, Box::new(why));
    cipher.open(cell, written).map_err(not_opened)
}
