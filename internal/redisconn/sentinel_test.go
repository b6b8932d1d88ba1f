package redisconn_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/example/switchyard/internal/redisconn"
	"github.com/example/switchyard/internal/testenv"
)

func TestOpenFollowsSentinels(t *testing.T) {
	t.Parallel()
	w := testenv.Watched(t, "connecting by Sentinels")
	log := slog.New(slog.DiscardHandler)
	master := w.First.Options().Addr
	sentinel, _, _ := strings.Cut(strings.TrimPrefix(w.URL, "redis://"), "?")
	for url, want := range map[string]string{
		"redis://" + sentinel + "/3":                             "is a Sentinel: add the name of the master that it watches, redis://" + sentinel + "/0?master_name=mymaster",
		"redis://" + sentinel + "?addr=" + sentinel:              "is a Sentinel: add the name",
		"redis://" + sentinel + "?master_name=other":             `REDIS_URL: the Sentinel at ` + sentinel + ` watches no master "other": write the name into master_name that is in its "sentinel monitor"`,
		"redis://127.0.0.1:1?master_name=other&addr=" + sentinel: `watches no master "other"`, // not that the first is down
		"redis://" + master + "?master_name=mymaster":            "REDIS_URL: " + master + " is no Sentinel: name the Sentinels, often at port 26379, or leave master_name out",
		"redis://" + sentinel + "/99?master_name=mymaster":       "REDIS_URL: ask Redis at mymaster what it is: ERR DB index is out of range",
		"redis://" + sentinel + "?master_name=mymaster&password=wrong&username=nobody": "REDIS_URL: Redis at mymaster does not let us in: WRONGPASS invalid username-password pair or user is disabled. " +
			"Put the right password into it, …&password=… or …&username=…&password=… (what is before the @ is for the Sentinels)",
		"redis://nobody:wrong@" + sentinel + "?master_name=mymaster": "the Sentinel at " + sentinel + " does not let us in: WRONGPASS invalid username-password pair or user is disabled. Write its password before the @",
	} {
		if _, stop, err := redisconn.Open(t.Context(), url, log); err == nil {
			stop()
			t.Errorf("it takes %s", url)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: it says %q, not %q", url, err, want)
		}
	}
	c, stop, err := redisconn.Open(t.Context(), w.URL, log)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	all := map[string]redis.Cmdable{"commands": c.Commands, "reads": c.Reads, "stores": c.Stores}
	for name, rdb := range all {
		if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.KillFirst()
	for name, rdb := range all {
		testenv.WaitFor(t, 20*time.Second, name+" to reach the new master", func() bool { return rdb.Set(t.Context(), "k", "v", 0).Err() == nil })
	}
	if err := c.Ping(t.Context()); err != nil || w.Replica.Get(t.Context(), "k").Val() != "v" {
		t.Errorf("it is not the new master that answers: %v", err)
	}
}

// Sentinels and Redis have certificates, users and passwords of their own.
func TestSentinelsByTLSAndWithPasswords(t *testing.T) {
	t.Parallel()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS() // for its certificate, of example.com and 127.0.0.1
	defer web.Close()
	keys := &tls.Config{Certificates: web.TLS.Certificates}
	m := miniredis.NewMiniRedis()
	if err := m.StartTLS(keys); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.RequireUserAuth("node", "s3cret")
	sentinel, err := server.NewServerTLS("127.0.0.1:0", keys)
	if err != nil {
		t.Fatal(err)
	}
	defer sentinel.Close()
	for name, answer := range map[string]func(*server.Peer, string, []string){
		"AUTH": func(p *server.Peer, _ string, args []string) {
			if strings.Join(args, " ") == "watcher hunter2" {
				p.Ctx = true
				p.WriteOK()
				return
			}
			p.WriteError("WRONGPASS invalid username-password pair or user is disabled.")
		},
		"SENTINEL": func(p *server.Peer, _ string, args []string) {
			if p.Ctx != true {
				p.WriteError("NOAUTH Authentication required.")
				return
			}
			p.WriteStrings([]string{m.Host(), m.Port()})
		},
	} {
		if err := sentinel.Register(name, answer); err != nil {
			t.Fatal(err)
		}
	}
	// localhost is not in the certificate: the first Sentinel cannot be asked, and its name is not that of the others
	_, port, _ := strings.Cut(sentinel.Addr().String(), ":")
	o, err := redisconn.Options("rediss://watcher:hunter2@localhost:" + port + "/3?master_name=m&username=node&password=s3cret&addr=" + sentinel.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o.TLSConfig.RootCAs = x509.NewCertPool()
	o.TLSConfig.RootCAs.AddCert(web.Certificate())
	rdb := redis.NewClient(o)
	defer rdb.Close()
	if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if v, err := m.DB(3).Get("k"); v != "v" {
		t.Errorf("database 3 has %q: %v", v, err)
	}
}

func TestURLsOfSentinels(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"redis://h:26379?master_name=m", "rediss://h:26379/3?master_name=m&addr=h2:26379&addr=h3:26379", "redis://h?master_name=m&password=p&protocol=3",
	} {
		if _, err := redisconn.Options(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"redis://h?master_name=", "unix:///run/sentinel.sock?master_name=m", "redis://h?master_name=m&addr=h2", "redis://h?username=u&password=hunter2",
		"redis://h?master_name=m&replica_only=true", "redis://h/zero?master_name=m", "http://h?master_name=m",
	} {
		_, err := redisconn.Options(bad)
		if err == nil || !strings.HasSuffix(err.Error(), "or for Sentinels redis://host:26379/0?master_name=mymaster&addr=host2:26379") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
