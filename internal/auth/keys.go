package auth

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// keys are the public keys of a JSON Web Key Set (RFC 7517) that somebody else keeps at a
// URL. They are fetched when they are needed, and then kept: while nothing can be fetched,
// the last set goes on. Whoever looks for a key starts a fetch, or waits for the one that
// is under way, so there is one at a time, and one each fetchPause at most, whatever ids
// callers make up.
type keys struct {
	url    string
	client *http.Client
	log    *slog.Logger
	now    func() time.Time

	mu       sync.Mutex
	set      []jose.JSONWebKey // nil: none was ever fetched
	fetched  time.Time         // when set was
	tried    time.Time         // when the last fetch began
	fetching chan struct{}     // closed when the fetch that is under way has ended; nil: none is
	failed   bool              // the last fetch
}

const (
	fetchTimeout = 3 * time.Second
	fetchPause   = 10 * time.Second // between fetches, whether they succeed or not
	freshFor     = 5 * time.Minute  // then the next caller has the set fetched again
	staleFor     = 10 * time.Minute // and then waits for it: a key that was taken back is refused from then on
	maxKeySet    = 256 << 10        // bytes
	leastRSA     = 2048             // bits
)

// The errors of find.
var (
	errNoKeys = errors.New("no keys were fetched yet")
	errNoKey  = errors.New("no key of this id and algorithm")
)

func newKeys(url string, through http.RoundTripper, log *slog.Logger) *keys {
	return &keys{url: url, log: log, now: time.Now, client: &http.Client{
		Transport: through,
		Timeout:   fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it redirects elsewhere, which is not followed")
		},
	}}
}

// find returns the keys that a token may be signed with: that of its kid, or all of its
// algorithm if it names none. It waits for a fetch only where the set is unknown or old,
// or has no such key.
func (k *keys) find(t *jwt.Token) (any, error) {
	set, age := k.current()
	switch {
	case set == nil || age > staleFor:
		k.fetch(true)
	case age > freshFor:
		k.fetch(false)
	}
	found, err := k.lookup(t)
	if errors.Is(err, errNoKey) { // perhaps it is new
		k.fetch(true)
		found, err = k.lookup(t)
	}
	return found, err
}

func (k *keys) lookup(t *jwt.Token) (any, error) {
	set, _ := k.current()
	if set == nil {
		return nil, errNoKeys
	}
	kid, named := t.Header["kid"]
	var found jwt.VerificationKeySet
	for _, key := range set {
		if (!named || kid == key.KeyID) && (key.Algorithm == "" || key.Algorithm == t.Method.Alg()) {
			found.Keys = append(found.Keys, key.Key)
		}
	}
	if found.Keys == nil {
		return nil, errNoKey
	}
	return found, nil
}

func (k *keys) current() (set []jose.JSONWebKey, age time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set, k.now().Sub(k.fetched)
}

// fetch has the set fetched, unless that was tried a moment ago. With wait it returns when
// the fetch that is under way has ended.
func (k *keys) fetch(wait bool) {
	k.mu.Lock()
	if now := k.now(); k.fetching == nil && now.Sub(k.tried) >= fetchPause {
		k.tried, k.fetching = now, make(chan struct{})
		go k.refresh(k.fetching)
	}
	ended := k.fetching
	k.mu.Unlock()
	if wait && ended != nil {
		<-ended // within fetchTimeout
	}
}

func (k *keys) refresh(ended chan struct{}) {
	defer close(ended)
	set, err := k.get()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fetching = nil
	switch {
	case err != nil && k.set == nil:
		k.log.Error("cannot fetch the keys of JWKS_URL: nobody can be authenticated until that works", "error", err)
	case err != nil && !k.failed:
		k.log.Error("cannot fetch the keys of JWKS_URL; those that were fetched before go on", "error", err, "fetched", k.fetched)
	case err == nil && k.failed:
		k.log.Info("fetched the keys of JWKS_URL again")
	}
	if k.failed = err != nil; !k.failed {
		k.set, k.fetched = set, k.now()
	}
}

// get fetches the keys. Its error does not show the URL, which may hold a password.
func (k *keys) get() ([]jose.JSONWebKey, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, k.url, nil)
	if err != nil {
		return nil, errors.New("JWKS_URL is no URL")
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := k.client.Do(r)
	if err != nil {
		var shown *url.Error
		if errors.As(err, &shown) {
			err = shown.Err
		}
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxKeySet)
	}
	return parseKeys(body)
}

// parseKeys reads a key set. Keys that cannot check the signatures of tokens are left
// out, as RFC 7517 says: encryption keys, kinds that are not known, and what is no public
// key, above all secrets, which whoever can read the set could sign with.
func parseKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errors.New("the answer is no JSON Web Key Set")
	}
	var usable []jose.JSONWebKey
	for _, text := range set.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) == nil && key.Valid() && key.IsPublic() && (key.Use == "" || key.Use == "sig") && !isWeak(key) {
			usable = append(usable, key)
		}
	}
	if usable == nil {
		return nil, fmt.Errorf("none of the %d keys in the answer can check signatures", len(set.Keys))
	}
	return usable, nil
}

func isWeak(key jose.JSONWebKey) bool {
	public, ok := key.Key.(*rsa.PublicKey)
	return ok && public.N.BitLen() < leastRSA
}
