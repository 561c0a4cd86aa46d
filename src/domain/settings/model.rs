//! The settings, version 1: every field with its meaning, its type and its
//! bounds, in the order documents are stored and shown in.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::overlay::layered;
use super::schema::{Kind, MAX_TEXT, MAX_URL};
use super::value::{
    Codec, DateFormat, Dtmf, HourFormat, KeyType, Secret, Srtp, SyslogLevel, Transport, VendorValue,
};

const TEXT: Kind = Kind::Text { max: MAX_TEXT };
const PORT: Kind = Kind::Integer { min: 1, max: 65535, unit: "" };
const DSCP: Kind = Kind::Integer { min: 0, max: 63, unit: "" };

layered! {
    /// What the layers of a phone come to. A value nobody set is `None`, a
    /// list nobody set is empty; a text may be set and empty.
    pub struct Settings {
        /// Values for every line that is listed in `lines` of any layer, below what the line itself says in any layer.
        pub(super) line_defaults: Line = Kind::Group(Line::FIELDS),
        /// The SIP lines by number.
        pub lines: BTreeMap<u16, Line> = Kind::Numbered { max: 64, of: Line::FIELDS },
        /// The phone's own programmable keys by number.
        pub keys: BTreeMap<u16, Key> = Kind::Numbered { max: 255, of: Key::FIELDS },
        /// Expansion modules by number.
        pub expansion: BTreeMap<u16, Expansion> = Kind::Numbered { max: 6, of: Expansion::FIELDS },
        /// Clock and calendar.
        pub time: Time = Kind::Group(Time::FIELDS),
        /// Language of the display, BCP 47.
        pub language: Option<String> = Kind::Language,
        /// Country whose call progress tones the phone plays.
        pub tones: Option<String> = Kind::Country,
        /// Audio codecs, the preferred first.
        pub codecs: Vec<Codec> = Kind::List { of: &Kind::Choice(Codec::NAMES), max: Codec::NAMES.len() },
        /// How the phone sits in its network.
        pub network: Network = Kind::Group(Network::FIELDS),
        /// Who may use the phone's own pages and menus.
        pub access: Access = Kind::Group(Access::FIELDS),
        /// Where and when the phone fetches its configuration.
        pub provisioning: Provisioning = Kind::Group(Provisioning::FIELDS),
        /// What software the phone should run.
        pub firmware: Firmware = Kind::Group(Firmware::FIELDS),
        /// The phone book offered on the display.
        pub directory: Directory = Kind::Group(Directory::FIELDS),
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
        self.vendor.clear();
        self
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
        /// Of SIP packets.
        pub sip_dscp: Option<u8> = DSCP,
        /// Of RTP packets.
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
        pub base_url: Option<String> = Kind::Url(&["http", "https"]),
        /// How often the phone asks again.
        pub resync_interval_s: Option<u32> = Kind::Integer { min: 60, max: 2_592_000, unit: "seconds" },
        /// When in the day the phone asks again, in its own time zone.
        pub resync_at: Option<String> = Kind::TimeOfDay,
    }
}

layered! {
    /// What software the phone should run.
    pub struct Firmware {
        /// Where the phone gets it.
        pub url: Option<String> = Kind::Url(&["http", "https", "ftp", "tftp"]),
        /// Which version it is, as the vendor spells it.
        pub version: Option<String> = TEXT,
    }
}

layered! {
    /// The phone book offered on the display.
    pub struct Directory {
        /// Where the phone gets it.
        pub url: Option<String> = Kind::Url(&["http", "https"]),
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
