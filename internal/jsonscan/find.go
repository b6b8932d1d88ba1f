package jsonscan

import (
	"strconv"
	"strings"
)

// Find finds the values of a text that patterns name, in their order: found gets the
// indices of the first byte of each and of the one after it. A pattern is a JSON pointer
// of plain names, in which * is each member or element; what is in a value that was found
// is not looked at.
func Find(b []byte, patterns []string, found func(start, end int)) error {
	f := finder{b: b, found: found}
	end, err := f.value(Space(b, 0), 0, patterns)
	if err == nil && Space(b, end) != len(b) {
		err = ErrSyntax
	}
	return err
}

type finder struct {
	b     []byte
	found func(start, end int)
}

func (f *finder) value(i, depth int, patterns []string) (int, error) {
	here := false
	for _, p := range patterns {
		here = here || p == ""
	}
	if here || len(patterns) == 0 || i >= len(f.b) || f.b[i] != '{' && f.b[i] != '[' {
		end, err := value(f.b, i, depth)
		if here && err == nil {
			f.found(i, end)
		}
		return end, err
	}
	if depth == MaxDepth {
		return i, ErrDepth
	}
	return f.container(i, depth+1, patterns)
}

func (f *finder) container(i, depth int, patterns []string) (int, error) {
	object, closer := f.b[i] == '{', f.b[i]+2
	i = Space(f.b, i+1)
	if i < len(f.b) && f.b[i] == closer {
		return i + 1, nil
	}
	var room [4]string
	for n := 0; ; n++ {
		name := strconv.Itoa(n)
		if object {
			end, plain, err := keyAt(f.b, i)
			if err != nil {
				return end, err
			}
			name = Text(f.b[i:end], plain)
			if i, err = Colon(f.b, end); err != nil {
				return i, err
			}
		}
		end, err := f.value(i, depth, below(room[:0], patterns, name))
		if err != nil {
			return end, err
		}
		var done bool
		if i, done, err = Next(f.b, end, closer); err != nil || done {
			return i, err
		}
	}
}

func keyAt(b []byte, i int) (end int, plain bool, err error) {
	if i >= len(b) || b[i] != '"' {
		return i, false, ErrSyntax
	}
	return String(b, i)
}

// below appends what is left of the patterns in the member of a name.
func below(rest, patterns []string, name string) []string {
	for _, p := range patterns {
		first, _, _ := strings.Cut(p[1:], "/")
		if first == "*" || first == name {
			rest = append(rest, p[1+len(first):])
		}
	}
	return rest
}
