package peers

import (
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// EICAR is the test file that virus scanners report, GTUBE the text that spam
// filters do.
const (
	EICAR = `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`
	GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
)

// Clamd starts Debian's clamd with its files in dir. It knows nothing but
// EICAR's signature: the databases are not part of Debian. Addr is its socket.
func Clamd(ctx context.Context, dir string) (*Process, error) {
	bin, err := exec.LookPath("clamd")
	if err != nil {
		return nil, fmt.Errorf("clamd is missing, install clamav-daemon: %w", err)
	}
	sock := filepath.Join(dir, "clamd.sock")
	conf := "LocalSocket " + sock + "\nDatabaseDirectory " + filepath.Join(dir, "db") + "\nTemporaryDirectory " + dir +
		"\nForeground yes\nScanMail yes\nScanArchive yes\nStreamMaxLength 2M\n"
	if os.Getuid() == 0 {
		conf += "User root\n"
	}
	err = files(dir, map[string]string{"clamd.conf": conf, "db/test.ndb": "Weir.Test.EICAR:0:*:" + hex.EncodeToString([]byte(EICAR)) + "\n"})
	if err != nil {
		return nil, err
	}
	return launchAt(own(exec.CommandContext(ctx, bin, "--config-file="+filepath.Join(dir, "clamd.conf"))), "unix", sock, dir)
}

// Rspamd starts Debian's rspamd with its files in dir and a configuration of
// its own, without network rules. Addr is its normal worker, controller where
// it is taught.
func Rspamd(ctx context.Context, dir string) (p *Process, controller string, err error) {
	bin, err := exec.LookPath("rspamd")
	if err != nil {
		return nil, "", fmt.Errorf("rspamd is missing, install rspamd: %w", err)
	}
	worker, err := FreeAddr()
	if err != nil {
		return nil, "", err
	}
	if controller, err = FreeAddr(); err != nil {
		return nil, "", err
	}
	err = files(dir, map[string]string{"rspamd.conf": `
options {
  pidfile = "` + dir + `/rspamd.pid";
  dynamic_conf = "` + dir + `/dynamic";
  filters = "";
  gtube_patterns = "all";
  dns { nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }
}
logging { type = "console"; level = "error"; }
actions { reject = 15; add_header = 6; }
worker { type = "normal"; bind_socket = "` + worker + `"; count = 1; }
worker { type = "controller"; bind_socket = "` + controller + `"; count = 1; secure_ip = "127.0.0.1"; }
`})
	if err != nil {
		return nil, "", err
	}
	cmd := own(exec.CommandContext(ctx, bin, "-f", "-i", "-c", filepath.Join(dir, "rspamd.conf"), "--var=DBDIR="+dir, "--var=RUNDIR="+dir, "--var=LOGDIR="+dir))
	p, err = launch(cmd, worker, dir)
	if err != nil {
		return nil, "", err
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if c, err := net.DialTimeout("tcp", controller, time.Second); err == nil {
			c.Close()
			return p, controller, nil
		}
	}
	p.Stop()
	return nil, "", fmt.Errorf("rspamd's controller does not listen on %s", controller)
}

// files writes texts below dir.
func files(dir string, texts map[string]string) error {
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return traversable(dir)
}
