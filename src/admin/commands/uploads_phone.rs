//! `uploads phone`: the files an active phone's device sent, or one of them.
//!
//! Takes in `scope`: `mac`, with `port` (0 when absent), or `phoneid`, which counts only without
//! `mac`; `file`, the name of one. Only for who administers all active ports of the device.
//!
//! Rows: `file` (the name), `kind` (`log`, `overrides`, `contacts`, `calls`, `report`; `null` when
//! the type sends no such file any more), `bytes`, `received`, in order of name. Of the one that
//! `file` names also `content`, or `base64` where it is no text; that it was shown is in the audit
//! record, since it may have passwords in it. None when there is no such file.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Fail, Rows};
use crate::catalogue::{Catalogue, Target, UploadKind};
use crate::domain::{Mac, Timestamp, TypeKey};
use crate::registry::Registry;
use crate::uploads::{FileName, Upload};

#[derive(Serialize)]
struct Row {
    file: FileName,
    kind: Option<UploadKind>,
    bytes: u64,
    received: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

pub(super) async fn run(call: Call) -> CommandResult {
    let Call { core, actor, party, body, .. } = call;
    let scope = body.scope()?;
    scope.only(&["mac", "port", "phoneid", "file"])?;
    let id = scope.phone()?;
    let name = scope.filled("file")?.map(FileName::new);
    let sender = core.registry.sender_for(&actor, id)?;
    let uploads = core.options.uploads.as_ref().ok_or_else(off)?;
    let mut listed = uploads.list(&sender).await.map_err(|error| unreadable(&error))?;
    let mut shown = None;
    if let Some(name) = name {
        listed.retain(|upload| Some(&upload.name) == name.as_ref());
        // Only what is there can be shown, and be on record as shown.
        if let Some(name) = name.filter(|_| !listed.is_empty()) {
            let sender = core.registry.reveal_upload(&actor, id, &name).await?;
            shown = uploads.read(&sender, &name).await.map_err(|error| unreadable(&error))?;
        }
    }
    let registry = core.registry.clone();
    // Of some megabytes: nothing for a thread that serves phones.
    let answer = move || {
        let kinds = Kinds::of(&registry, id.mac);
        let rows = listed.into_iter().map(|Upload { name: file, bytes, received }| {
            let kind = kinds.kind(&file);
            Row { kind, file, bytes, received, content: None, base64: None }
        });
        let mut rows: Vec<Row> = rows.collect();
        if let (Some(row), Some((_, bytes))) = (rows.first_mut(), shown) {
            match String::from_utf8(bytes) {
                Ok(text) => row.content = Some(text),
                Err(error) => row.base64 = Some(STANDARD.encode(error.as_bytes())),
            }
        }
        rows.into_iter().collect::<Rows>().finish()
    };
    core.blocking.run(party, answer).await
}

/// What the type of a device calls the files it sends.
struct Kinds {
    catalogue: Arc<Catalogue>,
    phone_type: Option<TypeKey>,
}

impl Kinds {
    fn of(registry: &Registry, mac: Mac) -> Kinds {
        let catalogue = registry.catalogue();
        let composition = registry.composition(&catalogue, mac);
        let phone_type = composition.map(|composition| composition.device.phone_type);
        Kinds { catalogue, phone_type }
    }

    fn kind(&self, name: &FileName) -> Option<UploadKind> {
        let phone_type = self.catalogue.phone_type(self.phone_type.as_ref()?)?;
        let target = Target::parse(&format!("/{name}"));
        let (file, _) = self.catalogue.file_for(phone_type, &target)?;
        Some(file.upload?.kind)
    }
}

pub(super) fn off() -> Fail {
    Fail::new("Uploads are off: set [uploads] dir in the configuration")
}

pub(super) fn unreadable(error: &std::io::Error) -> Fail {
    tracing::error!(%error, "uploads could not be read or removed");
    Fail::new("The uploads could not be read or removed; the log says more")
}
