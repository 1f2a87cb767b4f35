# Mail is judged by clamd and rspamd, as Debian installs them.

gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}

listener "mx" {
  address   = "127.0.0.1:2525"
  direction = "inbound"
}

variable "clamd" {
  default = "unix:/run/clamav/clamd.ctl"
}
variable "rspamd" {
  default = "http://127.0.0.1:11333"
}
variable "rspamd_controller" {
  default = "http://127.0.0.1:11334"
}

plugin "clamav" {
  source   = "builtin:clamav"
  on_error = "tempfail" # no scanner, no mail: the client tries again
  grant { dial = [var.clamd] }
  limits { deadline = "20s" }
}

plugin "rspamd" {
  source   = "builtin:rspamd"
  on_error = "pass" # without its score when it is down
  grant { http = ["${var.rspamd}/", "${var.rspamd_controller}/"] }
  limits { deadline = "10s" }
  config { # of its filters, and of its actions: learning
    url        = var.rspamd
    controller = var.rspamd_controller
  }
}

ruleset "scanners" {
  filter "virus" {
    plugin = plugin.clamav
    config { address = var.clamd }
  }
  filter "spam" { plugin = plugin.rspamd }
  action "spam" {
    when = finding.main == "spam" && score >= 6
    do   = quarantine("spam score ${score}")
  }
}

tenant "demo" {
  domains  = ["demo.test"]
  rulesets = [ruleset.scanners]
  route { hosts = ["127.0.0.1:2526"] } # weir sink
  recipients { verify = "callout" }
}
