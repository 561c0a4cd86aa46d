mod listeners;

use std::path::PathBuf;

use super::*;
use crate::net::tls::{ClientCertificates, PairFiles};

const EXAMPLE: &str = include_str!("../../../dialtone.example.toml");

/// A file in a directory of its own, and what loading it gives.
struct Case {
    directory: tempfile::TempDir,
    environment: Vec<(&'static str, &'static str)>,
    overrides: Vec<Override>,
}

impl Case {
    fn of(text: &str) -> Case {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("d.toml"), text).unwrap();
        Case { directory, environment: Vec::new(), overrides: Vec::new() }
    }

    fn with(mut self, variable: &'static str, value: &'static str) -> Case {
        self.environment.push((variable, value));
        self
    }

    fn option(mut self, key: &'static str, option: &'static str, value: &str) -> Case {
        self.overrides.push(Override { key, option, value: value.to_owned() });
        self
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("d.toml")
    }

    fn load(&self) -> Result<(Config, Vec<String>), ConfigError> {
        let environment = self.environment.iter().map(|&(name, value)| (name.into(), value.into()));
        Config::load(Some(&self.path()), environment, self.overrides.clone())
    }

    fn config(&self) -> Config {
        self.load().unwrap().0
    }

    /// Each as one line, the file called `d.toml`.
    fn shown(&self, lines: impl IntoIterator<Item = String>) -> Vec<String> {
        let path = self.path().display().to_string();
        lines.into_iter().map(|line| line.replace(&path, "d.toml")).collect()
    }

    fn problems(&self) -> Vec<String> {
        let ConfigError(problems) = self.load().unwrap_err();
        self.shown(problems.iter().map(ToString::to_string))
    }

    fn warnings(&self) -> Vec<String> {
        self.shown(self.load().unwrap().1)
    }
}

fn tables(text: &str) -> toml::Table {
    text.parse().unwrap()
}

/// The example with the keys that have no default, too.
fn everything() -> String {
    let is_key = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    let lines = EXAMPLE.lines().map(|line| if is_key(line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_is_the_defaults() {
    let case = Case::of(EXAMPLE);
    assert_eq!(case.config(), Config::default());
    assert_eq!(case.warnings(), Vec::<String>::new());
    assert_eq!(Case::of("").config(), Config::default());
}

#[test]
fn the_example_has_every_key_and_no_other() {
    let mut reader = Reader::default();
    Config::read(&mut reader);
    let mut written = Vec::new();
    for (section, keys) in tables(&everything()) {
        written.extend(keys.as_table().unwrap().keys().map(|key| format!("{section}.{key}")));
    }
    written.sort();
    assert_eq!(written, reader.known_keys());
}

#[test]
fn every_default_of_the_example_is_written_there() {
    // Only keys that have none may be commented out.
    let commented: Vec<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.strip_prefix('#')?.split_once(" = ").map(|(key, _)| key))
        .filter(|key| !key.contains(' '))
        .collect();
    let none = [
        "name",
        "public_url",
        "certificate",
        "key",
        "client_ca",
        "certificate",
        "key",
        "client_ca",
        "password_file",
        "key_file",
        "previous_key_file",
        "templates_dir",
        "dir",
        "dir",
    ];
    assert_eq!(commented, none);
}

#[test]
fn a_password_of_the_database_comes_from_a_file_and_is_not_shown() {
    let text = "[store]\nurl = \"postgres://gw:hunter2@db.example/dialtone\"\n\
                password_file = \"/run/secret\"\n";
    let case = Case::of(text);
    let config = case.config();
    assert_eq!(config.store.url.to_string(), "postgres://gw@db.example/dialtone");
    assert!(!format!("{config:?}").contains("hunter2"));
    let unused = Case::of("[store]\npassword_file = \"/run/secret\"\n").warnings();
    assert!(unused[0].contains("store.password_file: is not used"), "{unused:?}");
}

#[test]
fn a_password_that_everyone_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display();
    let case = Case::of(&format!(
        "[store]\nurl = \"postgres://gw@db.example/dialtone\"\npassword_file = \"{path}\"\n"
    ));
    for (mode, is_warned) in [(0o600, false), (0o640, false), (0o644, true)] {
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let expected = "d.toml:3: store.password_file: every user of this machine may read it; \
                        `chmod o-r` would end that";
        assert_eq!(case.warnings(), if is_warned { vec![expected] } else { Vec::new() });
    }
}

#[test]
fn a_password_in_the_url_is_warned_of_where_everyone_may_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let of = |url: &str| Case::of(&format!("[store]\nurl = \"{url}\"\n"));
    let with_password = "postgres://gw:hunter2@db.example/dialtone";
    for (url, mode, is_warned) in [
        (with_password, 0o600, false),
        (with_password, 0o640, false),
        (with_password, 0o644, true),
        ("postgres://gw@db.example/dialtone", 0o644, false),
    ] {
        let case = of(url);
        std::fs::set_permissions(case.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let warnings = case.warnings();
        assert_eq!(warnings.len(), usize::from(is_warned), "{url} {mode:o}: {warnings:?}");
        let start = "d.toml:2: store.url: has a password, and every user of this machine may read \
                     d.toml; `chmod o-r` would end that";
        assert!(warnings.iter().all(|warning| warning.starts_with(start)), "{warnings:?}");
    }
    // What counts is not in the file.
    let elsewhere = of("memory:").option("store.url", "--store", with_password);
    assert_eq!(elsewhere.warnings(), Vec::<String>::new());
}

#[test]
fn an_unknown_key_is_refused_in_every_table_of_the_example() {
    let sections: Vec<String> = tables(EXAMPLE).keys().cloned().collect();
    assert_eq!(sections.len(), 13);
    for section in sections {
        let header = format!("\n[{section}]\n");
        let text = EXAMPLE.replace(&header, &format!("{header}frobnicate = 1\n"));
        let line = text.lines().position(|line| line == "frobnicate = 1").unwrap() + 1;
        let problems = Case::of(&text).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let start =
            format!("d.toml:{line}: there is no key `frobnicate` in [{section}]; there are ");
        assert!(problems[0].starts_with(&start), "{problems:?}");
    }
}

#[test]
fn every_key_of_the_example_can_be_set_in_the_environment() {
    for (section, keys) in tables(&everything()) {
        for key in keys.as_table().unwrap().keys() {
            let key = format!("{section}.{key}");
            let environment = [(reader::variable(&key).into(), "a/b".into())];
            // A path is taken; what is no path is a problem of that key.
            match Config::load(None, environment, Vec::new()) {
                Ok((config, _)) => assert_ne!(config, Config::default(), "{key}"),
                Err(error) => assert!(error.to_string().contains(&format!(": {key}: ")), "{error}"),
            }
        }
    }
}

#[test]
fn all_problems_are_reported_at_once_each_with_its_line() {
    let case = Case::of(
        "http = []\n\
         [handset]\n\
         http = [\n  \"0.0.0.0:8080\",\n  \":8081\",\n  7,\n]\n\
         header_timeout_s = \"10s\"\n\
         idle_timeout_s = 0\n\
         certificate = \"x.pem\"\n\
         allowed_networks = [\"10.1.2.3/8\"]\n\
         [tls]\n\
         client_certificates = \"yes\"\n\
         certificate = \"\"\n\
         [store]\n\
         url = \"mysql://db\"\n\
         [log]\n\
         level = \"loud=very\"\n\
         [handsets]\n\
         http = 3\n\
         [shutdown]\n\
         grace_period_s = 1.5\n",
    )
    .with("DIALTONE_QUOTA_INACTIVE_DEVICES", "many")
    .with("DIALTONE_KEYS", "hunter2")
    .option("handset.https", "--https", "localhost:1");
    let problems = case.problems();
    let expected = [
        "d.toml:1: there is no key `http` outside of a section; it is one of [handset]",
        "d.toml:5: handset.http: `:8081` is not an IP address with a port, such as 0.0.0.0:8080 or [::]:8080",
        "d.toml:6: handset.http: a number is not text in quotes",
        "d.toml:8: handset.header_timeout_s: text is not a whole number",
        "d.toml:9: handset.idle_timeout_s: must be a whole number from 1 to 3600",
        "d.toml:10: there is no key `certificate` in [handset]; it is one of [admin], [tls]",
        "d.toml:11: handset.allowed_networks: `10.1.2.3/8` has bits set behind the prefix; did you mean 10.0.0.0/8?",
        "d.toml:13: tls.client_certificates: `yes` is none of `off`, `optional`, `required`",
        "d.toml:14: tls.certificate: must not be empty; leave the key out instead",
        "d.toml:16: store.url: no store has the form `mysql:...`: write `sqlite:PATH` (one file), `postgres://USER@HOST/DATABASE` or `memory:` (kept nowhere)",
        "d.toml:18: log.level: `loud=very` is not a log filter such as `info` or `warn,dialtone::store=debug`: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
        "d.toml:19: no section is called [handsets]; there are admin, cache, catalogue, files, handset, listener.NAME, log, node, quota, scan, shutdown, store, tls, uploads",
        "d.toml:22: shutdown.grace_period_s: a number with a fraction is not a whole number",
        "environment variable DIALTONE_KEYS: no key has this variable",
        "environment variable DIALTONE_QUOTA_INACTIVE_DEVICES: quota.inactive_devices: must be a whole number from 0 to 10000000",
        "option --https: handset.https: `localhost:1` is not an IP address with a port, such as 0.0.0.0:8080 or [::]:8080",
    ];
    assert_eq!(problems, expected);
    assert!(!case.load().unwrap_err().to_string().contains("hunter2"));
}

#[test]
fn syntax_errors_come_with_their_line_and_the_other_problems() {
    let problems =
        Case::of("[handset]\nhttp = [\"0.0.0.0:80\"\n[log]\nlevel = \n[tls]\nx = 1\n[tls]\n")
            .problems();
    assert!(problems.len() >= 2, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.starts_with("d.toml:")), "{problems:?}");
    let twice = Case::of("[log]\nlevel = \"info\"\nlevel = \"warn\"\n").problems();
    assert_eq!(twice, ["d.toml:3: duplicate key"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_the_environment_still_checked() {
    let missing = PathBuf::from("/nonexistent/d.toml");
    let environment = [("DIALTONE_CACHE_RENDERED_BYTES".into(), "1".into())];
    let error = Config::load(Some(&missing), environment, Vec::new()).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/d.toml: cannot be read: No such file"), "{error}");
    assert!(error.contains("DIALTONE_CACHE_RENDERED_BYTES"), "{error}");
}

#[test]
fn an_option_beats_the_environment_which_beats_the_file() {
    let case = Case::of("[store]\nurl = \"sqlite:file.db\"\n");
    assert_eq!(case.config().store.url.to_string(), "sqlite:file.db");
    let case = case.with("DIALTONE_STORE_URL", "sqlite:variable.db");
    assert_eq!(case.config().store.url.to_string(), "sqlite:variable.db");
    let case = case.option("store.url", "--store", "sqlite:option.db");
    assert_eq!(case.config().store.url.to_string(), "sqlite:option.db");
}

#[test]
fn an_overridden_value_must_be_right_all_the_same() {
    let case = Case::of("[store]\nurl = \"oops\"\n").option("store.url", "--store", "memory:");
    assert_eq!(case.problems().len(), 1);
    assert!(case.problems()[0].starts_with("d.toml:2: store.url"));
}

#[test]
fn lists_in_the_environment_have_commas_and_an_empty_one_is_empty_or_none() {
    let case = Case::of("[handset]\nhttps = [\"0.0.0.0:1\"]\n")
        .with("DIALTONE_HANDSET_HTTP", "127.0.0.1:1, [::1]:2")
        .with("DIALTONE_HANDSET_HTTPS", "none")
        .with("DIALTONE_ADMIN_LISTEN", "")
        .with("DIALTONE_STORE_URL", "")
        .with("DIALTONE_ADMIN_MAX_CONNECTIONS", "");
    let config = case.config();
    assert_eq!(config.handset.http, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    assert_eq!(config.handset.https, []);
    assert_eq!(config.admin.listen, [], "an empty list");
    assert_eq!(config.store, Config::default().store, "not set");
    assert_eq!(config.admin.max_connections, Config::default().admin.max_connections, "not set");
}

#[test]
fn variables_of_the_command_and_of_others_are_let_be() {
    let case = Case::of("")
        .with("DIALTONE_CONFIG", "x")
        .with("DIALTONE_URL", "x")
        .with("DIALTONE_KEY", "x")
        .with("DIALTON", "x")
        .with("PATH", "x");
    assert_eq!(case.config(), Config::default());
}

#[test]
fn a_variable_that_is_not_text_is_a_problem() {
    use std::os::unix::ffi::OsStringExt;
    let environment = [("DIALTONE_STORE_URL".into(), OsString::from_vec(vec![0xff]))];
    let error = Config::load(None, environment, Vec::new()).unwrap_err().to_string();
    assert!(error.contains("environment variable DIALTONE_STORE_URL: not UTF-8 text"), "{error}");
}

#[test]
fn a_renamed_key_says_its_new_name() {
    let renamed = [("handset.plain", "handset.http"), ("web.listen", "admin.listen")];
    let mut reader = Reader::default();
    let case = Case::of("[handset]\nplain = []\n[web]\nlisten = []\n");
    file::read(&case.path(), &mut reader);
    reader.add_environment([("DIALTONE_HANDSET_PLAIN".into(), "x".into())], &[]);
    Config::read(&mut reader);
    reader.refuse_unknown(&renamed);
    let ConfigError(problems) = reader.finish().unwrap_err();
    let shown = case.shown(problems.iter().map(ToString::to_string));
    assert_eq!(shown[0], "d.toml:2: handset.plain is called handset.http now");
    assert!(shown[1].starts_with("d.toml:3: no section is called [web]"));
    assert_eq!(shown[2], "d.toml:4: web.listen is called admin.listen now");
    let variable =
        "environment variable DIALTONE_HANDSET_PLAIN: is called DIALTONE_HANDSET_HTTP now";
    assert_eq!(shown[3], variable);
}

#[test]
fn certificates_and_keys_come_in_pairs() {
    let pair = |name: &str| PairFiles {
        certificate: format!("{name}.pem").into(),
        key: format!("{name}.key").into(),
    };
    let one = Case::of("[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n");
    assert_eq!(one.config().tls.pairs, [pair("a")]);
    let two =
        Case::of("[tls]\ncertificate = [\"a.pem\", \"b.pem\"]\nkey = [\"a.key\", \"b.key\"]\n");
    assert_eq!(two.config().tls.pairs, [pair("a"), pair("b")]);
    for (text, problem) in [
        ("[tls]\nkey = \"a\"\n", "d.toml:2: tls.key: needs the file of its `certificate` as well"),
        (
            "[admin]\n\ncertificate = \"a\"\n",
            "d.toml:3: admin.certificate: needs the file of its `key` as well",
        ),
        (
            "[tls]\nkey = \"a\"\ncertificate = [\"a\", \"b\"]\n",
            "d.toml:3: tls.certificate: has 2 files, but `key` has 1: each needs its own",
        ),
    ] {
        assert_eq!(Case::of(text).problems(), [problem]);
    }
}

#[test]
fn client_certificates_need_their_authorities_and_the_other_way_round() {
    let both = "[tls]\nclient_ca = \"ca.pem\"\nclient_certificates = \"required\"\n";
    let authorities = "ca.pem".into();
    assert_eq!(Case::of(both).config().tls.clients, ClientCertificates::Required { authorities });
    let problems = Case::of("[tls]\nclient_ca = \"ca.pem\"\n").problems();
    assert!(problems[0].starts_with("d.toml:2: tls.client_ca: is not used"), "{problems:?}");
    let problems = Case::of("[tls]\nclient_certificates = \"optional\"\n").problems();
    assert!(problems[0].contains("tls.client_certificates: needs `client_ca`"), "{problems:?}");
}

#[test]
fn certificates_of_operators_need_tls_and_signing_in_by_them_needs_them() {
    let tls = "[admin]\ncertificate = \"a\"\nkey = \"b\"\n";
    let ask = "client_certificates = \"required\"\nclient_ca = \"ca.pem\"\n";
    let config = Case::of(&format!("{tls}{ask}certificate_login = true\n")).config();
    let authorities = "ca.pem".into();
    assert_eq!(config.admin.clients, ClientCertificates::Required { authorities });
    assert!(config.admin.certificate_login);
    for (text, problem) in [
        (format!("[admin]\n{ask}"), "admin.client_certificates: needs TLS"),
        (
            format!("{tls}certificate_login = true\n"),
            "admin.certificate_login: needs `client_certificates`",
        ),
    ] {
        let problems = Case::of(&text).problems();
        assert!(problems.len() == 1 && problems[0].contains(problem), "{problems:?}");
    }
}

#[test]
fn listeners_that_meet_are_refused() {
    for (text, problem) in [
        (
            "[handset]\nhttp = [\"127.0.0.1:1\"]\nhttps = [\"0.0.0.0:1\"]\n",
            "d.toml:3: handset.https: 0.0.0.0:1 is taken by 127.0.0.1:1 of handset.http",
        ),
        (
            "[handset]\nhttp = [\"[::1]:1\", \"[::1]:1\"]\n",
            "d.toml:2: handset.http: [::1]:1 is taken by [::1]:1 of handset.http",
        ),
        (
            "[handset]\nhttp = [\"127.0.0.1:8081\"]\n",
            "d.toml:2: admin.listen: 127.0.0.1:8081 is taken by 127.0.0.1:8081 of handset.http",
        ),
    ] {
        assert_eq!(Case::of(text).problems(), [problem]);
    }
    let free = "[handset]\nhttp = [\"0.0.0.0:1\", \"[::]:1\", \"127.0.0.1:0\"]\nhttps = [\"127.0.0.1:0\"]\n";
    assert!(Case::of(free).load().is_ok());
}

#[test]
fn a_value_with_a_problem_causes_no_second_one() {
    // Its default, 8443, is not what the operator meant.
    let case = Case::of("[handset]\nhttps = [\"x\"]\n[admin]\nlisten = [\"127.0.0.1:8443\"]\n");
    assert_eq!(case.problems().len(), 1, "{:?}", case.problems());
}

#[test]
fn other_contradictions_are_refused() {
    for (text, start) in [
        (
            "[handset]\nhttp = []\nhttps = []\n",
            "d.toml:2: handset.http: and handset.https are both empty",
        ),
        (
            "[handset]\nrequest_timeout_s = 8\n",
            "d.toml:2: handset.answer_timeout_s: must be smaller",
        ),
        ("[handset]\nproxy_protocol = true\n", "d.toml:2: handset.trusted_proxies: names no proxy"),
        (
            "[handset]\nproxy_protocol = \"yes\"\n",
            "d.toml:2: handset.proxy_protocol: must be true or false",
        ),
        ("[admin]\nsession_max_s = 1799\n", "d.toml:2: admin.session_idle_s: must not be larger"),
        ("handset = 3\n", "d.toml:1: `handset` is a section"),
    ] {
        let problems = Case::of(text).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(start), "{problems:?}");
    }
}

#[test]
fn what_is_unwise_is_warned_of() {
    let admin = Case::of(
        "[admin]\nlisten = [\"192.0.2.1:8080\"]\nplain_http = \"anywhere\"\n\
         [handset]\nhttp = [\"192.0.2.2:8080\"]\n",
    );
    let warnings = admin.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].starts_with("d.toml:2: admin.listen: 192.0.2.1:8080 has the port of"));
    assert!(warnings[1].contains("without TLS"));
    let unused = Case::of("[handset]\nhttps = []\n[tls]\ncertificate = \"a\"\nkey = \"b\"\n");
    assert_eq!(
        unused.warnings(),
        ["d.toml:4: tls.certificate: is not used: handset.https is empty"]
    );
}

#[test]
fn operators_are_not_listened_to_in_clear_unless_somebody_says_so() {
    let with =
        |listen: &str, more: &str| Case::of(&format!("[admin]\nlisten = [{listen}]\n{more}"));
    for exposed in ["\"0.0.0.0:8081\"", "\"[::]:8081\"", "\"127.0.0.1:8081\", \"192.0.2.1:8081\""] {
        let problems = with(exposed, "").problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("d.toml:2: admin.listen: "), "{problems:?}");
        assert!(problems[0].contains("can be reached from other machines, and without TLS"));
        assert_eq!(with(exposed, "plain_http = \"anywhere\"\n").warnings().len(), 1);
        with(exposed, "certificate = \"a\"\nkey = \"b\"\n").config();
    }
    let own = with("\"127.0.0.2:8081\", \"[::1]:8081\"", "");
    assert!(own.warnings().is_empty());
    assert!(with("\"127.0.0.1:1\"", "plain_http = true\n").load().is_err());
}

#[test]
fn a_file_that_everyone_may_write_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let case = Case::of("");
    std::fs::set_permissions(case.path(), std::fs::Permissions::from_mode(0o646)).unwrap();
    assert_eq!(
        case.warnings(),
        ["d.toml: every user of this machine may change it; `chmod o-w` would end that"]
    );
}

#[test]
fn a_password_is_asked_for_where_there_is_tls() {
    let of = |text: &str| Case::of(&format!("[handset]\n{text}"));
    let plain_only = of("https = []\nchallenge = \"basic\"\n").problems();
    let expected = "d.toml:3: handset.challenge: is `basic`, a password that is asked for over \
                    TLS alone, and handset.https is empty: listen there, or ask for a digest";
    assert_eq!(plain_only, [expected]);
    let warned = of("challenge = \"basic\"\n").warnings();
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].starts_with("d.toml:2: handset.challenge: is `basic`, "), "{warned:?}");
    let unused = of("digest_without_qop = true\n").warnings();
    let expected = "d.toml:2: handset.digest_without_qop: is not used: handset.challenge asks for \
                    no digest";
    assert_eq!(unused, [expected]);
    for fine in [
        "http = []\nchallenge = \"basic\"\n",
        "challenge = \"digest-md5\"\ndigest_without_qop = true\n",
        "https = []\nchallenge = \"digest\"\nrealm = \"Acme phones\"\n",
    ] {
        assert_eq!(of(fine).warnings(), Vec::<String>::new(), "{fine}");
    }
    let wrong = of("challenge = \"ntlm\"\nrealm = \"a\\\"b\"\n").problems();
    let expected = "d.toml:2: handset.challenge: `ntlm` is none of `none`, `basic`, `digest-md5`, \
                    `digest-sha256`, `digest`";
    assert_eq!(wrong[0], expected);
    assert!(wrong[1].starts_with("d.toml:3: handset.realm: `a\\\"b` is no realm"), "{wrong:?}");
}
