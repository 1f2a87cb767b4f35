package peers

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// mainCF relays what it takes for anything to one next hop, nothing else: the
// plainest Postfix there can be.
const mainCF = `queue_directory = %[1]s/queue
data_directory = %[1]s/data
daemon_directory = %[2]s/postfix/usr/lib/postfix/sbin
command_directory = %[2]s/postfix/usr/sbin
shlib_directory = %[2]s/postfix/usr/lib/postfix
meta_directory = %[2]s/postfix/etc/postfix
mail_owner = daemon
setgid_group = mail
default_privs = nobody
maillog_file = %[1]s/maillog
maillog_file_prefixes = /
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LD_LIBRARY_PATH LANG=C
export_environment = TZ LD_LIBRARY_PATH LANG=C
compatibility_level = 3.6
myhostname = postfix.test
mydestination =
relay_domains = %[4]s
relay_recipient_maps =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
relayhost = %[3]s
message_size_limit = 104857600
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtp_tls_security_level = none
%[5]s
`

const masterCF = `%s inet n - n - 1000 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

// Postfix starts a Postfix that takes mail for domains and passes it on to
// nextHop ("127.0.0.1:port"), with extra lines for main.cf. dir must be empty.
func Postfix(ctx context.Context, dir, nextHop string, domains []string, extra ...string) (*Process, error) {
	peers, err := Dir()
	if err != nil {
		return nil, err
	}
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	host, port, ok := strings.Cut(nextHop, ":")
	if !ok {
		return nil, fmt.Errorf("next hop %q: want host:port", nextHop)
	}
	if err := postfixFiles(dir); err != nil {
		return nil, fmt.Errorf("preparing Postfix's folders: %w", err)
	}
	conf := filepath.Join(dir, "conf")
	main := fmt.Sprintf(mainCF, dir, peers, "["+host+"]:"+port, strings.Join(domains, " "), strings.Join(extra, "\n"))
	if err := os.WriteFile(filepath.Join(conf, "main.cf"), []byte(main), 0o644); err != nil {
		return nil, err
	}
	_, smtp, _ := strings.Cut(addr, ":")
	if err := os.WriteFile(filepath.Join(conf, "master.cf"), fmt.Appendf(nil, masterCF, smtp), 0o644); err != nil {
		return nil, err
	}
	return launch(command(ctx, peers, "postfix/usr/lib/postfix/sbin/master", "-c", conf, "-d"), addr, dir)
}

// postfixFiles makes the queue as the postfix script would.
func postfixFiles(dir string) error {
	for _, d := range []string{"conf", "data"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	for _, d := range strings.Fields("active bounce corrupt defer deferred flush hold incoming maildrop private public pid saved trace") {
		if err := os.MkdirAll(filepath.Join(dir, "queue", d), 0o700); err != nil {
			return err
		}
	}
	if err := traversable(dir); err != nil {
		return err
	}
	owner, err := ids("daemon")
	if err != nil {
		return err
	}
	for _, d := range []string{"queue", "data"} {
		if err := chownAll(filepath.Join(dir, d), owner, 0); err != nil {
			return err
		}
	}
	for _, d := range []string{"queue", "queue/pid"} {
		if err := os.Chown(filepath.Join(dir, d), 0, 0); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	return os.Chmod(filepath.Join(dir, "queue/public"), 0o755)
}

func ids(name string) (int, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(u.Uid)
}

// Flush has a Postfix try everything in its queue now, as `postqueue -f` does.
func Flush(ctx context.Context, p *Process) error {
	dir, err := Dir()
	if err != nil {
		return err
	}
	cmd := command(ctx, dir, "postfix/usr/sbin/postqueue", "-c", filepath.Join(p.Dir, "conf"), "-f")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("postqueue -f: %w: %s", err, out)
	}
	return nil
}
