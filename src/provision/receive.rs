//! What phones send: who may, and what of it is kept. Also what of it they get back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::provisioner::Provisioner;
use super::{Fetch, Receipt, Rendered, UploadBody};
use crate::catalogue::{Catalogue, Target, UploadSpec};
use crate::domain::{ErrorChain, LogRate, Mac};
use crate::registry::{RequestOutcome, Requester};
use crate::uploads::{FileName, Sender, UploadError, Uploads};

/// One file that an active phone sends.
struct Accepted {
    sender: Sender,
    name: FileName,
    spec: UploadSpec,
}

/// What is sent back of it is known by its name alone; the maker's own word for it is not known.
const MEDIA_TYPE: &str = "application/octet-stream";

impl Provisioner {
    pub(super) async fn take_in<B: UploadBody>(&self, fetch: Fetch, body: &mut B) -> Receipt {
        let at = self.registry.clock().now();
        let catalogue = self.registry.catalogue();
        let (parsed, _) = self.parsed.parse(&catalogue, &fetch);
        let is_sent_by_some = catalogue.takes_upload(&parsed.target);
        let mut requester = Requester::Stranger;
        let (receipt, outcome, detail) = if is_sent_by_some {
            match self.admit(&catalogue, &fetch, &parsed) {
                Ok((mac, _)) => {
                    requester = Requester::ActivePhone(mac);
                    match (self.accepted(&catalogue, mac, &parsed.target), &self.uploads) {
                        (Some(accepted), Some(uploads)) => {
                            kept(uploads, &self.upload_faults, accepted, fetch.address, body).await
                        }
                        (Some(_), None) => {
                            let off = "uploads are off: [uploads] dir names no folder".to_owned();
                            (Receipt::Refused, RequestOutcome::NotReceived, off)
                        }
                        (None, _) => (Receipt::Refused, RequestOutcome::NoSuchFile, String::new()),
                    }
                }
                Err(refused) => (Receipt::Refused, refused, String::new()),
            }
        } else {
            (Receipt::Refused, RequestOutcome::NoSuchFile, String::new())
        };
        self.log(requester, fetch, at, parsed.identity.mac, outcome, detail);
        receipt
    }

    /// What the phone sent before under the name it asks for now, if that is sent back to it.
    pub(super) async fn sent_back(
        &self,
        catalogue: &Arc<Catalogue>,
        mac: Mac,
        target: &Target,
    ) -> Option<Arc<Rendered>> {
        let uploads = self.uploads.as_ref()?;
        // SECURITY: that there is none is found out in memory, in the time of any refusal.
        let may_be_there = |name| uploads.may_have(mac, &name);
        if !FileName::new(target.file_name()).is_some_and(may_be_there) {
            return None;
        }
        let Accepted { sender, name, spec } = self.accepted(catalogue, mac, target)?;
        if !spec.is_served_back {
            return None;
        }
        match uploads.read(&sender, &name).await {
            Ok(found) => {
                let (upload, bytes) = found?;
                Some(Arc::new(Rendered::new(bytes, MEDIA_TYPE.into(), upload.received)))
            }
            Err(error) => {
                tracing::warn!(%mac, %name, %error, "what a phone sent could not be read");
                None
            }
        }
    }

    fn accepted(&self, catalogue: &Arc<Catalogue>, mac: Mac, target: &Target) -> Option<Accepted> {
        let composition = self.registry.composition(catalogue, mac)?;
        let (file, _) = catalogue.file_for(composition.phone_type()?, target)?;
        let sender = self.registry.sender(mac)?;
        Some(Accepted { sender, name: FileName::new(target.file_name())?, spec: file.upload? })
    }
}

async fn kept<B: UploadBody>(
    uploads: &Uploads,
    faults: &LogRate,
    accepted: Accepted,
    address: IpAddr,
    body: &mut B,
) -> (Receipt, RequestOutcome, String) {
    match write(uploads, &accepted, address, body).await {
        Ok(true) => (Receipt::Replaced, RequestOutcome::Received, String::new()),
        Ok(false) => (Receipt::Created, RequestOutcome::Received, String::new()),
        Err(error) => {
            let receipt = match &error {
                UploadError::Busy | UploadError::Io(_) => Receipt::Unavailable,
                UploadError::TooLong(_)
                | UploadError::PhoneIsFull(_)
                | UploadError::CompanyIsFull(_)
                | UploadError::Full(_)
                | UploadError::BrokenOff(_) => Receipt::Refused,
            };
            let detail = ErrorChain(&error).to_string();
            if let UploadError::Io(_) | UploadError::Full(_) | UploadError::CompanyIsFull(_) = error
                && let Some(others) = faults.due_at(Instant::now())
            {
                let (mac, name) = (accepted.sender.mac(), &accepted.name);
                tracing::warn!(%mac, %name, error = detail, others, "an upload was not kept");
            }
            (receipt, RequestOutcome::NotReceived, detail)
        }
    }
}

async fn write<B: UploadBody>(
    uploads: &Uploads,
    Accepted { sender, name, spec }: &Accepted,
    address: IpAddr,
    body: &mut B,
) -> Result<bool, UploadError> {
    let mut incoming =
        uploads.begin(sender, address, name, spec.max_bytes, body.announced()).await?;
    while let Some(bytes) = body.next().await {
        incoming.write(&bytes.map_err(UploadError::BrokenOff)?).await?;
    }
    incoming.finish().await
}
