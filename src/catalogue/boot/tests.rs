use std::collections::BTreeSet;

use crate::catalogue::family::source::{Files, Folders};
use crate::catalogue::{BootShape, Boots, Catalogue, HttpVersion, RequestShape, StepDoes};
use crate::domain::Mac;

const FAMILY: &str = r#"
vendor = "Acme"
group = "acme"
ouis = ["00a0ba"]

[[user_agent]]
pattern = '^Acme (?P<model>[A-Z0-9 ]+)/(?P<firmware>[0-9.]+) (?P<mac>[0-9A-F:]{17})$'

[[user_agent]]
pattern = '^AcmeAta/(?P<firmware>[0-9.]+)(?: .*)?$'

[[boot]]
get = "{model}/{mac}.boot"
optional = true
user_agent = "Acme {model}/{data.loader} {MAC:colons}"
source = "captured"

[[boot]]
get = "y{code}.cfg"
optional = true

[[boot]]
post = "port-{port}.php?mac={mac}"

[[boot]]
put = "{mac}.log"
optional = true
user_agent = false

[simulate]
user_agent = "Acme {model}/1.2 {MAC:colons}"
user_agents = { ata = "AcmeAta/3.1" }
http_versions = { ata = "1.0" }
mac_case = "upper"
syntax = "key_value"
user = "account.{line}.user"
registrar = "account.{line}.server"

[[type]]
key = "a1"
model = "A 1"
code = "007"
data = { loader = "0.9" }

[[type]]
key = "ata"
model = "ATA"
ports = 2

[[type]]
key = "a1-1"
base = "a1"
"#;

fn load(family: &str) -> Result<Catalogue, String> {
    let files = Files::from([("family.toml".to_owned(), family.to_owned())]);
    let folders = Folders::from([("acme".to_owned(), files)]);
    Catalogue::from_folders(&folders, &BTreeSet::new()).map_err(|error| error.to_string())
}

/// What is wrong with the boot of a family that a gateway can load.
fn problems(family: &str) -> String {
    let catalogue = load(family).expect("a gateway loads it");
    Boots::load(&catalogue).expect_err("its boot cannot be played").to_string()
}

fn shape(key: &str) -> BootShape {
    let catalogue = load(FAMILY).unwrap();
    let phone_type = catalogue.phone_type(&key.parse().unwrap()).unwrap();
    Boots::load(&catalogue).unwrap().of(phone_type).unwrap().shape(phone_type)
}

fn paths(shape: &BootShape) -> Vec<String> {
    let mac: Mac = "00a0ba00000c".parse().unwrap();
    shape.requests.iter().map(|request| request.path.fill(mac)).collect()
}

fn user_agents(shape: &BootShape) -> Vec<Option<String>> {
    let mac: Mac = "00a0ba00000c".parse().unwrap();
    let text = |request: &RequestShape| Some(request.user_agent.as_ref()?.fill(mac));
    shape.requests.iter().map(text).collect()
}

#[test]
fn a_boot_is_filled_in_for_the_type() {
    let own = shape("a1");
    let expected =
        ["A%201/00A0BA00000C.boot", "y007.cfg", "port-0.php?mac=00A0BA00000C", "00A0BA00000C.log"];
    assert_eq!(paths(&own), expected);
    let kinds: Vec<_> = own.requests.iter().map(|step| (step.does, step.optional)).collect();
    assert_eq!(
        kinds,
        [
            (StepDoes::Ask, true),
            (StepDoes::Ask, true),
            (StepDoes::AskByForm, false),
            (StepDoes::Send, true),
        ]
    );
}

#[test]
fn a_mac_in_a_path_is_written_as_the_phone_does() {
    let family = FAMILY.replace("mac_case =", "mac_separator = \"_\"\nmac_case =");
    let catalogue = load(&family).unwrap();
    let phone_type = catalogue.phone_type(&"a1".parse().unwrap()).unwrap();
    let own = Boots::load(&catalogue).unwrap().of(phone_type).unwrap().shape(phone_type);
    assert_eq!(paths(&own)[0], "A%201/00_A0_BA_00_00_0C.boot");
    let user_agent = user_agents(&own)[1].clone();
    assert_eq!(user_agent.as_deref(), Some("Acme A 1/1.2 00:A0:BA:00:00:0C"));
    let message = problems(&family.replace("\"_\"", "\"/\""));
    assert!(message.contains("unknown variant `/`"), "{message}");
}

#[test]
fn a_step_says_its_own_user_agent_or_none() {
    let (loader, usual) = ("Acme A 1/0.9 00:A0:BA:00:00:0C", "Acme A 1/1.2 00:A0:BA:00:00:0C");
    let expected = [Some(loader), Some(usual), Some(usual), None];
    assert_eq!(user_agents(&shape("a1")), expected.map(|text| text.map(str::to_owned)));
}

#[test]
fn a_type_speaks_the_http_it_is_said_to() {
    assert_eq!(shape("a1").http_version, HttpVersion::V1_1);
    assert_eq!(shape("ata").http_version, HttpVersion::V1_0);
    assert!(shape("ata").sends_host);
}

#[test]
fn every_port_asks_and_a_step_is_left_out_without_its_code_or_data() {
    let own = shape("ata");
    let usual = || Some("AcmeAta/3.1".to_owned());
    assert_eq!(user_agents(&own), [usual(), usual(), None]);
    let expected =
        ["port-0.php?mac=00A0BA00000C", "port-1.php?mac=00A0BA00000C", "00A0BA00000C.log"];
    assert_eq!(paths(&own), expected);
}

#[test]
fn what_cannot_be_played_is_a_problem_and_stops_no_gateway() {
    for (from, to, expected) in [
        ("{mac}.log", "*.log", "simulating `a1`: `*.log`: nobody knows what to put for `*`"),
        ("/1.2 {MAC:colons}", "/x", "simulating `a1`: no [[user_agent]] pattern fits `Acme A 1/x`"),
        ("Acme {model}/1.2", "Acme A2/1.2", "`Acme A2/1.2 00:A0:BA:00:AB:CD` is read as a A2"),
        ("AcmeAta/3.1", "Acme ATA/3.1 00:A0:BA:{MAC}", "no [[user_agent]] pattern fits"),
        (
            "AcmeAta/3.1",
            "AcmeAta/3.1 ({MAC})",
            "the MAC in `AcmeAta/3.1 (00A0BA00ABCD)` is misread",
        ),
        ("{MAC:colons}", "{mac:dots}", "nobody knows what to put for `{mac:dots}`"),
        ("{data.loader}", "x", "no [[user_agent]] pattern fits `Acme A 1/x 00:A0:BA:00:AB:CD`"),
        ("Acme {model}/{data", "Acme A2/{data", "`Acme A2/0.9 00:A0:BA:00:AB:CD` is read as a A2"),
        (
            "{data.loader}",
            "{data.lodar}",
            "no type asks for `{model}/{mac}.boot`: `Acme {model}/{data.lodar} {MAC:colons}`: \
             the type's data has no text `lodar`",
        ),
        ("AcmeAta/3.1", "AcmeAta/{data.loader}", "simulating `ata`: `AcmeAta/{data.loader}`: the"),
        ("user_agent = false", "user_agent = true", "`false` for a request without one"),
        ("{model}/{mac}.boot", "{data.loader}.boot", "there is no placeholder `{data.loader}`"),
        ("ata = \"1.0", "atb = \"1.0", "`atb` is no type of this family"),
        ("ata = \"1.0", "ata = \"2", "unknown variant `2`, expected `1.0` or `1.1`"),
        ("mac_case", "host = false\nmac_case", "simulating `a1`: `host = false` is for HTTP/1.0"),
        ("ata = \"", "atb = \"", "`atb` is no type of this family"),
        ("optional = true\nuser_agent = false", "optoinal = true", "unknown field `optoinal`"),
        ("put = ", "get = \"x\"\nput = ", "a [[boot]] needs one of get, put and post"),
        ("{line}.user", "{n}.user", "the only placeholder is `{line}`"),
    ] {
        assert!(FAMILY.contains(from), "{from}");
        let message = problems(&FAMILY.replacen(from, to, 1));
        assert!(message.contains(expected), "{expected} is not in {message}");
    }
}
