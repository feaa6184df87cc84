//! The kernel sends to this machine itself as fast as it can.
//!
//! Congestion control that paces (BBR) sets a timer for every packet. From one end of a machine to another that spares a network that is not
//! there, and takes most of the processor time of a large answer. Other connections keep to what the machine is set to.

use std::net::IpAddr;

use rustix::fd::AsFd;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};

/// What does not pace, and what every process may choose.
const UNPACED: &str = "reno";

/// Ends pacing for all connections of a listener that nobody but this machine reaches.
pub(super) fn end_of_listener(listener: &TcpListener) {
    if listener.local_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback()) {
        end(listener);
    }
}

/// Ends pacing for a connection from this machine. The kernel goes on setting some timers where it has begun to: a listener is better.
pub(super) fn end_of_connection(stream: &TcpStream) {
    if let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr())
        && is_same_machine(local.ip(), peer.ip())
    {
        end(stream);
    }
}

fn is_same_machine(local: IpAddr, peer: IpAddr) -> bool {
    let (local, peer) = (local.to_canonical(), peer.to_canonical());
    peer.is_loopback() || peer == local
}

fn end(socket: impl AsFd) {
    // Where the kernel does not allow it, it is only slower.
    let _ = sockopt::set_tcp_congestion(socket, UNPACED);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_reaches_itself_by_any_of_its_addresses() {
        let is_same = |local: &str, peer: &str| is_same_machine(local.parse().unwrap(), peer.parse().unwrap());
        assert!(is_same("127.0.0.1", "127.0.0.1") && is_same("::1", "::1") && is_same("::ffff:127.0.0.1", "127.0.0.1"));
        assert!(is_same("192.0.2.1", "192.0.2.1") && is_same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!is_same("192.0.2.1", "192.0.2.2") && !is_same("2001:db8::1", "2001:db8::2"));
    }

    #[tokio::test]
    async fn a_connection_from_this_machine_is_not_paced() {
        for (listens, connects) in [("127.0.0.1:0", "127.0.0.1"), ("[::]:0", "::ffff:127.0.0.1")] {
            let Ok(listener) = TcpListener::bind(listens).await else { continue };
            end_of_listener(&listener);
            let address = (connects, listener.local_addr().unwrap().port());
            let (_client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
            let (stream, _) = accepted.unwrap();
            end_of_connection(&stream);
            assert_eq!(sockopt::tcp_congestion(&stream).unwrap(), UNPACED, "{listens}");
        }
    }
}
