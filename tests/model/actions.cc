#include "tests/model/actions.h"

#include <array>

namespace goniec::model {
namespace {

// In the order of the enum.
constexpr std::array<ActionText, static_cast<std::size_t>(Action::kCount)> kTexts{{
    {"the beginning", ""},
    {"the publisher sends the record; it is stored, the sender has its 250", "publisher.cc Send, Finish"},
    {"the publisher sends the record; it is stored, the answer is lost", "publisher.cc OnResult"},
    {"the publisher sends the record; it is lost", "publisher.cc OnResult"},
    {"the publisher sends the record into a connection that stands still", "publisher.cc OnResult"},
    {"the record is 30 s old: the sender has a 451", "publisher.cc TooOld, Finish"},
    {"the publisher is frozen, its sender goes and sends the mail anew", "publisher.cc Send"},
    {"the publisher runs again and drops the record: too old", "publisher.cc TooOld"},
    {"the broker sends", "worker.cc OnDelivery (nats-server: CONSUMER.MSG.NEXT)"},
    {"is put back, a restarted server may have forgotten who has it", "worker.cc PutBack"},
    {"may be touched again", "restart_guard.cc PutBackFor (nats-server: -NAK with delay)"},
    {"ack_wait is over", "nats-server: redelivery"},
    {"the server is killed and comes back", "worker.cc OnStateChange, LearnThenResume"},
    {"ack_wait has passed since the server's start", "restart_guard.cc Learn"},
    {"the schedule fires", "nats-server: schedules"},
    {"the schedule fires and stays", "nats-server: schedules, killed between firing and removal"},
    {"what stood still arrives at the broker", "(the network)"},
    {"the broker's duplicate window ends", "nats-server: duplicate_window"},
    {"a minute after the id's time draws near or goes by", "events.cc SubjectNow"},
    {"is killed", "(a new one starts)"},
    {"is cut off from the broker", "broker.cc OnClosed, or a connection that stands still"},
    {"is connected to the broker again", "worker.cc OnStateChange"},
    {"has no answered sign of work for two thirds of ack_wait", "delivery.cc Leased"},
    {"is frozen for a while", "worker.cc Thawed"},
    {"takes it", "puller.cc OnMessage"},
    {"does not take what lay in the frozen process", "puller.cc Distrust, OnMessage"},
    {"looks: no earlier message of the same content", "holder.cc IsShadowed"},
    {"looks: an earlier message of the same content acts", "holder.cc IsShadowed"},
    {"looks: reads the events", "holder.cc Look (FoldEvents)"},
    {"looks: reads the copies under wait.", "holder.cc FinishMoves (FindCopies)"},
    {"looks: reads the copies under due.", "holder.cc FinishMoves (FindCopies)"},
    {"looks: reads the events again", "holder.cc FinishMoves (FoldEvents)"},
    {"looks: publishes the copy that is missing", "holder.cc FinishMoves (StoreCopy)"},
    {"cannot read, gives up looking", "record_work.cc LookThenBegin"},
    {"is connected to the peer", "record_work.cc DispatchLeg"},
    {"shuts down before the dot", "record_work.cc OnResults (IsShutdown)"},
    {"sends the final dot", "client_session.cc (MayFinish)"},
    {"is not leased, ends before the dot", "record_work.cc OnResults (IsForfeit)"},
    {"the peer takes the message", "(the peer)"},
    {"the peer answers 5xx", "record_work.cc OnResults"},
    {"the peer answers 4xx, or not at all", "record_work.cc OnResults"},
    {"has the peer's 250", "record_work.cc OnResults"},
    {"never sees the peer's 250", "client_session.cc EndTransaction (ambiguous)"},
    {"stores the event", "events.cc StoreBatch"},
    {"stores the event, the answer is lost", "events.cc StoreBatch"},
    {"sends the event, it is lost", "events.cc StoreBatch"},
    {"sends the event into a connection that stands still", "events.cc StoreBatch"},
    {"is not leased: the event is not sent", "events.cc StoreBatch (may_move)"},
    {"stores the copy", "settlement.cc StoreCopy"},
    {"stores the copy, the answer is lost", "settlement.cc StoreCopy"},
    {"sends the copy, it is lost", "settlement.cc StoreCopy"},
    {"sends the copy into a connection that stands still", "settlement.cc StoreCopy"},
    {"is not leased: the copy is not sent", "settlement.cc StoreCopy (may_move)"},
    {"acknowledges", "settlement.cc Close, delivery.cc Acknowledge"},
    {"acknowledges, which is lost", "delivery.cc Acknowledge"},
    {"acknowledges, which the server does not take", "nats-server: above the consumer's last delivery"},
    {"acknowledges into a connection that stands still", "delivery.cc Acknowledge"},
    {"gives it back", "settlement.cc Close, delivery.cc GiveBack"},
    {"gives it back, which is lost", "delivery.cc GiveBack"},
    {"gives it back into a connection that stands still", "delivery.cc GiveBack"},
    {"lets it return by itself", "settlement.cc Close"},
    {"somebody asks where the message is", "message_finder.cc Find"},
    {"the reader reads the early events", "message_finder.cc Find (EventReader)"},
    {"the reader reads READY", "message_finder.cc Find (ReadReady)"},
    {"the reader reads the copies under wait.", "message_finder.cc Find (FindCopies)"},
    {"the reader reads the copies under due.", "message_finder.cc Find (FindCopies)"},
    {"the reader reads the early events again", "message_finder.cc Find (EventReader)"},
    {"the reader reads the late events", "message_finder.cc Find (EventReader)"},
    {"the reader reads the early events before an end that was late",
     "message_finder.cc EventReader::ReadEarlierEnds"},
    {"the reader answers", "message_finder.cc Find"},
}};

}  // namespace

const ActionText& TextOf(Action action) {
  return kTexts[static_cast<std::size_t>(action)];
}

}  // namespace goniec::model
