//! Fetches between two swarms, and against ends that do not keep to the protocol.

use std::{sync::mpsc, thread, time::Duration};

use bytes::Bytes;
use futures::{
    AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _,
    executor::block_on,
    future::{Either, select},
};
use futures_timer::Delay;
use libp2p::{
    Swarm,
    identity::Keypair,
    swarm::{Config, SwarmEvent},
};
use peerlab_scenarios::wire::MAX_FRAME;

use super::{Behaviour, Event, MAX_ASKED, PROTOCOL, TransferError, transfer::MAX_REQUEST};
use crate::host::bench::{At, connect, drive, swarm, transport};

fn bulk() -> Swarm<Behaviour> {
    swarm(&Keypair::generate_ed25519(), Behaviour::default())
}

#[test]
fn what_is_asked_for_comes_whole_and_both_ends_know() {
    let (mut alice, mut bob) = (bulk(), bulk());
    connect(&mut alice, &mut bob);
    let (alice_id, bob_id) = (*alice.local_peer_id(), *bob.local_peer_id());
    let large = Bytes::from(vec![5; MAX_FRAME]);
    let (mut came, mut answered) = (0, 0);
    drive(&mut alice, &mut bob, |alice, bob, at| {
        match at {
            At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) => {
                for number in 0..4u8 {
                    bob.behaviour_mut().ask(alice_id, connection_id, vec![number; 20].into());
                }
            }
            At::One(SwarmEvent::Behaviour(Event::Asked { asked, request })) => {
                assert_eq!(request.len(), 20);
                alice.behaviour_mut().answer(bob_id, asked, vec![large.slice(..7), large.slice(7..)]);
            }
            At::One(SwarmEvent::Behaviour(Event::Answered { result, .. })) => {
                result.expect("the other end said that it came");
                answered += 1;
            }
            At::Other(SwarmEvent::Behaviour(Event::Came { result, .. })) => {
                assert_eq!(result.expect("it came"), large);
                came += 1;
            }
            _ => {}
        }
        (came == 4 && answered == 4).then_some(())
    });
}

#[test]
fn a_fetch_that_is_given_up_is_over_at_both_ends() {
    let (mut alice, mut bob) = (bulk(), bulk());
    connect(&mut alice, &mut bob);
    let (alice_id, bob_id) = (*alice.local_peer_id(), *bob.local_peer_id());
    let mut fetch = None;
    let result = drive(&mut alice, &mut bob, |alice, bob, at| {
        match at {
            At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) => {
                fetch = Some(bob.behaviour_mut().ask(alice_id, connection_id, vec![1; 20].into()));
            }
            At::One(SwarmEvent::Behaviour(Event::Asked { asked, .. })) => {
                bob.behaviour_mut().abort(fetch.expect("it was asked"));
                alice.behaviour_mut().answer(bob_id, asked, vec![vec![5; MAX_FRAME].into()]);
            }
            At::One(SwarmEvent::Behaviour(Event::Answered { result, .. })) => return Some(result),
            At::Other(SwarmEvent::Behaviour(event)) => panic!("{event:?} was heard of what was given up"),
            _ => {}
        }
        None
    });
    assert!(result.is_err());
}

/// Runs an attack on an honest end until `done` has seen enough of what that one hears.
fn under_attack<T>(
    attack: impl AsyncFnOnce(libp2p_stream::Control, libp2p::PeerId) + Send + 'static,
    mut done: impl FnMut(&mut Swarm<Behaviour>, libp2p::PeerId, Event) -> Option<T>,
) -> T {
    let behaviour = libp2p_stream::Behaviour::new();
    let control = behaviour.new_control();
    let mut mallory = swarm(&Keypair::generate_ed25519(), behaviour);
    let mut alice = bulk();
    connect(&mut alice, &mut mallory);
    let (alice_id, mallory_id) = (*alice.local_peer_id(), *mallory.local_peer_id());
    let (gone, wait) = mpsc::channel::<()>();
    let attack = thread::spawn(move || {
        block_on(attack(control, alice_id));
        let _ = wait.recv();
    });
    let seen = drive(&mut alice, &mut mallory, |alice, _, at| match at {
        At::One(SwarmEvent::Behaviour(event)) => done(alice, mallory_id, event),
        _ => None,
    });
    drop(gone);
    attack.join().expect("the attack ends");
    seen
}

async fn open(control: &mut libp2p_stream::Control, to: libp2p::PeerId) -> libp2p::Stream {
    loop {
        match control.open_stream(to, PROTOCOL).await {
            Ok(stream) => return stream,
            Err(_) => Delay::new(Duration::from_millis(10)).await,
        }
    }
}

#[test]
fn of_a_flood_of_streams_no_more_are_heard_than_may_be() {
    let attack = async |mut control: libp2p_stream::Control, alice| {
        let mut streams = Vec::new();
        for number in 0..=MAX_ASKED as u32 {
            let mut stream = open(&mut control, alice).await;
            let _ = stream.write_all(&4u32.to_be_bytes()).await;
            let _ = stream.write_all(&number.to_be_bytes()).await;
            let _ = stream.flush().await;
            streams.push(stream);
        }
        // One that is answered makes room for another.
        let _ = streams[0].read(&mut [0]).await;
        streams.remove(0);
        Delay::new(Duration::from_millis(300)).await;
        let mut stream = open(&mut control, alice).await;
        let _ = stream.write_all(&4u32.to_be_bytes()).await;
        let _ = stream.write_all(&u32::MAX.to_be_bytes()).await;
        let _ = stream.flush().await;
        Delay::new(Duration::from_secs(1)).await;
    };
    let mut heard = Vec::new();
    let mut first = None;
    under_attack(attack, |alice, by, event| {
        let Event::Asked { asked, request } = event else { return None };
        first.get_or_insert(asked);
        heard.push(u32::from_be_bytes(request[..].try_into().expect("it has four bytes")));
        if heard.len() == MAX_ASKED {
            alice.behaviour_mut().answer(by, first.expect("there is one"), vec![vec![9].into()]);
        }
        (heard.last() == Some(&u32::MAX)).then_some(())
    });
    assert_eq!(heard.len(), MAX_ASKED + 1);
    assert!(!heard.contains(&(MAX_ASKED as u32)), "one too many was heard");
}

#[test]
fn a_request_that_is_too_long_is_not_heard() {
    let attack = async |mut control: libp2p_stream::Control, alice| {
        let mut long = open(&mut control, alice).await;
        let _ = long.write_all(&(MAX_REQUEST as u32 + 1).to_be_bytes()).await;
        let _ = long.write_all(&[0; MAX_REQUEST + 1]).await;
        let _ = long.flush().await;
        let mut right = open(&mut control, alice).await;
        let _ = right.write_all(&4u32.to_be_bytes()).await;
        let _ = right.write_all(&[1, 2, 3, 4]).await;
        let _ = right.flush().await;
        Delay::new(Duration::from_secs(3)).await;
    };
    let request = under_attack(attack, |_, _, event| match event {
        Event::Asked { request, .. } => Some(request),
        _ => None,
    });
    assert_eq!(request, [1, 2, 3, 4].as_slice());
}

/// A holder that answers the first stream by which it is asked as it likes.
fn holder(
    answer: impl AsyncFnOnce(libp2p::Stream) + Send + 'static,
) -> (Swarm<libp2p_stream::Behaviour>, thread::JoinHandle<()>) {
    let behaviour = libp2p_stream::Behaviour::new();
    let mut control = behaviour.new_control();
    let mut incoming = control.accept(PROTOCOL).expect("it is the first to accept it");
    let answers = thread::spawn(move || {
        block_on(async move {
            let (_, stream) = incoming.next().await.expect("it is asked");
            answer(stream).await;
        });
    });
    (swarm(&Keypair::generate_ed25519(), behaviour), answers)
}

#[test]
fn an_answer_that_is_too_long_is_refused_when_it_is_announced() {
    let (mut mallory, answers) = holder(async |mut stream| {
        let _ = stream.write_all(&(MAX_FRAME as u32 + 1).to_be_bytes()).await;
        let _ = stream.flush().await;
        Delay::new(Duration::from_secs(1)).await;
    });
    let mut bob = bulk();
    connect(&mut mallory, &mut bob);
    let mallory_id = *mallory.local_peer_id();
    let result = drive(&mut mallory, &mut bob, |_, bob, at| {
        match at {
            At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) => {
                bob.behaviour_mut().ask(mallory_id, connection_id, vec![1; 20].into());
            }
            At::Other(SwarmEvent::Behaviour(Event::Came { result, .. })) => return Some(result),
            _ => {}
        }
        None
    });
    assert!(matches!(result, Err(TransferError::TooLong(_, MAX_FRAME))), "{result:?}");
    answers.join().expect("it answers");
}

#[test]
fn a_stream_serves_one_fetch_after_another() {
    let (mut holder, answers) = holder(async |mut stream| {
        for _ in 0..3 {
            let mut request = [0; 4 + 20];
            stream.read_exact(&mut request).await.expect("it is asked again");
            stream.write_all(&1u32.to_be_bytes()).await.expect("there is room");
            stream.write_all(&request[4..5]).await.expect("there is room");
            stream.flush().await.expect("it stands");
            let mut word = [0];
            stream.read_exact(&mut word).await.expect("it is confirmed");
            assert_eq!(word, [1]);
        }
    });
    let mut bob = bulk();
    connect(&mut holder, &mut bob);
    let holder_id = *holder.local_peer_id();
    let mut came = Vec::new();
    let mut connection = None;
    drive(&mut holder, &mut bob, |_, bob, at| {
        match at {
            At::Other(SwarmEvent::ConnectionEstablished { connection_id, .. }) => {
                connection = Some(connection_id);
            }
            At::Other(SwarmEvent::Behaviour(Event::Came { result, .. })) => match result {
                Ok(answer) => came.push(answer[0]),
                // It has answered all that it was to answer.
                Err(_) => return Some(()),
            },
            _ => return None,
        }
        let connection = connection.expect("it stands");
        bob.behaviour_mut().ask(holder_id, connection, vec![came.len() as u8; 20].into());
        None
    });
    assert_eq!(came, [0, 1, 2]);
    answers.join().expect("one stream was enough");
}

#[test]
fn so_many_answers_are_sent_at_a_time_in_the_order_in_which_they_were_given() {
    const ANSWER: usize = 600_000;
    let (tell, told) = mpsc::channel();
    let attack = async move |mut control: libp2p_stream::Control, alice| {
        let mut streams = Vec::new();
        for number in 0..4u32 {
            let mut stream = open(&mut control, alice).await;
            stream.write_all(&4u32.to_be_bytes()).await.expect("there is room");
            stream.write_all(&number.to_be_bytes()).await.expect("there is room");
            stream.flush().await.expect("it stands");
            streams.push(stream);
        }
        // More than the window of a stream: an answer that is not read does not come to its end.
        let has_begun = async |stream: &mut libp2p::Stream, within| {
            let mut length = [0; 4];
            let read = Box::pin(stream.read_exact(&mut length));
            matches!(select(read, Delay::new(within)).await, Either::Left((Ok(()), _)))
        };
        let (soon, not) = (Duration::from_secs(10), Duration::from_millis(500));
        let mut begun = Vec::new();
        for (stream, within) in streams.iter_mut().zip([soon, soon, not, not]) {
            begun.push(has_begun(stream, within).await);
        }
        tell.send(begun).expect("somebody waits");
        streams[1].read_exact(&mut vec![0; ANSWER]).await.expect("it comes");
        let begun = vec![has_begun(&mut streams[2], soon).await, has_begun(&mut streams[3], not).await];
        tell.send(begun).expect("somebody waits");
        streams[1].write_all(&[1]).await.expect("there is room");
        streams[1].flush().await.expect("it stands");
        Delay::new(Duration::from_secs(1)).await;
    };
    let mut asked = Vec::new();
    let mut begun = Vec::new();
    under_attack(attack, |alice, by, event| {
        if let Event::Asked { asked: stream, request } = event {
            asked.push((request, stream));
            if asked.len() == 4 {
                asked.sort();
                for (_, stream) in &asked {
                    alice.behaviour_mut().answer(by, *stream, vec![vec![7; ANSWER].into()]);
                }
            }
        }
        begun.extend(told.try_iter());
        (begun.len() == 2).then_some(())
    });
    assert_eq!(begun, [vec![true, true, false, false], vec![true, false]]);
}

#[test]
fn a_fetch_keeps_its_connection_and_a_stream_that_is_kept_does_not() {
    let idle = Duration::from_secs(1);
    let short = || {
        let keys = Keypair::generate_ed25519();
        let config = Config::without_executor().with_idle_connection_timeout(idle);
        Swarm::new(transport(&keys), Behaviour::default(), keys.public().to_peer_id(), config)
    };
    let (mut alice, mut bob) = (short(), short());
    connect(&mut alice, &mut bob);
    let (alice_id, bob_id) = (*alice.local_peer_id(), *bob.local_peer_id());
    let (mut asked, mut has_come) = (None, false);
    block_on(async {
        let mut thinks = Delay::new(Duration::from_secs(30));
        loop {
            let next = select(alice.select_next_some(), bob.select_next_some());
            match select(next, &mut thinks).await {
                Either::Left((
                    Either::Left((SwarmEvent::Behaviour(Event::Asked { asked: by, .. }), _)),
                    _,
                )) => {
                    asked = Some(by);
                    thinks = Delay::new(3 * idle);
                }
                Either::Left((Either::Right((event, _)), _)) => match event {
                    SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                        bob.behaviour_mut().ask(alice_id, connection_id, vec![1; 20].into());
                    }
                    SwarmEvent::Behaviour(Event::Came { result, .. }) => {
                        result.expect("it came");
                        has_come = true;
                    }
                    SwarmEvent::ConnectionClosed { .. } => break,
                    _ => {}
                },
                Either::Left(_) => {}
                Either::Right(_) => {
                    let asked = asked.take().expect("nothing takes so long");
                    alice.behaviour_mut().answer(bob_id, asked, vec![vec![9].into()]);
                    thinks = Delay::new(Duration::from_secs(30));
                }
            }
        }
    });
    assert!(has_come, "it was closed while something was fetched");
}
