package docker

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/volume"

	"github.com/alienplatform/alien-go/internal/deploy"
	"github.com/alienplatform/alien-go/internal/local/owner"
)

// The labels of a lock's ticket, beside the stack's own: one list of volumes shows data and tickets.
const (
	labelLock        = "dev.alien.daemons.lock" // the stack
	labelLockNumber  = "dev.alien.daemons.lock.number"
	labelLockCommand = "dev.alien.daemons.lock.command"
	labelLockSince   = "dev.alien.daemons.lock.since"
	labelLockHost    = "dev.alien.daemons.lock.host"
	labelLockUser    = "dev.alien.daemons.lock.user"
	labelLockBoot    = "dev.alien.daemons.lock.boot"
	labelLockSpace   = "dev.alien.daemons.lock.pid-space"
	labelLockPID     = "dev.alien.daemons.lock.pid"
	labelLockStart   = "dev.alien.daemons.lock.start"
)

// ticket is somebody's ticket as we read it.
type ticket struct {
	deploy.LockHolder
	name, number string
	owner        owner.Owner
	put          time.Time // by the engine's clock
}

func (l *lock) labels() map[string]string {
	return map[string]string{
		labelStack:       l.stack,
		labelLock:        l.stack,
		labelLockNumber:  l.number,
		labelLockCommand: l.command,
		labelLockSince:   l.since.UTC().Format(time.RFC3339Nano),
		labelLockHost:    l.me.Host,
		labelLockUser:    l.me.User,
		labelLockBoot:    l.me.Boot,
		labelLockSpace:   l.me.Space,
		labelLockPID:     strconv.Itoa(l.me.PID),
		labelLockStart:   l.me.Start,
	}
}

func readTicket(v *volume.Volume) ticket {
	t := ticket{name: v.Name, number: v.Labels[labelLockNumber], put: moment(v.CreatedAt)}
	pid, _ := strconv.Atoi(v.Labels[labelLockPID])
	t.owner = owner.Owner{
		Host: v.Labels[labelLockHost], User: v.Labels[labelLockUser], Boot: v.Labels[labelLockBoot],
		Space: v.Labels[labelLockSpace], PID: pid, Start: v.Labels[labelLockStart],
	}
	t.LockHolder = deploy.LockHolder{
		Host: t.owner.Host, User: t.owner.User, PID: pid, Command: v.Labels[labelLockCommand], Since: moment(v.Labels[labelLockSince]),
	}
	return t
}

// living gives the tickets of other contenders, lowest number first, after taking down those of the dead.
func (l *lock) living(ctx context.Context, onTakeover func(deploy.LockHolder, string)) ([]ticket, error) {
	answer, err := l.api.VolumeList(ctx, volume.ListOptions{Filters: labelled(labelLock, l.stack)})
	if err != nil {
		return nil, fmt.Errorf("cannot list the locks of stack %s: %w", l.stack, err)
	}
	var out []ticket
	for _, v := range answer.Volumes {
		t := readTicket(v)
		if t.number == l.number {
			continue
		}
		why, err := l.dead(ctx, t)
		if err != nil {
			return nil, err
		}
		if why == "" {
			out = append(out, t)
			continue
		}
		switch err := l.api.VolumeRemove(ctx, t.name, false); {
		case err != nil && !errdefs.IsNotFound(err):
			return nil, fmt.Errorf("cannot take over the lock of stack %s: %w", l.stack, err)
		case err == nil && onTakeover != nil:
			onTakeover(t.LockHolder, why)
		}
	}
	slices.SortFunc(out, func(a, b ticket) int { return strings.Compare(a.number, b.number) })
	return out, nil
}

// dead tells why a ticket does not count any more; empty while it does.
func (l *lock) dead(ctx context.Context, t ticket) (string, error) {
	if t.owner.Local(l.me) {
		if t.owner.Dead(l.me) {
			return fmt.Sprintf("its process %d has ended", t.PID), nil
		}
		return "", nil
	}
	info, err := l.api.Info(ctx)
	if err != nil {
		return "", fmt.Errorf("cannot ask the engine for its time: %w", err)
	}
	if age := moment(info.SystemTime).Sub(t.put); age > ticketLife {
		return fmt.Sprintf("it was not renewed for %s", age.Round(time.Second)), nil
	}
	return "", nil
}

// deserted says that all tickets among a stack's volumes are of processes that are known to have ended, and whether
// there are any.
func deserted(volumes []*volume.Volume) (all, any bool) {
	me := owner.Current()
	all = true
	for _, v := range volumes {
		if v.Labels[labelLock] != "" {
			any = true
			all = all && readTicket(v).owner.Dead(me)
		}
	}
	return all, any
}

// oldest is the ticket of whoever came first: the holder, as far as tickets tell.
func oldest(tickets []ticket) ticket {
	return slices.MinFunc(tickets, func(a, b ticket) int { return a.Since.Compare(b.Since) })
}
