//! `preview phone`: the files an active phone would get now, with `***` for every
//! secret.
//!
//! Takes in `scope`: `mac`, with `port` (0 when absent), or `phoneid`, which counts
//! only without `mac`; `file`, the path of a request, for that one file.
//!
//! Rows: `file` (the path), `scope` (`device`, `port` or `common`), `content_type`,
//! and `content` or, when it cannot be made, `error`; `left_out` where settings of the phone are
//! not in the file because they would count for ports of other companies too. Ports of the device
//! whose company the caller does not administer are shown as if they were inactive. Beside the rows
//! `warnings`, see `update phone`.

use serde::Serialize;

use super::{Call, all_warnings};
use crate::admin::CommandResult;
use crate::admin::answer::Rows;
use crate::catalogue::Scope;

#[derive(Serialize)]
struct Row {
    file: String,
    scope: &'static str,
    content_type: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) async fn run(call: Call) -> CommandResult {
    let Call { core, actor, party, body, .. } = call;
    let scope = body.scope()?;
    scope.only(&["mac", "port", "phoneid", "file"])?;
    let id = scope.phone()?;
    let file = scope.filled("file")?.map(str::to_owned);
    let (registry, all) = (core.registry.clone(), core.clone());
    let preview = move || {
        let files = registry.preview(&actor, id, file.as_deref())?;
        let rows = files.into_iter().map(|file| Row {
            file: file.path,
            scope: match file.scope {
                Scope::Device => "device",
                Scope::Port => "port",
                Scope::Common => "common",
            },
            content_type: file.content_type,
            left_out: file.left_out,
            error: file.content.as_ref().err().cloned(),
            content: file.content.ok(),
        });
        let rows = rows.collect::<Rows>();
        Ok(rows.finish_but(&all_warnings(&all, &actor, id)?))
    };
    core.blocking.run(party, preview).await?
}
