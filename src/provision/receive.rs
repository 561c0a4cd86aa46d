//! What phones send: who may, and what of it is kept. Also what of it they get back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::admission::Admitted;
use super::provisioner::Provisioner;
use super::{Fetch, Provision, Receipt, Rendered, UploadBody};
use crate::catalogue::{Catalogue, FileSpec, Target, UploadSpec};
use crate::domain::{ErrorChain, Mac};
use crate::registry::{Detail, Known, RequestOutcome, Requester};
use crate::throttle::LogRate;
use crate::uploads::{FileName, Sender, UploadError, Uploads};

/// One file that an active phone sends.
struct Accepted {
    sender: Sender,
    name: FileName,
    spec: UploadSpec,
}

/// What is sent back of it is known by its name alone; the maker's own word for it is not known.
const MEDIA_TYPE: &str = "application/octet-stream";

/// A form has a name, a password and some words about the program that sends it.
const MOST_FORM: usize = 16 * 1024;

/// What an active phone brings.
enum Brought {
    /// A form, with which it asks for the file.
    Form,
    Upload(Accepted),
}

impl Provisioner {
    pub(super) async fn take_in<B: UploadBody>(&self, fetch: Fetch, body: &mut B) -> Receipt {
        let at = self.registry.clock().now();
        let catalogue = self.registry.catalogue();
        let (parsed, _) = self.parsed.parse(&catalogue, &fetch);
        let proof = self.proof(&catalogue, &fetch, parsed.identity.mac);
        let may_be_form = body.may_be_form();
        let is_sent_by_some = catalogue.is_brought(&parsed.target, may_be_form);
        let mut requester = Requester::Stranger;
        let refused = |outcome| (Receipt::Refused, outcome, Detail::Nothing);
        let challenged =
            || (Receipt::Challenged, RequestOutcome::Challenged, proof.wanting(&fetch).into());
        let (receipt, outcome, detail) = if is_sent_by_some {
            match self.admit(&catalogue, &fetch, &parsed, &proof) {
                _ if proof.is_wanting(&fetch) => challenged(),
                Ok(Admitted { mac, known, .. }) => {
                    requester = Requester::ActivePhone(mac);
                    let brought =
                        self.brought(&catalogue, mac, &known, &parsed.target, may_be_form);
                    match (brought, &self.uploads) {
                        (Some(Brought::Form), _) if body.drop_form(MOST_FORM).await => {
                            return Receipt::Answered(self.fetch(fetch).await);
                        }
                        (Some(Brought::Form), _) => {
                            let why =
                                format!("its form is longer than {MOST_FORM} bytes, or broke off");
                            (Receipt::Refused, RequestOutcome::NotReceived, why.into())
                        }
                        (Some(Brought::Upload(accepted)), Some(uploads)) => {
                            kept(uploads, &self.upload_faults, accepted, fetch.address, body).await
                        }
                        (Some(Brought::Upload(_)), None) => {
                            let off = "uploads are off: [uploads] dir names no folder".to_owned();
                            (Receipt::Refused, RequestOutcome::NotReceived, off.into())
                        }
                        (None, _) => refused(RequestOutcome::NoSuchFile),
                    }
                }
                Err(refused) => (Receipt::Refused, refused.outcome, refused.lack.into()),
            }
        } else if proof.is_wanting(&fetch) {
            challenged()
        } else {
            refused(RequestOutcome::NoSuchFile)
        };
        self.log(requester, fetch, at, parsed.identity.mac, outcome, detail);
        receipt
    }

    /// `None`: nothing that phones of its type send.
    fn brought(
        &self,
        catalogue: &Arc<Catalogue>,
        mac: Mac,
        known: &Known,
        target: &Target,
        may_be_form: bool,
    ) -> Option<Brought> {
        let file = self.file_of(catalogue, known, target)?;
        if may_be_form && file.form {
            return Some(Brought::Form);
        }
        self.accepted(mac, file, target).map(Brought::Upload)
    }

    /// What the phone sent before under the name it asks for now, if that is sent back to it.
    pub(super) async fn sent_back(
        &self,
        catalogue: &Arc<Catalogue>,
        mac: Mac,
        known: &Known,
        target: &Target,
    ) -> Option<Arc<Rendered>> {
        let uploads = self.uploads.as_ref()?;
        // SECURITY: that there is none is found out in memory, in the time of any refusal.
        let may_be_there = |name| uploads.may_have(mac, &name);
        if !FileName::new(target.file_name()).is_some_and(may_be_there) {
            return None;
        }
        let file = self.file_of(catalogue, known, target)?;
        let Accepted { sender, name, spec } = self.accepted(mac, file, target)?;
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

    /// The file that its type has under that name. What nobody has is refused without the device:
    /// in the time of a phone that is none of ours.
    fn file_of<'c>(
        &self,
        catalogue: &'c Catalogue,
        known: &Known,
        target: &Target,
    ) -> Option<&'c FileSpec> {
        let phone_type = self.registry.phone_type(known);
        let (file, _) = catalogue.file_for(catalogue.phone_type(&phone_type)?, target)?;
        Some(file)
    }

    fn accepted(&self, mac: Mac, file: &FileSpec, target: &Target) -> Option<Accepted> {
        let spec = file.upload?;
        Some(Accepted {
            sender: self.registry.sender(mac)?,
            name: FileName::new(target.file_name())?,
            spec,
        })
    }
}

async fn kept<B: UploadBody>(
    uploads: &Uploads,
    faults: &LogRate,
    accepted: Accepted,
    address: IpAddr,
    body: &mut B,
) -> (Receipt, RequestOutcome, Detail) {
    match write(uploads, &accepted, address, body).await {
        Ok(true) => (Receipt::Replaced, RequestOutcome::Received, Detail::Nothing),
        Ok(false) => (Receipt::Created, RequestOutcome::Received, Detail::Nothing),
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
            (receipt, RequestOutcome::NotReceived, detail.into())
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
