package web_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/example/switchyard/web"
)

// Whether the page was built or not, there is something to see, and nothing that its
// policy would forbid.
func TestThereIsAPage(t *testing.T) {
	t.Parallel()
	files, err := web.Files()
	if err != nil {
		t.Fatal(err)
	}
	page, err := fs.ReadFile(files, "index.html")
	if err != nil || !strings.Contains(string(page), "Switchyard") {
		t.Errorf("%v %.200s", err, page)
	}
	for _, no := range []string{"<style", "<script>", " style=", " onclick=", "http://", "https://"} {
		if strings.Contains(string(page), no) {
			t.Errorf("the page has %q in it", no)
		}
	}
}
