package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/example/switchyard/internal/testenv"
)

const scrapeEvery = time.Second // of the Prometheus of these tests

// checkQueries asks Prometheus what the dashboard and the alerts ask.
func checkQueries(t *testing.T, admins []string, again func()) {
	folder := t.TempDir()
	if err := os.Chmod(folder, 0o755); err != nil { // Prometheus is another user
		t.Fatal(err)
	}
	settings, err := os.ReadFile("../deployments/observability/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	var cfg map[string]any
	if err := yaml.Unmarshal(settings, &cfg); err != nil {
		t.Fatal(err)
	}
	cfg["global"] = map[string]any{"scrape_interval": scrapeEvery.String(), "evaluation_interval": scrapeEvery.String()}
	delete(cfg, "rule_files")
	job := cfg["scrape_configs"].([]any)[0].(map[string]any)
	delete(job, "dns_sd_configs")
	job["static_configs"] = []any{map[string]any{"targets": admins}}
	settings, err = yaml.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "prometheus.yml"), settings, 0o644); err != nil {
		t.Fatal(err)
	}
	prometheus := testenv.Prometheus(t, "dashboard and alerts", folder)
	queries := append(dashboardQueries(t), alertQueries(t)...)
	if len(queries) < 60 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	defer func() {
		for _, q := range queries {
			t.Errorf("no data for %s", q)
		}
	}()
	scrape := time.NewTicker(scrapeEvery)
	defer scrape.Stop()
	testenv.WaitFor(t, 2*time.Minute, "data for all queries", func() bool {
		again()
		<-scrape.C // nothing is new before
		queries = slices.DeleteFunc(queries, func(q string) bool { return ask(t, prometheus, q) > 0 })
		return len(queries) == 0
	})
}

// ask counts the series with numbers that a query returns.
func ask(t *testing.T, prometheus, query string) (series int) {
	resp, err := http.Get(prometheus + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return 0 // it starts
	}
	defer resp.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0 // likewise
	}
	if answer.Error != "" {
		t.Fatalf("%s: %s", query, answer.Error)
	}
	for _, s := range answer.Data.Result {
		text, _ := s.Value[1].(string)
		if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(v) {
			series++
		}
	}
	return series
}

// dashboardQueries are those of all panels, and of the annotation.
func dashboardQueries(t *testing.T) (all []string) {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	source, err := os.ReadFile("../deployments/observability/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(source, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, p := range dashboard.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"))
		}
	}
	return all
}

type alert struct {
	Alert, Expr string
	Labels      struct{ Severity string }
	Annotations struct{ Summary, Runbook string }
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	source, err := os.ReadFile("../deployments/observability/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(source, &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

var comparisonRE = regexp.MustCompile(` (==|<|>) [0-9.]+$`)

// alertQueries are what the alerts compare, without what they compare it with.
func alertQueries(t *testing.T) (all []string) {
	t.Helper()
	for _, a := range alerts(t) {
		if !comparisonRE.MatchString(a.Expr) {
			t.Errorf("%s does not end with a comparison with a number: %s", a.Alert, a.Expr)
		}
		all = append(all, comparisonRE.ReplaceAllString(a.Expr, ""))
	}
	return all
}

// Each alert says how bad it is and what to do, and fires when it should: promtool plays
// deployments/observability/alerts_test.yml.
func TestAlerts(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs("../deployments/observability")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile(filepath.Join(folder, "alerts_test.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range alerts(t) {
		if a.Annotations.Summary == "" || a.Annotations.Runbook == "" || !slices.Contains([]string{"page", "warning"}, a.Labels.Severity) {
			t.Errorf("%s needs a severity, a summary and a runbook", a.Alert)
		}
		if slices.Contains(names, a.Alert) {
			t.Errorf("%s comes twice", a.Alert)
		}
		names = append(names, a.Alert)
		if !bytes.Contains(tests, fmt.Appendf(nil, `ALERTS{alertname="%s", alertstate="firing"`, a.Alert)) {
			t.Errorf("no test of the rules has %s fire", a.Alert)
		}
	}
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"test", "rules", "alerts_test.yml"}} {
		if out, err := testenv.Promtool(t, "promtool", folder, args...); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
