package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// The Redis users of deployments/redis/users.acl: nodes and the operator's tool do their
// work, are refused nothing of it, and may do no more.
func TestRedisUsersHaveTheRightsThatTheyNeed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(file, []byte(usersWithPasswords(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	address := testenv.RedisServer(t, "users of Redis", "--aclfile", file)
	url := func(user string) string { return "redis://" + user + ":hunter2@" + address }
	admin := testenv.Client(t, url("admin"))
	converseAs(t, url("node"), admin)
	node := administer(t, 1, asItIs, siotest.Redis(url("node")))[0]
	rawsio.Dial(t, node.AdminURL).Connect("/admin", `{"sessionId":"`+logIn(t, node).session+`"}`)
	operate(t, url("yard"), admin)

	nothingWasRefused(t, admin)
	may := func(user string, allowed bool, args ...any) {
		t.Helper()
		if err := testenv.Client(t, url(user)).Do(t.Context(), args...).Err(); (err == nil) != allowed {
			t.Errorf("%s: %v: %v", user, args, err)
		}
	}
	for _, user := range []string{"node", "yard"} {
		may(user, true, "TIME")
		for _, args := range [][]any{
			{"FLUSHALL"}, {"KEYS", "*"}, {"CONFIG", "GET", "*"}, {"CONFIG", "SET", "dir", "/"}, {"ACL", "LIST"}, {"MONITOR"}, {"SHUTDOWN"}, {"DEBUG", "SLEEP", "0"},
			{"GET", "somebody's"}, {"SET", "somebody's", "1"}, {"EVAL", "return redis.call('GET', 'somebody\\'s')", "0"}, {"SUBSCRIBE", "x"}, {"REPLICAOF", "NO", "ONE"},
		} {
			may(user, false, args...)
		}
	}
	may("yard", false, "DEL", "own:{p0}")
	may("yard", false, "GET", "task:1")
	may("yard", false, "SET", "partitions", "1")
}

// On a Redis Cluster they ask besides who has which slots, and follow one that moves.
func TestRedisUsersHaveTheRightsThatTheyNeedOnACluster(t *testing.T) {
	t.Parallel()
	cluster := testenv.Cluster(t, "users of a Redis Cluster")
	for _, node := range cluster.Nodes {
		for line := range strings.Lines(usersWithPasswords(t)) {
			args := []any{"ACL", "SETUSER"}
			for _, word := range strings.Fields(line)[1:] {
				args = append(args, word)
			}
			if args[2] == "default" { // we are
				continue
			}
			if err := node.Do(t.Context(), args...).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	url := func(user string) string { return "redis://" + user + ":hunter2@" + cluster.Nodes[0].Options().Addr }
	c := rawsio.Dial(t, siotest.Cluster(t, 1, siotest.Redis(url("node")))[0].URL)
	c.Connect("/chat", "")
	post := func() (waits []func() string) {
		for i := range 64 {
			waits = append(waits, c.Begin("/chat", "message", fmt.Sprintf(`{"room":"room-%d","text":"x"}`, i)))
		}
		return waits
	}
	waits := post() // in all lanes
	cluster.MoveSlot(t, "cmd:{p0}", func() { waits = append(waits, post()...) })
	for _, wait := range waits {
		if answer := wait(); strings.Contains(answer, `"error"`) {
			t.Error(answer)
		}
	}
	operate(t, url("yard"), testenv.ClusterClient(t, cluster))
	for _, node := range cluster.Nodes {
		nothingWasRefused(t, node)
	}
}

// usersWithPasswords is the file of users, which as it is lets nobody in.
func usersWithPasswords(t *testing.T) string {
	t.Helper()
	example, err := os.ReadFile("../deployments/redis/users.acl")
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(example), " off resetpass ", " on resetpass >hunter2 ")
}

func nothingWasRefused(t *testing.T, admin *redis.Client) {
	t.Helper()
	denied, err := admin.ACLLog(t.Context(), 100).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range denied {
		if d.Object != "config|get" && d.Object != "client|setinfo" { // for a warning at the start, and for the name of the library; the first would show passwords
			t.Errorf("%s was refused %s (%s)", d.Username, d.Object, d.ClientInfo.LastCmd)
		}
	}
}

// converseAs has nodes of a Redis user hold conversations.
func converseAs(t *testing.T, url string, admin *redis.Client) {
	t.Helper()
	for _, name := range []string{"chat-moderation", "chat-retry", "tasks"} {
		t.Run(name, func(t *testing.T) {
			nodes := siotest.Cluster(t, 2, siotest.Redis(url))
			converse(t, "conversations/"+name+".txtar", map[string]string{"1": nodes[0].URL, "2": nodes[1].URL})
		})
		if err := admin.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// operate does all that the operator's tool can do.
func operate(t *testing.T, url string, admin redis.UniversalClient) {
	t.Helper()
	program := siotest.Program(t, "cmd/yard")
	yard := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "REDIS_URL="+url)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("yard %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	for _, args := range [][]string{{"lag"}, {"nodes"}, {"partitions"}, {"emit", "/chat", "message.posted", "--room", "lobby", `{"text":"hello"}`}} {
		yard(args...)
	}
	const unknown = "\x81\xa9operation\xa7no.such" // as msgpack
	if err := admin.XAdd(t.Context(), &redis.XAddArgs{Stream: "cmd:{p0}", Values: []any{"_watermill_message_uuid", "01a200d1-7d14-72ad-ac48-c1db74b7d0dc", "metadata", unknown, "payload", "{}"}}).Err(); err != nil {
		t.Fatal(err)
	}
	letters := func(want int) {
		t.Helper()
		testenv.WaitFor(t, rawsio.Patience, "the dead letter", func() bool { return strings.Count(yard("dlq", "list", "--json"), `"command_id"`) == want })
	}
	letters(1)
	yard("dlq", "show", "01a200d1-7d14-72ad-ac48-c1db74b7d0dc")
	yard("dlq", "replay", "--all") // it fails once more
	letters(1)
	yard("dlq", "drop", "--all")
	letters(0)
}
