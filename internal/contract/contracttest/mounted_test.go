package contracttest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/example/switchyard/internal/contract"
)

func TestWhatIsNotMountedIsNamed(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "usecases")
	for path, text := range map[string]string{
		"usecases.go": "package usecases\n\nimport \"example.com/x/usecases/chat\"\n\nvar Set = chat.New\n",
		"chat/chat.go": "package chat\n\nimport \"example.com/x/internal/contract\"\n\n" +
			"var Join = contract.Command[In, Out]{Operation: \"chat.join\"}\n\n" +
			"var (\n\tWave = contract.Command[In, Out]{Event: \"wave\", Operation: \"chat.wave\"}\n\tother = 7\n)\n",
		"chat/kick.go": "package chat\n\nimport \"example.com/x/internal/contract\"\n\nconst noun = \"chat.\"\n\n" +
			"var (\n\tKick = contract.Command[In, Out]{Operation: noun + \"kick\"}\n\tBan = contract.Command[In, Out]{Operation: noun + \"ban\"}\n" +
			"\tMute = contract.Command[In, Out]{Operation: noun + \"mute\"}\n)\n\n" +
			"func routes() { _, _ = Kick.Handle(nil), contract.Methods(nil, Ban) }\n",
		"chat/wave_test.go":   "package chat\n\nvar Test = contract.Command[In, Out]{Operation: \"chat.test\"}\n",
		"board/board.go":      "package board\n\nvar Archive = contract.Command[In, Out]{Operation: \"board.archive\"}\n",
		"templates/mail.html": "no Go",
	} {
		path = filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := func(context.Context, contract.None) (contract.None, []contract.Effect, error) {
		return contract.None{}, nil, nil
	}
	catalog := contract.NewCatalog([]contract.Route{contract.Command[contract.None, contract.None]{Operation: "chat.join"}.Handle(h)})
	want := []string{
		"usecases/board is no part of the service: name it in usecases.go, its New in Set and its Routes in Catalog",
		"chat/chat.go:8: the command chat.wave has no route: add Wave.Handle(…) to the list of Routes, and Routes to Catalog in usecases.go",
		"chat/kick.go:10: the command Mute has no route: add Mute.Handle(…) to the list of Routes, and Routes to Catalog in usecases.go",
	}
	if diff := cmp.Diff(want, notMounted(t, folder, catalog)); diff != "" {
		t.Error(diff)
	}
}
