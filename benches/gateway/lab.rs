//! What is served: phones in a store, their files beside it for nginx, and certificates.
//! All of it is made for the run and gone after it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use dialtone::domain::settings::Layer;
use dialtone::domain::{Claims, CompanyId, Device, Mac, Phone, Port, Revision, State, Timestamp};
use dialtone::simulator::lab_ca::{self, LabCa};
use dialtone::store::{Mutation, SqliteStore, Store};
use rcgen::{CertificateParams, KeyPair, RsaKeySize};
use tempfile::TempDir;

use crate::client::{Connector, Get, patient};
use crate::process::Gateway;
use crate::process::Setup;

/// 2023-11-14: any time that has been.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// One of Yealink's phones with a line-based file of about 8 KB, as a company has it.
const DESK: &str = include_str!("../../templates/yealink/examples/memory_keys.toml");
pub(crate) const DESK_MAC: u64 = 0x0015_652f_c35e;
pub(crate) const DESK_FILE: &str = "/0015652fc35e.cfg";
pub(crate) const DESK_AGENT: &str = "Yealink SIP-T38G 38.70.0.185 00:15:65:2f:c3:5e";

/// Polycom's boot asks for four files of its own: one that names the others, the
/// settings, raw parameters, speed dials.
const FOUR: &str = include_str!("../../templates/polycom/examples/desk.toml");
/// A MAC of the same maker that no phone of the store has.
pub(crate) const UNKNOWN_MAC: u64 = 0x0090_7aff_ffff;
const FOUR_BLOCK: u64 = 0x0004_f200_0000;
pub(crate) const FOUR_AGENT: &str = "FileTransport PolycomSoundPointIP-SPIP_450-UA/3.2.3.1734";

/// How many phones boot with four files, all at once.
pub(crate) const FLEET: usize = 10_000;
/// How many of them boot one after the other: enough that no processor's cache holds all
/// their files.
pub(crate) const STREAM: usize = 1_000;

/// The folder of a run.
pub(crate) struct Lab {
    dir: TempDir,
    pub dialtone: PathBuf,
    /// The first System-Admin's of the seeded store.
    pub key: String,
}

impl Lab {
    /// Certificates and a store with [`FLEET`] phones and the one at the desk; the files of
    /// the latter and of the first `fleet_files` phones for nginx.
    ///
    /// In the target directory, so that it is a disk that is written to.
    pub(crate) async fn prepare(dialtone: PathBuf, fleet_files: usize) -> Result<Lab, String> {
        let dir = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .map_err(|error| format!("{}: {error}", env!("CARGO_TARGET_TMPDIR")))?;
        let mut lab = Lab { dir, dialtone, key: String::new() };
        lab.make_certificates().map_err(|error| format!("certificates: {error}"))?;
        let desk = device(Mac::from_bits(DESK_MAC), &Example::read(DESK)?);
        let four = Example::four()?;
        let fleet = (0..FLEET).map(|number| device(four_mac(number), &four));
        let seeded = lab.folder("seeded")?;
        seed(&seeded.join("dialtone.db"), std::iter::once(desk).chain(fleet)).await?;
        lab.key = lab.copy_files(&seeded, fleet_files).await?;
        Ok(lab)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A new folder, or the one there is.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.dir.path().join(name);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// A gateway with a copy of the seeded store.
    pub(crate) fn gateway(&self, name: &str, setup: &Setup) -> Result<Gateway, String> {
        let folder = self.folder(name)?;
        let copy = folder.join("dialtone.db");
        let seeded = self.dir.path().join("seeded/dialtone.db");
        fs::copy(&seeded, &copy).map_err(|error| format!("{}: {error}", copy.display()))?;
        let mut gateway = Gateway::start(&self.dialtone, &folder, setup)?;
        gateway.key.clone_from(&self.key);
        Ok(gateway)
    }

    /// A gateway that knows nobody.
    pub(crate) fn empty_gateway(&self, name: &str, setup: &Setup) -> Result<Gateway, String> {
        let folder = self.folder(name)?;
        for file in ["dialtone.db", "dialtone.db-wal", "dialtone.db-shm", "dialtone.db.lock"] {
            let _ = fs::remove_file(folder.join(file));
        }
        Gateway::start(&self.dialtone, &folder, setup)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca")
    }

    pub(crate) fn ecdsa(&self) -> Setup {
        let pair = (self.ca().join(lab_ca::SERVER), self.ca().join(lab_ca::SERVER_KEY));
        Setup { pair: Some(pair), ..Setup::default() }
    }

    pub(crate) fn rsa(&self) -> Setup {
        let pair = (self.dir.path().join("rsa.pem"), self.dir.path().join("rsa.key"));
        Setup { pair: Some(pair), ..Setup::default() }
    }

    pub(crate) fn mutual(&self) -> Setup {
        Setup { client_ca: Some(self.ca().join(lab_ca::CA)), ..self.ecdsa() }
    }

    fn make_certificates(&self) -> Result<(), Box<dyn std::error::Error>> {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        LabCa::create(&self.ca(), &names, SystemTime::now())?;
        let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let certificate = CertificateParams::new(names)?.self_signed(&key)?;
        fs::write(self.dir.path().join("rsa.pem"), certificate.pem())?;
        fs::write(self.dir.path().join("rsa.key"), key.serialize_pem())?;
        Ok(())
    }

    /// Puts what the gateway serves where nginx finds it; gives the key that its first start made.
    async fn copy_files(&self, seeded: &Path, fleet_files: usize) -> Result<String, String> {
        let files = self.folder("files")?;
        self.folder("files/speed-dials")?;
        let gateway = Gateway::start(&self.dialtone, seeded, &Setup::default())?;
        let connector = Connector::plain(gateway.http);
        let mut connection = patient(connector.open(0)).await.map_err(|error| error.to_string())?;
        let fleet = (0..fleet_files)
            .flat_map(|number| four_files(number).map(|target| (target, FOUR_AGENT)));
        for (target, agent) in std::iter::once((DESK_FILE.to_owned(), DESK_AGENT)).chain(fleet) {
            let get = Get { target: &target, agent, close: false };
            let answer = patient(connection.get(&get))
                .await
                .map_err(|error| format!("{target}: {error}"))?;
            if answer.status != 200 {
                return Err(format!("{target}: status {}", answer.status));
            }
            fs::write(files.join(&target[1..]), &answer.body)
                .map_err(|error| format!("{target}: {error}"))?;
        }
        Ok(gateway.key.clone())
    }
}

pub(crate) fn four_mac(number: usize) -> Mac {
    Mac::from_bits(FOUR_BLOCK + number as u64)
}

/// What one of the fleet asks for when it boots.
pub(crate) fn four_files(number: usize) -> [String; 4] {
    let mac = four_mac(number);
    [
        format!("/{mac}.cfg"),
        format!("/{mac}-vendor.cfg"),
        format!("/{mac}-dialtone.cfg"),
        format!("/speed-dials/{mac}-directory.xml"),
    ]
}

/// An example of a family: type and settings.
pub(crate) struct Example {
    pub phone_type: String,
    pub settings: Layer,
}

impl Example {
    pub(crate) fn desk() -> Result<Example, String> {
        Example::read(DESK)
    }

    pub(crate) fn four() -> Result<Example, String> {
        Example::read(FOUR)
    }

    fn read(text: &str) -> Result<Example, String> {
        let example: BTreeMap<String, serde_json::Value> =
            toml::from_str(text).map_err(|error| error.to_string())?;
        let settings =
            Layer::parse(&example["settings"]).map_err(|errors| format!("{errors:?}"))?;
        let phone_type = example["type"].as_str().unwrap_or_default().to_owned();
        Ok(Example { phone_type, settings })
    }
}

/// An active device with one port, made by an operator.
pub(crate) fn device(mac: Mac, example: &Example) -> Device {
    let active = State::Active(CompanyId::default_company());
    let settings = example.settings.clone();
    let phone = Phone { state: active, created: NOW, name: String::new(), settings };
    Device {
        mac,
        phone_type: example.phone_type.parse().expect("an example names a type"),
        waiting: None,
        phones: BTreeMap::from([(Port::FIRST, phone)]),
        sighting: None,
        claims: Claims::default(),
        served: None,
        written: dialtone::domain::settings::Written::default(),
        admission: dialtone::domain::admission::AdmissionState::default(),
        changed: NOW,
        revision: Revision::NONE,
    }
}

/// A new store in that file with these devices.
pub(crate) async fn seed(path: &Path, devices: impl Iterator<Item = Device>) -> Result<(), String> {
    let store = SqliteStore::open(path, NOW).map_err(|error| error.to_string())?;
    fill(Arc::new(store), devices).await
}

/// The phone at the desk, in a store that is closed then.
pub(crate) async fn fill_with_desk(store: Arc<dyn Store>) -> Result<(), String> {
    let desk = device(Mac::from_bits(DESK_MAC), &Example::desk()?);
    fill(store, std::iter::once(desk)).await
}

async fn fill(store: Arc<dyn Store>, devices: impl Iterator<Item = Device>) -> Result<(), String> {
    let mut devices = devices.map(|device| Mutation::PutDevice { device, expect: None }).peekable();
    while devices.peek().is_some() {
        let batch: Vec<Mutation> = devices.by_ref().take(1000).collect();
        store.commit(batch, Vec::new()).await.map_err(|error| error.to_string())?;
    }
    store.close().await;
    Ok(())
}
