//! The values settings are made of: choices, secrets, raw vendor values.

use std::fmt;

use serde::Deserialize;

/// An enum whose variants are the words of the document.
macro_rules! choices {
    ($($(#[doc = $about:literal])+ pub enum $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $text:literal,)+ })+) => { $(
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        pub enum $name { $($(#[doc = $doc])* #[doc = concat!("Spelled `", $text, "` in a document.")] #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every value, in the order of the schema.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];
            /// The names as the document spells them, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text,)+];

            /// The name as the document spells it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+ };
}

choices! {
    /// Whether a company's admission policy is kept to.
    pub enum AdmissionMode {
        /// It is not looked at.
        Off = "off",
        /// Phones are served; what would have been refused is on record.
        Report = "report",
        Enforce = "enforce",
    }

    /// What becomes of a request whose address block, User-Agent and file contradict each other.
    pub enum Contradictions { Record = "record", Refuse = "refuse", }

    /// Whether a phone's certificate is proof when it has expired.
    pub enum ExpiredCertificates { Accept = "accept", Refuse = "refuse", }

    /// Whose token the URLs in phones' files hold.
    pub enum TokenInUrl { None = "none", Company = "company", Phone = "phone", }

    /// How a line's SIP messages travel.
    pub enum Transport { Udp = "udp", Tcp = "tcp", Tls = "tls", }

    /// Encryption of a line's media.
    pub enum Srtp { Off = "off", Optional = "optional", Required = "required", }

    /// How a line sends digits during a call.
    pub enum Dtmf {
        /// RFC 2833, today RFC 4733: named events in RTP.
        Rfc2833 = "rfc2833",
        /// SIP INFO.
        Info = "info",
        /// As sound.
        Inband = "inband",
    }

    /// What a programmable key does.
    pub enum KeyType {
        /// Explicitly nothing; hides what a lower layer put there.
        None = "none",
        Line = "line",
        Blf = "blf",
        SpeedDial = "speed_dial",
        Park = "park",
        Pickup = "pickup",
        Intercom = "intercom",
        Dtmf = "dtmf",
        Url = "url",
        Forward = "forward",
        Dnd = "dnd",
        Voicemail = "voicemail",
        Transfer = "transfer",
        Record = "record",
        Conference = "conference",
        Hold = "hold",
        /// Shows a member of the line's `blf_list`.
        BlfList = "blf_list",
        /// Begins a number with its value.
        Prefix = "prefix",
        /// Opens the XML page at its value.
        Xml = "xml",
        Redial = "redial",
        /// Pages the multicast group at its value, `224.0.1.75:5001`.
        Multicast = "multicast",
        /// Loudspeaker beside the handset.
        GroupListening = "group_listening",
    }

    /// How phones that share a line are told of its calls.
    pub enum SharedLine {
        Off = "off",
        /// Shared call appearance: `call-info` events.
        CallAppearance = "call_appearance",
        /// Bridged line appearance: `dialog` events (RFC 7463).
        BridgedLine = "bridged_line",
    }

    /// Whether a phone's own files are encrypted.
    pub enum FileEncryption {
        Off = "off",
        /// As soon as the phone was given its key, in a plain file over TLS.
        On = "on",
        /// The phone has the key already.
        Forced = "forced",
    }

    /// A way to encrypt a phone's own file.
    pub enum EncryptionFormat {
        /// `openssl enc -aes-256-cbc -md md5 -k PHRASE`: `Salted__`, the salt, the encrypted text.
        OpensslAes256Cbc = "openssl-aes-256-cbc",
        /// `openssl enc -aes-256-cbc -md md5 -nosalt -k PHRASE`. Equal beginnings of two texts are
        /// equal in what is made of them.
        OpensslAes256CbcNosalt = "openssl-aes-256-cbc-nosalt",
        /// `openssl enc -aes-128-cbc -md md5 -a -k PHRASE`: as the first, in lines of base64.
        OpensslAes128CbcBase64 = "openssl-aes-128-cbc-base64",
        /// `openssl enc -aes-128-cbc -K KEY -iv IV`: the key of 32 hexadecimal digits and the IV of
        /// as many, one behind the other. Equal beginnings show, as the IV is always one.
        Aes128Cbc = "aes-128-cbc",
        /// `openssl enc -aes-128-ecb -nopad -K KEY` of a text filled with blanks to whole blocks;
        /// the key is 16 characters. Equal blocks show, and nothing tells that one was changed.
        Aes128EcbBlanks = "aes-128-ecb-blanks",
        /// `Content-Encoding: aes128gcm` (RFC 8188) in records of 4096 bytes without a key id; the
        /// key is base64url without padding, as the RFC writes it.
        Aes128Gcm = "aes128gcm",
    }

    /// A SIP header that names the caller.
    pub enum CallerIdSource {
        /// P-Asserted-Identity, RFC 3325.
        AssertedIdentity = "pai",
        /// Remote-Party-ID.
        RemoteParty = "rpid",
        From = "from",
    }

    /// How a connection to an LDAP server is secured.
    pub enum LdapSecurity { None = "none", StartTls = "starttls", Ldaps = "ldaps", }

    /// How a wireless network is secured.
    pub enum WifiSecurity { Open = "open", Wpa = "wpa", Wpa2 = "wpa2", Wpa3 = "wpa3", }

    /// Clock with 12 or 24 hours.
    pub enum HourFormat { H12 = "12", H24 = "24", }

    /// Order of day, month and year.
    pub enum DateFormat { Dmy = "dmy", Mdy = "mdy", Ymd = "ymd", }

    /// An audio codec.
    pub enum Codec {
        Opus = "opus",
        G722 = "g722",
        Pcma = "pcma",
        Pcmu = "pcmu",
        G729 = "g729",
        G726_32 = "g726-32",
        Ilbc = "ilbc",
        Gsm = "gsm",
        G723 = "g723",
        Amr = "amr",
        AmrWb = "amr-wb",
    }

    /// The least important message a phone sends to its syslog server.
    pub enum SyslogLevel { Error = "error", Warning = "warning", Info = "info", Debug = "debug", }
}

/// A password. `Debug` hides it and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A password that no operator wrote.
    #[must_use]
    pub fn new(password: String) -> Secret {
        Secret(password)
    }

    /// The password itself, for the phone's own configuration only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// The value of a raw vendor parameter. Any of them may be a password, so
/// `Debug` hides it; `Display` writes it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum VendorValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text; by the name of its parameter it may be a secret.
    Text(String),
}

impl fmt::Debug for VendorValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for VendorValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VendorValue::Bool(value) => value.fmt(f),
            VendorValue::Integer(value) => value.fmt(f),
            VendorValue::Text(value) => value.fmt(f),
        }
    }
}
