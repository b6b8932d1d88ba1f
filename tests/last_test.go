package tests

// last is for each namespace a command that reaches a use case, and its answer. What it
// raises has "the end" in it.
var last = map[string]struct{ event, input, answer string }{
	"/chat":  {"history", `{"room":"the end"}`, `{"messages":[]}`},
	"/tasks": {"cancel", `{"task_id":"the end"}`, `{"code":"not_found","…":0}`},
}
