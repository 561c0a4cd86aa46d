//! How a connection is made: TLS as the URL says, several hosts, passwords.

use std::net::TcpListener;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

async fn opened(url: &str) -> Result<PostgresStore, String> {
    open(url).await.map_err(|error| error.to_string())
}

async fn open(url: &str) -> Result<PostgresStore, StoreError> {
    PostgresStore::open(url.parse().unwrap(), NOW).await
}

/// Whether what keeps it from being opened may pass by itself.
async fn may_pass(url: &str) -> bool {
    open(url).await.map(drop).unwrap_err().may_pass()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server with TLS, whose certificate is for `localhost`; its port, and the file of the authority.
fn with_tls() -> (Cluster, u16, String) {
    let mut server = Cluster::start("");
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let own = own.signed_by(&key, &authority).unwrap();
    let certificate = server.file("server.pem", &own.pem()).display().to_string();
    let key = server.file("server.key", &key.serialize_pem()).display().to_string();
    let authority = server.file("authority.pem", &authority.pem()).display().to_string();
    server.stop();
    let port = free_port();
    let settings = format!(
        "listen_addresses=127.0.0.1\nport={port}\nssl=on\nssl_cert_file={certificate}\n\
         ssl_key_file={key}"
    );
    server.configure("hostnossl all all all reject", &settings);
    server.set_port(port);
    server.resume();
    (server, port, authority)
}

#[tokio::test(flavor = "multi_thread")]
async fn sslmode_is_what_it_says() {
    let (server, port, authority) = with_tls();
    server.sql("postgres", "CREATE DATABASE tls");
    let try_with = async |host: &str, options: &str| {
        opened(&format!("postgres://gw@{host}:{port}/tls?{options}")).await.map(drop)
    };
    let full = format!("sslmode=verify-full&sslrootcert={authority}");
    assert_eq!(try_with("localhost", &full).await, Ok(()));
    let wrong_name = try_with("127.0.0.1", &full).await.unwrap_err();
    assert!(wrong_name.contains("certificate"), "{wrong_name}");
    let unknown = try_with("localhost", "sslmode=verify-full").await.unwrap_err();
    assert!(unknown.contains("certificate"), "{unknown}");
    let any_name = format!("sslmode=verify-ca&sslrootcert={authority}");
    assert_eq!(try_with("127.0.0.1", &any_name).await, Ok(()));
    let other = CertificateParams::new(Vec::new()).unwrap();
    let other = CertifiedIssuer::self_signed(other, KeyPair::generate().unwrap()).unwrap();
    let other = server.file("other.pem", &other.pem()).display().to_string();
    let named = format!("sslmode=verify-ca&sslrootcert={other}");
    let unknown = try_with("127.0.0.1", &named).await.unwrap_err();
    assert!(unknown.contains("sslrootcert=FILE"), "{unknown}");
    let named = format!("sslmode=verify-ca&sslrootcert={other}-not");
    let unreadable = try_with("127.0.0.1", &named).await.unwrap_err();
    assert!(unreadable.contains(&format!("sslrootcert {other}-not: No such file")), "{unreadable}");
    assert_eq!(try_with("127.0.0.1", "sslmode=require").await, Ok(()));
    let named = format!("sslmode=require&sslrootcert={}", server.file("no.pem", "").display());
    let none = try_with("127.0.0.1", &named).await.unwrap_err();
    assert!(none.contains("no certificate of an authority"), "{none}");
    let clear = try_with("127.0.0.1", "sslmode=disable").await.unwrap_err();
    assert!(clear.contains("no encryption"), "{clear}");
    // None of that is waited for.
    for (host, options) in [
        ("127.0.0.1", full.as_str()),
        ("localhost", "sslmode=verify-full"),
        ("127.0.0.1", named.as_str()),
        ("127.0.0.1", "sslmode=disable"),
    ] {
        let url = format!("postgres://gw@{host}:{port}/tls?{options}");
        assert!(!may_pass(&url).await, "{url}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_host_after_the_other_is_tried() {
    let (server, port, _) = with_tls();
    server.sql("postgres", "CREATE DATABASE hosts");
    let closed = free_port();
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let url = |ports: [u16; 3]| {
        let hosts = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
        format!("postgres://gw@{hosts}/hosts?sslmode=require&connect_timeout=1")
    };
    opened(&url([closed, silent_port, port])).await.unwrap();
    let told = opened(&url([closed, silent_port, closed])).await.err().unwrap();
    assert!(told.contains("refused") && told.contains("no answer"), "{told}");
    // Of several hosts one may come that lets it in.
    assert!(may_pass(&url([closed, silent_port, closed])).await);
    let nowhere = |ports| url(ports).replace("/hosts", "/nowhere");
    assert!(may_pass(&nowhere([port, closed, port])).await);
    assert!(!may_pass(&nowhere([port, port, port])).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_and_is_not_told() {
    let mut server = Cluster::start("");
    let url = server.database();
    server.sql("postgres", "CREATE ROLE secretive LOGIN SUPERUSER PASSWORD 'hunter2'");
    server.stop();
    server.configure("local all secretive scram-sha-256", "");
    server.resume();
    let url = url.replace("gw@", "secretive@");
    let file = server.file("password", "hunter2\n");
    let from_file = url.parse::<PostgresUrl>().unwrap().with_password_file(file);
    PostgresStore::open(from_file, NOW).await.unwrap();
    opened(&url.replace("secretive@", "secretive:hunter2@")).await.unwrap();
    let told = format!("password_file in [store], or set {PASSWORD_VARIABLE}");
    for (given, told) in [("secretive:hunter3@", "password"), ("secretive@", &told)] {
        let refused = opened(&url.replace("secretive@", given)).await.err().unwrap();
        assert!(refused.contains(told) && !refused.contains("hunter"), "{refused}");
        assert!(!may_pass(&url.replace("secretive@", given)).await, "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_told_from_what_somebody_must_mend() {
    let server = Cluster::shared();
    let url = server.database();
    let name = url.split(['/', '?']).nth(3).unwrap();
    let role = format!("poor_{name}");
    server.sql(name, &format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT 0"));
    let as_role = url.replace("gw@", &format!("{role}@"));
    assert!(may_pass(&as_role).await, "too many connections");
    server.sql(name, &format!("ALTER ROLE {role} CONNECTION LIMIT -1"));
    assert!(!may_pass(&as_role).await, "it must not make tables");
    assert!(!may_pass(&url.replace("gw@", "nobody@")).await, "there is no such role");
    server.sql(name, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    assert!(may_pass(&url).await, "it cannot be written to");
}
