//! Parsing, merging and resolving, on whole documents.

use serde_json::json;

use super::*;

fn layer(document: Value) -> Layer {
    Layer::parse(&document).expect("the document is right")
}

#[test]
fn line_defaults_reach_every_listed_line_below_its_own_values() {
    let company = layer(json!({
        "line_defaults": {"registrar": "pbx.example", "transport": "tls", "backup": {"port": 5070}},
    }));
    let kind = layer(json!({"lines": {"1": {"transport": "tcp"}}}));
    let phone =
        layer(json!({"lines": {"1": {"user": "201"}, "2": {"backup": {"registrar": "b"}}}}));
    let settings = resolve(&[&kind, &company, &phone]).unwrap();
    assert_eq!(settings.lines.keys().copied().collect::<Vec<_>>(), [1, 2]);
    let one = &settings.lines[&1];
    assert_eq!(one.user.as_deref(), Some("201"));
    assert_eq!(one.transport, Some(Transport::Tcp), "the line's own value of a lower layer wins");
    assert_eq!(one.registrar.as_deref(), Some("pbx.example"));
    let two = &settings.lines[&2];
    assert_eq!(two.backup, Backup { registrar: Some("b".into()), port: Some(5070) });
    assert_eq!(two.transport, Some(Transport::Tls));
}
