//! The addresses behind a name, as the system knows them: files, DNS, whatever it asks.

use std::net::SocketAddr;

use libp2p::{Multiaddr, multiaddr::Protocol};

/// The addresses that are meant by one that may begin with a name: `/dns/…` for any, `/dns4/…` and `/dns6/…` for those of
/// one family.
pub(super) async fn resolve(address: &Multiaddr) -> Result<Vec<Multiaddr>, String> {
    let parts: Vec<_> = address.iter().collect();
    let (name, fits): (_, fn(&SocketAddr) -> bool) = match parts.first() {
        Some(Protocol::Dns(name)) => (name, |_| true),
        Some(Protocol::Dns4(name)) => (name, SocketAddr::is_ipv4),
        Some(Protocol::Dns6(name)) => (name, SocketAddr::is_ipv6),
        _ => return Ok(vec![address.clone()]),
    };
    let found = tokio::net::lookup_host((&**name, 0)).await.map_err(|error| format!("{name}: {error}"))?;
    let mut found: Vec<_> = found.filter(fits).map(|socket| socket.ip()).collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() {
        return Err(format!("{name} has no address of that family"));
    }
    let behind = |ip| parts[1..].iter().cloned().fold(Multiaddr::from(ip), Multiaddr::with);
    Ok(found.into_iter().map(behind).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(address: &str) -> Result<Vec<String>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it starts");
        let address = address.parse().expect("it is an address");
        let found = runtime.block_on(resolve(&address))?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_name_stands_for_its_addresses_and_what_is_behind_it_stays() {
        assert_eq!(resolved("/dns4/localhost/tcp/4001").unwrap(), ["/ip4/127.0.0.1/tcp/4001"]);
        assert!(resolved("/dns/localhost/tcp/4001").unwrap().contains(&"/ip4/127.0.0.1/tcp/4001".to_owned()));
        assert_eq!(resolved("/ip4/10.0.0.7/tcp/4001").unwrap(), ["/ip4/10.0.0.7/tcp/4001"]);
    }

    #[test]
    fn a_name_that_nobody_has_is_named() {
        // RFC 6761 keeps this one from being given to anybody.
        let why = resolved("/dns4/conductor.invalid/tcp/4001").unwrap_err();
        assert!(why.starts_with("conductor.invalid: "), "{why}");
    }
}
