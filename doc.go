// Package app puts the service together: wire.go says of what, wire_gen.go is how.
//
// Clients talk Socket.IO or REST to transport/, which turns what they send into
// commands on the lanes of internal/broker; a use case in usecases/ serves each on
// any node; internal/emitter takes its events to the sockets of every node.
// You live in usecases/; everything else is plumbing you read once.
package app
