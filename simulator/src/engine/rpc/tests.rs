//! Lengths, held to those of an encoder of protocol buffers.

use peerlab_scenarios::{
    host::Peer,
    units::Nanos,
    wire::{Blob, Content, ItemId},
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

/// `rpc.proto` of libp2p-gossipsub 0.50, as far as this model speaks it.
mod proto {
    #[derive(prost::Message)]
    pub(super) struct Rpc {
        #[prost(message, repeated, tag = "1")]
        pub(super) subscriptions: Vec<SubOpts>,
        #[prost(message, repeated, tag = "2")]
        pub(super) publish: Vec<Message>,
        #[prost(message, optional, tag = "3")]
        pub(super) control: Option<Control>,
    }

    #[derive(prost::Message)]
    pub(super) struct SubOpts {
        #[prost(bool, optional, tag = "1")]
        pub(super) subscribe: Option<bool>,
        #[prost(string, optional, tag = "2")]
        pub(super) topic_id: Option<String>,
        #[prost(bool, optional, tag = "3")]
        pub(super) requests_partial: Option<bool>,
        #[prost(bool, optional, tag = "4")]
        pub(super) supports_partial: Option<bool>,
    }

    #[derive(prost::Message)]
    pub(super) struct Message {
        #[prost(bytes = "vec", optional, tag = "1")]
        pub(super) from: Option<Vec<u8>>,
        #[prost(bytes = "vec", optional, tag = "2")]
        pub(super) data: Option<Vec<u8>>,
        #[prost(bytes = "vec", optional, tag = "3")]
        pub(super) seqno: Option<Vec<u8>>,
        #[prost(string, required, tag = "4")]
        pub(super) topic: String,
        #[prost(bytes = "vec", optional, tag = "5")]
        pub(super) signature: Option<Vec<u8>>,
    }

    #[derive(prost::Message)]
    pub(super) struct Control {
        #[prost(message, repeated, tag = "1")]
        pub(super) ihave: Vec<IHave>,
        #[prost(message, repeated, tag = "2")]
        pub(super) iwant: Vec<Ids>,
        #[prost(message, repeated, tag = "3")]
        pub(super) graft: Vec<Graft>,
        #[prost(message, repeated, tag = "4")]
        pub(super) prune: Vec<Prune>,
        #[prost(message, repeated, tag = "5")]
        pub(super) idontwant: Vec<Ids>,
        #[prost(message, optional, tag = "6")]
        pub(super) extensions: Option<Extensions>,
    }

    #[derive(prost::Message)]
    pub(super) struct IHave {
        #[prost(string, optional, tag = "1")]
        pub(super) topic_id: Option<String>,
        #[prost(bytes = "vec", repeated, tag = "2")]
        pub(super) message_ids: Vec<Vec<u8>>,
    }

    /// `ControlIWant`, and `ControlIDontWant` alike.
    #[derive(prost::Message)]
    pub(super) struct Ids {
        #[prost(bytes = "vec", repeated, tag = "1")]
        pub(super) message_ids: Vec<Vec<u8>>,
    }

    #[derive(prost::Message)]
    pub(super) struct Graft {
        #[prost(string, optional, tag = "1")]
        pub(super) topic_id: Option<String>,
    }

    #[derive(prost::Message)]
    pub(super) struct Prune {
        #[prost(string, optional, tag = "1")]
        pub(super) topic_id: Option<String>,
        #[prost(uint64, optional, tag = "3")]
        pub(super) backoff: Option<u64>,
    }

    #[derive(prost::Message)]
    pub(super) struct Extensions {
        #[prost(bool, optional, tag = "10")]
        pub(super) partial_messages: Option<bool>,
    }
}

/// The RPC as libp2p would make it (`From<RpcOut> for proto::Rpc`).
fn encoded(rpc: &Rpc, authenticity: Authenticity) -> proto::Rpc {
    let name = |topic: &Topic| Some(topic.to_string());
    let ids = |items: &[ItemRef]| {
        let id = match authenticity {
            Authenticity::Anonymous => vec![0; 20],
            Authenticity::Signed => {
                format!("{}{}", "x".repeat(52), 1_700_000_000_000_000_000u64).into_bytes()
            }
        };
        vec![id; items.len()]
    };
    let mut control = proto::Control::default();
    match rpc {
        Rpc::Subscriptions(topics) => {
            let subscription = |(topic, wanted): &(Topic, bool)| proto::SubOpts {
                subscribe: Some(*wanted),
                topic_id: name(topic),
                requests_partial: wanted.then_some(false),
                supports_partial: wanted.then_some(false),
            };
            let subscriptions = topics.iter().map(subscription).collect();
            return proto::Rpc { subscriptions, ..proto::Rpc::default() };
        }
        Rpc::Graft(topic) => control.graft.push(proto::Graft { topic_id: name(topic) }),
        Rpc::Prune(topic, backoff) => {
            control.prune.push(proto::Prune { topic_id: name(topic), backoff: Some(*backoff) });
        }
        Rpc::IHave(topic, items) => {
            control.ihave.push(proto::IHave { topic_id: name(topic), message_ids: ids(items) });
        }
        Rpc::IWant(items) => control.iwant.push(proto::Ids { message_ids: ids(items) }),
        Rpc::IDontWant(item) => control.idontwant.push(proto::Ids { message_ids: ids(&[*item]) }),
    }
    proto::Rpc { control: Some(control), ..proto::Rpc::default() }
}

fn topics() -> impl Strategy<Value = Topic> {
    let numbers = prop_oneof![0..20u32, any::<u32>()];
    (any::<u8>(), numbers).prop_map(|(workload, number)| Topic { workload, number })
}

fn items() -> impl Strategy<Value = Vec<ItemRef>> {
    prop::collection::vec(any::<u32>().prop_map(ItemRef::test), 0..800)
}

fn rpcs() -> impl Strategy<Value = Rpc> {
    prop_oneof![
        prop::collection::vec((topics(), any::<bool>()), 1..50).prop_map(Rpc::Subscriptions),
        topics().prop_map(Rpc::Graft),
        (topics(), any::<u64>()).prop_map(|(topic, backoff)| Rpc::Prune(topic, backoff)),
        (topics(), items()).prop_map(|(topic, items)| Rpc::IHave(topic, items)),
        items().prop_map(Rpc::IWant),
        any::<u32>().prop_map(|item| Rpc::IDontWant(ItemRef::test(item))),
    ]
}

fn authenticities() -> impl Strategy<Value = Authenticity> {
    prop_oneof![Just(Authenticity::Anonymous), Just(Authenticity::Signed)]
}

proptest! {
    #[test]
    fn an_rpc_is_as_long_as_libp2p_writes_it(rpc in rpcs(), authenticity in authenticities()) {
        let (envelope, encoded) = (Envelope::new(authenticity), encoded(&rpc, authenticity));
        prop_assert_eq!(envelope.body(&rpc) as usize, encoded.encoded_len());
        prop_assert_eq!(envelope.len(&rpc) as usize, encoded.encode_length_delimited_to_vec().len());
    }

    #[test]
    fn a_published_item_is_as_long_as_libp2p_writes_it(
        topic in topics(), text in 0..100_000u32, authenticity in authenticities()
    ) {
        let id = ItemId::new(topic.workload, Peer(7), 1);
        let item = Item::new(id, topic.number, Nanos(1), Content::Raw(Blob::Sized(text)));
        let signed = authenticity == Authenticity::Signed;
        let message = proto::Message {
            from: signed.then(|| vec![0; 38]),
            data: Some(vec![0; item.encoded_len() as usize]),
            seqno: signed.then(|| vec![0; 8]),
            topic: topic.to_string(),
            signature: signed.then(|| vec![0; 64]),
        };
        let envelope = Envelope::new(authenticity);
        prop_assert_eq!(envelope.message(&item) as usize, message.encoded_len());
        let rpc = proto::Rpc { publish: vec![message], ..proto::Rpc::default() };
        prop_assert_eq!(envelope.publish(&item) as usize, rpc.encode_length_delimited_to_vec().len());
    }
}

#[test]
fn the_first_word_on_a_connection_is_as_long_as_libp2p_writes_it() {
    let extensions = Some(proto::Extensions { partial_messages: None });
    let control = Some(proto::Control { extensions, ..proto::Control::default() });
    let rpc = proto::Rpc { control, ..proto::Rpc::default() };
    assert_eq!(EXTENSIONS as usize, rpc.encode_length_delimited_to_vec().len());
}
