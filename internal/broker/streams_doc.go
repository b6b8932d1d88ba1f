package broker

// A Stream describes one kind of stream for documents, and for programs in other
// languages that read or write it.
type Stream struct {
	Name    string // of the kind: one of the following
	Address string // in Redis, with parameters in braces
	Doc     string
	Headers []Header // what the field metadata may have
}

// The kinds of streams.
const (
	CommandStreams    = "commands"
	EventStreams      = "events"
	ReplyStreams      = "replies"
	DeadLetterStreams = "dead-letters"
)

// A Header is one name in the metadata of a message, and what its value is.
type Header struct{ Name, Doc string }

// Fields are those of each entry, in the format of watermill-redisstream.
func Fields() []Header {
	return []Header{
		{fieldUUID, "Id of the message, a UUID."},
		{fieldMetadata, "The headers: a msgpack map of strings. Nothing for none."},
		{fieldPayload, "JSON."},
		{fieldSeq, "Of numbered events: <series>.<number>."},
	}
}

// Streams are the kinds of streams that commands and events travel on.
func Streams() []Stream {
	trace := []Header{
		{metaTrace, "W3C trace context: the span that it is from. None: it is not traced."},
		{metaTraceState, "The rest of the W3C trace context."},
	}
	answer := []Header{
		{metaReplyTo, "The boot of the gateway that waits."},
		{metaCode, "Of a problem; none for a result."},
		{metaJoin, "JSON array of rooms that the caller's socket enters first."},
		{metaLeave, "JSON array of rooms that it leaves first."},
		{metaSession, "JSON object: what changes in the socket's session, null for what goes."},
	}
	command := []Header{
		{metaOperation, "Which command it is."},
		{metaKey, "Commands of one key run in order. None: the order is that of the user or the socket."},
		{metaIdempotency, "The same in each attempt to send the command."},
		{metaUser, "Who has sent it."},
		{metaTenant, "What the user belongs to."},
		{metaRoles, "JSON array."},
		{metaSession, "JSON object: what the socket's session held."},
		{metaCallerIn, "Dynamic namespace that the caller's socket is in."},
		{metaSocket, "The caller's; none over REST."},
		{metaNode, "That holds the socket."},
		{metaReplyTo, "The boot of the gateway that waits; none: nobody does."},
		{metaTimeout, "How long the caller waits, in milliseconds."},
		{metaCorrelation, "Id of the command that began the chain."},
		{metaForward, "true: it belongs to another lane, and is sent on."},
	}
	command, answer = append(command, trace...), append(answer, trace...)
	return []Stream{
		{CommandStreams, "cmd:{lane}", "Accepted commands that are not completed: the stream is the backlog. A command's entry is deleted by the commit of what it has brought about.", command},
		{EventStreams, "evt:{lane}", "Events, requests to the nodes that hold sockets, and answers that change rooms.", append([]Header{
			{MetaNamespace, "Of the sockets."},
			{MetaEvent, "Name on the wire; none for a request or an answer alone."},
			{MetaRooms, "JSON array. The audience is the union of these rooms,"},
			{MetaUsers, "JSON array: these users,"},
			{MetaSockets, "JSON array: these sockets,"},
			{MetaEveryone, "or true: everyone in the namespace,"},
			{MetaExcept, "less this socket, or those of a JSON array."},
			{MetaOnly, "On this node alone."},
			{MetaSpread, "true: the payload is an array or an object, each element one argument."},
			{MetaArguments, "JSON array: the names of all arguments, where the payload leaves out one before its last. That one is null for clients."},
			{MetaBinary, "JSON array of JSON pointers, * for each: the base64 of the payload that leaves as binary data."},
			{MetaVolatile, "true: a busy socket may miss it."},
			{MetaAction, "Of a request: join, leave, close, disconnect, or a question."},
			{MetaReason, "Of a request to disconnect."},
			{metaLimit, "Of a question: sockets of one node that are listed at most."},
			{metaCorrelation, "Id of the command that began the chain."},
			{metaReply, "The answer of the command that brought the event about, with the headers of an answer."},
		}, answer...)},
		{ReplyStreams, "rep:{boot}", "Answers for one gateway's boot that travel on no event: a result, or a problem. On a Redis Cluster the address is rep:{lane}:{boot}.", answer},
		{DeadLetterStreams, "dlq:{lane}", "Commands that failed by accident, as they were sent, and entries that were no command.", append([]Header{
			{metaDeadOrigin, "The stream it was in."},
			{metaDeadEntry, "Id of its entry there."},
			{metaDeadReason, "One error."},
			{metaDeadAttempts, "How often it was tried."},
		}, command...)},
	}
}
