package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// eventsSchemes are the schemes of EVENTS_URL, by EVENTS; with redis it has none.
var eventsSchemes = map[string][]string{
	"redis": nil, "nats": {"nats", "tls"}, "amqp": {"amqp", "amqps"}, "kafka": {"kafka", "kafkas"},
}

var topicRE = regexp.MustCompile(`^[A-Za-z0-9_-]{1,200}$`) // what all brokers take

func (c Config) validateEvents(k *checker) {
	schemes, known := eventsSchemes[c.Events]
	first, _, _ := strings.Cut(c.EventsURL, ",")
	switch u, err := url.Parse(first); {
	case !known:
		k.wrong("EVENTS", "%q is not one of redis, nats, amqp, kafka", c.Events)
	case schemes == nil && c.EventsURL != "":
		k.wrong("EVENTS_URL", "it is set, but EVENTS is redis: set EVENTS, or remove it")
	case schemes != nil && (err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme)):
		k.wrong("EVENTS_URL", "EVENTS=%s needs a URL like %s://host:port", c.Events, schemes[0]) // it may hold a password: not shown
	case schemes != nil && c.RedisURL == "":
		k.wrong("EVENTS", "%q needs REDIS_URL: an embedded Redis has one node", c.Events)
	}
	if !topicRE.MatchString(c.EventsTopic) {
		k.wrong("EVENTS_TOPIC", "%q must have 1 to 200 letters, digits, - or _", c.EventsTopic)
	}
}
