package sqlite

import (
	"context"
	"fmt"
)

// LimitPages lets the file grow to so many pages: past them the disk is full.
func (s *Store) LimitPages(ctx context.Context, pages int) error {
	return s.write(ctx, func(*tx) error {
		return s.writer.exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	})
}
