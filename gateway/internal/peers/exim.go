package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// eximUser is compiled into Debian's Exim, which does not start without it.
// .ci/peers makes it.
const eximUser = "Debian-exim"

// eximConf relays what it takes for anything to one next hop, nothing else.
// Its queue runs at once: a message is passed on by the process that took it.
const eximConf = `primary_hostname = exim.test
exim_path = %[2]s
exim_user = Debian-exim
exim_group = Debian-exim
keep_environment = LD_LIBRARY_PATH
deliver_drop_privilege
spool_directory = %[1]s/spool
log_file_path = %[1]s/log/%%slog
pid_file_path = %[1]s/exim.pid
local_interfaces = <; %[3]s
host_lookup =
rfc1413_hosts =
helo_allow_chars = _
tls_advertise_hosts =
smtp_accept_max = 0
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
message_size_limit = 100M
never_users =
check_spool_space = 0
check_spool_inodes = 0
domainlist taken = %[4]s
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
%[6]s
begin acl
rcpt:
  accept domains = +taken
  deny message = not relayed here
begin routers
next:
  driver = manualroute
  route_list = * %[5]s byname
  self = send
  transport = remote
begin transports
remote:
  driver = smtp
  allow_localhost
  message_linelength_limit = 100M
  hosts_try_fastopen =
  hosts_avoid_tls = *
begin retry
* * F,1h,1s
`

// Exim starts an Exim that takes mail for domains and passes it on to nextHop
// ("127.0.0.1:port"), with extra lines for the main part of its
// configuration. dir must be empty.
func Exim(ctx context.Context, dir, nextHop string, domains []string, extra ...string) (*Process, error) {
	peers, err := Dir()
	if err != nil {
		return nil, err
	}
	owner, err := ids(eximUser)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	host, port, ok := strings.Cut(nextHop, ":")
	if !ok {
		return nil, fmt.Errorf("next hop %q: want host:port", nextHop)
	}
	for _, d := range []string{"spool", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o750); err != nil {
			return nil, err
		}
	}
	if err := traversable(dir); err != nil {
		return nil, err
	}
	for _, d := range []string{"spool", "log"} {
		if err := chownAll(filepath.Join(dir, d), owner, owner); err != nil {
			return nil, err
		}
	}
	conf := filepath.Join(dir, "exim.conf")
	const path = "exim4-daemon-light/usr/sbin/exim4"
	text := fmt.Sprintf(eximConf, dir, filepath.Join(peers, path), strings.Replace(addr, ":", ".", 1), strings.Join(domains, " : "), host+"::"+port, strings.Join(extra, "\n"))
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	// -bdf: a daemon that stays in front; -q1s: what is left over runs each second.
	return launch(command(ctx, peers, path, "-C", conf, "-bdf", "-q1s"), addr, dir)
}
