package export

import (
	"archive/zip"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Zip writes messages as .eml files of one .zip (B41): regular files only, no
// folders, no two names that differ by case alone. It streams, and becomes a
// ZIP64 by itself where one is needed; what it keeps is the directory, some 300
// octets for each message.
type Zip struct {
	z    *zip.Writer
	used map[string]bool // names in lower case
}

// NewZip makes one.
func NewZip(w io.Writer) *Zip { return &Zip{zip.NewWriter(w), map[string]bool{}} }

// Add implements Messages. What was added under the same ID before gets a
// number behind its name.
func (z *Zip) Add(e Entry, r io.Reader) error {
	name := z.free(FileName(e))
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: e.At.UTC()}
	h.SetMode(0o600)
	w, err := z.z.CreateHeader(h)
	if err != nil {
		return fmt.Errorf("adding %s to the archive: %w", name, err)
	}
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("adding %s to the archive: %w", name, err)
	}
	return nil
}

// AddText adds a file of ours, such as a list of what is in the archive. The
// name is the caller's and plain.
func (z *Zip) AddText(name, text string) error { return z.AddFile(name, strings.NewReader(text)) }

// AddFile is AddText for what is not a string.
func (z *Zip) AddFile(name string, r io.Reader) error {
	w, err := z.Create(name)
	if err == nil {
		_, err = io.Copy(w, r)
	}
	if err != nil {
		return fmt.Errorf("adding %s to the archive: %w", name, err)
	}
	return nil
}

// Create is AddFile for what is written piece by piece, until the next call of
// the Zip.
func (z *Zip) Create(name string) (io.Writer, error) {
	h := &zip.FileHeader{Name: z.free(name), Method: zip.Deflate}
	h.SetMode(0o600)
	return z.z.CreateHeader(h)
}

// Flush passes on what is buffered.
func (z *Zip) Flush() error { return z.z.Flush() }

// Close writes the directory, without which no reader opens the file.
func (z *Zip) Close() error { return z.z.Close() }

// free gives a name that is not used yet.
func (z *Zip) free(name string) string {
	base, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		base, ext = name[:i], name[i:]
	}
	for n := 2; z.used[strings.ToLower(name)]; n++ {
		name = base + "_" + strconv.Itoa(n) + ext
	}
	z.used[strings.ToLower(name)] = true
	return name
}
