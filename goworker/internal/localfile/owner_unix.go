//go:build unix

package localfile

import (
	"bufio"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

func ownerOf(info fs.FileInfo) (owner, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return owner{uid: -1}, true
	}
	return owner{mode: info.Mode(), uid: int64(stat.Uid), gid: int64(stat.Gid)}, true
}

// me is the user that we run as.
var me = sync.OnceValue(func() person {
	p := person{uid: int64(os.Geteuid()), group: -1}
	account, err := user.LookupId(strconv.FormatInt(p.uid, 10))
	if err != nil {
		return p
	}
	if file, err := os.Open("/etc/group"); err == nil {
		defer func() { _ = file.Close() }() // it was only read
		for lines := bufio.NewScanner(file); lines.Scan(); {
			if id, ok := privateGroup(lines.Text(), account.Username, account.Gid); ok {
				p.group = id
			}
		}
	}
	return p
})

// privateGroup is the id of the group in a line of /etc/group if it is the user's first one, has
// the user's name, and no other members: many systems give each user such a group, and a
// umask that lets it write.
func privateGroup(line, name, gid string) (int64, bool) {
	fields := strings.Split(line, ":")
	if len(fields) != 4 || fields[0] != name || fields[2] != gid || fields[3] != "" && fields[3] != name {
		return 0, false
	}
	id, err := strconv.ParseInt(gid, 10, 64)
	return id, err == nil
}
