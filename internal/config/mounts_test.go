package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/config"
)

func TestParseMount(t *testing.T) {
	t.Parallel()
	got, err := config.ParseMount("/admin.io/?namespace=/admin&namespace=/org-{org}&origin=https://ops.example&transport=websocket")
	want := config.Mount{Path: "/admin.io/", Namespaces: []string{"/admin", "/org-{org}"}, Origins: []string{"https://ops.example"}, Transports: []string{"websocket"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for text, want := range map[string]string{
		"admin.io/":                           "must begin and end with /",
		"/?namespace=/a":                      "must begin and end with /",
		"/x/":                                 "no namespace is given",
		"/x/?namespace=/a&transport=pigeon":   `"pigeon" is not one of polling, websocket`,
		"/x/?namespace=/a&origin=app.example": `"app.example" is no origin`,
		"/x/?namespace=/a&origins=https://a.example": `"origins" is not one of namespace, origin, transport`,
		"/x/?namespace=%zz":                          "cannot be read",
	} {
		if _, err := config.ParseMount(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestMountsDoNotOverlap(t *testing.T) {
	t.Parallel()
	c := config.Config{Sockets: config.Sockets{Path: "/socket.io/", Mounts: []string{
		"/socket.io/admin/?namespace=/a", "/x/?namespace=/b", "/x/?namespace=/b", "wrong",
	}}}
	err := c.Validate()
	for _, want := range []string{
		"SOCKET_MOUNTS: /socket.io/admin/ and /socket.io/ are the same path, or one is below the other",
		"SOCKET_MOUNTS: /x/ and /x/ are the same path", "SOCKET_MOUNTS: the namespace /b is given twice", `SOCKET_MOUNTS: "wrong" must begin`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s", want)
		}
	}
}
