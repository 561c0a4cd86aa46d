//! `uploads phone`: the files an active phone's device sent, or one of them.
//!
//! Takes in `scope`: `mac`, with `port` (0 when absent), or `phoneid`, which counts only without
//! `mac`; `file`, the name of one. Only for who administers all active ports of the device.
//!
//! Rows: `file` (the name), `kind` (`log`, `overrides`, `contacts`, `calls`, `report`; `null` when
//! the type sends no such file any more), `bytes`, `received`, in order of name. Of the one that
//! `file` names also `content`, or `base64` where it is no text; that it was shown is in the audit
//! record, since it may have passwords in it. None when there is no such file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::Call;
use crate::admin::CommandResult;
use crate::admin::answer::{Fail, Rows};
use crate::catalogue::{Target, UploadKind};
use crate::domain::{Mac, Timestamp};
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
    let Call { core, actor, body, .. } = &call;
    let scope = body.scope()?;
    scope.only(&["mac", "port", "phoneid", "file"])?;
    let id = scope.phone()?;
    let name = scope.filled("file")?.map(str::to_owned);
    let sender = core.registry.sender_for(actor, id)?;
    let Some(uploads) = &core.options.uploads else {
        return Err(Fail::new("Uploads are off: set [uploads] dir in the configuration"));
    };
    let mut rows = Rows::new();
    let Some(name) = name else {
        for upload in uploads.list(&sender).await.map_err(|error| unreadable(&error))? {
            rows.push(&row(&call, id.mac, upload));
        }
        return Ok(rows.finish());
    };
    let Some(name) = FileName::new(&name) else { return Ok(rows.finish()) };
    let sender = core.registry.reveal_upload(actor, id, &name).await?;
    let found = uploads.read(&sender, &name).await.map_err(|error| unreadable(&error))?;
    if let Some((upload, bytes)) = found {
        let mut row = row(&call, id.mac, upload);
        match String::from_utf8(bytes) {
            Ok(text) => row.content = Some(text),
            Err(error) => row.base64 = Some(STANDARD.encode(error.as_bytes())),
        }
        rows.push(&row);
    }
    Ok(rows.finish())
}

fn row(call: &Call, mac: Mac, upload: Upload) -> Row {
    let registry = &call.core.registry;
    let catalogue = registry.catalogue();
    let target = Target::parse(&format!("/{}", upload.name));
    let kind = registry.composition(&catalogue, mac).and_then(|composition| {
        let (file, _) = catalogue.file_for(composition.phone_type()?, &target)?;
        Some(file.upload?.kind)
    });
    let Upload { name: file, bytes, received } = upload;
    Row { file, kind, bytes, received, content: None, base64: None }
}

fn unreadable(error: &std::io::Error) -> Fail {
    tracing::error!(%error, "uploads could not be read");
    Fail::new("The uploads could not be read; the log says more")
}
