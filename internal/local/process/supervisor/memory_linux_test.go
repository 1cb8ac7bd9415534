package supervisor

import (
	"slices"
	"testing"
)

func TestProgramOf(t *testing.T) {
	const smaps = `00400000-01384000 r-xp 00000000 fe:00 123 /opt/my tools/alien (deleted)
Rss:                5312 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
01384000-0230c000 r--p 00f84000 fe:00 123 /opt/my tools/alien (deleted)
Anonymous:             0 kB
0230c000-023b6000 rw-p 01f0c000 fe:00 123 /opt/my tools/alien (deleted)
Anonymous:             0 kB
023b6000-023b7000 r--p 01f0c000 fe:00 123 /opt/relocated
Anonymous:             4 kB
023b7000-023b8000 r--s 00000000 fe:00 124 /opt/shared
Anonymous:             0 kB
20c3c5c00000-20c3c6800000 r--p 00000000 00:00 0 
Anonymous:             0 kB
7fa2b29c5000-7fa2b29c7000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0x1384000}, {0x1384000, 0x230c000}}
	if got := programOf(smaps); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}
