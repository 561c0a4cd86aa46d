use super::*;
use crate::catalogue::{Places, Selector};

fn reader(syntax: Syntax, user: &str, registrar: &str, password: Option<&str>) -> ConfigReader {
    let selector = |text| Selector::parse(syntax, text).unwrap().into();
    ConfigReader {
        syntax,
        first_line: None,
        header: None,
        unset: None,
        user: selector(user),
        registrar: selector(registrar),
        password: password.map(selector),
    }
}

fn read(reader: &ConfigReader, body: &str) -> Result<Option<(String, String)>, Unreadable> {
    let mut lines = Lines::default();
    lines.read(reader, body.as_bytes())?;
    Ok(lines.line(reader).map(|line| (line.user, line.registrar)))
}

fn line(user: &str, registrar: &str) -> Option<(String, String)> {
    Some((user.to_owned(), registrar.to_owned()))
}

#[test]
fn keys_and_values_give_the_first_line_that_is_whole() {
    let mut yealink = reader(
        Syntax::KeyValue,
        "account.{line}.user_name",
        "account.{line}.sip_server.1.address",
        Some("account.{line}.password"),
    );
    yealink.unset = Some("%NULL%".to_owned());
    yealink.first_line = Some("#!version:1.0.0.1".to_owned());
    let body = "#!version:1.0.0.1\n\
                account.1.user_name = %NULL%\naccount.1.sip_server.1.address = pbx\naccount.1.password = x\n\
                account.2.user_name = 1002\naccount.2.sip_server.1.address = pbx.example.com\n\
                #account.2.user_name = 1003\naccount.2.password = a:b=c\n";
    assert_eq!(read(&yealink, body).unwrap(), line("1002", "pbx.example.com"));
    assert_eq!(read(&yealink, &body.replace("a:b=c", "")).unwrap(), None, "no password, no line");
    let error = read(&yealink, &body.replace("1.0.0.1\n", "1.0.0.2\n")).unwrap_err();
    assert_eq!(error.to_string(), "the first line is `#!version:1.0.0.2`, not `#!version:1.0.0.1`");
}

#[test]
fn colons_markup_and_sections_are_read_too() {
    let snom = reader(Syntax::KeyValue, "user_name{line}", "user_host{line}", None);
    let body =
        "<html>\r\n<pre>\r\nuser_name1: 100\r\nuser_host1: [2001:db8::1]\r\n</pre>\r\n</html>\r\n";
    assert_eq!(read(&snom, body).unwrap(), line("100", "[2001:db8::1]"));
    let ini = reader(Syntax::KeyValue, "proxy_{line}/reg_identity", "proxy_{line}/reg_proxy", None);
    let body = "[sip]\nreg_identity=sip:no@where\n[proxy_0]\nreg_proxy=<sip:pbx.example.com;transport=tls>\n\
                reg_identity=\"\"Ann\" <sip:100@pbx.example.com>\"\n";
    assert_eq!(read(&ini, body).unwrap(), line("100", "pbx.example.com"));
    let named = reader(Syntax::KeyValue, "S/p:proxy{line}:user", "S/p:proxy{line}:domain", None);
    let body = "[S]\r\np:proxy0:user=\"100\"\r\np:proxy0:domain=\"pbx:5061\"\r\n";
    assert_eq!(read(&named, body).unwrap(), line("100", "pbx:5061"), "colons in a name");
    assert_eq!(read(&snom, "\0\0"), Err(Unreadable::NotText));
    assert_eq!(read(&snom, " \n"), Err(Unreadable::NotText));
}

#[test]
fn commands_set_what_the_last_of_them_says() {
    let own = reader(Syntax::Set, "USER{line}", "SIPDOMAIN", Some("PASSWORD"));
    let body = "## SET USER1 9\n[USER_CONFIG]\nGET other.txt\nSET USER1 \"1001\"\nUSER2 \r\n\
                SET SIPDOMAIN \"old.example.com\"\nSET SIPDOMAIN  \"pbx.example.com\"\nPASSWORD a:b=c d\n";
    assert_eq!(read(&own, body).unwrap(), line("1001", "pbx.example.com"));
    assert_eq!(read(&own, &body.replace(" a:b=c d", "")).unwrap(), None, "no password, no line");
    assert_eq!(read(&own, &format!("{body}SET USER1 \"\"\n")).unwrap(), None, "taken back");
    assert_eq!(read(&own, " \n"), Err(Unreadable::NotText));
}

#[test]
fn attributes_and_elements_are_found_where_the_selector_says() {
    let polycom =
        reader(Syntax::Xml, "@reg.{line}.address", "reg@reg.{line}.server.1.address", None);
    let body = r#"<?xml version="1.0"?><a><reg reg.3.address="" reg.1.address="201"
        reg.1.server.1.address="pbx.example.com"/><reg reg.1.address="202"/></a>"#;
    assert_eq!(read(&polycom, body).unwrap(), line("201", "pbx.example.com"));

    let snom = reader(Syntax::Xml, "user_name[idx={line}]", "user_host[idx={line}]", None);
    let body = r#"<settings><phone-settings e="2"><user_name idx="1" perm="R"></user_name>
        <user_name idx="2">1&amp;0&#48;</user_name><user_host idx="1">a</user_host>
        <user_host idx="2"><![CDATA[pbx]]></user_host></phone-settings></settings>"#;
    assert_eq!(read(&snom, body).unwrap(), line("1&00", "pbx"));

    let kirk = reader(Syntax::Xml, "users/user/username", "sip/proxy/domain", None);
    let mut lines = Lines::default();
    let config = "<config><sip><proxy><domain>pbx</domain></proxy></sip></config>";
    lines.read(&kirk, config.as_bytes()).unwrap();
    assert_eq!(lines.line(&kirk), None);
    let users =
        "<users><user><username>501</username></user><user><username>502</username></user></users>";
    lines.read(&kirk, users.as_bytes()).unwrap();
    assert_eq!(lines.line(&kirk), Some(Line { user: "501".into(), registrar: "pbx".into() }));
}

#[test]
fn an_element_is_told_by_one_that_it_begins_with() {
    let own = reader(
        Syntax::Xml,
        "O[N=Line.{line}.SIP.]/P[N=User]/V",
        "O[N=Profile.{line}.]/P[N=Server]/V",
        Some("O[N=Line.{line}.SIP.]/P[N=Password]/V"),
    );
    let object = |name: &str, parameters: &[(&str, &str)]| {
        let parameters = parameters
            .iter()
            .map(|(name, value)| format!("<P><N>{name}</N><V>{value}</V></P>"))
            .collect::<String>();
        format!("<O>\n<N> {name} </N>{parameters}</O>")
    };
    let body = format!(
        "<L>{}{}{}{}</L>",
        object("Line.1.SIP.", &[("User", ""), ("Password", "x")]),
        object("Profile.2.", &[("Port", "5060"), ("Server", "pbx")]),
        object("Line.2.SIP.", &[("Other", "no"), ("User", "1002"), ("Password", "x")]),
        object("Line.3.SIP.", &[("User", "1003")]),
    );
    assert_eq!(read(&own, &body).unwrap(), line("1002", "pbx"));
    let behind = "<L><O><P><N>User</N><V>1</V></P><N>Line.1.SIP.</N></O></L>";
    assert_eq!(read(&own, behind).unwrap(), None, "nobody knows yet of what it is");
}

#[test]
fn quotes_are_taken_off_in_every_syntax() {
    let own = reader(Syntax::Xml, "I[ID=user_{line}]@value", "I[ID=server_{line}]@value", None);
    let items = |user: &str| {
        format!(
            "<c><I ID='user_1' value='{user}'/><I ID='server_1' value='\"a\"'/>\
             <I ID='user_2' value='\"2\"'/><I ID='server_2' value='\"b\"'/></c>"
        )
    };
    assert_eq!(read(&own, &items("\"1\"")).unwrap(), line("1", "a"));
    assert_eq!(read(&own, &items("\"\"")).unwrap(), line("2", "b"), "empty in its quotes");
}

#[test]
fn each_line_of_forms_is_a_form_of_its_own() {
    let own = reader(
        Syntax::Url,
        "user[account={line}]",
        "server[account={line}]",
        Some("password[account={line}]"),
    );
    let body = "account=0&user=&server=&password=\naccount=1&user=1001&server=pbx&password=x\n";
    assert_eq!(read(&own, body).unwrap(), line("1001", "pbx"));
    assert_eq!(read(&own, &body.replace("account", "number")).unwrap(), None);
}

#[test]
fn arguments_are_decoded() {
    let own = reader(Syntax::Url, "P35", "P47", Some("P34"));
    let body = "P47=pbx.example.com%3A5061&P35=J%c3%bcrgen+%2b&P34=a%26b&gnkey=0b82";
    assert_eq!(read(&own, body).unwrap(), line("Jürgen +", "pbx.example.com:5061"));
    assert_eq!(read(&own, &body.replace("a%26b", "")).unwrap(), None);
    assert_eq!(read(&own, ""), Err(Unreadable::NotText));
}

#[test]
fn each_line_may_have_a_place_of_its_own() {
    let places = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        Places::parse(Syntax::Xml, &texts).unwrap()
    };
    let own = ConfigReader {
        user: places(&["item[name=account.{line}.user]", "P35", "P404"]),
        registrar: places(&["item[name=account.{line}.server]", "P47", "P402"]),
        ..reader(Syntax::Xml, "a", "b", None)
    };
    let numbered = "<c><P35></P35><P47>a</P47><P402>b</P402><P404>1002</P404></c>";
    assert_eq!(read(&own, numbered).unwrap(), line("1002", "b"));
    assert_eq!(read(&own, "<c><P35>1</P35><P402>b</P402></c>").unwrap(), None, "of two lines");
    let named =
        r#"<c><item name="account.2.user">7</item><item name="account.2.server">pbx</item></c>"#;
    assert_eq!(read(&own, named).unwrap(), line("7", "pbx"));
    let shared = ConfigReader { registrar: places(&["P47"]), ..own };
    assert_eq!(read(&shared, numbered).unwrap(), line("1002", "a"), "one place is all lines'");
}

#[test]
fn a_later_file_takes_a_value_away() {
    let own = reader(Syntax::KeyValue, "user", "server", None);
    let mut lines = Lines::default();
    lines.read(&own, b"user=1\nserver=a").unwrap();
    lines.read(&own, b"server=b").unwrap();
    assert_eq!(lines.line(&own).unwrap().registrar, "b");
    lines.read(&own, b"user=").unwrap();
    assert_eq!(lines.line(&own), None);
}

#[test]
fn xml_that_is_not_well_formed_is_no_configuration() {
    let own = reader(Syntax::Xml, "a", "b", None);
    for body in
        ["", "<a>", "<a></b>", "<a/><b/>", "x<a/>", "<a b></a>", "<a b=\"&x;\"/>", "<a>&x;</a>"]
    {
        assert!(matches!(read(&own, body), Err(Unreadable::Xml(_))), "{body}");
    }
    assert!(matches!(read(&own, &"<a>".repeat(100)), Err(Unreadable::Xml(_))));
}

#[test]
fn bytes_that_are_not_utf_8_are_latin_1() {
    let own = reader(Syntax::KeyValue, "user", "server", None);
    let mut lines = Lines::default();
    lines.read(&own, b"user=J\xfcrgen\nserver=a\n").unwrap();
    assert_eq!(lines.line(&own).unwrap().user, "Jürgen");
}
