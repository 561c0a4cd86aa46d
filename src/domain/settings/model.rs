//! The settings, version 1: every field with its meaning, its type and its
//! bounds, in the order documents are stored and shown in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::LazyLock;

use super::overlay::layered;
use super::read::Fields;
use super::schema::{Kind, MAX_LINES, MAX_MODULES, MAX_TEXT, MAX_URL};
use super::value::{
    CallerIdSource, Codec, DateFormat, Dtmf, EncryptionFormat, FileEncryption, HourFormat, KeyType,
    LdapSecurity, Secret, SharedLine, Srtp, SyslogLevel, Transport, VendorValue, WifiSecurity,
};

const TEXT: Kind = Kind::Text { max: MAX_TEXT };
const PORT: Kind = Kind::Integer { min: 1, max: 65535, unit: "" };
const DSCP: Kind = Kind::Integer { min: 0, max: 63, unit: "" };
/// Phones number their ring tones; none is known with more than twenty.
const RING_TONE: Kind = Kind::Integer { min: 1, max: 20, unit: "" };
const WEB: Kind = Kind::Url(&["http", "https"]);
const WEB_FOLDER: Kind = Kind::Folder(&["http", "https"]);
/// As [`WEB`], or a file that the gateway hosts.
const WEB_OR_HOSTED: Kind = Kind::Url(&["http", "https", "files"]);
const ATTRIBUTES: Kind = Kind::List { of: &Kind::LdapAttribute, max: 8 };

layered! {
    /// What the layers of a phone come to. A value nobody set is `None`, a
    /// list nobody set is empty; a text may be set and empty.
    pub struct Settings {
        /// Values for every line that is listed in `lines` of any layer, below what the line itself
        /// says in any layer.
        pub(super) line_defaults: Line = Kind::Group(Line::FIELDS),
        /// The SIP lines by number.
        pub lines: BTreeMap<u16, Line> = Kind::Numbered { max: MAX_LINES, of: Line::FIELDS },
        /// The phone's own programmable keys by number.
        pub keys: BTreeMap<u16, Key> = Kind::Numbered { max: 255, of: Key::FIELDS },
        /// Expansion modules by number.
        pub expansion: BTreeMap<u16, Expansion> = Kind::Numbered { max: MAX_MODULES, of: Expansion::FIELDS },
        /// The keys below the display while nobody calls, by number from the left.
        pub soft_keys: BTreeMap<u16, Key> = Kind::Numbered { max: 10, of: Key::FIELDS },
        /// Clock and calendar.
        pub time: Time = Kind::Group(Time::FIELDS),
        /// Language of the display, BCP 47.
        pub language: Option<String> = Kind::Language,
        /// Country whose call progress tones the phone plays.
        pub tones: Option<String> = Kind::Country,
        /// What the phone rings with.
        pub ring: Ring = Kind::Group(Ring::FIELDS),
        /// Ring tones for calls whose Alert-Info header has a text in it, by number.
        pub alert_tones: BTreeMap<u16, AlertTone> = Kind::Numbered { max: 10, of: AlertTone::FIELDS },
        /// The display's light and picture.
        pub display: Display = Kind::Group(Display::FIELDS),
        /// When the phone locks itself, and what opens it.
        pub lock: Lock = Kind::Group(Lock::FIELDS),
        /// Audio codecs, the preferred first.
        pub codecs: Vec<Codec> = Kind::List { of: &Kind::Choice(Codec::NAMES), max: Codec::NAMES.len() },
        /// What is done with calls.
        pub calls: Calls = Kind::Group(Calls::FIELDS),
        /// Calls that the phone answers by itself because the caller asks for it.
        pub intercom: Intercom = Kind::Group(Intercom::FIELDS),
        /// Numbers that can be called whatever is locked or forbidden.
        pub emergency_numbers: Vec<String> = Kind::List { of: &Kind::Dial, max: 16 },
        /// Which digits are a number, so that the phone calls it without waiting for more.
        pub dial_plan: DialPlan = Kind::Group(DialPlan::FIELDS),
        /// Multicast groups whose pages the phone plays, the most important first.
        pub multicast: BTreeMap<u16, MulticastGroup> = Kind::Numbered { max: 10, of: MulticastGroup::FIELDS },
        /// SIP of the whole phone.
        pub sip: Sip = Kind::Group(Sip::FIELDS),
        /// Media of the whole phone.
        pub rtp: Rtp = Kind::Group(Rtp::FIELDS),
        /// How the phone gets through address translation.
        pub nat: Nat = Kind::Group(Nat::FIELDS),
        /// How the phone sits in its network.
        pub network: Network = Kind::Group(Network::FIELDS),
        /// Wireless LAN.
        pub wifi: Wifi = Kind::Group(Wifi::FIELDS),
        /// Virtual private network.
        pub vpn: Vpn = Kind::Group(Vpn::FIELDS),
        /// Whether Bluetooth is on.
        pub bluetooth: Option<bool> = Kind::Bool,
        /// Which servers the phone trusts over TLS.
        pub trust: Trust = Kind::Group(Trust::FIELDS),
        /// Who may use the phone's own pages and menus.
        pub access: Access = Kind::Group(Access::FIELDS),
        /// Where and when the phone fetches its configuration.
        pub provisioning: Provisioning = Kind::Group(Provisioning::FIELDS),
        /// What software the phone should run.
        pub firmware: Firmware = Kind::Group(Firmware::FIELDS),
        /// The phone book offered on the display.
        pub directory: Directory = Kind::Group(Directory::FIELDS),
        /// More phone books beside `directory`, by number.
        pub phone_books: BTreeMap<u16, PhoneBook> = Kind::Numbered { max: 5, of: PhoneBook::FIELDS },
        /// What the phone dials to use a feature of the PBX.
        pub feature_codes: FeatureCodes = Kind::Group(FeatureCodes::FIELDS),
        /// Raw parameters by family and parameter name, for what the schema does not have.
        pub vendor: BTreeMap<String, BTreeMap<String, VendorValue>> = Kind::Vendor,
    }
}

layered! {
    /// One SIP line.
    pub struct Line {
        /// Whether the line is used; a line that does not say is.
        pub enabled: Option<bool> = Kind::Bool,
        /// The extension as people know it.
        pub number: Option<String> = TEXT,
        /// User part of the SIP address.
        pub user: Option<String> = Kind::SipUser,
        /// User name for authentication; phones use `user` when it is not set.
        pub auth_user: Option<String> = Kind::AuthUser,
        /// Password for authentication.
        pub password: Option<Secret> = Kind::Secret,
        /// Name that called parties see.
        pub display_name: Option<String> = TEXT,
        /// Text beside the line's key.
        pub label: Option<String> = TEXT,
        /// Host the line registers with; also the domain of its SIP address.
        pub registrar: Option<String> = Kind::Host,
        /// Port of the registrar.
        pub registrar_port: Option<u16> = PORT,
        /// Registrar to use while the first is unreachable.
        pub backup: Backup = Kind::Group(Backup::FIELDS),
        /// Where the line sends all its requests.
        pub outbound_proxy: OutboundProxy = Kind::Group(OutboundProxy::FIELDS),
        /// How SIP messages travel.
        pub transport: Option<Transport> = Kind::Choice(Transport::NAMES),
        /// Encryption of the media.
        pub srtp: Option<Srtp> = Kind::Choice(Srtp::NAMES),
        /// How digits are sent during a call.
        pub dtmf: Option<Dtmf> = Kind::Choice(Dtmf::NAMES),
        /// How long a registration asks to last.
        pub expiry_s: Option<u32> = Kind::Integer { min: 60, max: 86_400, unit: "seconds" },
        /// What the line dials to reach its voicemail.
        pub voicemail: Option<String> = Kind::Dial,
        /// Whether the line shares its calls with the same line of other phones, and how it is told
        /// of them.
        pub shared: Option<SharedLine> = Kind::Choice(SharedLine::NAMES),
        /// Whether the line answers every call by itself.
        pub auto_answer: Option<bool> = Kind::Bool,
        /// User part of the address of the list (RFC 4662) whose members the keys of type
        /// `blf_list` show.
        pub blf_list: Option<String> = Kind::SipUser,
    }
}

impl Settings {
    /// What may be shown to anyone: no lines, no passwords, and no raw vendor
    /// parameters, any of which may be one.
    #[must_use]
    pub fn without_secrets(mut self) -> Settings {
        self.line_defaults = Line::default();
        self.lines.clear();
        self.access.admin_password = None;
        self.access.user_password = None;
        self.provisioning.password = None;
        self.provisioning.encryption_key = None;
        self.directory.ldap.password = None;
        self.wifi.password = None;
        self.lock.pin = None;
        self.vendor.clear();
        self
    }
}

impl Settings {
    /// The entry of a numbered group that is no line and no key: what is set there, or what a
    /// number that nobody set has. `None` for any other name.
    #[must_use]
    pub fn entry(&self, of: &str, index: u16) -> Option<&dyn Fields> {
        static NO_TONE: LazyLock<AlertTone> = LazyLock::new(AlertTone::default);
        static NO_GROUP: LazyLock<MulticastGroup> = LazyLock::new(MulticastGroup::default);
        static NO_BOOK: LazyLock<PhoneBook> = LazyLock::new(PhoneBook::default);
        Some(match of {
            "alert_tones" => self.alert_tones.get(&index).unwrap_or(&NO_TONE),
            "multicast" => self.multicast.get(&index).unwrap_or(&NO_GROUP),
            "phone_books" => self.phone_books.get(&index).unwrap_or(&NO_BOOK),
            _ => return None,
        })
    }

    /// How many such a group has.
    #[must_use]
    pub fn entries(of: &str) -> Option<u16> {
        let field = Settings::FIELDS.iter().find(|field| field.name == of)?;
        let Kind::Numbered { max, .. } = field.kind else { return None };
        Settings::default().entry(of, 1).is_some().then_some(max)
    }
}

impl Line {
    /// A line that does not say is used.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }
}

impl Key {
    /// Whether it does something.
    #[must_use]
    pub fn is_used(&self) -> bool {
        !matches!(self.key_type, None | Some(KeyType::None))
    }
}

layered! {
    /// A second registrar.
    pub struct Backup {
        /// Its host.
        pub registrar: Option<String> = Kind::Host,
        /// Its port.
        pub port: Option<u16> = PORT,
    }
}

layered! {
    /// A proxy between the phone and the registrar.
    pub struct OutboundProxy {
        /// Its host.
        pub host: Option<String> = Kind::Host,
        /// Its port.
        pub port: Option<u16> = PORT,
    }
}

layered! {
    /// One programmable key.
    pub struct Key {
        /// What the key does.
        pub key_type as "type": Option<KeyType> = Kind::Choice(KeyType::NAMES),
        /// What it does it with: the number, the digits, the URL.
        pub value: Option<String> = Kind::Text { max: MAX_URL },
        /// Text beside the key.
        pub label: Option<String> = TEXT,
        /// The line it uses.
        pub line: Option<u16> = Kind::Integer { min: 1, max: 64, unit: "" },
        /// Code dialled before the value to pick up a call the key shows.
        pub extension: Option<String> = TEXT,
    }
}

layered! {
    /// An expansion module.
    pub struct Expansion {
        /// Its keys by number.
        pub keys: BTreeMap<u16, Key> = Kind::Numbered { max: 120, of: Key::FIELDS },
    }
}

layered! {
    /// Clock and calendar.
    pub struct Time {
        /// Where the clock is; the change to summer time comes with it.
        pub zone: Option<String> = Kind::Zone,
        /// Time servers, the preferred first.
        pub ntp: Vec<String> = Kind::List { of: &Kind::Host, max: 4 },
        /// 12 or 24 hours.
        pub hour_format: Option<HourFormat> = Kind::Choice(HourFormat::NAMES),
        /// Order of day, month and year.
        pub date_format: Option<DateFormat> = Kind::Choice(DateFormat::NAMES),
    }
}

layered! {
    /// What the phone rings with.
    pub struct Ring {
        /// Number of the built-in ring tone, from 1 as the phone lists them.
        pub tone: Option<u8> = RING_TONE,
    }
}

layered! {
    /// A ring tone for calls that ask for one.
    pub struct AlertTone {
        /// Text in the Alert-Info header (RFC 3261 section 20.4) that asks for it.
        pub info: Option<String> = TEXT,
        /// Number of the built-in ring tone.
        pub tone: Option<u8> = RING_TONE,
    }
}

layered! {
    /// The display's light and picture.
    pub struct Display {
        /// How long the light stays on after the last key; 0: always.
        pub backlight_s: Option<u32> = Kind::Integer { min: 0, max: 7200, unit: "seconds" },
        /// How bright it is while the phone is used.
        pub brightness: Option<u8> = Kind::Integer { min: 1, max: 100, unit: "percent" },
        /// How long nothing happens before the screen saver comes; 0: never.
        pub screensaver_s: Option<u32> = Kind::Integer { min: 0, max: 86_400, unit: "seconds" },
        /// Picture behind everything.
        pub wallpaper: Option<String> = WEB_OR_HOSTED,
        /// Whether the phone saves power outside office hours.
        pub power_saving: Option<bool> = Kind::Bool,
    }
}

layered! {
    /// When the phone locks itself, and what opens it.
    pub struct Lock {
        /// How long nothing happens before the phone locks; 0: never.
        pub after_s: Option<u32> = Kind::Integer { min: 0, max: 86_400, unit: "seconds" },
        /// What opens it.
        pub pin: Option<Secret> = Kind::Pin,
    }
}

layered! {
    /// What is done with calls.
    pub struct Calls {
        /// Whether a second call is let through while one is on.
        pub waiting: Option<bool> = Kind::Bool,
        /// Where name and number of a caller come from, the preferred first.
        pub caller_id: Vec<CallerIdSource> = Kind::List { of: &Kind::Choice(CallerIdSource::NAMES), max: CallerIdSource::NAMES.len() },
        /// Whether hanging up completes a transfer that was announced.
        pub transfer_on_hangup: Option<bool> = Kind::Bool,
        /// How long a call is held before the phone reminds of it, and again each time; 0: never.
        pub hold_reminder_s: Option<u16> = Kind::Integer { min: 0, max: 3600, unit: "seconds" },
        /// Whether do not disturb and forwarding are kept in step with the PBX (as-feature-event).
        pub feature_sync: Option<bool> = Kind::Bool,
    }
}

layered! {
    /// Calls that the phone answers by itself because the caller asks for it.
    pub struct Intercom {
        /// Whether it does.
        pub allowed: Option<bool> = Kind::Bool,
        /// Whether its microphone is off then.
        pub muted: Option<bool> = Kind::Bool,
        /// Whether a tone warns before it.
        pub tone: Option<bool> = Kind::Bool,
    }
}

layered! {
    /// Which digits are a number.
    pub struct DialPlan {
        /// What is called as soon as it was dialled, by the rules of a digit map (RFC 3435 section
        /// 2.1.5).
        pub patterns: Vec<String> = Kind::List { of: &Kind::DialPattern, max: 32 },
        /// How long the phone waits for another digit before it calls what was dialled.
        pub timeout_s: Option<u8> = Kind::Integer { min: 1, max: 60, unit: "seconds" },
    }
}

layered! {
    /// A multicast group whose pages the phone plays.
    pub struct MulticastGroup {
        /// Its address.
        pub address: Option<String> = Kind::MulticastAddress,
        /// Its port.
        pub port: Option<u16> = PORT,
        /// What the display calls it.
        pub name: Option<String> = TEXT,
    }
}

layered! {
    /// SIP of the whole phone.
    pub struct Sip {
        /// Port that the phone listens at; of several lines the first has it.
        pub local_port: Option<u16> = Kind::Integer { min: 1024, max: 65_000, unit: "" },
        /// Whether calls are refreshed, so that a lost one ends (RFC 4028).
        pub session_timer: Option<bool> = Kind::Bool,
        /// How often at the latest.
        pub session_expires_s: Option<u32> = Kind::Integer { min: 90, max: 86_400, unit: "seconds" },
    }
}

layered! {
    /// Media of the whole phone.
    pub struct Rtp {
        /// The first port that the phone uses, an even one.
        pub first_port: Option<u16> = Kind::Integer { min: 1024, max: 65_000, unit: "" },
        /// The last one.
        pub last_port: Option<u16> = Kind::Integer { min: 1024, max: 65_535, unit: "" },
    }
}

layered! {
    /// How the phone gets through address translation.
    pub struct Nat {
        /// How often it sends something so that the way back stays open; 0: never.
        pub keep_alive_s: Option<u16> = Kind::Integer { min: 0, max: 3600, unit: "seconds" },
        /// Whether it asks for answers to the port it sends from (RFC 3581).
        pub rport: Option<bool> = Kind::Bool,
        /// Server that tells the phone its public address (RFC 8489).
        pub stun: Stun = Kind::Group(Stun::FIELDS),
    }
}

layered! {
    /// A STUN server.
    pub struct Stun {
        /// Its host.
        pub server: Option<String> = Kind::Host,
        /// Its port.
        pub port: Option<u16> = PORT,
    }
}

layered! {
    /// Wireless LAN.
    pub struct Wifi {
        /// Whether it is on.
        pub enabled: Option<bool> = Kind::Bool,
        /// Name of the network.
        pub ssid: Option<String> = Kind::Text { max: 32 },
        /// How it is secured.
        pub security: Option<WifiSecurity> = Kind::Choice(WifiSecurity::NAMES),
        /// Its pass phrase.
        pub password: Option<Secret> = Kind::Secret,
    }
}

layered! {
    /// Virtual private network.
    pub struct Vpn {
        /// Whether it is on.
        pub enabled: Option<bool> = Kind::Bool,
        /// Archive with the OpenVPN configuration and its keys.
        pub url: Option<String> = WEB,
    }
}

layered! {
    /// Which servers the phone trusts over TLS.
    pub struct Trust {
        /// Whether a server must have a certificate that the phone trusts.
        pub verify_server: Option<bool> = Kind::Bool,
        /// Certificate of an authority the phone is to trust, PEM.
        pub ca_url: Option<String> = WEB_OR_HOSTED,
    }
}

layered! {
    /// How the phone sits in its network.
    pub struct Network {
        /// VLAN of the phone itself.
        pub vlan: Vlan = Kind::Group(Vlan::FIELDS),
        /// VLAN of the computer behind the phone.
        pub pc_vlan: Vlan = Kind::Group(Vlan::FIELDS),
        /// Whether the phone speaks LLDP-MED.
        pub lldp: Option<bool> = Kind::Bool,
        /// Whether the phone speaks CDP.
        pub cdp: Option<bool> = Kind::Bool,
        /// DNS servers, the preferred first.
        pub dns: Vec<IpAddr> = Kind::List { of: &Kind::Ip, max: 4 },
        /// Where the phone sends its log.
        pub syslog: Syslog = Kind::Group(Syslog::FIELDS),
        /// Marking of the phone's packets.
        pub qos: Qos = Kind::Group(Qos::FIELDS),
    }
}

layered! {
    /// A VLAN, IEEE 802.1Q.
    pub struct Vlan {
        /// VLAN identifier.
        pub id: Option<u16> = Kind::Integer { min: 1, max: 4094, unit: "" },
        /// Priority code point.
        pub priority: Option<u8> = Kind::Integer { min: 0, max: 7, unit: "" },
    }
}

layered! {
    /// A syslog server.
    pub struct Syslog {
        /// Its host.
        pub server: Option<String> = Kind::Host,
        /// Its port.
        pub port: Option<u16> = PORT,
        /// The least important message that is sent.
        pub level: Option<SyslogLevel> = Kind::Choice(SyslogLevel::NAMES),
    }
}

layered! {
    /// Differentiated services code points, RFC 2474: the six bits, not the byte.
    pub struct Qos {
        /// The DSCP of SIP packets.
        pub sip_dscp: Option<u8> = DSCP,
        /// The DSCP of RTP packets.
        pub rtp_dscp: Option<u8> = DSCP,
    }
}

layered! {
    /// Who may use the phone's own pages and menus.
    pub struct Access {
        /// Password of the phone's administrator.
        pub admin_password: Option<Secret> = Kind::Secret,
        /// Password of the phone's user.
        pub user_password: Option<Secret> = Kind::Secret,
        /// Whether the phone has its web pages.
        pub web_ui: Option<bool> = Kind::Bool,
    }
}

layered! {
    /// Where and when the phone fetches its configuration.
    pub struct Provisioning {
        /// Where the phone fetches from, up to the path before its file's name.
        pub base_url: Option<String> = WEB_FOLDER,
        /// User name for HTTP authentication there.
        pub user: Option<String> = Kind::AuthUser,
        /// Password for HTTP authentication there.
        pub password: Option<Secret> = Kind::Secret,
        /// How often the phone asks again.
        pub resync_interval_s: Option<u32> = Kind::Integer { min: 60, max: 2_592_000, unit: "seconds" },
        /// When in the day the phone asks again, in its own time zone.
        pub resync_at: Option<String> = Kind::TimeOfDay,
        /// Whether the phone's own files are encrypted with a key that no other phone has: `on` as
        /// soon as it was given its key, in a plain file over TLS; `forced` when it has it already.
        pub encryption: Option<FileEncryption> = Kind::Choice(FileEncryption::NAMES),
        /// The key, in the place of the one that the gateway makes; for one phone only.
        pub encryption_key: Option<Secret> = Kind::Secret,
        /// How they are encrypted, where the phone knows several ways.
        pub encryption_format: Option<EncryptionFormat> = Kind::Choice(EncryptionFormat::NAMES),
    }
}

layered! {
    /// What software the phone should run.
    pub struct Firmware {
        /// Where the phone gets it.
        pub url: Option<String> = Kind::Url(&["http", "https", "ftp", "tftp", "files"]),
        /// Which version it is, as the vendor spells it.
        pub version: Option<String> = TEXT,
    }
}

layered! {
    /// The phone book offered on the display.
    pub struct Directory {
        /// Where the phone gets it.
        pub url: Option<String> = WEB,
        /// What the display calls it.
        pub name: Option<String> = TEXT,
        /// A directory that the phone searches.
        pub ldap: Ldap = Kind::Group(Ldap::FIELDS),
    }
}

layered! {
    /// An LDAP directory, RFC 4510.
    pub struct Ldap {
        /// Its host.
        pub server: Option<String> = Kind::Host,
        /// Its port.
        pub port: Option<u16> = PORT,
        /// How the connection is secured.
        pub security: Option<LdapSecurity> = Kind::Choice(LdapSecurity::NAMES),
        /// Distinguished name below which is searched.
        pub base: Option<String> = Kind::Text { max: 256 },
        /// Distinguished name the phone binds as.
        pub user: Option<String> = Kind::Text { max: 256 },
        /// Password it binds with.
        pub password: Option<Secret> = Kind::Secret,
        /// Filter (RFC 4515) that finds a name; `%` stands for what was typed.
        pub name_filter: Option<String> = Kind::Text { max: 256 },
        /// Filter (RFC 4515) that finds a number; `%` stands for what was typed.
        pub number_filter: Option<String> = Kind::Text { max: 256 },
        /// Attributes that hold the name, the first is shown.
        pub name_attributes: Vec<String> = ATTRIBUTES,
        /// Attributes that hold numbers.
        pub number_attributes: Vec<String> = ATTRIBUTES,
    }
}

layered! {
    /// One more phone book.
    pub struct PhoneBook {
        /// Where the phone gets it.
        pub url: Option<String> = WEB,
        /// What the display calls it.
        pub name: Option<String> = TEXT,
    }
}

layered! {
    /// What the phone dials to use a feature of the PBX.
    pub struct FeatureCodes {
        /// Pick up a call that rings elsewhere.
        pub pickup: Option<String> = Kind::Dial,
        /// Pick up a call that rings in the own group.
        pub group_pickup: Option<String> = Kind::Dial,
        /// Park a call.
        pub park: Option<String> = Kind::Dial,
        /// Take a parked call back.
        pub retrieve: Option<String> = Kind::Dial,
        /// Reach the voicemail.
        pub voicemail: Option<String> = Kind::Dial,
        /// Do not disturb on.
        pub dnd_on: Option<String> = Kind::Dial,
        /// Do not disturb off.
        pub dnd_off: Option<String> = Kind::Dial,
        /// Forward every call.
        pub forward_all_on: Option<String> = Kind::Dial,
        /// Stop forwarding every call.
        pub forward_all_off: Option<String> = Kind::Dial,
        /// Forward when busy.
        pub forward_busy_on: Option<String> = Kind::Dial,
        /// Stop forwarding when busy.
        pub forward_busy_off: Option<String> = Kind::Dial,
        /// Forward when nobody answers.
        pub forward_no_answer_on: Option<String> = Kind::Dial,
        /// Stop forwarding when nobody answers.
        pub forward_no_answer_off: Option<String> = Kind::Dial,
        /// Call back who called last.
        pub call_return: Option<String> = Kind::Dial,
        /// Call so that the other phone answers by itself.
        pub intercom: Option<String> = Kind::Dial,
    }
}
