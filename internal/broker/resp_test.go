package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/testenv"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"embedded": testenv.Embedded, "redis": testenv.Redis} {
		for _, protocol := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s, RESP%d", name, protocol), func(t *testing.T) {
				t.Parallel()
				opts, err := redis.ParseURL(url(t))
				if err != nil {
					t.Fatal(err)
				}
				opts.Protocol = protocol
				rdb := redis.NewClient(opts)
				defer rdb.Close()
				long := strings.Repeat("x", 100_000) + "\r\n$"
				for _, args := range []*redis.XAddArgs{
					{Stream: "b", ID: "1-1", Values: []string{fieldUUID, "u", fieldMetadata, "m", fieldPayload, long}},
					{Stream: "b", ID: "1-2", Values: []string{"foreign", "f", fieldPayload, ""}},
					{Stream: "d", ID: "2-1", Values: []string{fieldUUID, "v", fieldSeq, "a.1"}},
				} {
					if err := rdb.XAdd(t.Context(), args).Err(); err != nil {
						t.Fatal(err)
					}
				}
				r := reader{rdb: rdb}
				streams := []string{"a", "b", "c", "d"}
				all, err := r.read(t.Context(), streams, []string{"0", "0", "0", "0"}, 10, 0)
				want := []found{
					{1, []entry{{id: "1-1", uuid: "u", metadata: "m", payload: []byte(long)}, {id: "1-2", payload: []byte{}}}},
					{3, []entry{{id: "2-1", uuid: "v", seq: "a.1"}}},
				}
				if diff := cmp.Diff(want, all, cmp.AllowUnexported(found{}, entry{}), cmpopts.IgnoreFields(entry{}, "fields")); err != nil || diff != "" {
					t.Errorf("%v %s", err, diff)
				}
				if r.bytes < len(long) {
					t.Errorf("the reply is said to have %d bytes", r.bytes)
				}
				var fields []string
				all[0].entries[1].eachField(func(name, value string) { fields = append(fields, name, value) })
				if diff := cmp.Diff([]string{"foreign", "f", fieldPayload, ""}, fields); diff != "" {
					t.Errorf("all fields: %s", diff)
				}
				if all, err = r.read(t.Context(), streams, []string{"0", "1-2", "0", "2-1"}, 10, -1); err != nil || len(all) != 0 {
					t.Errorf("nothing more: %v %v", all, err)
				}
				if _, err = r.read(t.Context(), streams, []string{"0", "0", "x", "0"}, 10, -1); !redis.HasErrorPrefix(err, "Invalid stream ID") {
					t.Errorf("no position: %v", err)
				}
			})
		}
	}
}

func FuzzParseRead(f *testing.F) {
	f.Add("*1\r\n*2\r\n$1\r\na\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$7\r\npayload\r\n$1\r\nx\r\n")
	f.Add("%1\r\n$1\r\na\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*0\r\n")
	f.Add("*-1\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		all, err := parseRead([]byte(s), []string{"a", "b"})
		for _, f := range all {
			if err != nil || len(f.entries) == 0 {
				t.Errorf("%v, %v", all, err)
			}
		}
	})
}
