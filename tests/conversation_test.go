package tests

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/example/switchyard/internal/config"
	"github.com/example/switchyard/internal/rawsio"
	"github.com/example/switchyard/internal/siotest"
	"github.com/example/switchyard/internal/testenv"
)

// The conversations in conversations/*.txtar run on two nodes that share a real
// Redis, and on one node with the embedded Redis. README.md in that folder says how
// they are written.
func TestConversations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("conversations/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name+"/two nodes", func(t *testing.T) {
			t.Parallel()
			nodes := siotest.Cluster(t, 2)
			converse(t, file, map[string]string{"1": nodes[0].URL, "2": nodes[1].URL})
		})
		t.Run(name+"/embedded", func(t *testing.T) {
			t.Parallel()
			url := siotest.Start(t, siotest.Redis("")).URL
			converse(t, file, map[string]string{"1": url, "2": url})
		})
	}
}

// The same conversations, with another broker between the lanes and the gateways.
func TestConversationsOverOtherBrokers(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("conversations/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for kind, start := range map[string]func(testing.TB) string{"nats": testenv.NATS, "amqp": testenv.RabbitMQ, "kafka": testenv.Kafka} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			events := start(t)
			for _, file := range files {
				name := strings.TrimSuffix(filepath.Base(file), ".txtar")
				t.Run(name, func(t *testing.T) {
					nodes := siotest.Cluster(t, 2, siotest.With(func(c *config.Config) { c.Events, c.EventsURL, c.EventsTopic = kind, events, name }))
					if status, text := ready(t, nodes[0].URL); status != 200 || !strings.Contains(text, "events ok") {
						t.Errorf("readiness: %d %s", status, text)
					}
					converse(t, file, map[string]string{"1": nodes[0].URL, "2": nodes[1].URL})
				})
			}
		})
	}
}

// A conversation is one run of one file.
type conversation struct {
	t       *testing.T
	nodes   map[string]string // name -> URL
	people  map[string]*person
	names   map[string]string // $name -> what it stands for
	answers []string          // of REST requests, "200 {...}"
}

type person struct {
	*rawsio.Client
	node, namespace, auth string
	waiting               []func() string // for acknowledgements, in the order of the commands
	ignores               []string        // events that may or may not come any more
}

func converse(t *testing.T, file string, nodes map[string]string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &conversation{t: t, nodes: nodes, people: map[string]*person{}, names: map[string]string{}}
	for _, l := range linesOf(archive) {
		switch l.section {
		case "people":
			c.introduce(l.text)
		case "conversation":
			t.Logf("%s:%d: %s", filepath.Base(file), l.number, l.text)
			c.say(l.text)
		default:
			t.Fatalf("%s: unknown section %q", file, l.section)
		}
	}
	c.end()
}

// A line of a conversation that says something.
type line struct {
	section, text string
	number        int // in its file
}

func linesOf(archive *txtar.Archive) (all []line) {
	number := strings.Count(string(archive.Comment), "\n")
	for _, section := range archive.Files {
		number++ // its name
		for text := range strings.Lines(string(section.Data)) {
			number++
			if text = strings.TrimSpace(text); text != "" && !strings.HasPrefix(text, "#") {
				all = append(all, line{section.Name, text, number})
			}
		}
	}
	return all
}

// Whoever reads of a line in a failed test finds it, and a request has any method of a route.
func TestLinesOfAConversation(t *testing.T) {
	t.Parallel()
	text := "A story.\n\n-- people --\nalice@1 /board {}\n-- conversation --\n# A comment.\n\nREST@1 > DELETE /v1/rooms/lobby as alice,staff\n"
	lines := linesOf(txtar.Parse([]byte(text)))
	if len(lines) != 2 || !restRE.MatchString(lines[1].text) {
		t.Fatalf("read %+v", lines)
	}
	for _, l := range lines {
		if got := strings.Split(text, "\n")[l.number-1]; got != l.text {
			t.Errorf("line %d is %q, and not %q", l.number, got, l.text)
		}
	}
}

var (
	personRE  = regexp.MustCompile(`^(\w+)@(\w+)\s+(/\S+)\s*(.*)$`)
	sayRE     = regexp.MustCompile(`^(\w+)\s+(>>?)\s+(\S+)\s+(.*)$`)
	hearRE    = regexp.MustCompile(`^(\w+)\s+<\s+(\S+)\s+(.*)$`)
	restRE    = regexp.MustCompile(`^REST@(\w+)\s+>\s+(GET|POST|PUT|PATCH|DELETE)\s+(\S+)\s+as\s+(\S+)\s*(.*)$`)
	answerRE  = regexp.MustCompile(`^REST\s+<\s+(.*)$`)
	comesGoes = regexp.MustCompile(`^(\w+)\s+(connects|disconnects)$`)
	ignoresRE = regexp.MustCompile(`^(\w+)\s+ignores\s+(\S+)$`)
)

// introduce reads "alice@1 /namespace {"user":"alice"}" and connects her.
func (c *conversation) introduce(line string) {
	c.t.Helper()
	m := personRE.FindStringSubmatch(line)
	if m == nil || c.nodes[m[2]] == "" {
		c.t.Fatalf("not a person: %s", line)
	}
	c.people[m[1]] = &person{node: m[2], namespace: m[3], auth: m[4]}
	c.connect(m[1])
}

func (c *conversation) connect(name string) {
	c.t.Helper()
	p := c.person(name)
	p.Client = rawsio.Dial(c.t, c.nodes[p.node])
	c.names["$socket_"+name] = p.Connect(p.namespace, p.auth)
}

func (c *conversation) person(name string) *person {
	c.t.Helper()
	p := c.people[name]
	if p == nil {
		c.t.Fatalf("nobody introduced %s", name)
	}
	return p
}

func (c *conversation) say(line string) {
	c.t.Helper()
	if m := restRE.FindStringSubmatch(line); m != nil {
		c.request(m[1], m[2], m[3], m[4], m[5])
	} else if m := answerRE.FindStringSubmatch(line); m != nil {
		if len(c.answers) == 0 {
			c.t.Fatal("no answer to a REST request is left")
		}
		status, body, _ := strings.Cut(c.answers[0], " ")
		c.answers = c.answers[1:]
		want, pattern, _ := strings.Cut(m[1], " ")
		if status != want {
			c.t.Fatalf("answered %s %s", status, body)
		}
		c.match(pattern, body)
	} else if m := comesGoes.FindStringSubmatch(line); m != nil {
		if m[2] == "connects" {
			c.connect(m[1])
			return
		}
		c.person(m[1]).Close()
	} else if m := ignoresRE.FindStringSubmatch(line); m != nil {
		p := c.person(m[1])
		p.ignores = append(p.ignores, m[2])
	} else if m := sayRE.FindStringSubmatch(line); m != nil {
		p := c.person(m[1])
		if m[2] == ">>" {
			p.Emit(p.namespace, m[3], c.fill(m[4]))
			return
		}
		p.waiting = append(p.waiting, p.Begin(p.namespace, m[3], c.fill(m[4])))
	} else if m := hearRE.FindStringSubmatch(line); m != nil {
		c.hear(c.person(m[1]), m[2], m[3])
	} else {
		c.t.Fatalf("not understood: %s", line)
	}
}

func (c *conversation) hear(p *person, what, pattern string) {
	c.t.Helper()
	if what != "ack" {
		c.match(pattern, p.Expect(p.namespace, what))
		return
	}
	if len(p.waiting) == 0 {
		c.t.Fatal("no command is left to be acknowledged")
	}
	wait := p.waiting[0]
	p.waiting = p.waiting[1:]
	c.match(pattern, wait())
}

// request sends "REST@1 > POST /v1/… as alice,staff {...}".
func (c *conversation) request(node, method, path, caller, body string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.nodes[node]+c.fill(path), strings.NewReader(c.fill(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	user, roles, _ := strings.Cut(caller, ",")
	r.Header.Set("X-User", user)
	r.Header.Set("X-Roles", roles)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	c.answers = append(c.answers, fmt.Sprint(resp.StatusCode, " ", string(b)))
}

// end makes sure that everything that was heard was expected. Two commands there and
// back bring whatever was committed before them.
func (c *conversation) end() {
	c.t.Helper()
	if len(c.answers) > 0 {
		c.t.Errorf("answers nobody expected: %v", c.answers)
	}
	for name, p := range c.people {
		if len(p.waiting) > 0 {
			c.t.Errorf("%s: %d acknowledgements nobody expected", name, len(p.waiting))
		}
		if p.Closed() {
			continue
		}
		for range 2 {
			c.match(last[p.namespace].answer, p.Call(p.namespace, last[p.namespace].event, last[p.namespace].input))
		}
		for _, e := range p.Events() {
			if slices.Contains(p.ignores, e.Name) || strings.Contains(string(e.Payload), "the end") {
				continue
			}
			c.t.Errorf("%s heard what nobody expected: %s %s", name, e.Name, e.Payload)
		}
	}
}
