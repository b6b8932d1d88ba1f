// Package test renders what is applied to Kubernetes and holds each object to the API's
// own types, to the service's settings and to what its pods are promised.
package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// An installation is what an overlay makes, by kind and name.
type installation map[string]any

// kinds are the types of all that may be applied; anything else is a mistake.
var kinds = map[string]func() any{
	"v1/ConfigMap":                           func() any { return new(core.ConfigMap) },
	"v1/Namespace":                           func() any { return new(core.Namespace) },
	"v1/Secret":                              func() any { return new(core.Secret) },
	"v1/Service":                             func() any { return new(core.Service) },
	"apps/v1/Deployment":                     func() any { return new(apps.Deployment) },
	"apps/v1/StatefulSet":                    func() any { return new(apps.StatefulSet) },
	"autoscaling/v2/HorizontalPodAutoscaler": func() any { return new(autoscaling.HorizontalPodAutoscaler) },
	"networking.k8s.io/v1/Ingress":           func() any { return new(networking.Ingress) },
	"networking.k8s.io/v1/NetworkPolicy":     func() any { return new(networking.NetworkPolicy) },
	"policy/v1/PodDisruptionBudget":          func() any { return new(policy.PodDisruptionBudget) },
}

// rendering is held while kustomize renders, which keeps what it knows of types in
// variables of its package.
var rendering sync.Mutex

// render makes an overlay and decodes each object strictly: an unknown or misspelt field
// is an error.
func render(t *testing.T, overlay string) installation {
	t.Helper()
	rendering.Lock()
	defer rendering.Unlock()
	made, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../overlays/"+overlay)
	if err != nil {
		t.Fatal(err)
	}
	all := installation{}
	for _, r := range made.Resources() {
		body, err := r.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		kind := r.GetKind()
		typed, known := kinds[strings.Trim(r.GetApiVersion()+"/"+kind, "/")]
		if !known {
			t.Errorf("%s %s/%s is not known to this test", overlay, r.GetApiVersion(), kind)
			continue
		}
		object := typed()
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(object); err != nil {
			t.Errorf("%s %s %s: %v", overlay, kind, r.GetName(), err)
		}
		all[kind+" "+r.GetName()] = object
		if kind != "Namespace" && r.GetNamespace() == "" {
			t.Errorf("%s %s %s has no namespace", overlay, kind, r.GetName())
		}
	}
	if t.Failed() {
		t.FailNow() // what is not as it should be cannot be looked into
	}
	return all
}

// get is an object of an installation that must be there.
func get[T any](t *testing.T, in installation, name string) T {
	t.Helper()
	object, ok := in[name].(T)
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	return object
}

var overlays = []string{"development", "production"}

// settings are the names of the service's settings, from the file that lists them all.
func settings(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#? ?([A-Z][A-Z0-9_]+)=`).FindAllStringSubmatch(string(text), -1) {
		names[m[1]] = true
	}
	return names
}

func TestNodes(t *testing.T) {
	t.Parallel()
	known := settings(t)
	for _, overlay := range overlays {
		in := render(t, overlay)
		for name := range get[*core.ConfigMap](t, in, "ConfigMap switchyard").Data {
			if !known[name] {
				t.Errorf("%s: %s is no setting", overlay, name)
			}
		}
		for _, role := range []string{"gateway", "worker"} {
			d := get[*apps.Deployment](t, in, "Deployment "+role)
			pod := d.Spec.Template.Spec
			c := pod.Containers[0]
			at := overlay + " " + role
			env := map[string]core.EnvVar{}
			for _, e := range c.Env {
				if env[e.Name] = e; !known[e.Name] && e.Name != "GOMEMLIMIT" {
					t.Errorf("%s: %s is no setting", at, e.Name)
				}
			}
			checkMemory(t, at, env["GOMEMLIMIT"].Value, c.Resources.Limits.Memory())
			if env["ROLE"].Value != role || env["NODE_ID"].ValueFrom.FieldRef.FieldPath != "metadata.name" {
				t.Errorf("%s: %+v", at, env)
			}
			checkPod(t, at, d.Spec.Template)
			checkProbes(t, at, c)
			if *pod.TerminationGracePeriodSeconds < 30 || d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
				t.Errorf("%s: a pod has %d s to go, %s may be missing", at, *pod.TerminationGracePeriodSeconds, d.Spec.Strategy.RollingUpdate.MaxUnavailable)
			}
			if d.Spec.Replicas != nil {
				t.Errorf("%s: replicas would be set back by every apply", at)
			}
			checkCompanions(t, in, role, d)
		}
	}
}

// checkPod holds a pod to the restricted standard of Kubernetes, and to a file system
// that nobody writes to.
func checkPod(t *testing.T, at string, template core.PodTemplateSpec) {
	t.Helper()
	pod := template.Spec
	s := pod.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.SeccompProfile == nil || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: the pod may be root, or do any system call", at)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("%s: the pod gets a token of the cluster", at)
	}
	for _, c := range pod.Containers {
		s := c.SecurityContext
		if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
			s.Capabilities == nil || fmt.Sprint(s.Capabilities.Drop) != "[ALL]" {
			t.Errorf("%s: container %s may do more than it needs", at, c.Name)
		}
		if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() {
			t.Errorf("%s: container %s asks for nothing", at, c.Name)
		}
	}
}

// checkMemory holds Go's limit of memory to most of the container's, but not all: there is
// memory that Go does not count.
func checkMemory(t *testing.T, at, goLimit string, limit *resource.Quantity) {
	t.Helper()
	bytes, err := resource.ParseQuantity(strings.TrimSuffix(goLimit, "B"))
	if share := bytes.AsApproximateFloat64() / limit.AsApproximateFloat64(); err != nil || share < 0.8 || share > 0.95 {
		t.Errorf("%s: GOMEMLIMIT=%s and a limit of %s (%v), want 80 to 95 %% of it", at, goLimit, limit, err)
	}
}

func checkProbes(t *testing.T, at string, c core.Container) {
	t.Helper()
	for path, p := range map[string][]*core.Probe{"/livez": {c.LivenessProbe, c.StartupProbe}, "/readyz": {c.ReadinessProbe}} {
		for _, probe := range p {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path || probe.HTTPGet.Port.String() != "http" {
				t.Errorf("%s: a probe that should ask %s: %+v", at, path, probe)
			}
		}
	}
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	if ports["http"] != 8080 || ports["admin"] != 9090 {
		t.Errorf("%s: ports %v", at, ports)
	}
}

// checkCompanions checks that what selects a deployment's pods means them.
func checkCompanions(t *testing.T, in installation, role string, d *apps.Deployment) {
	t.Helper()
	labels := d.Spec.Template.Labels
	selects := func(what string, selector map[string]string) {
		t.Helper()
		for name, value := range selector {
			if labels[name] != value {
				t.Errorf("%s of %s selects %s=%s, and its pods have %q", what, role, name, value, labels[name])
			}
		}
		if len(selector) == 0 {
			t.Errorf("%s of %s selects everything", what, role)
		}
	}
	selects("the deployment", d.Spec.Selector.MatchLabels)
	selects("the disruption budget", get[*policy.PodDisruptionBudget](t, in, "PodDisruptionBudget "+role).Spec.Selector.MatchLabels)
	for _, c := range d.Spec.Template.Spec.TopologySpreadConstraints {
		selects("a spread", c.LabelSelector.MatchLabels)
	}
	h := get[*autoscaling.HorizontalPodAutoscaler](t, in, "HorizontalPodAutoscaler "+role).Spec
	if h.ScaleTargetRef.Kind != "Deployment" || h.ScaleTargetRef.Name != role || *h.MinReplicas > h.MaxReplicas || len(h.Metrics) == 0 {
		t.Errorf("the autoscaler of %s: %+v", role, h)
	}
	if role != "gateway" {
		return
	}
	s := get[*core.Service](t, in, "Service gateway")
	selects("the service", s.Spec.Selector)
	if s.Spec.Ports[0].TargetPort.String() != "http" {
		t.Errorf("the service leads to %s", s.Spec.Ports[0].TargetPort.String())
	}
	selects("the network policy", get[*networking.NetworkPolicy](t, in, "NetworkPolicy gateway").Spec.PodSelector.MatchLabels)
}

func TestProduction(t *testing.T) {
	t.Parallel()
	in := render(t, "production")
	for name := range in {
		if strings.HasPrefix(name, "Secret ") || strings.HasPrefix(name, "StatefulSet ") {
			t.Errorf("%s is for development", name)
		}
	}
	if mode := get[*core.ConfigMap](t, in, "ConfigMap switchyard").Data["AUTH_MODE"]; mode != "jwt" {
		t.Errorf("AUTH_MODE=%s believes whoever comes", mode)
	}
	rule := get[*networking.NetworkPolicy](t, in, "NetworkPolicy gateway").Spec.Ingress[0]
	if len(rule.From) != 1 || rule.From[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] != "ingress-nginx" || rule.Ports[0].Port.String() != "http" {
		t.Errorf("any pod could be a trusted proxy: %+v", rule)
	}
	i := get[*networking.Ingress](t, in, "Ingress gateway")
	if i.Annotations["nginx.ingress.kubernetes.io/affinity"] != "cookie" || len(i.Spec.TLS) == 0 {
		t.Error("the ingress needs affinity for polling, and TLS")
	}
	if b := i.Spec.Rules[0].HTTP.Paths[0].Backend.Service; b.Name != "gateway" || b.Port.Name != "http" {
		t.Errorf("the ingress leads to %+v", b)
	}
	h := get[*autoscaling.HorizontalPodAutoscaler](t, in, "HorizontalPodAutoscaler gateway").Spec
	metric := h.Metrics[0].Pods.Metric.Name
	source, err := os.ReadFile("../../../internal/metrics/reading.go")
	if err != nil {
		t.Fatal(err)
	}
	if *h.MinReplicas < 3 || !strings.Contains(string(source), `"`+metric+`"`) {
		t.Errorf("%d replicas, by %s, which no node tells", *h.MinReplicas, metric)
	}
}

func TestDevelopment(t *testing.T) {
	t.Parallel()
	in := render(t, "development")
	redis := get[*apps.StatefulSet](t, in, "StatefulSet redis")
	checkPod(t, "redis", redis.Spec.Template)
	args := strings.Join(redis.Spec.Template.Spec.Containers[0].Args, " ")
	for _, needed := range []string{"--appendonly yes", "--maxmemory-policy noeviction"} {
		if !strings.Contains(args, needed) {
			t.Errorf("Redis is started without %s", needed)
		}
	}
	if len(get[*core.Secret](t, in, "Secret switchyard").Data["REDIS_URL"]) == 0 {
		t.Error("nodes are not told where Redis is")
	}
	if ns := get[*core.Namespace](t, in, "Namespace switchyard-dev"); ns.Labels["pod-security.kubernetes.io/enforce"] != "restricted" {
		t.Error("the namespace does not enforce what its pods keep to")
	}
}
