//! A life is recorded as a host would, and looked at again.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use peerlab_scenarios::{
    host::{
        Circle, Command, Effect, Env, Host as _, Input, Lane, Link, Msg, Outbox, Payload, Peer, PeerHost,
        Uplink,
    },
    plan::{Files, Plan, identity::keypair},
    role,
    seed::Seed,
    units::Nanos,
    wire::{
        Blob, Content, Item, ItemId, Kind,
        chat::{ChatItem, Post},
    },
};

use super::{format::pack, *};
use crate::host::{Native, Overlay, Setting};

const SCENARIO: &str = "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {name: small}\nspec:\n  duration: 1m\n  groups: \
                        [{name: people, peers: 4}]\n  topology: {fullMesh: {}}\n  overlay: {flood: {}}\n  workloads: [{name: room, \
                        chat: {presence: {}}}]\n";

const ME: Peer = Peer(0);
const OTHER: Peer = Peer(1);

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn header() -> Header {
    Header {
        release: "0".to_owned(),
        name: "small.yaml".to_owned(),
        scenario: SCENARIO.as_bytes().to_vec(),
        files: Files::new(),
        seed: 3,
        peer: ME,
        life: 0,
    }
}

fn plan() -> Plan {
    header().plan().expect("it can be planned")
}

/// A post of the other, as it comes.
fn post(text: &str) -> Msg<Native> {
    let mut other = Native::new(OTHER, keypair(Seed(3), OTHER));
    let post =
        Post { seq: 0, prev: None, after: Vec::new(), text: Blob::Real(text.as_bytes().to_vec().into()) };
    let id = ItemId::new(0, OTHER, 7);
    let item = other.make_item(Item::new(id, 0, Nanos::from_secs(2), Content::Chat(ChatItem::Post(post))));
    Msg::new(Kind::Gossip, 1, Payload::Item(item))
}

/// What happens to a peer: it starts, is connected, hears a post twice, says something, and leaves.
fn happenings() -> Vec<(Nanos, Input<Native>)> {
    let at = Nanos::from_secs;
    let message = || Input::Message { from: OTHER, lane: Lane::Reliable, msg: post("hello") };
    vec![
        (at(0), Input::Start { kept: Box::default() }),
        (at(1), Input::PeerUp { peer: OTHER, link: Link::Planned }),
        (at(1), Input::PeerUp { peer: Peer(2), link: Link::Planned }),
        (at(2), message()),
        (at(3), message()),
        (at(4), Input::Command { workload: 0, command: Command::Post { room: 0, bytes: 40 } }),
        (at(5), Input::Stop),
    ]
}

/// A record of a life in which that happened, and how many answers each step had.
fn recorded() -> (Vec<u8>, Vec<usize>) {
    let plan = plan();
    let setting = Setting::of(&plan, ME);
    let mut machines =
        PeerHost::new(Overlay::new(&setting, Arc::default()), role::Any::<Native>::of(&plan, ME));
    let mut native = Native::new(ME, keypair(plan.seed, ME));
    let mut circle = Circle { live: Vec::new(), known: setting.neighbours.clone() };
    let sink = Sink::default();
    let mut tape = Tape::new(sink.clone(), &header()).unwrap();
    let mut out = Outbox::default();
    let mut answers = Vec::new();
    for (now, input) in happenings() {
        if let Input::PeerUp { peer, .. } = input {
            circle.live.push(peer);
        }
        native.now = now;
        let given = Tape::given(&input, &native).expect("it comes from outside");
        let env = Env {
            now,
            me: ME,
            seed: plan.seed,
            neighbours: &circle,
            uplink: &Uplink::IDLE,
            host: &mut native,
            out: &mut out,
        };
        machines.step(env, input);
        let effects: Vec<Effect<Native>> = std::mem::take(&mut out.effects);
        tape.step(now, &circle, given, &effects, &native).unwrap();
        answers.push(effects.len());
    }
    tape.end().unwrap();
    let bytes = sink.0.lock().unwrap().clone();
    (bytes, answers)
}

/// The records of a file, and the file that some others would make.
fn records(file: &[u8]) -> Vec<Record> {
    let mut read = Read::new(file).unwrap();
    std::iter::from_fn(|| read.record().unwrap()).collect()
}

fn file(records: &[Record]) -> Vec<u8> {
    let sink = Sink::default();
    Tape::new(sink.clone(), &header()).unwrap().end().unwrap();
    let mut file = sink.0.lock().unwrap().clone();
    records.iter().for_each(|record| file.extend(pack(record).unwrap()));
    file
}

fn replayed(file: &[u8]) -> Result<Replayed, RecordError> {
    replay(&mut Read::new(file)?)
}

#[test]
fn the_same_inputs_give_the_same_answers() {
    let (bytes, answers) = recorded();
    assert!(answers.iter().sum::<usize>() > 10, "{answers:?}");
    assert_eq!(file(&records(&bytes)), bytes, "nothing is lost when it is read");
    assert_eq!(replayed(&bytes).unwrap(), Replayed::Same { steps: 7 });
}

#[test]
fn an_input_that_was_changed_is_found_where_its_answers_first_differ() {
    let (bytes, _) = recorded();
    let mut records = records(&bytes);
    let messages: Vec<_> = (0..records.len())
        .filter(|&number| matches!(records[number], Record::Step { given: Given::Message(..), .. }))
        .collect();
    let Record::Step { given: Given::Message(_, _, frame, _), .. } = &mut records[messages[0]] else {
        unreachable!("it was looked for")
    };
    *frame = post("hullo").frame(&Native::new(OTHER, keypair(Seed(3), OTHER))).encode();
    let Replayed::Differs(difference) = replayed(&file(&records)).unwrap() else { panic!("it was changed") };
    assert_eq!((difference.step, difference.at), (3, Nanos::from_secs(2)));
    assert!(difference.given.starts_with("Message from peer 1"), "{difference:?}");
    assert!(difference.expected.is_some() && difference.expected != difference.got, "{difference:?}");
}

#[test]
fn an_answer_that_is_missing_or_one_too_many_is_shown() {
    let (bytes, answers) = recorded();
    let said = |change: fn(&mut Vec<Output>)| {
        let mut records = records(&bytes);
        let step = records
            .iter_mut()
            .filter_map(|record| if let Record::Step { outputs, .. } = record { Some(outputs) } else { None })
            .nth(5);
        change(step.expect("there are seven"));
        let Replayed::Differs(difference) = replayed(&file(&records)).unwrap() else {
            panic!("it was changed")
        };
        assert_eq!(difference.step, 5);
        *difference
    };
    let fewer = said(|outputs| drop(outputs.pop()));
    assert_eq!((fewer.place, &fewer.expected, fewer.got.is_some()), (answers[5] - 1, &None, true));
    let more = said(|outputs| outputs.push(Output::Dial(Peer(3))));
    assert_eq!((more.place, more.expected, more.got), (answers[5], Some(Output::Dial(Peer(3))), None));
    let other = said(|outputs| outputs[0] = Output::Dial(Peer(3)));
    assert_eq!(other.place, 0);
}

#[test]
fn a_file_that_is_torn_is_read_as_far_as_it_goes() {
    let (bytes, _) = recorded();
    for missing in [1, 3, 20] {
        let torn = &bytes[..bytes.len() - missing];
        assert_eq!(replayed(torn).unwrap(), Replayed::Same { steps: 6 }, "without its last {missing} bytes");
    }
}

#[test]
fn what_is_no_record_or_a_damaged_one_is_told() {
    let (bytes, _) = recorded();
    assert!(matches!(replayed(b"{}"), Err(RecordError::Foreign)));
    assert!(matches!(replayed(&[]), Err(RecordError::Foreign)));
    let mut newer = bytes.clone();
    newer[MAGIC.len() - 1] += 1;
    assert!(matches!(replayed(&newer), Err(RecordError::Foreign)));

    let mut huge = file(&[]);
    let end = huge.len() as u64;
    huge.extend([0xff; 4]);
    let Err(RecordError::Damaged { number: 1, at, .. }) = replayed(&huge) else { panic!("it is too long") };
    assert_eq!(at, end);

    let given = Given::Message(OTHER, Lane::Reliable, vec![0xff; 20], false);
    let nonsense = file(&[Record::Step { at: 0, given, outputs: Vec::new() }]);
    assert!(matches!(replayed(&nonsense), Err(RecordError::Damaged { number: 1, .. })));

    let mut other = header();
    other.scenario = b"kind: Nonsense\n".to_vec();
    let sink = Sink::default();
    Tape::new(sink.clone(), &other).unwrap().end().unwrap();
    let file = sink.0.lock().unwrap().clone();
    assert!(matches!(replayed(&file), Err(RecordError::Scenario(_))));
}
